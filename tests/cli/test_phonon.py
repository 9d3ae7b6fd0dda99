from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal as of_group
from click.testing import CliRunner, Result
from tests.packages import MetalsPackage

from wyckforge.cli import main
from wyckforge.realise.config import PhononConfig


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["phonon", *map(str, args)])


@pytest.fixture
def structures(tmp_path: Path) -> Path:
    folder = tmp_path / "structures"
    folder.mkdir()
    write(folder / "Si.cif", bulk("Si"))
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    write(folder / "BaTiO3.cif", of_group(("Ba", "Ti", "O"), places, spacegroup=221, cellpar=[4.0] * 3 + [90] * 3))
    (folder / "bad.cif").write_text("nothing to read")
    return folder


def test_crystals_are_tested_on_a_mesh_and_written_down(structures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(structures / "Si.cif", "--out", out)
    assert done.exit_code == 0, done.output
    head, line = done.stdout.splitlines()
    assert head.split()[:3] == ["structure", "Γ", "mesh"]
    assert line.split()[1:3] == ["stable", "stable"]
    assert line.endswith("  227|Si:a")
    assert line.index("227|Si:a") == head.index("gene")
    record = json.loads((out / "Si.json").read_text())
    assert record["studies"][0]["mesh"]["stability"] == "stable"
    assert record["studies"][0]["displacements"] >= 3
    default = PhononConfig().relax.potential
    assert record["config"]["relax"]["potential"] == default
    assert f"[default: {default}]" in run("--help").stdout
    assert record["config"]["relax"]["fmax_ev_per_angstrom"] == 1e-4
    assert {"phonopy", "seekpath", "wyckforge"} <= record["versions"].keys()
    assert ElementTree.fromstring((out / "Si.svg").read_text()).tag.endswith("svg")
    assert "_symmetry_Int_Tables_number   227" in (out / "Si.cif").read_text()


def test_unstable_crystals_are_followed_and_what_cannot_be_read_is_named(structures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(structures / "BaTiO3.cif", structures / "bad.cif", "--gamma-only", "--follow", "--out", out)
    assert done.exit_code == 1
    assert "bad.cif: " in done.stderr
    _, parent, child, *_ = done.stdout.splitlines()
    assert parent.split()[1:3] == ["unstable", "–"]
    assert parent.endswith("221|O:c|Ti:b|Ba:a")
    assert child.startswith("→")
    record = json.loads((out / "BaTiO3.json").read_text())
    assert record["gain_ev_per_atom"] > 0.005
    assert len(record["studies"]) >= 2
    assert (out / "BaTiO3_child1.cif").exists()
    assert not (out / "BaTiO3.svg").exists()


def test_two_structures_of_one_name_do_not_overwrite_each_other(structures: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "Si.cif").write_text((structures / "Si.cif").read_text())
    out = tmp_path / "out"
    for _ in range(2):
        done = run(structures / "Si.cif", tmp_path / "other" / "Si.cif", "--gamma-only", "--out", out)
        assert done.exit_code == 0
    assert sorted(file.name for file in out.glob("*.json")) == ["Si.json", "Si_2.json"]


def test_another_structure_and_the_children_of_one_are_not_overwritten(structures: Path, tmp_path: Path) -> None:
    out, later = tmp_path / "out", tmp_path / "later"
    later.mkdir()
    write(later / "Si.cif", bulk("Cu"))
    write(later / "BaTiO3_child1.cif", bulk("Cu"))
    assert run(structures / "Si.cif", structures / "BaTiO3.cif", "--gamma-only", "--follow", "--out", out).stdout
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    assert "BaTiO3_child1.cif" in before
    assert run(later / "Si.cif", later / "BaTiO3_child1.cif", "--gamma-only", "--out", out).exit_code == 0
    assert {name: (out / name).read_bytes() for name in before} == before
    assert {file.name for file in out.glob("*_2.json")} == {"Si_2.json", "BaTiO3_child1_2.json"}


def test_atoms_that_nearly_coincide_are_named_and_the_others_done(structures: Path, tmp_path: Path) -> None:
    write(tmp_path / "near.cif", Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 0.3)], cell=[4, 4, 4], pbc=True))
    done = run(tmp_path / "near.cif", structures / "Si.cif", "--gamma-only")
    assert done.exit_code == 1
    assert "two atoms came within 0.30 Å" in done.stderr
    assert "227|Si:a" in done.stdout


def test_an_unknown_potential_is_a_mistake(structures: Path) -> None:
    done = run(structures / "Si.cif", "--potential", "dft")
    assert done.exit_code == 2
    assert "potential 'dft' given; allowed are chgnet" in done.stderr


def test_what_is_denser_than_any_crystal_is_named_and_the_others_done(structures: Path, tmp_path: Path) -> None:
    write(tmp_path / "tiny.cif", Atoms("Na", cell=[0.5] * 3, pbc=True))
    write(tmp_path / "thin.cif", Atoms("Na", cell=[0.6, 0.6, 5.0], pbc=True))
    done = run(tmp_path / "tiny.cif", tmp_path / "thin.cif", structures / "Si.cif", "--gamma-only")
    assert done.exit_code == 1
    assert "tiny.cif: the cell has 0.125 Å³ for 1 atom; allowed are 2 Å³ for each" in done.stderr
    assert "thin.cif: the cell has 1.8 Å³ for 1 atom" in done.stderr
    assert "227|Si:a" in done.stdout


MOODY = """
    calculator = EMT()
    calculate = calculator.calculate
    def moody(atoms, *more):
        if atoms.numbers[0] == 47:
            raise TypeError("a defect")
        if atoms.numbers[0] == 79:
            raise KeyboardInterrupt
        calculate(atoms, *more)
    calculator.calculate = moody
    return calculator"""


def test_a_crystal_that_is_done_has_its_line_whatever_becomes_of_the_next(
    metals: MetalsPackage, tmp_path: Path
) -> None:
    metals.install(MOODY.strip())
    names = ("Ag", "Cu", "Au")
    for name in names:
        write(tmp_path / f"{name}.cif", bulk(name))
    files = [tmp_path / f"{name}.cif" for name in names]
    done = run(*files, "--gamma-only", "--potential", "metals")
    assert done.exit_code == 130
    assert "Ag.cif: TypeError: a defect" in done.stderr
    assert [line.split("|")[1] for line in done.stdout.splitlines()[1:]] == ["Cu:a"]


def test_a_file_in_place_of_the_folder_is_refused_before_anything_is_done(structures: Path) -> None:
    done = run(structures / "Si.cif", "--out", structures / "BaTiO3.cif")
    assert done.exit_code == 2
    assert "is a file" in done.stderr
    assert not done.stdout


def test_a_misspelt_path_alone_is_a_mistake_and_beside_others_a_failure(structures: Path) -> None:
    alone = run(structures / "absent.cif", "--gamma-only")
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert "absent.cif does not exist; give a" in alone.stderr
    beside = run(structures / "absent.cif", structures / "bad.cif", "--gamma-only")
    assert beside.exit_code == 1
    assert "absent.cif: unreadable: " in beside.stderr
