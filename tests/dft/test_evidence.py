from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.dft.model_bands import FCC, along_path, pocket, semiconductor

from wyckforge.dft.chain import Findings
from wyckforge.dft.evidence import STAGES, energy, evidence_of, gaps, magnetism, masses, relaxation, stability
from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed
from wyckforge.records import Evidence

DATA = Path(__file__).parent / "data"

REMEDIES = ("mixing_beta 0.3", "ten times the smearing")

RELAXED = Relaxed(FCC, -10.0, 2e-4, 0.01, converged=True, steps=7, tool="an engine", remedies=REMEDIES)
GROUND = Ground(
    FCC, -10.5, (5.0, 3.0), 6.0, (4, 4, 4), 500.0, 2.0, np.array([1.9, 0.05]), {"Ni": 6.2}, "an engine", remedies=()
)
MODES = GammaModes(FCC, np.array([0, 0, 0, 510.0, 511, 512]), None, None, None, "dfpt", 3.0, "an engine", REMEDIES)


@pytest.fixture(scope="module")
def silicon() -> Bands:
    return Bands.read(DATA / "si_qe_path.json")


@pytest.fixture(scope="module")
def dense() -> Bands:
    return Bands.read(DATA / "si_qe_lines.json")


def polarised(bands: Bands, shift_ev: float, electrons: tuple[float, float] = (4.0, 4.0)) -> Bands:
    """Both spins alike, but for a shift of the second."""
    return replace(
        bands, energies=np.concatenate([bands.energies, bands.energies + shift_ev]), electrons=electrons, fermi_ev=None
    )


def stages(found: list[Evidence]) -> list[str]:
    return [one.stage for one in found]


def test_the_whole_chain_of_silicon(silicon: Bands, dense: Bands) -> None:
    found = evidence_of(Findings(RELAXED, GROUND, silicon, None, dense, MODES))

    assert stages(found) == [
        "dft_relax", "dft_energy", "dft_magnetism", "dft_band_gap", "dft_hole_mass", "dft_electron_mass",
        "dft_phonon_gamma",
    ]  # fmt: skip
    assert {one.verdict for one in found} == {"pass"}
    values = {one.stage: (one.value, one.unit) for one in found}
    assert values["dft_relax"] == (-5.0, "eV/atom")
    assert values["dft_hole_mass"] == (pytest.approx(-0.27, rel=0.05), "m₀")
    assert values["dft_electron_mass"] == (pytest.approx(0.19, rel=0.05), "m₀")


def test_steps_without_a_result_are_unknown_and_say_why(silicon: Bands) -> None:
    problems = {"relax": "no field", "mass": "out of time", "phonon": "no memory", "dos": "disk full"}
    found = evidence_of(Findings(None, GROUND, silicon, problems=problems))  # type: ignore[arg-type]

    unknown = {one.stage: one.reason for one in found if one.verdict == "unknown"}
    assert unknown == {stage: why for step, why in problems.items() for stage in STAGES[step]}  # type: ignore[index]
    assert stages(found)[0] == "dft_relax"
    assert "dft_band_gap" in stages(found)


def test_without_a_path_the_gap_is_that_on_the_mesh() -> None:
    mesh = Bands.read(DATA / "si_vasp_mesh.json")
    (found,) = evidence_of(Findings(dos=mesh))

    assert found.value == pytest.approx(0.62, abs=0.02)
    assert "on the mesh" in found.reason
    (failed,) = evidence_of(Findings(dos=mesh, problems={"bands": "out of time"}))
    assert (failed.stage, failed.verdict) == ("dft_band_gap", "unknown")


def test_the_gap_is_the_smaller_one_of_path_and_mesh_and_masses_of_the_other_edge_are_none(
    silicon: Bands, dense: Bands
) -> None:
    along = gaps(silicon)[0].value or 0
    mesh = replace(silicon, path=(), fermi_ev=None)
    for shift, gap in ((0.0, along), (0.2, along - 0.2), (1.0, 0.0)):
        narrow = silicon.energies.copy()
        narrow[:, 5, 4] = silicon.energies[:, :, 4].min() - shift
        seen = replace(mesh, energies=narrow)
        (found,) = gaps(silicon, seen)
        assert found.value == pytest.approx(gap)
        assert (f"on the mesh, which sees what the path does not ({along:.3f} eV)" in found.reason) is (shift > 0)
        verdicts = {one.stage: one for one in masses(silicon, dense, mesh=seen)}
        if shift == 1.0:
            assert not verdicts
            continue
        assert verdicts["dft_hole_mass"].verdict == "pass"
        assert verdicts["dft_electron_mass"].verdict == ("unknown" if shift else "pass")
        assert ("off the path, as the mesh shows" in verdicts["dft_electron_mass"].reason) is (shift > 0)


def test_remedies_are_told() -> None:
    for one in (relaxation(RELAXED), energy(replace(GROUND, remedies=REMEDIES)), stability(MODES)):
        assert one.reason.endswith("; after mixing_beta 0.3, then ten times the smearing")
    assert "after" not in energy(GROUND).reason


def test_a_relaxation_that_did_not_end_is_unknown() -> None:
    found = relaxation(replace(RELAXED, converged=False), "dft_mp_relax")

    assert (found.stage, found.verdict, found.value) == ("dft_mp_relax", "unknown", -5.0)
    assert found.reason.startswith("not converged: 7 steps")


@pytest.mark.parametrize(
    ("moments", "words"), [([0.14, -0.1], "not magnetic, below 0.15 μB"), ([0.1, -0.2], "an atom: magnetic")]
)
def test_magnetism_begins_at_the_published_moment(moments: list[float], words: str) -> None:
    found = magnetism(replace(GROUND, site_moments_bohr=np.array(moments)))

    assert found.value == max(map(abs, moments))
    assert words in found.reason
    assert magnetism(replace(GROUND, site_moments_bohr=None)).verdict == "unknown"
    assert magnetism(replace(GROUND, electrons=(8.0,))).value == 0.0


def test_the_reason_tells_how_far_the_other_spin_state_lies_above() -> None:
    magnetic = magnetism(replace(GROUND, site_moments_bohr=np.array([2.0, 0.1]), spin_gain_ev=0.25))
    without = magnetism(replace(GROUND, electrons=(8.0,), spin_gain_ev=-0.3255))

    assert magnetic.reason.endswith("μB in the cell, 0.250 eV below the state without spin")
    assert without.reason == "computed without spin polarisation; a magnetic state lies 0.326 eV above"
    assert "eV" not in magnetism(replace(GROUND, electrons=(8.0,))).reason


def test_where_the_gap_is(silicon: Bands) -> None:
    (found,) = gaps(silicon)

    assert found.value == pytest.approx(0.61, abs=0.05)
    assert found.reason.startswith("indirect, smallest direct one 2.5")
    assert found.reason.endswith("along the path, GAMMA → GAMMA–X 0.85")
    (direct,) = gaps(Bands.read(DATA / "gaas_qe_path.json"))
    assert direct.reason == "direct at GAMMA, along the path"


def test_a_partly_filled_band_makes_a_metal(silicon: Bands) -> None:
    (metal,) = gaps(replace(silicon, electrons=(7.5,)))

    assert (metal.verdict, metal.value) == ("pass", 0.0)
    assert metal.reason == "a metal along the path: 7.5 electrons fill no whole number of bands"
    assert masses(replace(silicon, electrons=(7.5,))) == []


def test_without_an_empty_band_there_is_no_gap(silicon: Bands) -> None:
    cut = replace(silicon, energies=silicon.energies[:, :, :4])

    for found in (*gaps(cut), *masses(cut)):
        assert found.verdict == "unknown"
        assert "at least one empty band" in found.reason


def test_channels_of_different_filling(silicon: Bands) -> None:
    """The gap of the whole is between the highest filled and the lowest empty state of either spin."""
    whole, up, down = gaps(polarised(silicon, 0.2))

    assert stages([whole, up, down]) == ["dft_band_gap", "dft_band_gap_up", "dft_band_gap_down"]
    assert up.value == pytest.approx(down.value)
    assert whole.value == pytest.approx((up.value or 0) - 0.2)


def test_a_half_metal(silicon: Bands) -> None:
    """The second spin's fourth band is given to the first, whose filled and empty bands then overlap."""
    whole, up, down = gaps(polarised(silicon, 0.0, (5.0, 4.0)))

    assert whole.value == up.value == 0.0
    assert "bands overlap: the highest filled one (up)" in whole.reason
    assert "bands of this spin overlap" in up.reason
    assert down.value == pytest.approx(gaps(silicon)[0].value)


def test_a_spin_without_electrons_has_no_gap_of_its_own(silicon: Bands) -> None:
    assert stages(gaps(polarised(silicon, 100.0, (4.0, 0.0)))) == ["dft_band_gap", "dft_band_gap_up"]


def test_masses_tell_the_degeneracy_and_where_they_are_from(silicon: Bands, dense: Bands) -> None:
    holes, electrons = masses(silicon, dense)

    assert "N_V 3 = 1×3 (2) at GAMMA" in holes.reason
    assert "N_V 6 = 6×1 (2) at GAMMA–X 0.85" in electrons.reason
    assert all("on lines through the valley" in one.reason for one in (holes, electrons))
    assert all("along the path" in one.reason for one in masses(silicon))


def test_a_mass_that_cannot_be_fitted_is_unknown() -> None:
    gamma = np.zeros(3)
    spectrum = semiconductor([pocket(FCC, gamma, 0.02, 0.02)], [pocket(FCC, gamma, 2.0, 2.0)])
    holes, electrons = masses(along_path(FCC, spectrum, electrons=(2.0,), points=20))

    assert holes.verdict == "unknown"
    assert "no mass can be fitted" in holes.reason
    assert "4 are needed" in holes.reason
    assert electrons.value == pytest.approx(2.0, rel=0.02)


def test_an_imaginary_mode_fails() -> None:
    for lowest, verdict in ((-50.0, "fail"), (-9.0, "pass")):
        found = stability(replace(MODES, frequencies_per_cm=np.array([lowest, 0, 0, 0, 511, 512])))
        assert (found.verdict, found.value) == (verdict, lowest)
    alone = replace(MODES, frequencies_per_cm=np.zeros(3))
    assert (stability(alone).verdict, stability(alone).value) == ("pass", None)
