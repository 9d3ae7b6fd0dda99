from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.dft.model_bands import TRICLINIC, along_path, computed
from tests.salts import crystal, material, salts_task

from wyckforge.dft.bands.edges import BandsError, Edges
from wyckforge.dft.bands.ellipsoids import Ellipsoid
from wyckforge.dft.bands.fits import FREE
from wyckforge.dft.bands.lines import lines
from wyckforge.dft.bands.masses import Mass
from wyckforge.dft.bands.summary import Summary, summarise
from wyckforge.dft.bands.valleys import Valley
from wyckforge.dft.evidence import masses_of
from wyckforge.dft.results import Bands
from wyckforge.dft.thermoelectric import (
    K_EV,
    Part,
    Score,
    ThermoelectricConfig,
    goldsmid_sharp,
    highest_temperature,
    modelled_conductivity,
    rank,
    score,
    transport,
)
from wyckforge.errors import TableError
from wyckforge.models.forward.architecture import Pace
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.realise.zone_path import Path as ZonePath
from wyckforge.train.forward.model import fit_model

DATA = Path(__file__).parent / "data"
ELLIPSOID = Ellipsoid(4, (0.1, 0.1, 1.0), 0.0, "")
SPHERE = Ellipsoid(4, (0.3, 0.3, 0.3), 0.0, "")


def valley(label: str = "L", n_k: int = 4, offset_ev: float = 0.0, bands: tuple[int, ...] = (4,)) -> Valley:
    k_point = (0.5, 0.5, 0.5) if label == "L" else (0.0, 0.0, 0.0)
    return Valley("electron", 0, bands, k_point, label, 1.0 + offset_ev, offset_ev, n_k, 2, False)


def said(surfaces: dict[Valley, tuple[Ellipsoid, ...]], masses: tuple[Mass, ...] = ()) -> Summary:
    return Summary(Edges(None, (None,), ""), tuple(surfaces), masses, tuple(surfaces.values()))


def line(mass: float) -> Mass:
    unit = (1.0, 0.0, 0.0)
    return Mass(
        "electron", 0, 4, (0.5, 0.5, 0.5), "L", "W", unit, mass, mass, mass, 0.0, 0.0, 1.0, 0.1, 0.1, 9, 0.0, ()
    )  # fmt: skip


def test_the_rule_of_ten_and_the_largest_seebeck_coefficient_meet() -> None:
    assert highest_temperature(0.8) == pytest.approx(928, abs=1)  # the paper: "below ~1,000 K"
    for gap in (0.1, 0.8):  # at the temperature that the rule allows, S is 5 k/e whatever the gap
        assert goldsmid_sharp(gap, highest_temperature(gap)) == pytest.approx(5 * K_EV * 1e6)
    assert goldsmid_sharp(0.3, 300) == pytest.approx(500)


def test_one_ellipsoid_many_times() -> None:
    found = transport(said({valley(): (ELLIPSOID,)}), "electron", 600)
    dos, conductivity = 0.01 ** (1 / 3) * 10 ** (1 / 3), 3 / (10 + 10 + 1)

    assert (found.n_edge, found.n_window) == (4, 4)
    assert found.conductivity_mass == pytest.approx(conductivity)
    assert found.dos_mass == pytest.approx(4 ** (2 / 3) * (0.1 * 0.1 * 1.0) ** (1 / 3))
    assert found.complexity == pytest.approx(4 * ((0.01) ** (1 / 3) / conductivity) ** 1.5)
    assert found.valleys_per_mass == pytest.approx(4 / conductivity)
    assert dos > conductivity  # an anisotropic valley counts for more than its number
    assert not found.from_lines


def test_spheres_have_the_complexity_of_their_number() -> None:
    found = transport(said({valley(): (SPHERE,)}), "electron", 600)

    assert found.complexity == pytest.approx(4)
    assert found.conductivity_mass == pytest.approx(0.3)


def test_degenerate_bands_add_up() -> None:
    both = valley("GAMMA", 1, bands=(4, 5))
    found = transport(said({both: (SPHERE, replace(SPHERE, band=5))}), "electron", 600)

    assert found.complexity == pytest.approx(2)
    assert found.n_edge == 2


def test_valleys_above_the_edge_enter_as_far_as_they_are_filled() -> None:
    other = valley("GAMMA", 8, offset_ev=0.06)
    both = said({valley(): (SPHERE,), other: (SPHERE,)})
    complexities = [transport(both, "electron", kelvin).complexity or 0 for kelvin in (20, 300, 1e6)]

    assert complexities == pytest.approx([4, 4 + 8 * np.exp(-0.06 / (K_EV * 300)), 12], rel=1e-3)
    found = transport(both, "electron", 300)
    assert (found.n_edge, found.n_window) == (4, 12)


def test_without_a_tensor_the_lines_must_do() -> None:
    unknown = Ellipsoid(4, (), None, "lines determine 1 of 2 components of the tensor")
    found = transport(said({valley(): (unknown,)}, (line(0.1), line(0.3))), "electron", 600)

    assert found.from_lines
    assert found.conductivity_mass == pytest.approx(0.15)
    assert found.complexity is None
    assert found.notes == (f"L, band 4: {unknown.reason}", "m_c is the harmonic mean over the lines")
    nothing = transport(said({valley(): ()}), "electron", 600)
    assert (nothing.conductivity_mass, nothing.valleys_per_mass, nothing.notes) == (None, None, ("no mass is known",))


def test_the_same_bands_are_worth_the_same_however_spin_is_written() -> None:
    bands = Bands.read(DATA / "si_qe_path.json"), Bands.read(DATA / "si_qe_lines.json")
    polarised = [replace(one, energies=np.repeat(one.energies, 2, axis=0), electrons=(4.0, 4.0)) for one in bands]
    spinor = [replace(one, energies=np.repeat(one.energies, 2, axis=2), spinor=True) for one in bands]
    plain, up_and_down, both_in_one = (summarise(*some) for some in (bands, polarised, spinor))

    for carrier in ("hole", "electron"):
        expected = transport(plain, carrier, 300)
        for other in (transport(up_and_down, carrier, 300), transport(both_in_one, carrier, 300)):
            assert (other.n_edge, other.n_window) == (expected.n_edge, expected.n_window)
            assert other.valleys_per_mass == pytest.approx(expected.valleys_per_mass, rel=1e-3)
            assert other.dos_mass == pytest.approx(expected.dos_mass, rel=1e-3)
            assert other.complexity == pytest.approx(expected.complexity, rel=1e-3)


def test_one_spin_alone_has_half_the_valleys() -> None:
    bands = Bands.read(DATA / "si_qe_path.json"), Bands.read(DATA / "si_qe_lines.json")
    split = np.array([0.0, 1.0])[:, None, None]  # spin down lies 1 eV higher
    polarised = [replace(one, energies=one.energies + split, electrons=(4.0, 4.0), fermi_ev=None) for one in bands]
    ferromagnet, plain = summarise(*(replace(one, energies=_apart(one)) for one in polarised)), summarise(*bands)

    assert transport(ferromagnet, "electron", 300).n_edge == transport(plain, "electron", 300).n_edge / 2 == 3


def _apart(bands: Bands) -> np.ndarray:
    """Filled bands of both spins where those of spin up are, empty ones split."""
    energies = bands.energies.copy()
    energies[1, :, :4] -= 1.0
    return energies


def test_a_saddle_is_no_valley() -> None:
    """The tensor is negative along a direction between all lines of the path, on which the band rises."""
    cell = along_path(TRICLINIC, lambda k: np.zeros((len(k), 2)), electrons=(2.0,)).crystal
    basis = 2 * np.pi * np.linalg.inv(cell.lattice).T
    ways = [one.q_points[-1] @ basis - one.q_points[0] @ basis for one in ZonePath.of(TRICLINIC, points=5).segments]
    ways = np.array([one / np.linalg.norm(one) for one in ways])
    trial = np.random.default_rng(0).normal(size=(20_000, 3))
    trial /= np.linalg.norm(trial, axis=1)[:, None]
    between = trial[np.abs(trial @ ways.T).max(1).argmin()]
    tensor = 4 * np.eye(3) - 5.2 * np.outer(between, between)

    def spectrum(k: np.ndarray) -> np.ndarray:
        fractional = k @ np.linalg.inv(basis)
        k = (fractional - np.rint(fractional)) @ basis
        above = FREE * np.einsum("ki,ij,kj->k", k, tensor, k) + 40 * (k**2).sum(1) ** 2
        return np.stack([-FREE * (k**2).sum(1) / 0.4, 1 + above], 1)

    bands = along_path(TRICLINIC, spectrum, electrons=(2.0,))
    k_points, pieces = lines(bands, summarise(bands).valleys)
    found = summarise(bands, computed(bands.crystal, k_points, pieces, spectrum, electrons=(2.0,)))
    electrons, holes = transport(found, "electron", 300), transport(found, "hole", 300)

    assert electrons.valleys_per_mass is None
    assert electrons.notes == ("GAMMA is a saddle: the valley lies off the path",)
    assert holes.valleys_per_mass == pytest.approx(1 / 0.4, rel=0.01)
    verdicts = {one.stage: one for one in masses_of(found, "closed form", "on lines")}
    assert verdicts["dft_electron_mass"].verdict == "unknown"
    assert "saddle" in verdicts["dft_electron_mass"].reason
    assert verdicts["dft_hole_mass"].verdict == "pass"


def test_a_metal_has_no_transport_of_valleys() -> None:
    with pytest.raises(BandsError, match="a metal has no valleys: bands overlap"):
        transport(Summary(Edges(None, (None,), "bands overlap"), (), (), ()), "hole", 300)


def test_silicon_has_the_complexity_of_its_six_valleys() -> None:
    found = summarise(Bands.read(DATA / "si_qe_path.json"), Bands.read(DATA / "si_qe_lines.json"))
    electrons = transport(found, "electron", 300)

    assert electrons.conductivity_mass == pytest.approx(0.26, rel=0.05)  # measured: 0.26
    assert electrons.dos_mass == pytest.approx(1.08, rel=0.05)  # measured: 1.08, of all six
    assert electrons.complexity == pytest.approx(6 * (1.08 / 6 ** (2 / 3) / 0.26) ** 1.5, rel=0.1)


def test_a_forward_model_is_asked_and_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(PUBLISHED["elemnet"]), "pace", Pace(epochs=2, learning_rate=1e-3, batch_size=16))
    task = salts_task()
    model = fit_model("elemnet", replace(task, labels={"stiffness": task.labels["stiffness"]}))
    salt = crystal("Na", "Cl", "rocksalt")
    said = model.predict([material("Na", "Cl", "rocksalt")])["stiffness"][0]

    found = modelled_conductivity(salt, model, 600)
    assert found is not None
    assert found.w_per_m_k == pytest.approx(said / 2)  # of its one property
    assert found.interval[0] < found.w_per_m_k < found.interval[1]


def test_of_several_properties_the_conductivity_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(PUBLISHED["elemnet"]), "pace", Pace(epochs=1, learning_rate=1e-3, batch_size=16))
    task = salts_task()
    labels = task.labels["stiffness"]
    salt = crystal("Na", "Cl", "rocksalt")
    both = fit_model("elemnet", replace(task, labels={"stiffness": labels, "thermal_conductivity": labels / 7}))
    neither = fit_model("elemnet", replace(task, labels={"stiffness": labels, "density": labels}))

    found = modelled_conductivity(salt, both, 300)
    assert found is not None
    assert found.w_per_m_k == pytest.approx(both.predict([material("Na", "Cl", "rocksalt")])["thermal_conductivity"][0])
    with pytest.raises(TableError, match="which knows stiffness, density; fit one to it alone"):
        modelled_conductivity(salt, neither, 600)


def test_a_score_shows_its_parts_and_weights() -> None:
    config = ThermoelectricConfig(gap_weight=2, lattice_weight=0)
    electrons = transport(said({valley(): (SPHERE,)}), "electron", config.temperature_k)
    found = score("one", 10 * K_EV * 600, [electrons], 2.0, config)

    assert [(part.name, part.weight) for part in found.parts] == [
        ("gap", 2),
        ("N_V/m_c", 1),
        ("complexity", 1),
        ("lattice conductivity", 0),
    ]
    assert [part.score for part in found.parts] == pytest.approx([1, (4 / 0.3) / (4 / 0.3 + 20), 4 / 9, 0.5])
    shares = [part.weight * (part.score or 0) for part in found.parts]
    assert found.total == pytest.approx(sum(shares) / 4)
    assert found.known == 1


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_gaps_too_narrow_and_too_wide_score_alike(factor: float) -> None:
    assert score("none", 0.0, [], None).parts[0].score == 0
    assert score("one", factor * 10 * K_EV * 600, [], None).parts[0].score == pytest.approx(0.5)


def test_what_is_unknown_is_left_out_and_told() -> None:
    found = score("one", 0.4, [], None)

    assert found.known == pytest.approx(0.25)
    assert found.total == found.parts[0].score
    assert [part.score for part in found.parts[1:]] == [None] * 3


def test_the_ranking_puts_the_best_known_first() -> None:
    def one(name: str, *scores: float | None) -> Score:
        return Score(name, tuple(Part(str(at), value, "", value, 1.0) for at, value in enumerate(scores)))

    scores = [one("empty", None, None), one("half", 0.6, None), one("best", 0.9, 0.5), one("whole", 0.6, 0.6)]

    assert [found.name for found in rank(scores)] == ["best", "whole", "half", "empty"]
