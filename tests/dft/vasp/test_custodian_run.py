from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

import pytest
from custodian.vasp.handlers import NonConvergingErrorHandler, VaspErrorHandler
from pymatgen.core import Structure
from pymatgen.io.vasp import Incar, Kpoints, Poscar
from tests.dft.vasp.examples import DATA, example

from wyckforge.dft.vasp.custodian_run import NOT_MENDED, handlers, run
from wyckforge.dft.vasp.inputs import write_inputs
from wyckforge.errors import WyckforgeError

POTCAR = """ PAW_PBE Si 05Jan2001
 4.00000000000000
 parameters from PSCTR are:
   VRHFIN =Si: s2p2
   LEXCH  = PE
   TITEL  = PAW_PBE Si 05Jan2001
   POMASS =   28.085; ZVAL   =    4.000    mass and valenz
   ENMAX  =  245.345; ENMIN  =  184.009 eV
 END of PSCTR-controll parameters
 local part
  98.26 0.00
"""
"""As much of one as custodian looks at."""


STAND_IN = [sys.executable, str(DATA.parent / "stand_in.py")]


@pytest.fixture
def chain(tmp_path) -> Path:
    folder = tmp_path / "chain"
    for place in write_inputs(example("fcc"), folder, ("relax", "static", "bands")):
        (place / "POTCAR").write_text(POTCAR)
    return folder


def test_steps_run_in_order_from_what_the_relaxation_found(chain):
    run(chain, STAND_IN)
    assert (chain / "runs").read_text().split() == ["relax", "static", "bands"]
    assert Poscar.from_file(chain / "relax" / "POSCAR.orig").structure.volume == pytest.approx(3.9**3 / 4)
    relaxed = Structure.from_file(chain / "static" / "POSCAR")
    assert relaxed.volume == pytest.approx(2 * 2.38752907**3, rel=1e-6)
    assert Structure.from_file(chain / "bands" / "POSCAR") == relaxed
    assert Incar.from_file(chain / "static" / "INCAR")["ISPIN"] == 2
    assert Kpoints.from_file(chain / "bands" / "KPOINTS").style.name == "Line_mode"
    run(chain, ["false"])  # nothing is left to run
    assert (chain / "bands" / "CHGCAR").read_text() == "charge of bands\n"


def test_bands_get_the_charge_of_the_ground_state(chain, tmp_path):
    run(chain, STAND_IN)
    (chain / "bands" / "vasprun.xml").unlink()
    looks = tmp_path / "vasp.sh"
    looks.write_text(f"cp CHGCAR seen\nexec {' '.join(STAND_IN)}\n")
    run(chain, ["sh", str(looks)])
    assert (chain / "runs").read_text().split() == ["relax", "static", "bands", "bands"]
    assert (chain / "bands" / "seen").read_text() == "charge of static\n"


def test_outputs_of_another_crystal_are_not_those_of_a_step(chain):
    """A relaxation beside whose outputs another POSCAR lies is to run, and no bands begin from another's charge."""
    run(chain, STAND_IN)
    for step in ("relax", "static"):
        file = chain / step / "POSCAR"
        file.write_text(
            file.read_text().replace("2.3875290700", "2.4000000000").replace("1.9500000000", "1.9600000000")
        )
    with pytest.raises(WyckforgeError, match=r"VASP failed in .*relax"):
        run(chain, ["false"])
    static = chain / "static" / "vasprun.xml"
    static.write_text(static.read_text().replace("2.3875290700", "2.4000000000"))
    (chain / "bands" / "vasprun.xml").unlink()
    (chain / "static" / "CHGCAR").write_text("charge of another crystal")
    with pytest.raises(WyckforgeError, match=r"static holds a finished run of Si1, 27\.65 Å³, and the inputs are for"):
        run(chain, STAND_IN)
    assert (chain / "bands" / "CHGCAR").read_text() == "charge of bands\n"


def test_a_step_that_fails_is_named(chain):
    with pytest.raises(WyckforgeError, match=r"VASP failed in .*relax .*look at vasp\.out and custodian\.json there"):
        run(chain, ["false"])


def test_potentials_that_are_nowhere_are_asked_for(chain, monkeypatch):
    monkeypatch.setattr("pymatgen.core.SETTINGS", {})
    monkeypatch.setattr("pymatgen.io.vasp.inputs.SETTINGS", {})
    (chain / "relax" / "POTCAR").unlink()
    with pytest.raises(WyckforgeError, match=r"no potentials Si .*put a POTCAR into .*relax"):
        run(chain, ["false"])


CALLS = 4
"""Of one correction after another: the ladders of custodian have no more rungs that touch smearing or mesh."""

CASES = [
    ({}, "Gamma"),
    ({"ALGO": "All", "NSW": 99}, "Monkhorst"),
    ({"ISMEAR": 0, "ALGO": "Fast", "NSW": 99, "IBRION": 2}, "Gamma"),
]
"""Tetrahedra as in the static step, the same after a change of ALGO, and a relaxation."""


def prepared(place: Path, incar: dict[str, object], style: str) -> Path:
    """A folder in which corrections find what they look at: inputs, and real outputs."""
    (written,) = write_inputs(example("si"), place, ("static",))
    Incar(Incar.from_file(written / "INCAR") | incar).write_file(written / "INCAR")
    kpoints = written / "KPOINTS"
    kpoints.write_text(kpoints.read_text().replace("Gamma\n", f"{style}\n"))
    (written / "OUTCAR").write_bytes(gzip.decompress((DATA / "static_magnetic" / "OUTCAR.gz").read_bytes()))
    (written / "CONTCAR").write_text((written / "POSCAR").read_text())
    return written


def settings(place: Path) -> tuple[object, ...]:
    """What no correction may change: smearing, mesh, and the cell that the mesh is for."""
    incar = Incar.from_file(place / "INCAR")
    smearing = [incar.get(key) for key in ("ISMEAR", "SIGMA", "KSPACING", "KGAMMA")]
    return smearing, (place / "KPOINTS").read_text(), (place / "POSCAR").read_text()


def exchanges(handler, error: str, place: Path) -> bool:
    """Whether the corrections of an error change these settings, called again and again as when they do not help."""
    inputs = {name: (place / name).read_text() for name in ("INCAR", "KPOINTS", "POSCAR")}
    kept = settings(place)
    handler.errors = {error}
    found = False
    for _ in range(CALLS):
        handler.correct(str(place))
        if found := settings(place) != kept:
            break
    for name, text in inputs.items():
        (place / name).write_text(text)
    return found


@pytest.mark.filterwarnings("ignore")  # custodian gives advice with its corrections
def test_errors_whose_corrections_exchange_smearing_mesh_or_cell_are_left_out_and_no_others(tmp_path):
    places = [prepared(tmp_path / str(case), *CASES[case]) for case in (0, 1)]
    everything = set(VaspErrorHandler.error_msgs)
    found = {error for error in everything if any(exchanges(VaspErrorHandler(), error, place) for place in places)}
    assert found == set(NOT_MENDED)
    assert set(handlers()[0].errors_subset_to_catch) == everything - found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("incar", "style"), CASES)
def test_no_other_handler_exchanges_smearing_mesh_or_cell(tmp_path, incar, style):
    place = prepared(tmp_path, incar, style)
    output = gzip.decompress((DATA / "field_unconverged" / "vasprun.xml.gz").read_bytes()).decode()
    told = "".join(
        f'<i type="{kind}" name="{name}">{incar.get(name, usual)}</i>'
        for kind, name, usual in (("string", "ALGO", "Normal"), ("int", "ISMEAR", -5))
    )
    output = re.sub("<incar>.*?</incar>", f"<incar>{told}</incar>", output, flags=re.DOTALL)
    (place / "vasprun.xml").write_text(output)
    for handler in handlers()[1:]:
        for error in getattr(handler, "error_msgs", ["the one it knows"]):
            assert not exchanges(handler, error, place), type(handler).__name__


@pytest.mark.filterwarnings("ignore")
def test_what_the_handler_of_slow_convergence_would_do(tmp_path):
    """Why it is left out: ALGO = All is what edddav, among others, is mended with."""
    assert not exchanges(NonConvergingErrorHandler(), "", prepared(tmp_path / "before", *CASES[0]))
    assert exchanges(NonConvergingErrorHandler(), "", prepared(tmp_path / "after", *CASES[1]))
