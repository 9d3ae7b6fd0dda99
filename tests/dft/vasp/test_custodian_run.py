from __future__ import annotations

import gzip
import shutil
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


@pytest.fixture
def stand_in(tmp_path) -> list[str]:
    """A command that puts real outputs where VASP would, the relaxation's or those of a static run, and counts."""
    outputs = tmp_path / "outputs"
    for name in ("relax_magnetic", "static_magnetic"):
        for file in (DATA / name).iterdir():
            (outputs / name).mkdir(parents=True, exist_ok=True)
            (outputs / name / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    script = tmp_path / "vasp.py"
    script.write_text(
        "import pathlib, shutil\n"
        "here = pathlib.Path.cwd()\n"
        "name = 'relax_magnetic' if here.name == 'relax' else 'static_magnetic'\n"
        f"shutil.copytree(pathlib.Path({str(outputs)!r}) / name, here, dirs_exist_ok=True)\n"
        "for file in ('CONTCAR', 'OSZICAR'):\n"
        "    (here / file).write_text((here / 'POSCAR').read_text())\n"
        "(here / 'CHGCAR').write_text('charge of ' + here.name)\n"
        "with (here.parent / 'runs').open('a') as log:\n"
        "    log.write(here.name + '\\n')\n"
    )
    return [sys.executable, str(script)]


@pytest.fixture
def chain(tmp_path) -> Path:
    folder = tmp_path / "chain"
    for place in write_inputs(example("si"), folder, ("relax", "static", "bands")):
        (place / "POTCAR").write_text(POTCAR)
    return folder


def test_steps_run_in_order_from_what_the_relaxation_found(chain, stand_in):
    run(chain, stand_in)
    assert (chain / "runs").read_text().split() == ["relax", "static", "bands"]
    assert len(Poscar.from_file(chain / "relax" / "POSCAR.orig").structure) == 2
    relaxed = Structure.from_file(chain / "static" / "POSCAR")
    assert len(relaxed) == 1
    assert relaxed.volume == pytest.approx(2 * 2.38752907**3, rel=1e-6)
    assert Structure.from_file(chain / "bands" / "POSCAR") == relaxed
    assert Incar.from_file(chain / "static" / "INCAR")["ISPIN"] == 2
    assert Kpoints.from_file(chain / "bands" / "KPOINTS").style.name == "Line_mode"
    run(chain, ["false"])  # nothing is left to run
    assert (chain / "bands" / "CHGCAR").read_text() == "charge of bands"


def test_bands_get_the_charge_of_the_ground_state(chain, stand_in):
    for step in ("relax", "static"):
        shutil.copytree(DATA / f"{step}_magnetic", chain / step, dirs_exist_ok=True)
    (chain / "static" / "CHGCAR").write_text("charge of static")
    looks = f"{stand_in[1]}.sh"
    Path(looks).write_text(f"cp CHGCAR seen\nexec {stand_in[0]} {stand_in[1]}\n")
    run(chain, ["sh", looks])
    assert (chain / "runs").read_text().split() == ["bands"]
    assert (chain / "bands" / "seen").read_text() == "charge of static"


def test_a_step_that_fails_is_named(chain):
    with pytest.raises(WyckforgeError, match=r"VASP failed in .*relax .*look at vasp\.out and custodian\.json there"):
        run(chain, ["false"])


def test_potentials_that_are_nowhere_are_asked_for(chain, monkeypatch):
    monkeypatch.setattr("pymatgen.core.SETTINGS", {})
    monkeypatch.setattr("pymatgen.io.vasp.inputs.SETTINGS", {})
    (chain / "relax" / "POTCAR").unlink()
    with pytest.raises(WyckforgeError, match=r"no potentials Si .*put a POTCAR into .*relax"):
        run(chain, ["false"])
