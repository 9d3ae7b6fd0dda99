"""Thermoelectric descriptors of a semiconductor, from its bands and its lattice, and a ranking by them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.constants import electron_volt, k

from wyckforge.data.material import Material
from wyckforge.dft.bands.edges import BandsError
from wyckforge.dft.bands.summary import Summary
from wyckforge.dft.bands.valleys import Carrier, Valley
from wyckforge.dft.config import ThermoelectricConfig
from wyckforge.errors import TableError
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from wyckforge.train.forward.model import ForwardModel

K_EV = k / electron_volt
"""Boltzmann's constant in eV/K."""

TEN = 10
"""Gap of the best thermoelectrics in units of kT: Sofo and Mahan, Phys. Rev. B 49, 4565 (1994)."""

CONDUCTIVITY = "thermal_conductivity"
"""Property that a forward model is asked for, see :data:`wyckforge.properties.KNOWN`."""

LABELLED_K = 300.0
"""Temperature of the conductivities that forward models learn."""


@dataclass(frozen=True, slots=True)
class Transport:
    """What the valleys of one carrier are worth; masses positive, in units of the free electron's.

    Attributes:
        carrier: hole or electron.
        n_edge: N_V of the valleys at the band edge itself; a valley of one spin counts half.
        n_window: N_V of all valleys reported, likewise.
        conductivity_mass: m_c, over the valleys by how many carriers each holds.
        dos_mass: m_S, of all valleys together.
        valleys_per_mass: N_V at the edge over m_c.
        complexity: (m_S/m_c)^{3/2}, of Fermi surfaces taken for ellipsoids.
        from_lines: m_c is a mean over lines for want of a tensor; then m_S and the complexity are None.
        notes: what is missing or approximate.
    """

    carrier: Carrier
    n_edge: float
    n_window: float
    conductivity_mass: float | None
    dos_mass: float | None
    valleys_per_mass: float | None
    complexity: float | None
    from_lines: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score.

    Attributes:
        name: of the descriptor.
        value: of it; None where unknown.
        unit: empty where it has none.
        score: between 0 and 1; None where unknown.
        weight: share in the ranking.
    """

    name: str
    value: float | None
    unit: str
    score: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class Score:
    """The place of a crystal in a ranking, with all that made it.

    Attributes:
        name: of the crystal.
        parts: each descriptor with value, score and weight.
    """

    name: str
    parts: tuple[Part, ...]

    @property
    def total(self) -> float | None:
        """Weighted mean of the scores that are known; None where none is."""
        known = [(part.weight, part.score) for part in self.parts if part.score is not None]
        weight = sum(one for one, _ in known)
        return sum(one * score for one, score in known) / weight if weight else None

    @property
    def known(self) -> float:
        """Share of the weights that the total rests on."""
        weight = sum(part.weight for part in self.parts)
        return sum(part.weight for part in self.parts if part.score is not None) / weight if weight else 0.0


def highest_temperature(gap_ev: float) -> float:
    """Temperature in K up to which E_g ≥ 10 kT; above, minority carriers spoil the Seebeck coefficient."""
    return gap_ev / float(TEN * K_EV)


def goldsmid_sharp(gap_ev: float, temperature_k: float) -> float:
    """Largest Seebeck coefficient in μV/K that a gap allows at a temperature, E_g/(2eT).

    Source: Goldsmid and Sharp, J. Electron. Mater. 28, 869 (1999).
    """
    return gap_ev / (2 * temperature_k) * 1e6


def transport(found: Summary, carrier: Carrier, temperature_k: float) -> Transport:
    """Density-of-states mass, conductivity mass and complexity of one carrier's valleys.

    Every band of every valley counts by its carriers, N_k m_d^{3/2} exp(-ΔE/kT), as long as these are few; valleys away
    from the edge thereby enter as far as the temperature fills them. For a single ellipsoid that occurs N_V times the
    complexity is N_V K with K = (m_d/m_c)^{3/2}.

    Source: Gibbs et al., npj Comput. Mater. 3, 8 (2017), eq. 5, who take both masses from Boltzmann transport; here
    they are those of the ellipsoids.

    Args:
        found: what the bands of a semiconductor say.
        carrier: holes or electrons.
        temperature_k: in K.

    Raises:
        BandsError: it is a metal.
    """
    valleys = found.of(carrier)
    if not valleys:
        raise BandsError(f"a metal has no valleys: {found.edges.metal}")
    surfaces = dict(zip(found.valleys, found.surfaces, strict=True))
    edge = min(valleys, key=lambda valley: valley.offset_ev)
    at_edge = [valley for valley in valleys if valley.offset_ev < K_EV]  # a kelvin
    n_edge, n_window = (sum(valley.n_v * valley.spin_degeneracy / 2 for valley in some) for some in (at_edge, valleys))
    if misplaced := found.misplaced(edge):
        return Transport(carrier, n_edge, n_window, None, None, None, None, False, (misplaced,))
    known = [
        (valley, one.dos_mass, one.conductivity_mass)
        for valley in valleys
        if not found.misplaced(valley)
        for one in surfaces[valley]
        if one.dos_mass is not None and one.conductivity_mass is not None
    ]
    notes = [
        f"{valley.label}, band {one.band}: {one.reason}" for valley in valleys for one in surfaces[valley] if one.reason
    ]
    if not any(valley is edge for valley, _, _ in known):
        lines = [abs(one.mass) for one in found.masses if one.mass is not None and one.of(edge)]
        mean = len(lines) / sum(1 / one for one in lines) if lines else None
        per_mass = n_edge / mean if mean else None
        notes.append("m_c is the harmonic mean over the lines" if lines else "no mass is known")
        return Transport(edge.carrier, n_edge, n_window, mean, None, per_mass, None, bool(lines), tuple(notes))
    shares = np.array(
        [
            valley.n_k * _spins(valley) * dos**1.5 * math.exp(-valley.offset_ev / (K_EV * temperature_k))
            for valley, dos, _ in known
        ]
    )
    dos_mass = float(shares.sum() ** (2 / 3))
    conductivity = float(shares.sum() / (shares / np.array([one for _, _, one in known])).sum())
    complexity = (dos_mass / conductivity) ** 1.5
    return Transport(
        edge.carrier, n_edge, n_window, conductivity, dos_mass, n_edge / conductivity, complexity, False, tuple(notes)
    )


class Conductivity(NamedTuple):
    """A lattice thermal conductivity in W/(m K), and the interval that holds it with 90 % probability."""

    w_per_m_k: float
    interval: tuple[float, float]


def modelled_conductivity(crystal: Crystal, model: ForwardModel, temperature_k: float) -> Conductivity | None:
    """Lattice thermal conductivity by a forward model of those at 300 K; it falls as 1/T.

    Args:
        crystal: in any cell.
        model: a fitted one, of :data:`CONDUCTIVITY` or of a single property, which is taken for it.
        temperature_k: in K.

    Returns:
        None where the potential that the model builds on has no answer about the crystal.

    Raises:
        TableError: the model knows several properties and none of that name, or cannot be asked about the crystal.
        StructureError: the symmetry of the crystal cannot be determined.
    """
    known = model.targets
    name = known[0] if len(known) == 1 else CONDUCTIVITY
    if name not in known:
        raise TableError(f"{name} asked of the model {model.name}, which knows {', '.join(known)}; fit one to it alone")
    found = model.distributions([Material.of_crystal(crystal)])[name]
    value, low, high = (float(one[0]) * LABELLED_K / temperature_k for one in (found.value(), *found.interval(0.9)))
    return Conductivity(value, (low, high)) if math.isfinite(value) else None


def score(
    name: str,
    gap_ev: float,
    carriers: Sequence[Transport],
    lattice: float | None,
    config: ThermoelectricConfig | None = None,
) -> Score:
    """All descriptors of a crystal on one scale.

    A gap scores min(r, 1/r) with r = E_g/10kT; what should be large scores x/(x + half), what should be small
    half/(x + half). Of holes and electrons the better ones count, part by part.

    Args:
        name: of the crystal.
        gap_ev: its gap.
        carriers: its holes and electrons, as far as known.
        lattice: thermal conductivity in W/(m K) at the temperature of the settings; None where unknown.
        config: weights and what scores one half.
    """
    config = config or ThermoelectricConfig()
    ratio = gap_ev / (TEN * K_EV * config.temperature_k)
    per_mass = max((one.valleys_per_mass for one in carriers if one.valleys_per_mass is not None), default=None)
    complexity = max((one.complexity for one in carriers if one.complexity is not None), default=None)
    cold = None if lattice is None else config.half_conductivity / (config.half_conductivity + lattice)
    return Score(
        name,
        (
            Part("gap", gap_ev, "eV", min(ratio, 1 / ratio) if ratio > 0 else 0.0, config.gap_weight),
            Part("N_V/m_c", per_mass, "", _saturating(per_mass, config.half_valleys), config.valleys_weight),
            Part(
                "complexity", complexity, "", _saturating(complexity, config.half_complexity), config.complexity_weight
            ),
            Part("lattice conductivity", lattice, "W/(m K)", cold, config.lattice_weight),
        ),
    )


def rank(scores: Sequence[Score]) -> list[Score]:
    """Best first; of equals the one of which more is known, and those of which nothing is known last."""
    return sorted(scores, key=lambda one: (-1.0 if one.total is None else one.total, one.known), reverse=True)


def _saturating(value: float | None, half: float) -> float | None:
    return None if value is None else value / (value + half)


def _spins(valley: Valley) -> float:
    """Share of a band of both spins that one band of a valley is."""
    return 0.5 if valley.spinor else valley.spin_degeneracy / 2
