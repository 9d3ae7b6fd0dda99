"""Seeds and draws with the bundled checkpoint: what is promised about them holds exactly."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import get_args

import numpy as np
import pytest

from wyckforge.data.embedded import load_embedded
from wyckforge.data.table import GeneTable
from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig
from wyckforge.design.generate import generate
from wyckforge.design.sampling import ConstraintBroken, sample
from wyckforge.design.seeds import select_seeds
from wyckforge.errors import TableError, TargetError
from wyckforge.models.representation import Rejection
from wyckforge.records import Candidate, Interval, Target
from wyckforge.symmetry.elements import atomic_number
from wyckforge.targets import TargetConfig, parse_target
from wyckforge.train.checkpoint import Checkpoint

SEMICONDUCTORS = parse_target(
    TargetConfig(properties={"band_gap": "0.5:2.0", "formation_energy": ":-0.5"}, space_group="143:", exclude="f-block")
)
FUNNEL = FunnelConfig()


@pytest.fixture(scope="module")
def table() -> GeneTable:
    whole = load_embedded()
    return whole.select(np.arange(0, len(whole), 10))


def rows_of(table: GeneTable, seeds) -> set[str]:
    assert set(seeds.table.ids) <= set(table.ids)
    return set(seeds.table.ids)


def test_seeds_are_the_rows_inside_the_widened_target(checkpoint, table):
    seeds = select_seeds(checkpoint, table, SEMICONDUCTORS)
    gap, energy = checkpoint.errors["band_gap"], checkpoint.errors["formation_energy"]
    expected = {
        table.ids[i]
        for i, gene in enumerate(table.genes)
        if 0.5 - gap <= table.label("band_gap")[i] <= 2.0 + gap
        and table.label("formation_energy")[i] <= -0.5 + energy
        and gene.space_group >= 143
        and not set(gene.elements) & SEMICONDUCTORS.exclude
        and checkpoint.represents(gene)
    }
    assert rows_of(table, seeds) == expected
    assert expected
    np.testing.assert_allclose(seeds.latent, checkpoint.encode(seeds.table.genes))


def test_rows_without_label_are_judged_by_prediction(checkpoint, table):
    bare = GeneTable(table.ids, table.genes, {}, None, table.given_space_groups)
    seeds = select_seeds(checkpoint, bare, Target(properties={"band_gap": Interval(2, 3)}))
    fitting = [gene for gene in table.genes if checkpoint.represents(gene)]
    predicted = checkpoint.predict(fitting)["band_gap"]
    wide = Interval(2, 3).widened(checkpoint.errors["band_gap"])
    assert set(seeds.table.genes) == {
        gene for gene, value in zip(fitting, predicted, strict=True) if wide.contains(value)
    }


def mixed(table: GeneTable) -> GeneTable:
    """The table with every other band gap of another vintage."""
    column = table.labels["band_gap"]
    sources = np.where(np.arange(len(table)) % 2, column.sources, "another")
    return replace(table, labels={**table.labels, "band_gap": replace(column, sources=sources)})


def test_labels_of_mixed_vintages_are_no_seeds_until_named(checkpoint, table):
    asked = Target(properties={"band_gap": Interval(2, 3)})
    with pytest.raises(TableError, match=r"band_gap labels are of different vintages: .*another.*data build --vintage"):
        select_seeds(checkpoint, mixed(table), asked)
    assert len(select_seeds(checkpoint, mixed(table), Target(properties={"formation_energy": Interval(high=-3)})).table)
    named = mixed(table).with_vintage({"band_gap": frozenset({"another"})})
    assert len(select_seeds(checkpoint, named, asked).table)


def test_unconditional_takes_every_row(checkpoint, table):
    seeds = select_seeds(checkpoint, table, SEMICONDUCTORS, unconditional=True)
    assert len(seeds.table) == sum(checkpoint.represents(gene) for gene in table.genes)


def test_an_impossible_target_names_the_constraint_and_counts_each(checkpoint, table):
    asked = Target(properties={"band_gap": Interval(low=40)}, space_groups=frozenset({225}))
    with pytest.raises(TargetError, match=r"'band_gap 40: ± .*' leaves none of .*space group: [1-9]"):
        select_seeds(checkpoint, table, asked)
    with pytest.raises(TargetError, match=r"'number of elements' leaves none"):
        select_seeds(checkpoint, table, Target(n_elements=Interval(5, 5)))


@pytest.mark.parametrize(
    "funnel", [None, *(FunnelConfig(target=name) for name in get_args(FunnelConfig.model_fields["target"].annotation))]
)
@pytest.mark.parametrize("unconditional", [False, True])
def test_a_property_without_model_is_refused(checkpoint, table, funnel, unconditional):
    with pytest.raises(TargetError, match=r"bulk_modulus asked for; this checkpoint predicts .*band_gap"):
        run(
            checkpoint,
            table,
            Target(properties={"bulk_modulus": Interval(low=100)}),
            wanted=1,
            funnel=funnel,
            unconditional=unconditional,
        )


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"elements": "Cs,Pt"}, "leave Cs, Pt; it makes crystals of 3 elements"),
        ({"elements": "Cs,Pt,Se", "exclude": "Pt"}, "leave Se, Cs"),
        ({"must_contain": "Na,Cl,O,S"}, "4 elements must be contained"),
        ({"must_contain": "Po"}, "Po must be contained"),
    ],
)
@pytest.mark.parametrize("unconditional", [False, True])
def test_elements_of_which_the_model_makes_no_gene_are_refused(checkpoint, table, wishes, words, unconditional):
    with pytest.raises(TargetError, match=words):
        select_seeds(checkpoint, table, parse_target(TargetConfig(**wishes)), unconditional=unconditional)


def test_wanted_elements_are_relaxed_in_the_stated_order(checkpoint, table):
    wanted = frozenset(map(atomic_number, ("Cs", "Pt", "Se")))
    asked = Target(elements=wanted)
    inside = [len(wanted.intersection(gene.elements)) for gene in table.genes if checkpoint.represents(gene)]
    for least, words in ((2, "at least two of Se, Cs, Pt"), (1, "at least one of Se, Cs, Pt"), (0, "any")):
        available = sum(n >= least for n in inside)
        seeds = select_seeds(checkpoint, table, asked, min_seeds=available)
        assert seeds.relaxed == words
        assert len(seeds.table) == available


@pytest.mark.parametrize(("seed", "batches"), [(0, (1, 600)), (1, (7, 64)), (2, (599, 1024))])
def test_draws_do_not_depend_on_the_batch(checkpoint, table, seed, batches):
    seeds = select_seeds(checkpoint, table.select(np.arange(60)), Target())
    one, other = (
        list(sample(checkpoint, seeds, Target(), rng=np.random.default_rng(seed), per_seed=10, batch=batch))
        for batch in batches
    )
    assert len(one) == 10 * len(seeds.table)
    assert [getattr(draw, "gene", draw) for draw in one] == [getattr(draw, "gene", draw) for draw in other]
    for first, second in zip(one, other, strict=True):
        if isinstance(first, Candidate):
            assert (first.id, first.origin) == (second.id, second.origin)
            assert first.predictions == pytest.approx(second.predictions, rel=1e-4, abs=1e-4)


def test_other_seeds_other_draws(checkpoint, table):
    seeds = select_seeds(checkpoint, table, Target())
    one, other = (
        [
            getattr(draw, "gene", draw)
            for draw in islice(sample(checkpoint, seeds, Target(), rng=np.random.default_rng(n)), 300)
        ]
        for n in (1, 2)
    )
    assert one != other


@pytest.mark.parametrize("space_group", ["143:", ":74", "62,139,194:"])
@pytest.mark.parametrize("exclude", ["radioactive,f-block", "O,S,Se"])
@pytest.mark.parametrize(("atoms", "seed"), [("", 1), (":20", 2)])
def test_hard_constraints_hold_for_every_candidate(checkpoint, table, space_group, exclude, atoms, seed):
    asked = parse_target(TargetConfig(space_group=space_group, exclude=exclude, atoms=atoms))
    seeds = select_seeds(checkpoint, table, asked)
    draws = list(islice(sample(checkpoint, seeds, asked, rng=np.random.default_rng(seed), per_seed=2), 400))
    for draw in draws:
        if isinstance(draw, Candidate):
            assert asked.rejects(draw.gene) is None
            assert draw.gene == draw.gene.canonical()
            assert set(draw.predictions) == set(checkpoint.targets)
        else:
            assert isinstance(draw, Rejection)
            assert draw.reason


def test_broken_constraints_are_counted_apart_from_broken_genes(checkpoint, table):
    seeds = select_seeds(checkpoint, table, Target())
    asked = Target(space_groups=frozenset({1}))
    draws = list(islice(sample(checkpoint, seeds, asked, rng=np.random.default_rng(0)), 2000))
    free = list(islice(sample(checkpoint, seeds, Target(), rng=np.random.default_rng(0)), 2000))
    valid = sum(isinstance(draw, Candidate) for draw in free)
    assert valid > 0
    assert sum(isinstance(draw, Candidate | ConstraintBroken) for draw in draws) == valid


def test_predictions_are_those_of_the_gene(checkpoint, table):
    seeds = select_seeds(checkpoint, table, Target())
    drawn = list(sample(checkpoint, seeds, Target(), rng=np.random.default_rng(0), per_seed=1))
    candidates = [draw for draw in drawn if isinstance(draw, Candidate)][:50]
    predicted = checkpoint.predict([candidate.gene for candidate in candidates])
    for name, values in predicted.items():
        ours = [candidate.predictions[name] for candidate in candidates]
        np.testing.assert_allclose(ours, values, rtol=1e-4, atol=1e-4)


def run(
    checkpoint: Checkpoint,
    table: GeneTable,
    target: Target,
    *,
    wanted: int,
    seed: int = 7,
    funnel: FunnelConfig | None = FUNNEL,
    choice: int = 1,
    **sampling,
):
    return generate(
        checkpoint,
        table,
        target,
        wanted=wanted,
        rng=np.random.default_rng(seed),
        sampling=SamplingConfig(**sampling),
        funnel=funnel,
        ranking=RankingConfig(choice=choice),
    )


def test_generation_repeats_and_ends(checkpoint, table):
    one = run(checkpoint, table, SEMICONDUCTORS, wanted=5, max_draws=20_000)
    assert one.candidates == run(checkpoint, table, SEMICONDUCTORS, wanted=5, max_draws=20_000).candidates
    assert len(one.candidates) >= 5
    known = set(table.genes)
    for candidate in one.candidates:
        assert candidate.gene not in known
        assert not checkpoint.is_known_gene(candidate.gene)
    genes = [candidate.gene for candidate in one.candidates]
    assert len(set(genes)) == len(genes)
    formulas = [gene.formula for gene in genes]
    assert len(set(formulas)) == len(formulas)


@pytest.mark.parametrize("wanted", [1, 200])
def test_genes_without_a_funnel_are_distinct_and_as_many_as_wanted(checkpoint, table, wanted):
    few = table.select(np.arange(10))
    found = run(checkpoint, few, Target(), wanted=wanted, funnel=None, per_seed=4)
    one_pass = 4 * found.seeds["seeds"]
    assert found.draws % one_pass == 0
    assert (found.draws > one_pass) == (wanted > one_pass)
    genes = {candidate.gene.without_hand() for candidate in found.candidates}
    assert len(genes) == len(found.candidates) == found.counts[-1].passed >= wanted
    assert found.counts[-1].reasons["drawn before"] == found.counts[-1].entered - len(genes)


def test_there_is_a_choice_as_long_as_a_quarter_of_the_draws_pays_for_it(checkpoint, table):
    def draws(choice: int, max_draws: int) -> tuple[int, int]:
        found = run(checkpoint, table, Target(), wanted=30, per_seed=1, choice=choice, max_draws=max_draws)
        return found.draws, len(found.candidates)

    one_pass, found = draws(1, 10**6)
    assert found >= 30
    assert draws(10**6, 8 * one_pass)[0] == 2 * one_pass
    more, chosen = draws(2 * found // 30, 10**6)
    assert more == 2 * one_pass
    assert found < chosen


def test_the_budget_of_draws_is_kept(checkpoint, table):
    spent = run(checkpoint, table, SEMICONDUCTORS, wanted=10**9, max_draws=1234)
    assert spent.draws == 1234
    assert spent.counts[0].entered == 1234
