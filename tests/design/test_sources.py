"""Every way of making genes keeps the same promises; the whole generation with a model that says how sure it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.data.embedded import load_embedded
from wyckforge.data.table import GeneTable
from wyckforge.design.claims import Forecast
from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig, SearchConfig
from wyckforge.design.front import criteria_of
from wyckforge.design.generate import Generation, generate
from wyckforge.design.sources import CHUNK, source_of
from wyckforge.errors import TargetError
from wyckforge.records import Candidate, Interval, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.targets import TargetConfig, parse_target
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

ASKED = parse_target(
    TargetConfig(properties={"band_gap": ":2.0", "formation_energy": ":-0.5"}, space_group="143:", atoms=":40")
)
METHODS = ("prior", "seeds", "search")


@pytest.fixture(scope="module")
def table() -> GeneTable:
    whole = load_embedded()
    return whole.select(np.arange(0, len(whole), 40))


@pytest.fixture(scope="module")
def model(table) -> OrbitCheckpoint:
    return tiny_orbit_checkpoint(table.genes)


def run(model, table, *, wanted: int = 3, seed: int = 5, funnel: FunnelConfig | None = None, **changes) -> Generation:
    settings = {"per_pass": 60, "per_seed": 1, "max_draws": 120, "search": SearchConfig(generations=3, steps=2)}
    options = {name: changes.pop(name) for name in ("weights", "criteria", "target") if name in changes}
    return generate(
        model,
        table,
        options.pop("target", ASKED),
        wanted=wanted,
        rng=np.random.default_rng(seed),
        sampling=SamplingConfig(**{**settings, **changes}),
        funnel=funnel,
        ranking=RankingConfig(),
        **options,
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_decode_counts_and_holds_the_constraints(model, table, method):
    found = run(model, table, wanted=10**6, method=method)
    valid, constraints, unique = found.counts
    assert found.draws == valid.entered == valid.passed == constraints.passed == 120
    assert len(found.candidates) == unique.passed
    assert all(ASKED.rejects(candidate.gene) is None for candidate in found.candidates)
    assert len({candidate.id for candidate in found.candidates}) == len(found.candidates)
    assert found.candidates == run(model, table, wanted=10**6, method=method).candidates
    assert found.candidates != run(model, table, wanted=10**6, method=method, seed=6).candidates


def test_where_a_gene_came_from_is_told(model, table):
    origins = {
        method: [candidate.origin for candidate in run(model, table, wanted=10**6, method=method).candidates]
        for method in METHODS
    }
    assert {origin.method for origin in origins["prior"]} == {"prior"}
    assert {origin.seed_id for origin in origins["seeds"]} <= set(table.ids)
    assert Counter(origin.method for origin in origins["search"]).keys() == {"prior", "search"}
    bred = [origin for origin in origins["search"] if origin.method == "search"]
    assert all(origin.seed_id.startswith("g") and origin.seed_formula for origin in bred)


def test_auto_is_the_prior(model, table):
    assert run(model, table).candidates == run(model, table, method="prior").candidates


def test_without_a_target_nothing_is_asked_for(model, table):
    free = run(model, table, unconditional=True)
    other = run(model, table, unconditional=True, target=Target(space_groups=ASKED.space_groups, n_atoms=ASKED.n_atoms))
    assert [candidate.gene for candidate in free.candidates] == [candidate.gene for candidate in other.candidates]
    assert {candidate.origin.method for candidate in free.candidates} == {"unconditional"}
    with pytest.raises(TargetError, match="leave out --unconditional"):
        run(model, table, method="search", unconditional=True)


def test_draws_come_in_chunks_of_one_stream(model, table):
    """More than one chunk: the first genes are those of a shorter draw up to a chunk, numbers go on."""
    asked = parse_target(TargetConfig(space_group="221,225", n_elements="1:2", atoms=":8"))
    source = source_of(model, table, asked, SamplingConfig(), Forecast(model, asked))
    drawn = list(source.draw(CHUNK + 5, np.random.default_rng(0), 7))
    assert [int(candidate.id[1:]) for candidate in drawn] == list(range(7, CHUNK + 12))
    again = list(source.draw(CHUNK, np.random.default_rng(0), 7))
    assert drawn[:CHUNK] == again


@pytest.mark.parametrize("method", METHODS)
def test_a_funnel_claims_what_the_model_says(model, table, method):
    funnel = FunnelConfig(
        target="widened", novel=False, charge_neutrality=False, anions=False, radioactive=False, f_block=False
    )
    found = run(
        model, table, method=method, funnel=funnel, weights={"band_gap": 2.0}, max_draws=400,
        criteria=criteria_of("formation_energy:min,band_gap:max", ASKED, model.targets),
    )  # fmt: skip
    assert found.candidates
    distributions = model.distributions([candidate.gene for candidate in found.candidates])
    gap = distributions["band_gap"].probability(-np.inf, 2.0)
    energy = distributions["formation_energy"].probability(-np.inf, -0.5)
    for candidate, one, two in zip(found.candidates, gap, energy, strict=True):
        assert candidate.find("target").value == pytest.approx(one * two, rel=1e-3)
        assert candidate.find("preference").value == pytest.approx(one**2 * two, rel=1e-3)
    assert any(candidate.find("pareto") for candidate in found.candidates)


def test_a_target_beyond_the_labels_is_tried_with_a_warning(model, table):
    found = run(model, table, target=Target(properties={"band_gap": Interval(low=6)}), max_draws=20)
    assert found.draws == 20
    assert "outside the training labels" in found.to_dict()["warnings"][0]


def test_a_target_far_beyond_the_labels_is_refused(model, table):
    for interval in (Interval(low=50), Interval(-3, -1)):
        with pytest.raises(TargetError, match="but the training labels reach from"):
            run(model, table, target=Target(properties={"band_gap": interval}), max_draws=20)


def test_a_single_value_is_refused_before_anything_is_drawn(model, table):
    with pytest.raises(TargetError, match=r"band_gap 2 asked for, a single value.*give an interval like 1\.9:2\.1"):
        run(model, table, target=Target(properties={"band_gap": Interval(2, 2)}), max_draws=20)
    assert run(model, table, target=Target(properties={"band_gap": Interval(0, 0)}), max_draws=20).draws == 20


def test_a_model_that_only_perturbs_says_so(checkpoint, table):
    with pytest.raises(TargetError, match="can only perturb seeds; use --method seeds"):
        run(checkpoint, table, method="prior")
    assert run(checkpoint, table, method="auto").candidates == run(checkpoint, table, method="seeds").candidates


def test_properties_without_a_head_are_refused_by_every_way(model, table):
    for method in METHODS:
        with pytest.raises(TargetError, match="bulk_modulus asked for"):
            run(model, table, method=method, target=Target(properties={"bulk_modulus": Interval(low=100)}))


def test_candidates_carry_predictions_of_every_property(model, table):
    for candidate in run(model, table).candidates:
        assert isinstance(candidate, Candidate)
        assert set(candidate.predictions) == set(model.targets)


def test_a_search_keeps_away_from_the_known_crystals(model, table):
    settings = SamplingConfig(method="search")
    found = source_of(model, table, ASKED, settings, Forecast(model, ASKED))
    assert np.array_equal(found.run.avoid, model.encode(table.genes))


def test_decoding_ends_where_nothing_more_is_found(model, table, monkeypatch):
    monkeypatch.setattr("wyckforge.design.generate._PATIENCE", 120)
    one = Target(
        space_groups=frozenset([225]), stoichiometry=(1, 1), n_atoms=Interval(high=8), n_elements=Interval(2, 2)
    )
    few = {elements: replace(one, elements=elements) for elements in (frozenset([11, 17]), frozenset([8, 38]))}
    model = tiny_orbit_checkpoint([WyckoffGene.parse("225|Na:a|Cl:b"), WyckoffGene.parse("225|Sr:a|O:b")])
    for target in few.values():
        found = run(model, table, target=target, wanted=50, max_draws=6000)
        assert 0 < len(found.candidates) < 50
        assert 120 < found.draws < 1000
        assert "nothing was found in the last" in found.warnings[-1]


def test_of_a_formula_that_is_asked_for_every_gene_is_kept(model, table):
    asked = Target(elements=frozenset([8, 22, 38]), stoichiometry=(1, 1, 3))
    off = FunnelConfig(novel=False, target="off", charge_neutrality=False, anions=False, f_block=False, max_sites=200)
    model = tiny_orbit_checkpoint([WyckoffGene.parse("221|O:c|Ti:b|Sr:a")])
    named, open_ = (
        run(model, table, target=target, wanted=400, funnel=off)
        for target in (asked, replace(asked, elements=None, must_contain=frozenset([8, 22, 38])))
    )
    formulas = [candidate.gene.formula for candidate in named.candidates]
    assert len(formulas) > len(set(formulas))
    one_each = [candidate.gene.formula for candidate in open_.candidates]
    assert len(one_each) == len(set(one_each))
