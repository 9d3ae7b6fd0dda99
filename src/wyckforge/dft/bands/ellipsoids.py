"""From masses along lines to the ellipsoid of a valley: principal, conductivity and density-of-states mass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.lines import invariants
from wyckforge.dft.bands.masses import Mass
from wyckforge.dft.bands.valleys import Valley
from wyckforge.dft.bands.zone import Zone
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """The constant-energy surface of one band of a valley, in units of the free electron's mass; all masses positive.

    Attributes:
        band: counted from 0.
        principal: (3,) masses along the axes, ascending; empty where the data do not determine them.
        spread: largest relative misfit of an inverse mass along a line; large where the surface is warped, as those of
            degenerate bands are; None without a fit.
        reason: why there is no ellipsoid, or what limits it; empty where there is nothing to be said.
        saddle: the lines agree on a tensor by which the band falls in a direction between them.
    """

    band: int
    principal: tuple[float, ...]
    spread: float | None
    reason: str
    saddle: bool = False

    @property
    def dos_mass(self) -> float | None:
        """(m₁m₂m₃)^⅓ of this one surface."""
        return float(np.prod(self.principal) ** (1 / 3)) if self.principal else None

    @property
    def conductivity_mass(self) -> float | None:
        """3/(1/m₁ + 1/m₂ + 1/m₃)."""
        return float(3 / np.sum(1 / np.array(self.principal))) if self.principal else None


def ellipsoids(
    crystal: Crystal, valley: Valley, masses: Sequence[Mass], config: BandsConfig | None = None
) -> tuple[Ellipsoid, ...]:
    """One for each band of a valley, from the tensor of inverse masses that symmetry allows.

    1/m(d) = d·M⁻¹·d holds along every direction d; M⁻¹ is the tensor of least squares among those that the little
    group of the valley leaves alone.

    Args:
        crystal: primitive cell of the bands.
        valley: whose surfaces.
        masses: those fitted, of this valley and of others.
        config: tolerances.
    """
    config = config or BandsConfig()
    little = Zone(crystal, symprec=config.symprec).little_group(np.array(valley.k_point))
    tensors = invariants(little)
    mine = [one for one in masses if one.of(valley)]
    return tuple(_ellipsoid(band, [one for one in mine if one.band == band], tensors, config) for band in valley.bands)


def _ellipsoid(band: int, masses: Sequence[Mass], tensors: Array, config: BandsConfig) -> Ellipsoid:
    known = [(np.array(one.direction), 1 / abs(one.mass)) for one in masses if one.mass is not None]
    if not known:
        return Ellipsoid(band, (), None, "no mass along any line")
    units, inverse = (np.array(column) for column in zip(*known, strict=True))
    design = np.einsum("di,pij,dj->dp", units, tensors, units)
    if (rank := int(np.linalg.matrix_rank(design, tol=1e-3))) < len(tensors):
        return Ellipsoid(band, (), None, f"lines determine {rank} of {len(tensors)} components of the tensor")
    weights, *_ = np.linalg.lstsq(design, inverse, rcond=None)
    values = np.linalg.eigvalsh(np.einsum("p,pij->ij", weights, tensors))
    spread = float(np.abs(design @ weights - inverse).max() / inverse.mean())
    if values.min() <= 0:
        saddle = spread <= config.mass_tolerance and values.min() < -config.mass_tolerance * inverse.mean()
        return Ellipsoid(band, (), spread, "the tensor of inverse masses is not positive", bool(saddle))
    warped = f"no ellipsoid: inverse masses miss it by up to {spread:.0%}" if spread > config.mass_tolerance else ""
    return Ellipsoid(band, tuple(sorted(float(1 / value) for value in values)), spread, warped)
