"""What is asked for lies inside the target, what comes out holds the constraints, and what is unknown is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.design.experience import ENOUGH, inside, pool_of, warnings_about
from wyckforge.design.prior import draw_prior, wishes
from wyckforge.errors import TargetError
from wyckforge.records import Interval, Target
from wyckforge.targets import TargetConfig, parse_target

MODEL = tiny_orbit_checkpoint()
GAPS, ENERGIES = Interval(0, 5), Interval(-4, 0)
bounds = st.tuples(st.floats(-1, 6), st.floats(0, 3)).map(lambda pair: Interval(pair[0], pair[0] + pair[1]))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(bounds, st.one_of(st.none(), st.floats(-3.5, 0).map(lambda high: Interval(high=high))))
def test_wishes_lie_inside_the_target_and_the_labels(gap, energy):
    asked = Target(properties={"band_gap": gap} | ({"formation_energy": energy} if energy else {}))
    wanted = wishes(MODEL, asked, 50, rng())
    for name, interval in asked.properties.items():
        column = wanted[:, MODEL.conditions.index(name)]
        labels = MODEL.labels[:, MODEL.targets.index(name)]
        assert ((column >= labels.min()) & (column <= labels.max())).all()
        reachable = interval.high >= labels.min() and interval.low <= labels.max()
        assert not reachable or ((column >= interval.low - 1e-9) & (column <= interval.high + 1e-9)).all()
    assert np.isnan(wanted[:, MODEL.conditions.index("formation_energy")]).all() == (energy is None)


def test_wishes_are_labels_that_occur_together_where_there_are_enough():
    asked = Target(properties={"band_gap": GAPS, "formation_energy": ENERGIES})
    pairs = {tuple(row) for row in MODEL.labels.tolist()}
    assert {tuple(row) for row in wishes(MODEL, asked, 200, rng()).tolist()} <= pairs


def test_the_middle_is_asked_for_more_often_than_the_edges():
    asked = Target(properties={"formation_energy": Interval(-3, -1)})
    wanted = wishes(MODEL, asked, 4000, rng())[:, MODEL.conditions.index("formation_energy")]
    names, labels = pool_of(MODEL, asked)
    free = labels[inside(asked, names, labels), 0]
    assert np.abs(wanted + 2).mean() < np.abs(free + 2).mean()


def test_without_properties_nothing_is_asked_for():
    assert np.isnan(wishes(MODEL, Target(), 3, rng())).all()


@pytest.mark.parametrize("conditional", [True, False])
@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from(["143:", "62,225", "1:2"]),
    st.sampled_from(["", "3", "2:3"]),
    st.sampled_from(["", ":20", "10:"]),
    st.integers(0, 99),
)
def test_every_gene_holds_the_hard_constraints(conditional, groups, n_elements, atoms, seed):
    asked = parse_target(
        TargetConfig(
            properties={"band_gap": "0.5:2.0"}, space_group=groups, n_elements=n_elements, atoms=atoms, exclude="Na"
        )
    )
    genes = draw_prior(MODEL, asked, 20, rng(seed), conditional=conditional)
    assert len(genes) == 20
    assert [asked.rejects(gene) for gene in genes] == [None] * 20
    assert genes == draw_prior(MODEL, asked, 20, rng(seed), conditional=conditional)


def test_guidance_weighs_what_is_asked_for_and_nothing_else():
    """Without a wish it changes nothing; with one it does, and the masks hold all the same."""
    free = Target(space_groups=frozenset(range(75, 231)))
    guided, plain = (draw_prior(MODEL, free, 30, rng(), guidance=weight) for weight in (2.0, 0.0))
    assert guided == plain
    asked = Target({"band_gap": Interval(1, 3)}, space_groups=free.space_groups, n_atoms=Interval(high=30))
    guided, plain = (draw_prior(MODEL, asked, 30, rng(), guidance=weight) for weight in (5.0, 0.0))
    assert guided != plain
    assert [asked.rejects(gene) for gene in guided] == [None] * 30


def test_an_impossible_target_is_refused():
    with pytest.raises(TargetError, match="the target allows none"):
        draw_prior(MODEL, Target(elements=frozenset({92})), 1, rng())


def test_a_target_well_inside_needs_no_warning():
    assert warnings_about(MODEL, Target(properties={"formation_energy": Interval(high=-0.5)})) == []
    assert warnings_about(MODEL, Target()) == []


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"band_gap": Interval(low=40)}, "band_gap 40: lies outside the training labels, 0 to 4"),
        ({"formation_energy": Interval(-9, -0.5)}, "formation_energy -9:-0.5 lies partly outside"),
        ({"band_gap": Interval(1.0, 1.01)}, "of 60 training labels; what is claimed is extrapolated"),
    ],
)
def test_what_the_model_has_not_seen_is_said(properties, words):
    (warning,) = warnings_about(MODEL, Target(properties=properties))
    assert words in warning


def test_each_alone_known_but_not_both():
    labels = np.stack([np.linspace(-4, 0, 60), np.linspace(5, 0, 60)], axis=1)
    model = tiny_orbit_checkpoint()
    object.__setattr__(model, "labels", labels)
    asked = Target(properties={"formation_energy": Interval(high=-2), "band_gap": Interval(high=2)})
    (warning,) = warnings_about(model, asked)
    assert warning.startswith("only 0 of 60 training crystals meet all")
    assert ENOUGH > 0
