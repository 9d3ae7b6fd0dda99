from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.train.conftest import crystals

from wyckforge.models.losses import LossWeights
from wyckforge.models.mpvae import MPVAE, MPVAEConfig
from wyckforge.models.representation import Representation, vocabulary
from wyckforge.train.config import OptimiserConfig, StepConfig
from wyckforge.train.encoded import EncodedCrystals
from wyckforge.train.loop import Objective, advance, freeze, make_optimiser, train_epoch, validate

GENES = crystals(24)
REPRESENTATION = Representation(vocabulary(GENES))
STEP = StepConfig(targets=("a",), batch_size=8)
OBJECTIVE = Objective(LossWeights(), "float32")


def data() -> EncodedCrystals:
    return EncodedCrystals.build(REPRESENTATION, GENES, np.linspace(0, 1, len(GENES))[:, None], augment=True)


def new_model(latent: int = 32) -> MPVAE:
    torch.manual_seed(0)
    return MPVAE(MPVAEConfig(REPRESENTATION.rows, 3, ("a",), dense=128, latent=latent))


def train_for(model: MPVAE, epochs: int, step: StepConfig = STEP, seed: int = 0) -> MPVAE:
    optimiser, _ = make_optimiser(model, step, OptimiserConfig())
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        train_epoch(model, data(), OBJECTIVE, optimiser, step.batch_size, generator)
    return model


def state(model: MPVAE) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(model: MPVAE, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize(
    ("parts", "fixed", "learning"),
    [
        (
            ("encoder", "batch_norm"),
            ("encoder_",),
            ("decoder_x.0.weight", "decoder_group.0.weight", "branches.a.0.weight"),
        ),
        (("encoder_x",), ("encoder_x",), ("encoder_dense.0.weight", "encoder_group.0.weight", "decoder_x.0.weight")),
        (("decoder", "branches"), ("decoder_", "branches"), ("encoder_x.0.weight", "encoder_latent.weight")),
        (("batch_norm",), (), ("encoder_x.0.weight", "decoder_x.0.weight")),
    ],
)
def test_frozen_parts_stay_bitwise(parts, fixed, learning):
    model = train_for(new_model(), 1)
    before = state(model)
    freeze(model, parts)
    train_for(model, 2)
    moved = changed(model, before)
    assert not [name for name in moved if fixed and name.startswith(fixed)]
    assert set(learning) <= moved
    if "batch_norm" in parts:
        normalised = [name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
        assert normalised
        assert not moved & set(normalised)
    freeze(model, ())
    train_for(model, 1)
    assert changed(model, before) == set(before)


def test_validation_leaves_the_model_as_it_was():
    model = train_for(new_model(), 1)
    freeze(model, ("batch_norm",))
    before, modes = state(model), [module.training for module in model.modules()]
    first = validate(model, data(), OBJECTIVE)
    assert validate(model, data(), OBJECTIVE) == first
    assert validate(model, data(), OBJECTIVE, batch_size=7) == pytest.approx(first, rel=1e-4)
    assert not changed(model, before)
    assert [module.training for module in model.modules()] == modes


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    one, same, other = (train_for(new_model(), 2, seed=seed) for seed in (5, 5, 6))
    assert not changed(same, state(one))
    assert changed(other, state(one))


def test_the_learning_rate_falls_at_a_plateau_of_the_validation_loss():
    optimiser, schedule = make_optimiser(new_model(), STEP, OptimiserConfig(plateau_patience_epochs=2))
    rates = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0):
        advance(schedule, loss)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([2e-4] * 4 + [6e-5] * 2)


def test_a_linear_schedule_falls_evenly_to_zero_whatever_the_loss():
    step = STEP.model_copy(update={"epochs": 4})
    optimiser, schedule = make_optimiser(new_model(), step, OptimiserConfig(schedule="linear"))
    rates = [optimiser.param_groups[0]["lr"]]
    for loss in (1.0, 2.0, 3.0, 4.0):
        optimiser.step()
        advance(schedule, loss)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([2e-4, 1.5e-4, 1e-4, 0.5e-4, 0.0], abs=1e-12)


def test_half_precision_gives_nearly_the_same_losses():
    model = new_model()
    exact, coarse = (validate(model, data(), Objective(LossWeights(), kind)) for kind in ("float32", "bfloat16"))
    assert coarse == pytest.approx(exact, rel=0.02)
    assert coarse != exact


def test_a_small_set_is_learnt_by_heart():
    model = new_model()
    optimiser, schedule = make_optimiser(model, STEP.model_copy(update={"learning_rate": 1e-3}), OptimiserConfig())
    generator = torch.Generator().manual_seed(0)
    memorised = EncodedCrystals.build(REPRESENTATION, GENES, np.linspace(0, 1, len(GENES))[:, None], augment=False)
    for _ in range(100):
        train_epoch(model, memorised, OBJECTIVE, optimiser, 8, generator)
        schedule.step(validate(model, memorised, OBJECTIVE)["loss"])
    model.eval()
    with torch.inference_mode():
        output = model(memorised.x, memorised.group)
    decoded = REPRESENTATION.decode(output.x.numpy(), output.group_logits.numpy())
    assert sum(found == gene for found, gene in zip(decoded, GENES, strict=True)) >= 0.9 * len(GENES)
    assert (output.properties - memorised.properties).abs().mean() < 0.05
