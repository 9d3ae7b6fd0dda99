"""All that is read from the bands of a crystal, and its line in a table like the paper's third."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.edges import BandsError, Edges, find_edges, narrower
from wyckforge.dft.bands.ellipsoids import Ellipsoid, ellipsoids
from wyckforge.dft.bands.masses import Mass, fit_masses
from wyckforge.dft.bands.valleys import Carrier, Valley, find_valleys
from wyckforge.dft.results import Bands

DEEPER_EV = 0.01
"""Energy by which an edge on a mesh must lie deeper to be another one: points of the path miss its own edge by less."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What bands say.

    Attributes:
        edges: band edges and gap.
        valleys: of holes, then of electrons, each from its edge into the band; none of a metal.
        masses: along lines.
        surfaces: the ellipsoids of each valley, in the order of the valleys.
        beyond: carriers whose band edge lies off the path, as a mesh has seen.
    """

    edges: Edges
    valleys: tuple[Valley, ...]
    masses: tuple[Mass, ...]
    surfaces: tuple[tuple[Ellipsoid, ...], ...]
    beyond: tuple[Carrier, ...] = ()

    def misplaced(self, valley: Valley) -> str:
        """Why a valley of the path is none of the crystal, or not at its band edge; empty where nothing says so."""
        if valley.carrier in self.beyond:
            return "the band edge lies off the path, as the mesh shows"
        nearest = valley.bands[0]
        falls = any(one.of(valley) and one.band == nearest and one.energy_ev is None for one in self.masses)
        surfaces = dict(zip(self.valleys, self.surfaces, strict=True))[valley]
        if falls or any(one.saddle for one in surfaces if one.band == nearest):
            return f"{valley.label} is a saddle: the valley lies off the path"
        return ""

    def of(self, carrier: Carrier) -> tuple[Valley, ...]:
        """The valleys of one carrier."""
        return tuple(valley for valley in self.valleys if valley.carrier == carrier)

    def lightest(self, valley: Valley) -> Mass | None:
        """The smallest mass along a line of the band nearest to the gap; None where none could be fitted."""
        known = [one for one in self.masses if one.of(valley) and one.band == valley.bands[0] and one.mass is not None]
        return min(known, key=lambda one: abs(one.mass or 0.0), default=None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    def row(self) -> dict[str, str]:
        """Gap, and for each carrier the lightest mass at the band edge and its degeneracy, as the paper prints them."""
        gap = self.edges.gap
        if gap is None:
            return {"gap": f"metal: {self.edges.metal}"}
        kind = f"direct at {gap.valence.label}" if gap.direct else f"{gap.valence.label} → {gap.conduction.label}"
        row = {"gap": f"{gap.ev:.2f} eV, {kind}"}
        edges = (self.of("hole")[0], "m_h", "N_VBM"), (self.of("electron")[0], "m_e", "N_CBM")
        for edge, mass, degeneracy in edges:
            row |= {mass: str(self.lightest(edge) or "–"), degeneracy: str(edge)}
        return row


def summarise(
    bands: Bands, dense: Bands | None = None, config: BandsConfig | None = None, mesh: Bands | None = None
) -> Summary:
    """Edges, valleys and masses.

    Args:
        bands: along the path.
        dense: on the lines of :func:`~wyckforge.dft.bands.lines.lines`; left out, masses are fitted along the path.
        config: windows and tolerances.
        mesh: of the same ground state, to see what lies off the path.

    Raises:
        BandsError: see :func:`~wyckforge.dft.bands.edges.find_edges`; no path.
        StructureError: the symmetry of the crystal cannot be determined.
    """
    path = find_edges(bands)
    edges = narrower(path, mesh)
    if edges.gap is None:
        return Summary(edges, (), (), ())
    valleys = (*find_valleys(bands, "hole", config), *find_valleys(bands, "electron", config))
    masses = fit_masses(dense or bands, valleys, config)
    surfaces = tuple(ellipsoids(bands.crystal, valley, masses, config) for valley in valleys)
    return Summary(edges, valleys, masses, surfaces, _beyond(path, mesh))


def _beyond(path: Edges, mesh: Bands | None) -> tuple[Carrier, ...]:
    """Carriers whose edge on a mesh lies deeper than along the path."""
    try:
        seen = None if mesh is None else find_edges(mesh).gap
    except BandsError:
        return ()
    if seen is None or path.gap is None:
        return ()
    deeper: dict[Carrier, float] = {
        "hole": seen.valence.energy_ev - path.gap.valence.energy_ev,
        "electron": path.gap.conduction.energy_ev - seen.conduction.energy_ev,
    }
    return tuple(carrier for carrier, ev in deeper.items() if ev > DEEPER_EV)
