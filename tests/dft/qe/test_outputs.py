from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import silicon

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.outputs import geometries, read, site_moments
from wyckforge.dft.qe.running import last_words
from wyckforge.dft.units import RYDBERG_EV

DATA = Path(__file__).parent / "data" / "outputs"


def text(name: str) -> str:
    return (DATA / name).read_text()


def test_a_relaxation_is_read_in_the_units_of_this_package() -> None:
    output = read(DATA / "silicon_relax.xml")

    # as the text of the same run says: 277.55 bohr³, -16.9110 Ry, P = 0.05 kbar, bands at Γ in eV
    assert output.crystal.volume == pytest.approx(41.129, abs=1e-3)
    assert output.crystal.frac_coords == pytest.approx(silicon().frac_coords, abs=1e-12)
    assert output.energy_ev == pytest.approx(-16.9110141875 * RYDBERG_EV, abs=1e-4)
    assert output.max_force_ev_per_angstrom < 1e-6
    assert output.pressure_gpa == pytest.approx(0.005, abs=5e-4)
    assert output.steps == 3
    assert output.relaxed
    assert output.energies.shape == (1, 8, 8)
    assert output.electrons == (8.0,)
    assert output.moment_bohr == 0.0


def test_the_bands_are_those_of_the_k_points() -> None:
    output = read(DATA / "silicon_relax.xml")

    gamma = int(np.abs(output.k_points).max(axis=1).argmin())
    assert output.weights.sum() == pytest.approx(1.0)
    assert np.abs(output.k_points * 4 - np.rint(output.k_points * 4)).max() < 1e-6  # all on the 4×4×4 mesh
    assert np.ptp(output.energies[0, gamma, 1:4]) < 1e-6  # the top of the valence band of diamond structures
    assert output.gap_ev == pytest.approx(output.energies[0, :, 4].min() - output.energies[0, :, 3].max())
    assert output.fermi_ev is not None
    assert output.energies[0, :, 3].max() < output.fermi_ev < output.energies[0, :, 4].min()


def test_a_ferromagnet_has_two_channels_and_no_gap() -> None:
    output = read(DATA / "iron.xml")

    assert output.energies.shape[0] == 2
    assert sum(output.electrons) == pytest.approx(16.0)
    assert output.electrons[0] - output.electrons[1] == pytest.approx(output.moment_bohr)
    assert output.gap_ev is None
    assert site_moments(DATA / "iron.out", 1) == pytest.approx([2.3616])


def test_an_output_without_moments_is_no_answer() -> None:
    with pytest.raises(EngineError, match=r"silicon_relax\.out has moments of 0 atoms, not of 2"):
        site_moments(DATA / "silicon_relax.out", 2)


def test_every_geometry_of_a_relaxation_is_found() -> None:
    found = geometries(text("silicon_relax.out"), silicon().numbers)

    assert [one.lattice[0, 1] for one in found] == [2.745470303, 2.739720993, 2.739720993]
    assert all((one.frac_coords == silicon().frac_coords).all() for one in found)


@pytest.mark.parametrize("line", [266, 267])
def test_a_geometry_that_was_cut_off_does_not_count(line: int) -> None:
    rows = text("silicon_relax.out").splitlines(keepends=True)
    cut = "".join(rows[: line - 1]) + rows[line - 1][:20]

    assert geometries(cut, silicon().numbers) == []
    assert len(geometries("".join(rows[:line]), silicon().numbers)) == (line == 267)


def test_the_geometry_of_another_crystal_does_not_count() -> None:
    assert geometries(text("silicon_relax.out"), np.array([14, 32])) == []


def test_the_reason_of_a_failure_is_found() -> None:
    assert "convergence NOT achieved after   3 iterations" in last_words(text("not_converged.out"))
    error = " %%%%\n     Error in routine  cdiaghg (123):\n     S matrix not positive definite\n %%%%\n stop"
    assert last_words(error) == "Error in routine  cdiaghg (123): S matrix not positive definite"


@pytest.mark.parametrize(
    "content",
    [
        b"<a",
        b"<a></a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        (DATA / "iron.xml").read_bytes()[:5000],
        (DATA / "iron.xml").read_bytes().replace(b"<etot>", b"<etot>?"),
        (DATA / "iron.xml").read_bytes().replace(b'name="Fe"', b'name="Xx"'),
    ],
    ids=["cut", "empty", "entities", "half", "no number", "no element"],
)
def test_damaged_output_is_no_answer(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scf.xml"
    path.write_bytes(content)

    with pytest.raises(EngineError, match=r"scf\.xml"):
        read(path)
