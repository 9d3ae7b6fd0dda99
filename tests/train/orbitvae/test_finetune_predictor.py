from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.errors import TableError
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.finetune_predictor import (
    PredictorTuning,
    deal_folds,
    finetune_ensemble,
    finetune_predictor,
    with_outputs,
)

BASE = tiny_orbit_checkpoint()
GENES = list(dict.fromkeys(BASE.decode(np.zeros((200, 16)), rng=np.random.default_rng(0), level=1.0)))[:100]
FORMULAS = [gene.formula for gene in GENES]
VALUES = torch.tensor([float(np.mean(gene.elements)) for gene in GENES])
CRYSTALS = Crystals.of(BASE.vocabulary.encode(GENES), ((VALUES - VALUES.mean()) / VALUES.std())[:, None])
QUICK = PredictorTuning(folds=3, head_epochs=2, epochs=2)
NEVER_ZERO = torch.tensor([False])


def ensemble(labels: torch.Tensor, settings: PredictorTuning = QUICK):
    crystals = Crystals.of(CRYSTALS.orbits, labels)
    return finetune_ensemble(
        BASE.predictors, ("size",), FORMULAS, crystals, NEVER_ZERO, settings, seed=1, tick=lambda _: None
    )


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(2, 6), st.integers(0, 5))
def test_folds_share_no_formula_and_are_of_like_size(numbers, folds, seed):
    formulas = [f"X{number}" for number in numbers]
    if len(set(formulas)) < folds:
        with pytest.raises(TableError, match=f"{len(set(formulas))} formulas for {folds} folds"):
            deal_folds(formulas, folds, np.random.default_rng(seed))
        return
    fold = deal_folds(formulas, folds, np.random.default_rng(seed))
    assert len(set(zip(formulas, fold.tolist(), strict=True))) == len(set(formulas))
    sizes = Counter(fold.tolist())
    assert set(sizes) == set(range(folds))
    assert max(sizes.values()) - min(sizes.values()) <= max(Counter(formulas).values())


def test_new_heads_see_what_the_old_ones_saw():
    start = BASE.predictors[0]
    with torch.inference_mode():
        torch.testing.assert_close(
            with_outputs(start, ("size",)).eval().pooled(CRYSTALS.orbits), start.pooled(CRYSTALS.orbits)
        )


def test_it_learns_and_leaves_its_start_alone():
    start = BASE.predictors[0]
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    settings = PredictorTuning(epochs=40, learning_rate=3e-3)
    learned = finetune_predictor(start, ("size",), CRYSTALS, NEVER_ZERO, settings, seed=0, tick=lambda _: None)
    with torch.inference_mode():
        error = (learned(CRYSTALS.orbits).location - CRYSTALS.labels).abs().mean()
    assert error < 0.5 * (CRYSTALS.labels - CRYSTALS.labels.median()).abs().mean()
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    for name, tensor in learned.embedding.state_dict().items():
        assert torch.equal(tensor, start.embedding.state_dict()[name]), name


def test_no_vote_depends_on_a_label_of_its_formula():
    fold = deal_folds(FORMULAS, QUICK.folds, np.random.default_rng(1))
    changed = CRYSTALS.labels.clone()
    changed[fold == 0] += 5
    before, after = (ensemble(labels).votes["size"].location[0] for labels in (CRYSTALS.labels, changed))
    np.testing.assert_array_equal(before[fold == 0], after[fold == 0])
    assert (before[fold != 0] != after[fold != 0]).all()


def test_the_same_seed_gives_the_same_and_every_pass_is_told():
    told: list[int] = []
    again = finetune_ensemble(
        BASE.predictors, ("size",), FORMULAS, CRYSTALS, NEVER_ZERO, QUICK, seed=1, tick=told.append
    )
    first = ensemble(CRYSTALS.labels)
    np.testing.assert_array_equal(first.votes["size"].location, again.votes["size"].location)
    assert len(told) == QUICK.folds * (QUICK.head_epochs + QUICK.epochs)
    assert len(first.predictors) == QUICK.folds


def test_missing_labels_teach_nothing():
    labels = torch.cat([CRYSTALS.labels, torch.full_like(CRYSTALS.labels, torch.nan)], 1)
    crystals, both = Crystals.of(CRYSTALS.orbits, labels), torch.tensor([False, False])
    tuned = finetune_predictor(BASE.predictors[0], ("size", "none"), crystals, both, QUICK, seed=0, tick=lambda _: None)
    with torch.inference_mode():
        assert torch.stack(tuned(CRYSTALS.orbits)).isfinite().all()
