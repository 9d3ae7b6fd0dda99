from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from wyckforge.errors import ConfigError
from wyckforge.realise import starts
from wyckforge.realise.build import BuildFailure, build, tool
from wyckforge.realise.config import BuildConfig
from wyckforge.realise.csp.config import HopConfig, PredictionConfig
from wyckforge.realise.csp.stages import VISIT, BuildNext, Walk
from wyckforge.realise.stages import Relax
from wyckforge.realise.starts import GEOMETRY_MODEL, _drawn
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

RUTILE = WyckoffGene.parse("136|O:f|Ti:a").canonical()
PYXTAL = BuildConfig(source="pyxtal")
CANDIDATE = Candidate("t00001", RUTILE, Origin("sequential"))


def test_starts_have_the_gene_and_name_their_maker() -> None:
    for stage, maker in ((BuildNext(1), GEOMETRY_MODEL), (BuildNext(1, PYXTAL), tool())):
        done = stage(CANDIDATE)
        found = done.find("build")
        assert found is not None
        assert (found.verdict, found.value, found.tool) == ("pass", 6, maker)
        assert done.crystal is not None
        assert detect(done.crystal).gene.canonical() == RUTILE
        again = stage(CANDIDATE)
        second = replace(CANDIDATE, id="t00002", evidence=(Evidence(VISIT, "pass", 2),))
        other = stage(second)
        assert again.crystal is not None
        assert other.crystal is not None
        assert done.crystal.content() == again.crystal.content() != other.crystal.content()


def fails_at_odd_seeds(gene: WyckoffGene, *, seed: int, config: BuildConfig | None = None) -> Crystal:
    if seed % 2:
        raise BuildFailure(f"seed {seed} is odd")
    return build(gene, seed=seed, config=config)


def visited(gene: WyckoffGene, stage: BuildNext, visits: int) -> list[Candidate]:
    tries = (replace(CANDIDATE, gene=gene, evidence=(Evidence(VISIT, "pass", k),)) for k in range(1, visits + 1))
    return [stage(one) for one in tries]


def test_a_start_that_pyxtal_fails_at_is_not_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "build", fails_at_odd_seeds)
    for gene in (RUTILE, WyckoffGene.parse("62|O:cd|Ca:c|Ti:a").canonical()):
        found = visited(gene, BuildNext(1, PYXTAL), 8)
        done = [one.find("build") for one in found]
        reasons = [one.reason for one in done if one is not None and one.verdict == "fail"]
        crystals = [one.crystal.content() for one in found if one.crystal is not None]
        assert len(reasons) + len(crystals) == 8
        assert len(set(reasons)) == len(reasons) > 0
        assert len(set(crystals)) == len(crystals) > 0


def test_pyxtal_goes_on_where_the_model_has_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "build", fails_at_odd_seeds)
    monkeypatch.setattr(starts, "_drawn", lambda gene, seed: islice(_drawn(gene, seed), 2))
    found = visited(RUTILE, BuildNext(1), 8)
    done = [one.find("build") for one in found]
    assert [one is not None and one.tool == GEOMETRY_MODEL for one in done] == [True, True, *[False] * 6]
    alone = visited(RUTILE, BuildNext(1, PYXTAL), 6)
    assert [one.crystal and one.crystal.content() for one in found[2:]] == [
        one.crystal and one.crystal.content() for one in alone
    ]


def test_how_many_starts_is_no_matter_of_a_relaxation() -> None:
    with pytest.raises(ConfigError, match=r"relax.starts: unknown key; known are potential"):
        PredictionConfig.from_dict({"formula": "TiO2", "relax": {"starts": 2}})


def test_a_gene_that_cannot_be_built_has_a_reason() -> None:
    diamond = replace(CANDIDATE, gene=WyckoffGene.parse("216|C:ac"))  # always more symmetric than it says
    done = BuildNext(1, BuildConfig(source="pyxtal", tries=2))(diamond)
    found = done.find("build")
    assert found is not None
    assert found.verdict == "fail"
    assert "227" in found.reason


def test_a_walk_starts_from_a_relaxed_structure_and_ends_no_higher() -> None:
    walk = Walk(1, HopConfig(hops=2))
    lost = walk(CANDIDATE).find("relax")
    assert lost is not None
    assert (lost.verdict, lost.reason) == ("unknown", "there is no relaxed structure")
    relaxed = Relax(1)(BuildNext(1)(CANDIDATE))
    before = relaxed.find("relax")
    assert before is not None
    assert before.value is not None
    # a start that pretends to lie high, so that the first converged hop is lower
    high = replace(relaxed, evidence=(replace(before, value=before.value + 5.0),))
    done = walk(high)
    after, cost = done.find("relax"), done.find("relax_cost")
    assert after is not None
    assert after.value is not None
    assert cost is not None
    assert after.verdict == "pass"
    assert after.value < before.value + 5.0
    assert cost.value
    assert done.crystal is not None
    assert done.crystal is not relaxed.crystal
    assert done.gene.composition == RUTILE.composition
    assert after.reason.endswith("of 2 hops accepted")
    low = walk(replace(relaxed, evidence=(replace(before, value=before.value - 5.0),)))
    nothing = low.find("relax")
    assert nothing is not None
    assert nothing.verdict == "unknown"
    assert nothing.reason.startswith("no structure lower than the start")
    assert low.crystal is relaxed.crystal
