from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from tests.dft.vasp.examples import DATA

from wyckforge.dft.vasp.hull import CORRECTED_ENERGIES, hull_evidence
from wyckforge.errors import TableError
from wyckforge.realise.hull import ReferenceHull

SILICON = -1.99014685
"""eV/atom, of the simple crystal with one atom that the output is of."""


@pytest.fixture
def run(tmp_path) -> Path:
    """A real static run as if its cutoff had been that of the Materials Project."""
    text = gzip.decompress((DATA / "static_magnetic" / "vasprun.xml.gz").read_bytes()).decode()
    changed = text.replace('<i name="ENMAX">    240.00000000</i>', '<i name="ENMAX">    520.00000000</i>')
    assert changed != text
    (tmp_path / "vasprun.xml").write_text(changed)
    return tmp_path


def hull(*rows: tuple[str, float], tool=CORRECTED_ENERGIES) -> ReferenceHull:
    formulas, energies = zip(*rows, strict=True)
    return ReferenceHull(list(formulas), np.array(energies), tool=tool, name="mine.csv")


def test_the_place_above_a_hull(run):
    energy, formation, place = hull_evidence(run, hull(("Si", SILICON - 0.05), ("O2", -5.0), ("SiO2", -8.0)))
    assert energy.value == pytest.approx(SILICON)
    assert energy.tool == CORRECTED_ENERGIES == "VASP PBE, MP settings + MP2020"
    assert energy.reason == "VASP 6.2.0; with +0.0000 eV/atom of MP2020 in it"
    assert formation.value == pytest.approx(0.05)
    assert (place.verdict, place.value) == ("pass", pytest.approx(0.05))
    assert place.reason.startswith("against 1.00 Si;")
    assert hull_evidence(run, hull(("Si", SILICON - 0.2)))[-1].verdict == "fail"


def test_energies_of_other_tools_are_never_compared(run):
    with pytest.raises(TableError, match=r"cannot be compared with mine\.csv, which holds energies of CHGNet"):
        hull_evidence(run, hull(("Si", -5.4), tool="CHGNet 0.3.0"))


def test_without_the_elements_the_hull_is_unknown(run):
    energy, place = hull_evidence(run, hull(("Na", -1.0)))
    assert energy.verdict == "pass"
    assert (place.verdict, place.reason) == ("unknown", "no reference energy for Si in mine.csv")
    assert [one.stage for one in hull_evidence(run, None)] == ["dft_mp_energy"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("520.00000000</i>", "400.00000000</i>", "cutoff 400 eV instead of 520"),
        ("PAW_PBE Si 05Jan2001", "PAW_PBE Si_d_GW 05Jan2001", "potentials Si_d_GW instead of Si"),
        ('name="GGA">--', 'name="GGA">PS', "functional PBEsol"),
        (
            "<incar>",
            '<incar><i type="logical" name="LDAU"> T </i><v name="LDAUU"> 5.3</v><v name="LDAUJ"> 0.0</v>',
            "U {'Si': 5.3} instead of {}",
        ),
    ],
)
def test_other_settings_are_no_energies_of_the_materials_project(run, old, new, problem):
    file = run / "vasprun.xml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    (found,) = hull_evidence(run, hull(("Si", -2.0)))
    assert found.verdict == "unknown"
    assert problem in found.reason


def test_a_run_that_was_killed():
    (found,) = hull_evidence(DATA / "killed", None)
    assert (found.stage, found.verdict) == ("dft_mp_energy", "unknown")
