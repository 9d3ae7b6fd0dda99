"""A picture of a crystal's conventional cell as inline SVG: balls, sticks, cell edges and axes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import electronegativity, symbol

_SIZE = 300.0
_MARGIN = 4.0
_GUTTER = 46.0  # room on the left for the axes
_BALL = 0.42  # radius of a drawn ball as a share of the covalent radius
_SUNK = 0.9  # sticks begin at this share of the radius of a ball, so that they come out of its surface
_BOND = 1.15  # two atoms are joined below this multiple of the sum of their covalent radii
_POLAR = 0.4  # difference of Pauling electronegativities from which a contact counts as a bond
_ON_FACE = 0.02  # atoms this close to a face (fractional) are repeated on the opposite one
_Y_DOWN = np.array([1.0, -1.0, 1.0])  # a screen's y axis points down
_CORNERS = np.array(list(product((0, 1), repeat=3)), dtype=float)
_EDGES = [(i, j) for i in range(8) for j in range(i + 1, 8) if np.abs(_CORNERS[i] - _CORNERS[j]).sum() == 1]


@dataclass(frozen=True)
class View:
    """A direction to look from.

    Attributes:
        name: caption of the picture.
        axis: lattice vector (0, 1, 2) that points at the viewer.
        turn: degrees the cell is then turned about the vertical and the horizontal, for a sense of depth.
    """

    name: str
    axis: int
    turn: tuple[float, float] = (0.0, 0.0)


VIEWS = (View("perspective", 0, (-24.0, 14.0)), View("along c", 2))


def element_colour(number: int) -> str:
    """Jmol colour of an element as ``#rrggbb``."""
    from ase.data.colors import jmol_colors

    rgb = jmol_colors[number] if number < len(jmol_colors) else (0.8, 0.3, 0.5)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)


def draw_cell(crystal: Crystal, view: View, *, turnable: bool = False) -> Markup:
    """The cell seen in orthographic projection.

    Args:
        crystal: the conventional cell.
        view: the direction to look from.
        turnable: every shape carries its place in space, so that ``turn.js`` can show it from elsewhere, and there is
            room for any direction.

    Returns:
        An ``<svg>`` element. Colours of edges and labels follow the page through ``currentColor``.
    """
    rotation = _rotation(crystal.lattice, view)
    numbers, frac = _with_boundary(crystal)
    lattice = crystal.lattice @ rotation.T * _Y_DOWN
    atoms, corners = frac @ lattice, _CORNERS @ lattice
    radii = _covalent_radii(numbers)
    bonds = _bonds(atoms, radii, numbers)
    fit = _fit_ball if turnable else _fit
    scale, shift = fit(np.concatenate([atoms, corners]), _BALL * float(radii.max()))
    atoms, corners = atoms * scale + shift, corners * scale + shift

    shapes = [
        (float(corners[[i, j], 2].mean()) - 1e3, _path(corners[i], corners[j], 'class="edge"', turnable))
        for i, j in _EDGES
    ]
    for i, j in bonds:
        middle = (atoms[i] + atoms[j]) / 2
        for end, number, radius in ((atoms[i], numbers[i], radii[i]), (atoms[j], numbers[j], radii[j])):
            look = _bond_look(int(number), 0.13 * scale)
            way = (middle - end) / np.linalg.norm(middle - end)
            start = end + _SUNK * _BALL * radius * scale * way
            shapes.append((float((start[2] + middle[2]) / 2) - 1e-3, _path(start, middle, look, turnable)))
    shapes += [
        (float(at[2]), _ball(at, int(number), _BALL * radius * scale, turnable))
        for at, number, radius in zip(atoms, numbers, radii, strict=True)
    ]
    shapes.sort(key=lambda shape: shape[0])
    title = escape(f"Conventional cell, {view.name}")
    kind = 'class="cell turnable" tabindex="0"' if turnable else 'class="cell"'
    return Markup(
        f'<svg {kind} viewBox="{-_GUTTER:g} 0 {_SIZE + _GUTTER:g} {_SIZE:g}" role="img" aria-label="{title}">'
        + "".join(shape for _, shape in shapes)
        + _axes(lattice, turnable)
        + "</svg>"
    )


def gradients(numbers: set[int]) -> Markup:
    """Definitions of the shaded balls that :func:`draw_cell` refers to; once per page."""
    stops = "".join(
        f'<radialGradient id="el{number}" cx="0.35" cy="0.3" r="0.75"><stop offset="0" stop-color="#fff"/>'
        f'<stop offset="0.35" stop-color="{element_colour(number)}"/>'
        f'<stop offset="1" stop-color="{_darker(element_colour(number))}"/></radialGradient>'
        for number in sorted(numbers)
    )
    return Markup(f'<svg class="defs" width="0" height="0" aria-hidden="true"><defs>{stops}</defs></svg>')


def _rotation(lattice: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """Rows are the screen's right, up and towards the viewer, in Cartesian coordinates."""
    towards = lattice[view.axis] / np.linalg.norm(lattice[view.axis])
    upright = lattice[2 if view.axis != 2 else 1]
    up = upright - (upright @ towards) * towards
    up /= np.linalg.norm(up)
    frame = np.array([np.cross(up, towards), up, towards])
    about_y, about_x = np.radians(view.turn)
    turn_y = np.array([[np.cos(about_y), 0, np.sin(about_y)], [0, 1, 0], [-np.sin(about_y), 0, np.cos(about_y)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(about_x), -np.sin(about_x)], [0, np.sin(about_x), np.cos(about_x)]])
    rotation: NDArray[np.float64] = turn_x @ turn_y @ frame
    return rotation


def _with_boundary(crystal: Crystal) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms of the cell, those on a face repeated on the opposite face."""
    numbers: list[int] = []
    coords: list[tuple[float, ...]] = []
    for number, frac in zip(crystal.numbers, crystal.frac_coords % 1.0, strict=True):
        frac = np.where(frac > 1 - _ON_FACE, frac - 1, frac)
        for image in product(*((x, x + 1) if x < _ON_FACE else (x,) for x in frac)):
            numbers.append(int(number))
            coords.append(image)
    return np.array(numbers), np.array(coords, dtype=np.float64)


def _fit(points: NDArray[np.float64], radius: float) -> tuple[float, NDArray[np.float64]]:
    """Scale and shift that put balls of that radius around the points into the middle of the picture."""
    low, high = points.min(axis=0) - radius, points.max(axis=0) + radius
    scale = float((_SIZE - 2 * _MARGIN) / max(high[0] - low[0], high[1] - low[1]))
    return scale, _SIZE / 2 - scale * (low + high) / 2


def _fit_ball(points: NDArray[np.float64], radius: float) -> tuple[float, NDArray[np.float64]]:
    """The same for points that are turned about their middle, which lies as deep in the picture as it lies high."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.linalg.norm(points - middle, axis=1).max()) + radius
    scale = (_SIZE / 2 - _MARGIN) / reach
    return scale, _SIZE / 2 - scale * middle


def _covalent_radii(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    from ase.data import covalent_radii

    return np.array([covalent_radii[n] if n < len(covalent_radii) else 1.5 for n in numbers])


def _bonds(
    positions: NDArray[np.float64], radii: NDArray[np.float64], numbers: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Pairs of drawn atoms that touch: of different electronegativity, or else, in an alloy, all that do."""
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    touching = np.triu((distances < _BOND * (radii[:, None] + radii[None])) & (distances > 0.5), 1)
    chi = np.array([electronegativity(int(number)) for number in numbers])
    polar = touching & (np.abs(chi[:, None] - chi[None]) > _POLAR)
    return [(int(i), int(j)) for i, j in np.argwhere(polar if polar.any() else touching)]


def _path(start: NDArray[np.float64], end: NDArray[np.float64], look: str, turnable: bool) -> str:
    line = f"M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    return f'<path {look} d="{line}"{_in_space(turnable, start, end)}/>'


def _bond_look(number: int, width: float) -> str:
    return f'stroke="{_darker(element_colour(number))}" stroke-width="{width:.1f}" stroke-linecap="round"'


def _ball(at: NDArray[np.float64], number: int, radius: float, turnable: bool) -> str:
    return (
        f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:.1f}" fill="url(#el{number})"'
        f"{_in_space(turnable, at)}><title>{symbol(number)}</title></circle>"
    )


def _in_space(turnable: bool, *points: NDArray[np.float64]) -> str:
    """Where a shape is, in the units of the picture; nothing where it stays as it is drawn."""
    if not turnable:
        return ""
    return f' data-at="{" ".join(f"{x:.1f}" for point in points for x in point)}"'


def _axes(lattice: NDArray[np.float64], turnable: bool) -> str:
    """A small triad of the lattice directions in the corner; one that points at the viewer gets no arrow."""
    origin = np.array([24.0 - _GUTTER, _SIZE - 30.0])
    parts = []
    for name, vector in zip("abc", lattice, strict=True):
        arrow = 22 * vector / np.linalg.norm(vector)
        tip, length = arrow[:2], float(np.linalg.norm(arrow[:2]))
        hidden = length <= 3
        if hidden and not turnable:
            continue
        end, label = origin + tip, origin + tip * (1 + 8 / max(length, 1e-9))
        place = "".join(
            f' data-{what}="{" ".join(f"{x:.1f}" for x in point)}"'
            for what, point in (("axis", arrow), ("foot", origin))
        )
        more = (place if turnable else "") + (' visibility="hidden"' if hidden else "")
        parts.append(
            f'<path class="axis" d="M{origin[0]:.1f} {origin[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"{more}/>'
            f'<text class="axis" x="{label[0]:.1f}" y="{label[1] + 3.5:.1f}"{more}>{name}</text>'
        )
    return "".join(parts)


def _darker(colour: str) -> str:
    return "#" + "".join(f"{int(0.55 * int(colour[i : i + 2], 16)):02x}" for i in (1, 3, 5))
