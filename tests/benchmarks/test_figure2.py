from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.train.conftest import crystals, table_of

import figure2
import figure2_page
import plots
from wyckforge.design.seeds import Seeds
from wyckforge.evaluate.metrics import Rate
from wyckforge.models.representation import Rejection

GENES = crystals(8)
CONDITION = figure2.Condition("C", 1.5, -1.5, 195)


def samples(gap, energy, group, draws=10) -> figure2.Samples:
    values = {"band_gap": gap, "formation_energy": energy, "space_group": group}
    return figure2.Samples(draws, tuple(GENES[: len(gap)]), {k: np.array(v, float) for k, v in values.items()})


def test_shares_are_of_all_draws_and_a_known_gene_is_not_new():
    found = figure2.shares(
        samples([1.0, 2.0, 2.1, 1.5], [-1.5, -2.0, -2.0, -1.4], [195, 230, 200, 194]),
        CONDITION.hit,
        known=[True, False, False, False],
    )
    counts = {"valid": 4, "band_gap": 3, "formation_energy": 3, "space_group": 3, "all": 2, "new": 1}
    assert {name: (rate.hits, rate.n) for name, rate in found.items()} == {k: (v, 10) for k, v in counts.items()}


def test_seeds_are_asked_for_the_gap_itself_and_samples_for_a_margin_around_it():
    assert str(CONDITION.seeds.properties["band_gap"]) == "1.5"
    assert str(CONDITION.hit.properties["band_gap"]) == "1:2"
    assert CONDITION.asked == "gap 1.5 ± 0.5 eV, E<sub>f</sub> ≤ −1.5 eV/atom, space group ≥ 195"


class Echo:
    """A model whose latent point is the number of a gene; odd points are no gene."""

    targets = ("band_gap",)

    def decode(self, z):
        number = np.rint(z[:, 0]).astype(int)
        return [GENES[n % len(GENES)] if n % 2 == 0 else Rejection("odd") for n in number]

    def predict(self, genes):
        return {"band_gap": np.array([float(gene.space_group) for gene in genes])}


@pytest.mark.parametrize("draws", [7, 45])
def test_draws_are_as_many_as_asked_for_and_invalid_ones_count(draws):
    latent = np.arange(2, dtype=np.float32)[:, None]
    seeds = Seeds(table_of(GENES[:2]), latent, alone={}, relaxed="", considered=2)
    found = figure2.draw(Echo(), seeds, draws, np.random.default_rng(0))
    assert found.draws == draws
    assert 0 < len(found.genes) < draws
    assert found.values["band_gap"].tolist() == [gene.space_group for gene in found.genes]


def test_a_judge_replaces_the_predictions_and_keeps_the_genes():
    before = samples([1.0, 2.0], [-1.0, -2.0], [5, 6])
    after = figure2.judged(before, Echo())
    assert after.genes == before.genes
    assert after.values["band_gap"].tolist() == [gene.space_group for gene in before.genes]
    assert after.values["formation_energy"].tolist() == [-1.0, -2.0]


@given(st.integers(0, 2**32 - 1), st.integers(3, 6), st.integers(8, 30))
def test_all_components_keep_all_distances_and_the_first_vary_most(seed, dimensions, n):
    points = np.random.default_rng(seed).normal(size=(n, dimensions))
    scores, variance = figure2.principal_components(points, dimensions)
    assert np.linalg.norm(scores[0] - scores[1]) == pytest.approx(np.linalg.norm(points[0] - points[1]))
    assert variance.sum() == pytest.approx(1)
    assert (np.diff(variance) <= 1e-12).all()
    assert scores.var(axis=0) / scores.var(axis=0).sum() == pytest.approx(variance)


def test_a_linear_label_is_explained_and_an_even_one_is_not():
    points = np.linspace(-1, 1, 101)[:, None]
    assert figure2.explained(points, 3 * points[:, 0] - 2) == pytest.approx(1)
    assert figure2.explained(points, points[:, 0] ** 2) == pytest.approx(0)
    assert figure2.explained(points, np.column_stack([points[:, 0], points[:, 0] ** 2])) == pytest.approx(
        0.79, abs=0.01
    )


def test_the_page_tells_of_every_condition():
    one, other = (
        {key: Rate(30, 100) for key in figure2_page.COLUMNS},
        {key: Rate(0, 100) for key in figure2_page.COLUMNS},
    )
    shares = {
        ("C", who, way): one if way == "conditional" else other
        for who in figure2_page.JUDGES
        for way in figure2_page.WAYS
    }
    account = figure2_page.Account(
        draws=100,
        asked={"C": CONDITION.asked},
        seeds={"C": 24, "unconditional": 5_417},
        variance=(0.08, 0.05),
        structure={"Band gap": (0.5, 0.9)},
        errors={"band_gap": 0.5},
        shares=shares,
    )
    page = figure2_page.page_of(account)
    assert "### C: gap 1.5 ± 0.5 eV" in page
    assert "| the model itself | conditional | 30.0 %<br>(21.9 to 39.6) |" in page
    assert "no figure (3.8 to open) by the model itself" in page
    assert "| Band gap | 50 % | 90 % |" in page


def test_the_same_data_give_the_same_files(tmp_path):
    values = {"band_gap": np.ones(3), "formation_energy": -np.ones(3), "space_group": np.full(3, 225.0)}
    table = table_of(crystals(12))
    for name in ("one", "two"):
        plots.draw_densities(tmp_path / f"{name}.svg", [("C", CONDITION.hit, values)] * 2, values)
        points = np.random.default_rng(0).normal(size=(len(table), 2))
        plots.draw_latent(tmp_path / f"{name}.png", points, np.array([0.2, 0.1]), table)
    for kind in ("svg", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    assert (tmp_path / "one.svg").read_text().startswith("<?xml")
