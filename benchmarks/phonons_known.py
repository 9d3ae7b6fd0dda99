"""Crystals of which it is known whether they are dynamically stable, and who says so.

Stable are crystals whose phonons have been measured, by neutrons; unstable those in which calculations at 0 K have
found imaginary modes and which nature has, if at all, at higher temperature only. Frequencies are those of measurements
at room temperature, of the transverse modes at Γ where there are two kinds, and given only where well established.
The sources of CsCl and ZnS and the two books could not be consulted; the others were looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal as of_group

from wyckforge.symmetry.crystal import Crystal

LIGHT = "Kittel, Introduction to Solid State Physics, 8th ed., ch. 14 (ω_T)"
RAMAN = "Parker et al., Phys. Rev. 155, 712 (1967)"

STEPPED, STEPS_ANGSTROM = "NaCl", (0.005, 0.01, 0.02, 0.03, 0.05)
"""The crystal whose optical mode is measured with displacements of several sizes, and these sizes."""


@dataclass(frozen=True)
class Case:
    """A crystal with a known answer.

    Attributes:
        name: formula, with the structure where that is not the common one.
        structure: its type.
        atoms: makes it.
        stable: the answer.
        source: of the answer.
        optical_per_cm: measured frequency of an optical mode at Γ.
        optical_source: of that.
        becomes: space group that the crystal has at low temperature; 0 for stable ones.
    """

    name: str
    structure: str
    atoms: Callable[[], Atoms]
    stable: bool
    source: str
    optical_per_cm: float | None = None
    optical_source: str = ""
    becomes: int = 0

    def crystal(self) -> Crystal:
        """The starting structure, with a measured or calculated lattice constant."""
        atoms = self.atoms()
        return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


def _perovskite(a: str, b: str, x: str, edge: float) -> Callable[[], Atoms]:
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    return lambda: of_group((a, b, x), places, spacegroup=221, cellpar=[edge] * 3 + [90] * 3)


def _bulk(name: str, structure: str, edge: float) -> Callable[[], Atoms]:
    return lambda: bulk(name, structure, a=edge)


def _stable(name: str, structure: str, edge: float, source: str, optical: float | None = None, by: str = "") -> Case:
    return Case(name, structure, _bulk(name, structure, edge), True, source, optical, by if optical else "")


def _cubic(a: str, b: str, x: str, edge: float, source: str, becomes: int) -> Case:
    return Case(f"{a}{b}{x}3", "perovskite", _perovskite(a, b, x, edge), False, source, becomes=becomes)


CASES = (
    _stable("NaCl", "rocksalt", 5.64, "Raunio et al., Phys. Rev. 178, 1496 (1969)", 164, LIGHT),
    _stable("Si", "diamond", 5.43, "Nilsson and Nelin, Phys. Rev. B 6, 3777 (1972)", 520, RAMAN),
    _stable(
        "GaAs",
        "zincblende",
        5.65,
        "Waugh and Dolling, Phys. Rev. 132, 2410 (1963)",
        268,
        "Yu and Cardona, Fundamentals of Semiconductors, ch. 3",
    ),
    _stable("MgO", "rocksalt", 4.21, "Sangster et al., J. Phys. C 3, 1026 (1970)", 398, LIGHT),
    _cubic("Ba", "Ti", "O", 4.0, "Ghosez et al., Phys. Rev. B 60, 836 (1999)", 160),
    _cubic("Sr", "Ti", "O", 3.91, "Evarestov et al., Phys. Rev. B 83, 134108 (2011)", 140),
    _stable("LiF", "rocksalt", 4.03, "Dolling et al., Phys. Rev. 168, 970 (1968)", 308, LIGHT),
    _stable("KCl", "rocksalt", 6.29, "Copley et al., Phys. Rev. 182, 965 (1969)", 143, LIGHT),
    _stable("CsCl", "cesiumchloride", 4.12, "Ahmad et al., Phys. Rev. B 6, 3956 (1972)", 101, LIGHT),
    _stable("CaF2", "fluorite", 5.46, "Elcombe and Pryor, J. Phys. C 3, 492 (1970)"),
    _stable("Ge", "diamond", 5.66, "Nilsson and Nelin, Phys. Rev. B 3, 364 (1971)", 301, RAMAN),
    _stable(
        "C",
        "diamond",
        3.57,
        "Warren et al., Phys. Rev. 158, 805 (1967)",
        1332,
        "Solin and Ramdas, Phys. Rev. B 1, 1687 (1970)",
    ),
    _stable("ZnS", "zincblende", 5.41, "Vagelatos et al., J. Chem. Phys. 60, 3613 (1974)"),
    _stable("PbTe", "rocksalt", 6.46, "Cochran et al., Proc. R. Soc. A 293, 433 (1966)"),
    _stable("Al", "fcc", 4.05, "Stedman and Nilsson, Phys. Rev. 145, 492 (1966)"),
    _stable("Cu", "fcc", 3.61, "Svensson et al., Phys. Rev. 155, 619 (1967)"),
    _stable("W", "bcc", 3.16, "Chen and Brockhouse, Solid State Commun. 2, 73 (1964)"),
    _cubic("K", "Nb", "O", 4.0, "Yu and Krakauer, Phys. Rev. Lett. 74, 4067 (1995)", 160),
    _cubic("Pb", "Ti", "O", 3.97, "Ghosez et al., Phys. Rev. B 60, 836 (1999)", 99),
    _cubic("Ca", "Ti", "O", 3.88, "Parlinski et al., J. Chem. Phys. 114, 2395 (2001)", 62),
    _cubic("Cs", "Pb", "I", 6.3, "Yang et al., J. Phys. Chem. Lett. 8, 4720 (2017)", 62),
    Case(
        "ZrO2",
        "fluorite",
        _bulk("ZrO2", "fluorite", 5.1),
        False,
        "Parlinski et al., Phys. Rev. Lett. 78, 4063 (1997)",
        becomes=14,
    ),
    Case(
        "GeTe",
        "rocksalt",
        _bulk("GeTe", "rocksalt", 6.0),
        False,
        "Xia and Chan, arXiv:1807.08012 (2018)",
        becomes=160,
    ),
    Case(
        "NiTi",
        "cesiumchloride",
        _bulk("NiTi", "cesiumchloride", 3.01),
        False,
        "Parlinski et al., J. Phys. IV France 112, 635 (2003)",
        becomes=11,
    ),
    Case(
        "Ti-bcc",
        "bcc",
        _bulk("Ti", "bcc", 3.25),
        False,
        "Persson et al., Phys. Rev. B 61, 11221 (2000)",
        becomes=194,
    ),
    Case(
        "Zr-bcc",
        "bcc",
        _bulk("Zr", "bcc", 3.58),
        False,
        "Souvatzis et al., Phys. Rev. Lett. 100, 095901 (2008)",
        becomes=194,
    ),
    Case(
        "W-fcc",
        "fcc",
        _bulk("W", "fcc", 4.02),
        False,
        "Einarsdotter et al., Phys. Rev. Lett. 79, 2073 (1997)",
        becomes=229,
    ),
)
