"""Settings of what is read from bands."""

from __future__ import annotations

from pydantic import Field

from wyckforge.settings import Settings
from wyckforge.symmetry.detection import SYMPREC


class BandsConfig(Settings):
    """How valleys are told apart and masses fitted."""

    valley_window_ev: float = Field(0.2, ge=0, description="valleys at most so far from the band edge are reported")
    degeneracy_ev: float = Field(1e-3, gt=0, description="bands closer than this at a k point are one degenerate level")
    barrier_ev: float = Field(1e-3, gt=0, description="a dip that a lower barrier surrounds is no valley of its own")
    mass_window_ev: float = Field(0.25, gt=0, description="from the extremum, over which Kane's relation is fitted")
    parabola_window_ev: float = Field(0.025, gt=0, description="the same for the parabola beside it")
    min_points: int = Field(4, ge=3, description="k points, the extremum not counted, below which nothing is fitted")
    max_residual: float = Field(
        0.005, gt=0, description="root mean square misfit, as a share of the energy fitted over"
    )
    mass_tolerance: float = Field(0.1, gt=0, description="relative difference of two fits above which they disagree")
    line_spacing_per_angstrom: float = Field(0.005, gt=0, description="of k points on a line to fit on, with 2π")
    line_reach_per_angstrom: float = Field(0.2, gt=0, description="how far such a line goes, with 2π")
    symprec: float = Field(SYMPREC, gt=0, description="tolerance in Å with which the point group is found")
