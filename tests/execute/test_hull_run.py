"""Reference energies of many phases by a cheap potential of another package, some of which misbehave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from wyckforge.errors import TableError
from wyckforge.execute.executors import InProcess, LocalPool
from wyckforge.execute.hull_run import run_phases
from wyckforge.potential.catalogue import load_potential
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.phases import Computed, Phase
from wyckforge.realise.reference import ReferenceTable
from wyckforge.symmetry.crystal import Crystal

METALS = ("Cu", "Ag", "Au", "Al", "Pd", "Pt")
CONFIG = RelaxConfig(potential="moody")

# Palladium is a defect, platinum the end of the process, nickel takes for ever; of each call there is a trace.
MOODY = """
import os
import time
from pathlib import Path

from ase.calculators.emt import EMT

from wyckforge.potential.ase_bridge import AsePotential


class Moody(AsePotential):
    def evaluate(self, lattice, numbers, frac_coords):
        with (Path(__file__).parent / "traces" / str(numbers[0])).open("a") as trace:
            trace.write("x")
        time.sleep(float(os.environ.get("MOODY_SECONDS", "0")))
        if "MOODY_SECONDS" not in os.environ:
            if numbers[0] == 46:
                raise TypeError("a defect")
            if numbers[0] == 78:
                os._exit(3)
            if numbers[0] == 28:
                time.sleep(600)
        return super().evaluate(lattice, numbers, frac_coords)


def make():
    return Moody(EMT(), name="moody", tool="moody 1.0")
"""


@pytest.fixture
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Installs a package that offers the potential ``moody``; where it leaves its traces."""
    (tmp_path / "traces").mkdir()
    (tmp_path / "moody.py").write_text(MOODY)
    info = tmp_path / "moody-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wyckforge.potentials]\nmoody = moody:make\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    load_potential.cache_clear()
    yield tmp_path / "traces"
    load_potential.cache_clear()
    sys.modules.pop("moody", None)


def phase(symbol: str, name: str = "") -> Phase:
    atoms = bulk(symbol, "fcc", a=4.0)
    return Phase(name or symbol, Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions()))


def computed(log: Path) -> list[str]:
    """Formulas in the order in which they were finished."""
    return [json.loads(line)["formula"] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.usefixtures("traces")
def test_bad_phases_end_nothing_and_hold_up_no_other(tmp_path: Path) -> None:
    log = tmp_path / "mine.progress.jsonl"
    phases = [phase(symbol) for symbol in ("Ni", "Pd", "Pt", "Cu", "Ag")]
    overlapping = Phase("overlap", Crystal(4 * np.eye(3), np.array([29, 29]), np.zeros((2, 3))))
    with LocalPool(2) as pool:
        found = run_phases(
            [*phases, overlapping], CONFIG, relaxed=False, log=log, executor=pool, timeout_s=5, progress=False
        )
    assert [one.id for one in found] == ["Ni", "Pd", "Pt", "Cu", "Ag", "overlap"]
    reasons = {one.id: one.reason for one in found}
    assert reasons["Ni"] == "not finished within 5 s, tried 2 times"
    assert "TypeError: a defect" in reasons["Pd"]
    assert reasons["Pt"] == "its worker process was lost (exit status 3), tried 2 times"
    assert reasons["overlap"]
    assert [one.energy_per_atom is None for one in found] == [True, True, True, False, False, True]
    assert {"Cu", "Ag"} <= set(computed(log)[:3])  # written when they were done, not when their turn was


def test_a_killed_command_goes_on_where_it_was(traces: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "phases", tmp_path / "mine.parquet"
    folder.mkdir()
    for symbol in METALS:
        write(folder / f"{symbol}.vasp", bulk(symbol, "fcc", a=4.0))
    log = out.with_name("mine.parquet.progress.jsonl")
    command = [sys.executable, "-m", "wyckforge", "hull", "build", str(folder), "--potential", "moody", "--no-relax"]
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    begun = {**os.environ, "PYTHONPATH": paths, "MOODY_SECONDS": "0.6"}
    with subprocess.Popen([*command, "--out", str(out)], env=begun, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(computed(log)) < 2:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    kept = computed(log)
    assert 2 <= len(kept) < len(METALS)
    assert not out.exists()
    done = subprocess.run(
        [*command, "--out", str(out)], env=begun | {"MOODY_SECONDS": "0"}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "computed  6 of 6 phases by moody 1.0" in done.stdout
    assert "phases: 100%" in done.stderr
    assert "6/6" in done.stderr
    assert sorted(ReferenceTable.read(out).rows["formula"]) == sorted(METALS)
    calls = {path.name: len(path.read_text()) for path in traces.iterdir()}
    numbers = {str(bulk(symbol).numbers[0]) for symbol in kept}
    assert all(calls[number] == 1 for number in numbers)
    assert sum(calls.values()) <= len(METALS) + 1  # only what the killed one had in hand was computed again


def test_what_agrees_is_computed_once_and_what_is_there_not_again(traces: Path, tmp_path: Path) -> None:
    log = tmp_path / "mine.progress.jsonl"

    def run(*phases: Phase) -> list[Computed]:
        return run_phases(phases, CONFIG, relaxed=False, log=log, executor=InProcess(), progress=False)

    one, twin = run(phase("Cu"), phase("Cu", "twin"))
    assert (one.id, twin.id) == ("Cu", "twin")
    assert one.energy_per_atom == twin.energy_per_atom
    log.write_text(log.read_text() + '{"id": "cut sho')
    again = run(phase("Ag"), phase("Cu"))
    assert again[1] == one
    assert {path.name: path.read_text() for path in traces.iterdir()} == {"29": "x", "47": "x"}
    assert computed(log) == ["Cu", "Ag"]


@pytest.mark.usefixtures("traces")
def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "mine.progress.jsonl"
    log.write_text('{"key": "of an older version"}\n')
    with pytest.raises(TableError, match="not a file of candidates"):
        run_phases([phase("Cu")], CONFIG, relaxed=False, log=log, executor=InProcess(), progress=False)
