from __future__ import annotations

import re
from xml.etree import ElementTree

from wyckforge.report.phonon import dispersion_plot

STUDY = {
    "dispersion": [
        {
            "labels": ["GAMMA", "X"],
            "distances": [0, 0.1, 0.2],
            "frequencies_per_cm": [[-0.2, 8], [-50, 90], [-99, 95]],
        },
        {"labels": ["X", "SIGMA_0"], "distances": [0, 0.3], "frequencies_per_cm": [[-99, 95], [10, 60]]},
        {"labels": ["K", "R"], "distances": [0, 0.1], "frequencies_per_cm": [[5, 70], [20, 75]]},
    ]
}


def test_bands_lie_where_their_frequencies_say_and_imaginary_ones_below_zero() -> None:
    drawn = dispersion_plot(STUDY, "<title>")
    root = ElementTree.fromstring(drawn)
    paths = {kind: [e.get("d", "") for e in root.iter() if e.get("class") == kind] for kind in ("line", "mark")}
    assert len(paths["line"]) == 6
    zero = float(re.search(r" ([\d.]+)H", paths["mark"][0]).group(1))
    first, second = ([tuple(map(float, p.split())) for p in d[1:].split("L")] for d in paths["line"][:2])
    assert first[0][1] == zero  # rounding is no instability
    assert first[1][1] > zero
    assert first[2][1] - zero > 1.9 * (first[1][1] - zero)
    assert all(y < zero for _, y in second)
    assert first[2][0] - first[1][0] == first[1][0] - first[0][0]


def test_places_are_named_and_where_the_path_jumps_by_both_names() -> None:
    texts = [e.text for e in ElementTree.fromstring(dispersion_plot(STUDY, "<title>")).iter() if e.text]
    assert [t for t in texts if t in ("Γ", "X", "Σ₀|K", "R")] == ["Γ", "X", "Σ₀|K", "R"]
    assert "<title>" in texts


def test_it_is_one_file_that_needs_nothing_else() -> None:
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", dispersion_plot(STUDY, ""))
