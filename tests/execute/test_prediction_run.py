"""Runs with relaxations are in tests/cli/test_predict_structure.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.realise.metals import alloys

from wyckforge.errors import ConfigError, TargetError
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
    assert [one.id for one in chosen] == ["w00001", "w00002"]
    assert chosen[0].find("hull") is None


def test_mistakes_are_told_before_anything_is_written(tmp_path: Path) -> None:
    for wrong in ({"z": "3:"}, {"space_group": "231"}, {"formula": "TiO2.5"}, {"z": "1", "space_group": "227"}):
        with pytest.raises(TargetError):
            run_prediction(config(**wrong), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds files but no"):
        run_prediction(config(), tmp_path)
