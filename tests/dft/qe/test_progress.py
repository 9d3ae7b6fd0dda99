from __future__ import annotations

import os
from pathlib import Path

import pytest

from wyckforge.dft.engine import Progress
from wyckforge.dft.qe.progress import progress

FIELD = """
     iteration #  1     ecut=    36.00 Ry     beta= 0.70
     iteration # 12     ecut=    36.00 Ry     beta= 0.70
"""
RELAXATION = (
    FIELD
    + """
          total   stress  (Ry/bohr**3)                   (kbar)     P=       12.50
     iteration #  1     ecut=    36.00 Ry     beta= 0.70
          total   stress  (Ry/bohr**3)                   (kbar)     P=       -3.10
"""
)
POINTS = """
     Computing kpt #:     1  of   240
     total cpu time spent up to now is        0.4 secs
     Computing kpt #:    60  of   240
"""
RESPONSE = """
     There are    2 irreducible representations
     Representation #   1 modes #   1   2   3
      iter #   6 total cpu time :    20.4 secs   av.it.:  12.0
     Representation #   2 modes #   4   5   6
      iter #   3 total cpu time :    31.0 secs   av.it.:  12.4
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("scf.out", FIELD, Progress("scf: iteration 12")),
        ("relax-2.out", RELAXATION, Progress("relax-2: geometry 2 done, 0.31 GPa are left")),
        ("bands.out", POINTS, Progress("k point 60 of 240", 0.25)),
        ("phonon.out", RESPONSE, Progress("representation 2 of 2, iteration 3", 0.5)),
        ("scf.out", "     Program PWSCF v.6.7MaX starts", None),
    ],
)
def test_what_the_programs_say(name: str, text: str, expected: Progress | None, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert progress(tmp_path) == expected


def test_the_last_output_counts_wherever_it_is(tmp_path: Path) -> None:
    assert progress(tmp_path) is None
    (tmp_path / "magnetic").mkdir()
    for age, (path, text) in enumerate(((tmp_path / "magnetic" / "scf.out", FIELD), (tmp_path / "bands.out", POINTS))):
        path.write_text(text)
        os.utime(path, (1000 - age, 1000 - age))

    assert progress(tmp_path) == Progress("scf: iteration 12")
