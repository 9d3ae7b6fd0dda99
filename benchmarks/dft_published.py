"""What has been published of textbook crystals by the functional PBE, without spin–orbit coupling.

Sources that could not be consulted themselves are named with the place that quotes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ase.spacegroup import crystal as of_group

from wyckforge.symmetry.crystal import Crystal

MP = "Materials Project, VASP ({})"
GBRV = "{} of Garrity et al., Comput. Mater. Sci. 81, 446 (2014)"
HAAS = "after Haas et al., Phys. Rev. B 79, 085104 (2009), as quoted in ksb_scripts"
FLAPW = "FLAPW: Betzinger et al., Phys. Rev. B 81, 195117 (2010), as quoted in a script of GPAW"
PAW = "PAW: the other set of that script, which does not name it"
PHONOPY = "forces by {} in the examples of {}, our reading"
GUSTER = "table after Miglio et al., npj Comput. Mater. 6, 167 (2020), lattice constant and functional not seen"


@dataclass(frozen=True)
class Published:
    """A figure.

    Attributes:
        value: in Å, eV, cm⁻¹ or masses of the free electron.
        source: who says so.
    """

    value: float
    source: str


@dataclass(frozen=True)
class Case:
    """A crystal.

    Attributes:
        name: its formula.
        structure: its type.
        space_group: number.
        sites: fractional coordinates by element, one of each orbit.
        start_angstrom: measured lattice constant, with which its relaxation begins.
        lattice: published lattice constants.
        gap: published gaps, each at the lattice constant that its method gives.
        transverse: published TO frequencies at Γ, likewise.
        longitudinal: published LO frequencies.
        dielectric: published high-frequency dielectric constants.
        masses: published electron masses: ``longitudinal`` or ``transverse`` to the axis of a valley, or
            ``isotropic``.
        given: lattice constants of :attr:`transitions`; the first is that of the source.
        transitions: published energies from the valence band at Γ to the conduction band at Γ, X, L.
    """

    name: str
    structure: str
    space_group: int
    sites: dict[str, tuple[float, float, float]]
    start_angstrom: float
    lattice: tuple[Published, ...]
    gap: tuple[Published, ...]
    transverse: tuple[Published, ...] = ()
    longitudinal: tuple[Published, ...] = ()
    dielectric: tuple[Published, ...] = ()
    masses: tuple[tuple[str, Published], ...] = ()
    given: tuple[float, ...] = ()
    transitions: tuple[tuple[str, tuple[float, float, float]], ...] = ()

    def crystal(self, angstrom: float | None = None) -> Crystal:
        """The conventional cell, with the measured lattice constant unless another is given."""
        atoms = of_group(
            list(self.sites),
            list(self.sites.values()),
            spacegroup=self.space_group,
            cellpar=[angstrom or self.start_angstrom] * 3 + [90] * 3,
            setting=2 if self.structure == "diamond" else 1,
        )
        return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


ORIGIN, HALF, QUARTER = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

CASES = (
    Case(
        "Si",
        "diamond",
        227,
        {"Si": (0.125, 0.125, 0.125)},
        5.431,
        lattice=(Published(5.468, HAAS), Published(5.4686, MP.format("mp-149"))),
        gap=(Published(0.612, MP.format("mp-149")),),
        transverse=(
            Published(503.5, PHONOPY.format("VASP at 5.466 Å", "phono3py")),
            Published(503.5, PHONOPY.format("Quantum ESPRESSO with PAW at 5.466 Å", "phonopy")),
        ),
        masses=(("longitudinal", Published(0.967, "band of the Materials Project (mp-149), our fit")),),
        given=(5.421, 5.43),
        transitions=((FLAPW, (2.56, 0.71, 1.54)), (PAW, (2.57, 0.71, 1.54))),
    ),
    Case(
        "MgO",
        "rock salt",
        225,
        {"Mg": ORIGIN, "O": HALF},
        4.212,
        lattice=(
            Published(4.255, HAAS),
            Published(4.259, GBRV.format("all electrons")),
            Published(4.2565, MP.format("mp-1265")),
        ),
        gap=(Published(4.638, MP.format("mp-1265")),),
        transverse=(Published(373.5, PHONOPY.format("VASP at 4.256 Å", "phonopy")), Published(367.0, GUSTER)),
        longitudinal=(Published(666.3, PHONOPY.format("VASP at 4.256 Å", "phonopy")), Published(681.5, GUSTER)),
        dielectric=(Published(3.381, PHONOPY.format("VASP at 4.256 Å", "phonopy")), Published(3.23, GUSTER)),
        masses=(("isotropic", Published(0.340, GUSTER)),),
        given=(4.189, 4.207),
        transitions=((FLAPW, (4.84, 9.15, 8.01)), (PAW, (4.75, 9.15, 7.91))),
    ),
    Case(
        "NaCl",
        "rock salt",
        225,
        {"Na": ORIGIN, "Cl": HALF},
        5.640,
        lattice=(
            Published(5.695, HAAS),
            Published(5.714, GBRV.format("all electrons")),
            Published(5.6917, MP.format("mp-22862")),
        ),
        gap=(
            Published(5.145, MP.format("mp-22862")),
            Published(5.003, "an earlier record of mp-22862: Chen et al., arXiv:2005.04338"),
        ),
        transverse=(
            Published(154.0, PHONOPY.format("VASP at 5.690 Å", "phonopy")),
            Published(151.0, PHONOPY.format("Quantum ESPRESSO at 5.690 Å", "phonopy")),
        ),
        longitudinal=(
            Published(246.7, PHONOPY.format("VASP at 5.690 Å", "phonopy")),
            Published(246.3, PHONOPY.format("Quantum ESPRESSO at 5.690 Å", "phonopy")),
        ),
        dielectric=(
            Published(2.435, PHONOPY.format("VASP at 5.690 Å", "phonopy")),
            Published(2.473, PHONOPY.format("Quantum ESPRESSO at 5.690 Å", "phonopy")),
        ),
        given=(5.569, 5.595),
        transitions=((FLAPW, (5.08, 7.39, 7.29)), (PAW, (5.20, 7.60, 7.32))),
    ),
    Case(
        "LiMgP",
        "half-Heusler",
        216,
        {"Li": ORIGIN, "P": QUARTER, "Mg": HALF},
        6.005,
        lattice=(Published(6.016, MP.format("mp-36111")),),
        gap=(Published(1.539, MP.format("mp-36111")),),
        dielectric=(Published(6.97, "Petousis et al., Sci. Data 4, 160134 (2017)"),),
    ),
    Case(
        "PbTe",
        "rock salt",
        225,
        {"Pb": ORIGIN, "Te": HALF},
        6.462,
        lattice=(Published(6.542, MP.format("mp-19717")), Published(6.557, "AFLOW")),
        gap=(Published(0.807, MP.format("mp-19717")),),
    ),
    Case(
        "GaAs",
        "zincblende",
        216,
        {"Ga": ORIGIN, "As": QUARTER},
        5.653,
        lattice=(Published(5.751, HAAS), Published(5.748, MP.format("mp-2534"))),
        gap=(),
        transverse=(
            Published(251.3, "Quantum ESPRESSO at 5.748 Å, pranabdas/espresso, with the sum rule"),
            Published(252.4, GUSTER),
        ),
        longitudinal=(Published(270.2, GUSTER),),
        dielectric=(Published(15.31, GUSTER),),
        masses=(("isotropic", Published(0.0091, GUSTER)),),
        given=(5.640,),
        transitions=((FLAPW, (0.55, 1.47, 1.02)), (PAW, (0.56, 1.46, 1.02))),
    ),
)
