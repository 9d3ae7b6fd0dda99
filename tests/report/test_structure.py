from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from ase.data.colors import jmol_colors
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from wyckforge.report.structure import VIEWS, draw_cell, element_colour, gradients
from wyckforge.symmetry.crystal import Crystal

CAESIUM_CHLORIDE = Crystal(np.eye(3) * 4.12, np.array([55, 17]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))


def circles(crystal, view):
    return ET.fromstring(draw_cell(crystal, view)).findall("circle")


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_atoms_on_corners_are_drawn_on_all_corners(view):
    assert len(circles(CAESIUM_CHLORIDE, view)) == 8 + 1


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_the_twelve_edges_of_the_cell_are_drawn(view):
    edges = ET.fromstring(draw_cell(CAESIUM_CHLORIDE, view)).findall("path[@class='edge']")
    assert len(edges) == 12


@given(
    coords=arrays(np.float64, (4, 3), elements=st.floats(0, 0.999)),
    stretch=arrays(np.float64, (3, 3), elements=st.floats(-0.3, 0.3)),
)
def test_every_ball_lies_inside_the_picture(coords, stretch):
    crystal = Crystal(5 * (np.eye(3) + stretch), np.array([3, 11, 17, 55]), coords)
    for view in VIEWS:
        for ball in circles(crystal, view):
            x, y, r = (float(ball.get(name)) for name in ("cx", "cy", "r"))
            assert r - 0.2 <= x <= 300.2 - r
            assert r - 0.2 <= y <= 300.2 - r


def test_nearer_balls_are_painted_last():
    """Seen along c the chlorine in the middle hides behind the upper caesium layer, and covers the lower one."""
    titles = [ball.find("title").text for ball in circles(CAESIUM_CHLORIDE, VIEWS[1])]
    assert titles == ["Cs"] * 4 + ["Cl"] + ["Cs"] * 4


def test_bonds_join_unlike_atoms():
    """Caesium has eight chlorine neighbours; neither Cs-Cs nor Cl-Cl contacts count."""
    drawn = ET.fromstring(draw_cell(CAESIUM_CHLORIDE, VIEWS[0]))
    halves = [path for path in drawn.findall("path") if path.get("stroke-width")]
    assert len(halves) == 2 * 8


def test_colours_are_those_of_jmol_and_every_element_has_a_gradient():
    red, green, blue = (round(255 * channel) for channel in jmol_colors[8])
    assert element_colour(8) == f"#{red:02x}{green:02x}{blue:02x}"
    assert element_colour(118).startswith("#")
    assert 'id="el8"' in gradients({8, 55})
    assert 'id="el55"' in gradients({8, 55})


def places(root):
    for node in root.iter():
        if "data-at" in node.attrib:
            yield node, np.array([float(x) for x in node.get("data-at").split()]).reshape(-1, 3)


def test_a_picture_that_turns_knows_where_in_space_all_its_shapes_are():
    root = ET.fromstring(draw_cell(CAESIUM_CHLORIDE, VIEWS[0], turnable=True))
    kinds = [(node.tag, len(points)) for node, points in places(root)]
    assert kinds.count(("circle", 1)) == 8 + 1
    assert kinds.count(("path", 2)) == 12 + 2 * 8
    for node, points in places(root):
        if node.tag == "circle":
            assert (node.get("cx"), node.get("cy")) == tuple(f"{x:.1f}" for x in points[0, :2])
        else:
            assert node.get("d") == "M{:.1f} {:.1f}L{:.1f} {:.1f}".format(*points[:, :2].reshape(-1))
    assert len([node for node in root.iter() if "data-axis" in node.attrib]) == 6


@given(
    stretch=arrays(np.float64, (3, 3), elements=st.floats(-0.3, 0.3)),
    quaternion=arrays(np.float64, 4, elements=st.floats(0.1, 1)),
)
def test_a_picture_that_turns_stays_inside_its_frame(stretch, quaternion):
    crystal = Crystal(5 * (np.eye(3) + stretch), np.array([3, 55]), np.array([[0, 0, 0], [0.5] * 3]))
    root = ET.fromstring(draw_cell(crystal, VIEWS[0], turnable=True))
    turn = Rotation.from_quat(quaternion)
    for node, points in places(root):
        if node.tag == "circle":
            x, y = turn.apply(points[0] - 150)[:2] + 150
            radius = float(node.get("r"))
            assert radius - 0.5 <= min(x, y) <= max(x, y) <= 300.5 - radius


def test_a_picture_that_does_not_turn_is_no_larger_for_it():
    assert "data-" not in draw_cell(CAESIUM_CHLORIDE, VIEWS[0])
