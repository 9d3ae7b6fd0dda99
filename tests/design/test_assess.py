from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

from wyckforge.data.embedded import load_embedded
from wyckforge.design.assess import assess
from wyckforge.design.assessment import UNCONDITIONAL
from wyckforge.design.claims import claimed_probability
from wyckforge.design.config import SamplingConfig
from wyckforge.errors import CheckpointError, TargetError
from wyckforge.evaluate.hits import PROPERTIES
from wyckforge.models.representation import Rejection
from wyckforge.records import Interval, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.model import load_checkpoint

MODEL = tiny_orbit_checkpoint()
JUDGE = tiny_orbit_checkpoint(seed=1, name="judge")
BOUND = float(np.median(JUDGE.predict(CRYSTALS)["formation_energy"]))
CUBIC = Target({"formation_energy": Interval(high=BOUND)}, space_groups=frozenset(range(195, 231)))
TARGETS = {"cubic": CUBIC, "any": Target({"band_gap": Interval(0, 0.05)})}
N = 120


@pytest.fixture(scope="module")
def table():
    return load_embedded()


@pytest.fixture(scope="module")
def found(table):
    return assess(MODEL, table, TARGETS, JUDGE, n=N, seed=3)


def test_a_hit_is_what_the_judge_says(found):
    sample = found.samples["cubic"]
    genes = sample.attempts.draws
    values = JUDGE.predict(genes)["formation_energy"]
    assert np.array_equal(sample.attempts.judged["formation_energy"], values)
    joint = found.hits["cubic"].rates["joint"]
    assert (joint.achieved.hits, joint.achieved.n) == ((values <= BOUND).sum(), N)
    assert found.hits["cubic"].judge == "judge"
    assert 0 < joint.achieved.hits < N
    assert all(isinstance(gene, WyckoffGene) and gene.space_group >= 195 for gene in genes)


def test_the_rate_beside_it_is_that_of_genes_made_for_no_target(found):
    free = found.samples[UNCONDITIONAL]
    hits = [
        gene.space_group >= 195 and energy <= BOUND
        for gene, energy in zip(free.attempts.draws, free.attempts.judged["formation_energy"], strict=True)
    ]
    for target in ("cubic", "any"):
        assert found.hits[target].rates["joint"].unconditional.n == N
    assert found.hits["cubic"].rates["joint"].unconditional.hits == sum(hits)
    assert len({gene.space_group for gene in free.attempts.draws}) > 20


def test_the_number_of_elements_holds_for_both_rates(table):
    binary = Target({"formation_energy": Interval(high=BOUND)}, n_elements=Interval(2, 2))
    found = assess(MODEL, table, {"binary": binary, **TARGETS}, JUDGE, n=60, seed=3)
    assert list(found.samples) == [UNCONDITIONAL, f"{UNCONDITIONAL}, 2 elements", "binary", *TARGETS]
    free = found.samples[f"{UNCONDITIONAL}, 2 elements"].attempts
    assert {len(gene.elements) for gene in free.draws} == {2}
    hits = (free.judged["formation_energy"] <= BOUND).sum()
    assert found.hits["binary"].rates["joint"].unconditional.hits == hits


def test_claims_are_the_product_of_the_probabilities_of_the_generator(found):
    for name, target in TARGETS.items():
        sample = found.samples[name]
        expected = claimed_probability(MODEL, sample.attempts.draws, target)
        assert sample.attempts.claimed[PROPERTIES] == pytest.approx(expected)
        assert found.hits[name].rates["properties"].predicted == pytest.approx(expected.mean())
    by_judge = claimed_probability(JUDGE, found.samples["any"].attempts.draws, TARGETS["any"])
    assert found.judge_claims["any"].aimed["value"] == pytest.approx(by_judge.mean())
    free = found.samples[UNCONDITIONAL].attempts.draws
    chances = claimed_probability(JUDGE, free, CUBIC) * [gene.space_group >= 195 for gene in free]
    assert found.judge_claims["cubic"].unconditional["value"] == pytest.approx(chances.mean())


def test_what_is_made_for_a_target_does_not_depend_on_the_others(found, table):
    alone = assess(MODEL, table, {"any": TARGETS["any"]}, JUDGE, n=N, seed=3)
    assert alone.samples["any"].attempts.draws == found.samples["any"].attempts.draws
    other = assess(MODEL, table, {"any": TARGETS["any"]}, JUDGE, n=N, seed=4)
    assert other.samples["any"].attempts.draws != found.samples["any"].attempts.draws


def test_the_files_say_what_was_found(found, tmp_path):
    found.write(tmp_path)
    record = json.loads((tmp_path / "generation.json").read_text())
    assert record == found.to_dict()
    assert record["judge"] == {"name": "judge", "data": JUDGE.provenance["data"], "errors": JUDGE.errors}
    with (tmp_path / "generated.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * N
    cubic = [row for row in rows if row["target"] == "cubic"]
    assert (
        sum(int(row["hit"]) for row in cubic)
        == record["targets"]["cubic"]["hits"]["rates"]["joint"]["achieved"]["hits"]
    )
    assert np.mean([float(row["claimed"]) for row in cubic]) == pytest.approx(
        record["targets"]["cubic"]["hits"]["rates"]["properties"]["predicted"]["value"], rel=1e-4
    )
    assert {row["hit"] for row in rows if row["target"] == UNCONDITIONAL} == {""}


@pytest.mark.parametrize("method", ["seeds", "search"])
def test_every_method_can_be_assessed(table, method):
    sampling = SamplingConfig(method=method)
    target = {"cubic": Target({"formation_energy": Interval(-3, -0.5)}, space_groups=CUBIC.space_groups)}
    found = assess(MODEL, table, target, JUDGE, n=40, sampling=sampling)
    assert found.method == method
    assert found.samples["cubic"].generation.valid_gene.hits == 40
    assert len(found.samples[UNCONDITIONAL].attempts.draws) == 40


def test_a_model_that_rejects_is_measured_over_all_attempted(table):
    model = load_checkpoint("mpvae")
    found = assess(model, table, {"design": Target({"band_gap": Interval(0.5, 2)})}, JUDGE, n=60)
    sample = found.samples["design"]
    rejected = [draw for draw in sample.attempts.draws if isinstance(draw, Rejection)]
    assert len(sample.attempts.draws) == 60
    assert sample.generation.valid_gene.hits == 60 - len(rejected) < 60
    assert found.hits["design"].rates["joint"].achieved.n == 60
    assert sum(bool(row["rejected"]) for row in sample.rows()) == len(rejected)
    unjudged = [g for g in sample.attempts.draws if isinstance(g, WyckoffGene) and JUDGE.problem(g) is not None]
    assert found.hits["design"].unjudged == len(unjudged) > 0


def test_what_a_model_learned_from_is_not_novel_though_the_table_lacks_it(table):
    model = load_checkpoint("mpvae")
    sample = assess(model, table.select(np.arange(0, len(table), 40)), {}, None, n=300).samples[UNCONDITIONAL]
    pairs = zip(sample.attempts.draws, sample.marks.novel_gene, strict=True)
    genes = [(gene, new) for gene, new in pairs if isinstance(gene, WyckoffGene)]
    assert any(model.is_known_gene(gene) for gene, _ in genes)
    assert not any(new and model.is_known_gene(gene) for gene, new in genes)
    assert any(new for _, new in genes)


def test_without_targets_no_judge_is_needed(table):
    found = assess(MODEL, table, {}, None, n=30)
    assert found.to_dict()["judge"] is None
    assert found.samples[UNCONDITIONAL].generation.valid_gene.value == 1


def test_a_model_does_not_judge_itself(table):
    with pytest.raises(CheckpointError, match="tiny cannot judge what it generates itself"):
        assess(MODEL, table, TARGETS, tiny_orbit_checkpoint(), n=1)
    with pytest.raises(CheckpointError, match="without a judge"):
        assess(MODEL, table, TARGETS, None, n=1)


def test_a_property_that_the_model_does_not_know_is_refused(table):
    with pytest.raises(TargetError, match="hardness"):
        assess(MODEL, table, {"hard": Target({"hardness": Interval(low=10)})}, JUDGE, n=1)
