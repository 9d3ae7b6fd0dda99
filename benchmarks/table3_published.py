"""What the paper prints about its crystals: Table 3, Supplementary Tables 1 and 2, and the sites of Figure 3.

Source and credit: S. Yamazaki, W. Nong, R. Zhu, K. S. Novoselov, A. Ustyuzhanin and K. Hippalgaonkar, "Multi-property
directed generative design of inorganic materials through Wyckoff-augmented transfer learning". Nothing here is ours.
Energies above hull are in eV/atom and gaps in eV, both by DFT where nothing else is said; effective masses are in units
of the mass of the free electron.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wyckforge.symmetry.elements import atomic_number
from wyckforge.symmetry.gene import WyckoffGene


@dataclass(frozen=True, slots=True)
class Semiconductor:
    """A row of Supplementary Table 1.

    Attributes:
        id: the paper's number.
        formula: of the conventional cell.
        n_sites: atoms in it.
        space_group: number.
        above_hull: energy above hull in eV/atom.
        predicted_gap: by the paper's model, in eV.
        gap: by DFT, in eV.
        stable: whether DFPT finds no imaginary mode at Γ.
    """

    id: int
    formula: str
    n_sites: int
    space_group: int
    above_hull: float
    predicted_gap: float
    gap: float
    stable: bool

    @property
    def composition(self) -> dict[int, int]:
        """Atoms by atomic number in the conventional cell."""
        return {atomic_number(name): int(n) for name, n in re.findall(r"([A-Z][a-z]?)(\d+)", self.formula)}


@dataclass(frozen=True, slots=True)
class Valley:
    """A band edge in Table 3.

    Attributes:
        mass: effective mass along the line.
        line: from the extremum to the point the mass is fitted towards; the first one is the extremum.
        k: symmetry-equivalent wave vectors.
        bands: degenerate bands.
        spin: 1 for one spin channel, 2 for both.
    """

    mass: float
    line: str
    k: int
    bands: int
    spin: int


@dataclass(frozen=True, slots=True)
class Edges:
    """A row of Table 3.

    Attributes:
        id: the paper's number.
        above_hull: energy above hull in eV/atom, as this table has it.
        gap: in eV; of the spin-up channel where magnetic.
        hole: the valley of the valence band; ``None`` where the band is not parabolic.
        electron: the same of the conduction band.
        magnetic: whether the two spin channels differ.
    """

    id: int
    above_hull: float
    gap: float
    hole: Valley | None
    electron: Valley | None
    magnetic: bool = False


@dataclass(frozen=True, slots=True)
class Analogue:
    """A row of Supplementary Table 2: a similar crystal of the Materials Project.

    Attributes:
        id: the paper's number of the designed crystal.
        known: id in the Materials Project.
        space_group: number.
        formula: as printed.
        gap: of the Materials Project, in eV.
        icsd: its number in the ICSD; ``None`` where it has none.
        note: in our words, what the footnotes say about it.
    """

    id: int
    known: str
    space_group: int
    formula: str
    gap: float
    icsd: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """An orbit in Supplementary Figure 3.

    Attributes:
        element: symbol.
        letter: of the Wyckoff position.
        point: fractional coordinates of the atom printed.
    """

    element: str
    letter: str
    point: tuple[float, float, float]


SUPPLEMENTARY_1 = (
    Semiconductor(48, "Zr8Mn4O24", 36, 205, 0.03, 1.83, 2.20, True),
    Semiconductor(64, "P4Ir4Se16", 24, 198, 0.32, 0.85, 0.15, False),
    Semiconductor(80, "K12Bi4Se20", 36, 198, 0.64, 1.39, 0.77, False),
    Semiconductor(84, "Zr4Rh16S20", 40, 198, 0.27, 0.64, 0.05, False),
    Semiconductor(102, "Cs2V2I8", 12, 194, 0.09, 0.62, 0.17, False),
    Semiconductor(132, "Cs2Tl6Te10", 18, 194, 0.48, 0.51, 0.28, False),
    Semiconductor(202, "K8Mn2S6", 16, 186, 0.21, 1.25, 0.19, False),
    Semiconductor(203, "Na6Mn2Se8", 16, 186, 0.06, 1.24, 0.59, True),
    Semiconductor(239, "Rb12Hg4S10", 26, 186, 0.10, 1.89, 1.41, True),
    Semiconductor(251, "K12Hg8S10", 30, 186, 0.33, 1.69, 0.53, False),
    Semiconductor(352, "Pt3Pb3F24", 30, 166, 0.16, 2.06, 0.50, False),
    Semiconductor(378, "Cs6Pt9Se21", 36, 166, 0.06, 1.01, 0.13, True),
    Semiconductor(385, "Pt3Pb6F24", 33, 166, 0.17, 2.01, 2.01, False),
    Semiconductor(556, "Cd6Sn6Br36", 48, 161, 0.10, 1.40, 1.60, False),
    Semiconductor(566, "Tl9Sb3O9", 21, 160, 0.17, 1.63, 1.24, False),
    Semiconductor(579, "Fe3Bi9O18", 30, 160, 0.19, 1.77, 1.95, False),
    Semiconductor(584, "Tl3As9S15", 27, 160, 0.10, 1.29, 1.34, False),
    Semiconductor(586, "Tl9As9S12", 30, 160, 0.22, 1.30, 0.29, True),
    Semiconductor(597, "Y9Ag3S27", 39, 160, 0.09, 0.87, 1.09, False),
    Semiconductor(612, "Ge3Pb9S36", 48, 160, 0.36, 1.29, 0.63, False),
    Semiconductor(669, "Hg6Pb3F18", 27, 148, 0.18, 1.20, 2.38, False),
    Semiconductor(693, "Cd9P6Se18", 33, 148, 0.20, 0.95, 0.88, True),
    Semiconductor(703, "Cd12Ge12O18", 42, 148, 0.23, 0.75, 0.29, True),
    Semiconductor(704, "Co9Pt3F36", 48, 148, 0.20, 0.97, 0.60, False),
    Semiconductor(713, "Al6Ge5S11", 22, 143, 0.20, 2.16, 0.87, True),
    Semiconductor(786, "Rb8V8Br28", 44, 64, 0.16, 0.97, 0.65, False),
    Semiconductor(851, "K6Au14S12", 32, 55, 0.14, 0.97, 0.97, False),
    Semiconductor(880, "Na4Ag4S8", 16, 33, 0.10, 1.36, 1.11, True),
    Semiconductor(898, "Cr4Hg4Cl16", 24, 19, 0.08, 0.73, 1.21, True),
    Semiconductor(905, "Al4Bi8Br36", 48, 15, 0.18, 1.89, 1.18, False),
    Semiconductor(925, "Ba1Br3N2", 6, 10, 0.21, 1.08, 0.45, False),
    Semiconductor(931, "Cs2P3Se8", 13, 6, 0.12, 1.38, 0.10, False),
    Semiconductor(934, "K12Cd4O10", 26, 5, 0.10, 1.30, 1.32, True),
    Semiconductor(942, "K1Tl3O4", 8, 2, 0.09, 0.47, 0.54, True),
    Semiconductor(944, "Na3In3S4", 10, 2, 0.15, 1.59, 0.63, False),
)

TABLE_3 = (
    Edges(378, 0.03, 0.13, Valley(-0.63, "T→Γ", 1, 1, 2), Valley(0.90, "T→Γ", 1, 1, 2)),
    Edges(703, 0.06, 0.29, Valley(-0.19, "Γ→L", 1, 1, 2), Valley(0.19, "F→S₂", 3, 1, 2)),
    Edges(586, 0.10, 0.29, Valley(-1.58, "Λ→Γ", 2, 2, 2), Valley(1.44, "M→T", 2, 1, 2)),
    Edges(203, 0.06, 0.59, Valley(-1.63, "M→L", 3, 1, 1), Valley(0.60, "A→Γ", 1, 2, 1), magnetic=True),
    Edges(713, 0.22, 0.87, Valley(-0.73, "H→K", 2, 1, 2), Valley(0.85, "A→H", 1, 2, 1)),
    Edges(693, 0.20, 0.88, Valley(-1.44, "F→S₂", 1, 1, 2), Valley(0.17, "T→H₂", 1, 1, 2)),
    Edges(239, 0.23, 1.41, None, Valley(0.47, "Γ→M", 1, 1, 2)),
    Edges(48, 0.20, 2.20, None, None, magnetic=True),
)
"""In the order of the table, by rising gap."""

SUPPLEMENTARY_2 = (
    Analogue(378, "mp-573316", 166, "Cs6Pt12Se18", 1.05, 69440),
    Analogue(703, "mp-8275", 148, "Cd6Ge6O18", 1.41, 30971),
    Analogue(586, "mp-9791", 160, "Tl9As3S9", 1.22, 100292),
    Analogue(203, "mp-14780", 186, "Na12Mn2Se8", 1.13, 65449),
    Analogue(203, "mp-10232", 156, "NaMnSe2", 0.0, 50818, "1.06 eV by another DFT study"),
    Analogue(203, "mp-29745", 15, "Na16Mn16Se24", 0.0, 50820, "1.60 eV by DFT with U; 2.03 eV measured"),
    Analogue(693, "mp-1079559", 148, "Cd6P6Se18", 1.05, 620234),
    Analogue(239, "mp-1190842", 186, "Rb12Hg2S8", 1.60, 639158),
    Analogue(48, "mp-754513", 161, "Zr6Mn6O18", 2.70, None, "0.04 eV/atom above the hull"),
    Analogue(48, "mp-763464", 1, "Zr4MnO9", 2.66, None, "0.05 eV/atom above the hull"),
)
"""713 has none."""

SITES = {
    586: (
        Site("Tl", "b", (0.19, -0.19, 0.24)),
        Site("As", "b", (0.91, -0.91, 0.13)),
        Site("S", "b", (0.82, -0.82, 0.97)),
        Site("S", "a", (0, 0, 0.92)),
    ),
    203: (
        Site("Na", "c", (0.48, -0.48, 0.95)),
        Site("Mn", "b", (1 / 3, 2 / 3, 0.57)),
        Site("Se", "c", (0.20, -0.20, 0.67)),  # read as 0.20, 0.20, which is not on the mirror plane of 6c
        Site("Se", "b", (1 / 3, 2 / 3, 0.24)),
    ),
    693: (
        Site("Cd", "c", (0, 0, 0.33)),
        Site("Cd", "b", (0, 0, 1 / 2)),
        Site("P", "c", (0, 0, 0.04)),
        Site("Se", "f", (0.67, 0.68, 0.06)),
    ),
    239: (
        Site("Rb", "c", (0.48, -0.48, 0.55)),
        Site("Rb", "c", (0.15, -0.15, 0.29)),
        Site("Hg", "b", (1 / 3, 2 / 3, 0.21)),
        Site("Hg", "b", (1 / 3, 2 / 3, 0.73)),  # printed as 3b, which this group does not have
        Site("S", "b", (1 / 3, 2 / 3, 0.04)),
        Site("S", "b", (1 / 3, 2 / 3, 0.38)),
        Site("S", "c", (0.19, -0.19, 0.71)),
    ),
}
"""Wyckoff positions and coordinates of four of the crystals, to the two digits that Supplementary Figure 3 has."""

BY_ID = {row.id: row for row in SUPPLEMENTARY_1}


def printed_gene(number: int) -> WyckoffGene:
    """The gene of one of :data:`SITES`, with the letters as printed.

    Args:
        number: the paper's number of the crystal.
    """
    sites = tuple((atomic_number(site.element), site.letter) for site in SITES[number])
    return WyckoffGene(BY_ID[number].space_group, sites)
