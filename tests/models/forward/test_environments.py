from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from wyckforge.models.forward.environments import EncodedEnvironments, EnvironmentTransformer
from wyckforge.potential.environments import FEATURES, SHELLS, Environments

RNG = np.random.default_rng(0)


def some(k: int) -> Environments:
    share = RNG.random(k)
    return Environments(
        RNG.integers(1, 90, k),
        share / share.sum(),
        RNG.normal(size=(k, FEATURES)),
        RNG.random((k, k, SHELLS)),
        energy=-3.0,
        volume=15.0,
    )


def encoded(crystals: list[Environments], context: np.ndarray) -> EncodedEnvironments:
    features = np.concatenate([one.features for one in crystals]).astype(np.float32)
    return EncodedEnvironments.of(crystals, features, context)


@pytest.fixture(scope="module")
def crystals() -> list[Environments]:
    return [some(k) for k in (3, 1, 7, 2)]


@pytest.fixture(scope="module")
def context() -> np.ndarray:
    return RNG.normal(size=(4, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return EnvironmentTransformer(FEATURES, 6, width=32, layers=2).network(2).eval()


def said(network, crystals: list[Environments], context: np.ndarray, rows: list[int]) -> np.ndarray:
    with torch.no_grad():
        return torch.stack(network(encoded(crystals, context).given(torch.tensor(rows))).heads).numpy()


def test_a_crystal_does_not_hear_of_the_others_in_its_batch(network, crystals, context) -> None:
    together = said(network, crystals, context, [0, 1, 2, 3])
    for row in range(4):
        np.testing.assert_allclose(said(network, crystals, context, [row])[:, 0], together[:, row], atol=1e-5)
    np.testing.assert_allclose(said(network, crystals, context, [2, 0]), together[:, [2, 0]], atol=1e-5)
    assert np.ptp(together[0, :, 0]) > 1e-3


def test_the_order_of_the_environments_does_not_matter(network, crystals, context) -> None:
    order = RNG.permutation(7)
    one = crystals[2]
    mixed = replace(
        one,
        numbers=one.numbers[order],
        share=one.share[order],
        features=one.features[order],
        neighbours=one.neighbours[np.ix_(order, order)],
    )
    before = said(network, crystals, context, [2])
    np.testing.assert_allclose(said(network, [*crystals[:2], mixed, crystals[3]], context, [2]), before, atol=1e-5)


@pytest.mark.parametrize("part", ["numbers", "share", "features", "neighbours"])
def test_every_part_is_read(network, crystals, context, part: str) -> None:
    one = crystals[2]
    changed = getattr(one, part).copy()
    changed[0] = changed[0] % 80 + 3 if part == "numbers" else changed[0] + 0.5
    other = [*crystals[:2], replace(one, **{part: changed}), crystals[3]]
    assert np.abs(said(network, other, context, [2]) - said(network, crystals, context, [2])).max() > 1e-4
    np.testing.assert_array_equal(said(network, other, context, [3]), said(network, crystals, context, [3]))


def test_the_context_is_read(network, crystals, context) -> None:
    assert np.abs(said(network, crystals, context + 1, [1]) - said(network, crystals, context, [1])).max() > 1e-4
