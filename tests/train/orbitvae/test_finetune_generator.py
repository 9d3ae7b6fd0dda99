from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.models.orbitvae.autoencoder import condition_of
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.finetune_generator import (
    GeneratorTuning,
    finetune_generator,
    told_likelihoods,
    with_conditions,
)

BASE = tiny_orbit_checkpoint()
GENES = BASE.decode(np.zeros((120, 16)), rng=np.random.default_rng(0), level=1.0)
ORBITS = BASE.vocabulary.encode(GENES)
GROWN = with_conditions(BASE.autoencoder, ["number", "count"]).eval()
ZERO = torch.tensor([False, True, False, False])


def crystals() -> Crystals:
    """Genes with two old properties, and two new ones: the group, and the number of orbits."""
    rng = np.random.default_rng(0)
    old = torch.from_numpy(rng.standard_normal((len(GENES), 2)).astype(np.float32))
    number = (ORBITS.group.float() - 115) / 70
    count = (ORBITS.present.sum(1) - 6) / 5
    return Crystals.of(ORBITS, torch.cat([old, torch.stack([number, count], 1)], 1))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_what_is_not_told_changes_nothing(level):
    n = len(GENES)
    old = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    given = torch.rand(n, 2, generator=torch.Generator().manual_seed(1)) < 0.5
    z, levels = torch.randn(n, 16, generator=torch.Generator().manual_seed(2)), torch.full((n,), level)
    wide = torch.cat([old, torch.full((n, 2), torch.nan)], 1)
    with torch.inference_mode():
        before = BASE.autoencoder.score(ORBITS, z, levels, condition_of(old, given))
        after = GROWN.score(ORBITS, z, levels, condition_of(wide, torch.cat([given, given], 1)))
        torch.testing.assert_close(after.total, before.total)
        torch.testing.assert_close(GROWN.encode(ORBITS), BASE.autoencoder.encode(ORBITS))
        torch.testing.assert_close(GROWN.predict(z)[:, :2], BASE.autoencoder.predict(z))
    assert GROWN.config.targets == (*BASE.conditions, "number", "count")


def test_being_told_a_property_comes_to_help():
    settings = GeneratorTuning(epochs=20, batch_size=32)
    tuned = finetune_generator(GROWN, crystals(), ZERO, settings, seed=0, tick=lambda _: None)
    nothing, number = np.zeros(4, bool), np.array([False, False, True, False])
    gain = told_likelihoods(tuned, crystals(), number) - told_likelihoods(tuned, crystals(), nothing)
    assert gain.mean() > 0.05
    before = told_likelihoods(GROWN, crystals(), number) - told_likelihoods(GROWN, crystals(), nothing)
    torch.testing.assert_close(before, torch.zeros(len(GENES)))


def test_only_what_concerns_properties_learns():
    tuned = finetune_generator(GROWN, crystals(), ZERO, GeneratorTuning(epochs=1), seed=0, tick=lambda _: None)
    changed = {name for name, tensor in tuned.state_dict().items() if not torch.equal(tensor, GROWN.state_dict()[name])}
    assert {name.split(".")[0] for name in changed} == {"read_condition", "properties"}


def test_the_latent_tells_a_new_property():
    settings = GeneratorTuning(epochs=20, batch_size=32, learning_rate=1e-2, property_weight=10.0, clip=10.0)
    tuned = finetune_generator(GROWN, crystals(), ZERO, settings, seed=0, tick=lambda _: None)
    with torch.inference_mode():
        count = tuned.predict(tuned.encode(ORBITS))[:, 3, 0]
    true = crystals().labels[:, 3]
    assert (count - true).abs().mean() < 0.4 * (true - true.median()).abs().mean()


def test_the_given_generator_stays():
    before = {name: tensor.clone() for name, tensor in GROWN.state_dict().items()}
    finetune_generator(GROWN, crystals(), ZERO, GeneratorTuning(epochs=1), seed=0, tick=lambda _: None)
    for name, tensor in GROWN.state_dict().items():
        assert torch.equal(tensor, before[name]), name
