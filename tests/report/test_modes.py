from __future__ import annotations

from xml.etree import ElementTree as ET

from wyckforge.report.modes import levels, mode_chart, tensors


def test_transverse_and_longitudinal_levels_of_a_cubic_crystal(records):
    found = [(one.frequency, one.count, one.ways, one.acoustic, one.imaginary) for one in levels(records["phonon"])]
    assert found == [
        ("0.0", 3, "", True, False),
        ("426.7", 3, "", False, False),
        ("478.9", 1, "a* b* c*", False, False),
    ]


def test_a_field_that_moves_nothing_makes_no_level(records):
    still = [records["phonon"]["frequencies_per_cm"]] * 3
    assert len(levels(records["phonon"] | {"longitudinal_per_cm": still})) == 2


def test_directions_are_told_apart_where_they_differ(records):
    first, second, third = ([-1e-5, 0.0, 1e-5, 426.7237, 426.7237, top] for top in (478.9, 478.9, 455.5))
    found = levels(records["phonon"] | {"longitudinal_per_cm": [first, second, third]})
    assert [(one.frequency, one.ways) for one in found[2:]] == [("455.5", "c*"), ("478.9", "a* b*")]


def test_imaginary_modes_are_marked(records):
    modes = records["phonon"] | {
        "frequencies_per_cm": [-53.2, -1e-5, 0.0, 1e-5, 90.0, 91.0],
        "longitudinal_per_cm": None,
    }
    found = levels(modes)
    assert [(one.frequency, one.imaginary, one.acoustic) for one in found[:2]] == [
        ("i 53.2", True, False),
        ("0.0", False, True),
    ]
    sticks = [
        path.get("class") for path in ET.fromstring(mode_chart(modes)).iter("path") if path.find("title") is not None
    ]
    assert sticks == ["stick imaginary", "stick", "stick", "stick"]


def test_sticks_stand_as_high_as_there_are_modes(records):
    paths = [
        path for path in ET.fromstring(mode_chart(records["phonon"])).iter("path") if path.find("title") is not None
    ]
    heights = [height_of(path.get("d")) for path in paths]
    assert [round(height / heights[-1], 2) for height in heights] == [3, 3, 1]
    assert paths[-1].get("class") == "stick longitudinal"


def height_of(d: str) -> float:
    start, end = d.split("V")
    return float(start.split()[1]) - float(end)


def test_tensors_have_their_components_row_by_row(records):
    modes = records["phonon"] | {"dielectric": [[1, 2, 3], [4, 5, 6], [7, 8, -1e-9]]}
    rows = dict(tensors(modes))
    assert rows["ε∞"] == ["1.000", "2.000", "3.000", "4.000", "5.000", "6.000", "7.000", "8.000", "0.000"]
    assert rows["Z* P"][0] == "−2.395"
    assert tensors(modes | {"dielectric": None, "born_charges": None}) == []
