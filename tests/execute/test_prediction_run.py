"""Runs with a potential worth its calls are in tests/cli/test_predict_structure.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.packages import MetalsPackage
from tests.realise.metals import alloys

from wyckforge.config import ExecutionConfig
from wyckforge.errors import ConfigError, TableError, TargetError
from wyckforge.execute import folder, prediction_run
from wyckforge.execute.prediction_run import run_prediction, tries, try_stages, walk_stages, walkers
from wyckforge.realise.csp.config import PredictionConfig
from wyckforge.realise.csp.space import SearchSpace
from wyckforge.realise.csp.stages import VISIT
from wyckforge.realise.stages import Hull
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.detection import detect

RUTILE = SearchSpace.of("TiO2", range(2, 3), frozenset({136}))


def config(**more: object) -> PredictionConfig:
    return PredictionConfig.from_dict({"formula": "TiO2", "z": "2", "space_group": "136", "tries": 12, **more})


def test_tries_are_as_many_as_asked_for_with_ids_of_their_own() -> None:
    for method in ("sequential", "random"):
        found = tries(RUTILE, config(method=method))
        assert len({one.id for one in found}) == len(found) == 12
        assert {one.origin.method for one in found} == {method}
        assert {str(one.gene) for one in found} >= {"136|O:f|Ti:a"}
        assert found[:5] == tries(RUTILE, config(method=method, tries=5))
        visits = [one.find(VISIT) for one in found if str(one.gene) == "136|O:f|Ti:a"]
        assert [visit and visit.value for visit in visits] == list(range(1, len(visits) + 1))
    assert tries(RUTILE, config(method="random")) != tries(RUTILE, config(method="random", seed=1))


def test_crystals_are_placed_on_the_hull_of_the_potential_that_relaxes_them() -> None:
    mine = config(relax={"potential": "sevennet-0"})
    hulls = [stage for stage in (*try_stages(mine), *walk_stages(mine)) if isinstance(stage, Hull)]
    assert [hull.potential for hull in hulls] == ["sevennet-0", "sevennet-0"]


def test_there_are_no_more_tries_than_genes_without_free_coordinates() -> None:
    rock_salt = SearchSpace.of("NaCl", range(4, 5), frozenset({225}))
    assert len(tries(rock_salt, config())) == 1


def test_walks_begin_at_the_lowest_with_free_coordinates() -> None:
    crystals = alloys(most_atoms=9)[:3]
    tried = [
        Candidate(
            f"t{k}", detect(crystal).gene.canonical(), Origin("sequential"), {}, crystal,
            (Evidence("relax", "pass", -float(k), "eV/atom"), Evidence("hull", "pass", 0.0)),
        )
        for k, crystal in enumerate(crystals)
    ]  # fmt: skip
    chosen = walkers([*tried, replace(tried[2], id="again")], 2)
    assert [one.origin.seed_id for one in chosen] == ["t2", "t1"]
    assert [one.id for one in chosen] == ["w-t2", "w-t1"]
    assert chosen[0].find("hull") is None


def test_mistakes_are_told_before_anything_is_written(tmp_path: Path) -> None:
    for wrong in ({"z": "3:"}, {"space_group": "231"}, {"formula": "TiO2.5"}, {"z": "1", "space_group": "227"}):
        with pytest.raises(TargetError):
            run_prediction(config(**wrong), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds files but no"):
        run_prediction(config(), tmp_path)


def ids(journal: Path) -> list[str]:
    return [json.loads(line)["id"] for line in journal.read_text().splitlines()]


HERE = ExecutionConfig(engine="in_process")


def cheap(**more: Any) -> PredictionConfig:
    """Three genes of Cu3Au with the potential of the package ``metals``."""
    fixed = {"formula": "Cu3Au", "z": "1", "space_group": "221,123", "tries": 3, "build": {"source": "pyxtal"}}
    return PredictionConfig.from_dict({**fixed, "relax": {"potential": "metals"}, **more})


def test_mistakes_in_what_it_reads_are_told_before_anything_is_written(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    with pytest.raises(ConfigError, match="allowed are chgnet"):
        run_prediction(cheap(relax={"potential": "chgnett"}), tmp_path / "out", HERE, progress=False)
    with pytest.raises(TableError, match=r"absent\.csv cannot be read"):
        run_prediction(cheap(hull={"reference": str(tmp_path / "absent.csv")}), tmp_path / "out", HERE, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_wrong_engine_is_refused_before_anything_is_made(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    engine = ExecutionConfig(engine="parsl", parsl_config=str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        run_prediction(cheap(), tmp_path / "out", engine, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_structure_found_late_is_walked_from_and_earlier_walks_stay(
    metals: MetalsPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metals.install()
    asked = cheap(space_group="99,160", tries=4, hop={"hops": 1, "walkers": 1})
    run_prediction(asked, tmp_path / "whole", HERE, progress=False)
    (lowest,) = ids(tmp_path / "whole" / "walks.jsonl")
    fails = [True]

    def away(candidate: Candidate) -> Candidate:
        if f"w-{candidate.id}" == lowest and fails:
            raise OSError(fails.pop())
        return candidate

    monkeypatch.setattr(prediction_run, "try_stages", lambda config: (away, *try_stages(config)))
    run_prediction(asked, tmp_path / "late", HERE, progress=False)
    (other,) = ids(tmp_path / "late" / "walks.jsonl")
    found = run_prediction(asked, tmp_path / "late", HERE, progress=False)
    assert ids(tmp_path / "late" / "walks.jsonl") == [other, lowest]
    assert other != lowest
    assert found.record["walks"] == 2


def test_a_walk_that_was_cut_off_found_nothing_until_it_is_taken_up_again(
    metals: MetalsPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metals.install()
    asked, fails = cheap(space_group="99", tries=2, hop={"hops": 1, "walkers": 1}), [True]

    def away(candidate: Candidate) -> Candidate:
        if fails:
            raise OSError(fails.pop())
        return candidate

    monkeypatch.setattr(prediction_run, "walk_stages", lambda config: (away, *walk_stages(config)))
    found = run_prediction(asked, tmp_path, HERE, progress=False)
    assert found.record["walks"] == 0
    assert sum(one.find("found").value for one in found.candidates) == found.record["relaxed"]
    assert run_prediction(asked, tmp_path, HERE, progress=False).record["walks"] == 1


def test_a_run_with_other_energies_is_another_run(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    reference = tmp_path / "own.csv"
    for tool, copper, differs in (
        ("metals (metals 1.5)", -0.007, ""),
        ("metals (metals 1.5)", -0.007, ""),
        ("metals (metals 1.5)", -0.1, r"\(inputs.hull.sha256\)"),
        ("metals (metals 1.6)", -0.007, r"\(.*inputs.relax.potential.tool\)"),
    ):
        metals.install(version=tool[-4:-1])
        reference.write_text(f"formula,energy_per_atom,potential\nCu,{copper},{tool}\nAu,0.002,{tool}\n")
        asked = cheap(hull={"reference": str(reference)})
        if not differs:
            found = run_prediction(asked, tmp_path / "out", HERE, progress=False)
            assert found.record["inputs"]["relax.potential"]["tool"] == tool
            continue
        with pytest.raises(ConfigError, match=f"other settings {differs}"):
            run_prediction(asked, tmp_path / "out", HERE, progress=False)


def test_where_nothing_relaxes_the_run_ends_with_the_reason(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    asked = cheap(relax={"potential": "metals", "max_steps": 1, "fmax_ev_per_angstrom": 1e-9, "smax_gpa": 1e-9})
    with pytest.raises(TargetError, match=r"none of 3 tries .* 3 were built; . ended at the step 'relax' with: "):
        run_prediction(asked, tmp_path / "out", HERE, progress=False)
    record = json.loads((tmp_path / "out" / folder.RUN).read_text())
    assert (record["status"], record["structures"], record["tries"]) == ("complete", 0, 3)
    assert (tmp_path / "out" / folder.CANDIDATES).read_text() == ""


def test_other_processes_are_kept_out_while_results_are_written(
    metals: MetalsPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metals.install()
    out, kept_out = tmp_path / "out", {}
    ask = (
        "import sys; from pathlib import Path; from wyckforge.execute.locks import LockFile;"
        "sys.exit(LockFile(Path(sys.argv[1])).try_lock(0))"
    )

    def write(path: Path, data: bytes) -> None:
        found = subprocess.run([sys.executable, "-c", ask, str(out / folder.LOCK)], check=False)
        kept_out[path.name] = kept_out.get(path.name, True) and found.returncode == 0
        path.write_bytes(data)

    monkeypatch.setattr(folder, "write_atomically", write)
    run_prediction(cheap(), out, HERE, progress=False)
    assert {folder.RUN, folder.CANDIDATES, folder.TABLE} < kept_out.keys()
    assert all(kept_out.values())


def test_two_processes_on_one_folder_share_the_tries(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    asked = cheap(tries=8, space_group="47,123,221")
    script = tmp_path / "run.py"
    script.write_text(
        "import json, sys; from pathlib import Path; from wyckforge.config import ExecutionConfig\n"
        "from wyckforge.execute.prediction_run import run_prediction\n"
        "from wyckforge.realise.csp.config import PredictionConfig\n"
        "config = PredictionConfig.from_dict(json.loads(sys.argv[1]))\n"
        "run_prediction(config, Path(sys.argv[2]), ExecutionConfig(engine='in_process'), progress=False)\n"
    )
    path = os.pathsep.join([str(metals.folder), *filter(None, sys.path)])
    command = [sys.executable, str(script), json.dumps(asked.to_dict()), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": path}
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert sorted(ids(tmp_path / "out" / "tries.jsonl")) == [f"t{k:05d}" for k in range(1, 9)]
    alone = run_prediction(asked, tmp_path / "alone", HERE, progress=False)
    found = folder.read_candidates(tmp_path / "out" / folder.CANDIDATES)
    assert [one.to_dict() for one in found] == [one.to_dict() for one in alone.candidates]
