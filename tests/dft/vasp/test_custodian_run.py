from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp import Incar, Kpoints, Poscar
from tests.dft.vasp.examples import DATA, example

from wyckforge.dft.vasp.custodian_run import run
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
