"""Batches, pace and average of the training of one network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wyckforge.errors import ConfigError
from wyckforge.train.orbitvae.config import NetworkConfig
from wyckforge.train.orbitvae.data import OrbitData
from wyckforge.train.orbitvae.loop import Trainer, follow, n_batches, one_cycle, plan_batches
from wyckforge.train.orbitvae.objectives import AutoencoderObjective, PredictorObjective
from wyckforge.train.orbitvae.state import NetworkState
from wyckforge.train.orbitvae.world import World

CPU = World(torch.device("cpu"))


@given(n=st.integers(1, 700), batch_size=st.integers(2, 40), seed=st.integers(0, 99))
def test_batches_hold_every_crystal_once_and_are_of_nearly_equal_size(n, batch_size, seed):
    lengths = torch.randint(1, 25, (n,), generator=torch.Generator().manual_seed(seed))
    batches = plan_batches(lengths, batch_size, torch.Generator().manual_seed(seed))
    sizes = [len(batch) for batch in batches]
    assert sorted(torch.cat(batches).tolist()) == list(range(n))
    assert len(batches) == n_batches(n, batch_size)
    assert max(sizes) - min(sizes) <= 2
    assert max(sizes) <= max(1.5 * batch_size, 1) + 1


def test_genes_of_a_batch_are_of_like_length():
    lengths = torch.randint(1, 25, (1600,), generator=torch.Generator().manual_seed(0))
    batches = plan_batches(lengths, 50, torch.Generator().manual_seed(1))
    spread = [int(lengths[batch].max() - lengths[batch].min()) for batch in batches]
    assert max(spread) <= 5
    assert [batch.tolist() for batch in batches] != [
        batch.tolist() for batch in plan_batches(lengths, 50, torch.Generator().manual_seed(2))
    ]


@pytest.mark.parametrize(("total", "share"), [(1000, 0.08), (60, 0.25)])
def test_the_pace_is_that_of_the_one_cycle_policy(total, share):
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=2.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2.0, total_steps=total, pct_start=share)
    for step in range(total):
        (group,) = optimiser.param_groups
        rate, memory = one_cycle(step / total, share)
        # the reference has its turning points at whole updates, a part of an update away from ours
        assert 2 * rate == pytest.approx(group["lr"], abs=2.0 * 4 / (share * total))
        assert memory == pytest.approx(group["betas"][0], abs=0.1 * 4 / (share * total))
        optimiser.step()
        schedule.step()
    assert one_cycle(share, share) == pytest.approx((1, 0.85))
    assert one_cycle(1, share) == pytest.approx((1 / 250_000, 0.95))


def test_the_average_follows_the_weights():
    network, average = nn.Linear(2, 1), nn.Linear(2, 1)
    before = average.weight.detach().clone()
    follow(average, network, 0.75)
    assert torch.allclose(average.weight, 0.75 * before + 0.25 * network.weight)


def test_only_matrices_decay():
    network = nn.Linear(3, 2)
    state = NetworkState.begin(network, NetworkConfig(weight_decay=0.3), averaged=False)
    decay = {id(p): group["weight_decay"] for group in state.optimiser.param_groups for p in group["params"]}
    assert decay == {id(network.weight): 0.3, id(network.bias): 0.0}
    assert state.result is network


@pytest.fixture(scope="module")
def data(orbit_config, tmp_path_factory) -> OrbitData:
    return OrbitData.prepare(orbit_config(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def trainers(orbit_config, data, tmp_path_factory) -> tuple[Trainer, Trainer]:
    config = orbit_config(
        tmp_path_factory.mktemp("run"),
        autoencoder={"epochs": 12, "learning_rate": 0.01},
        predictor={"epochs": 12, "learning_rate": 0.01},
    )
    learned = AutoencoderObjective(config.autoencoder, data, config.max_sites, CPU)
    predicted = PredictorObjective(config.predictor, data, CPU)
    return (
        Trainer("autoencoder", learned, config.autoencoder, 1, "float32"),
        Trainer("predictor-0", predicted, config.predictor, 1, "bfloat16", 0.9),
    )


@pytest.mark.parametrize("which", [0, 1])
def test_a_few_epochs_lower_the_loss(trainers, data, which):
    trainer = trainers[which]
    state, shown, losses = trainer.begin(CPU), [], []
    for _ in range(12):
        losses.append(trainer.epoch(state, data.train, CPU, shown.append)["loss"])
        state.epoch += 1
    assert sum(shown) == 12 * data.train.size
    assert losses[-1] < 0.8 * losses[0]
    figures = trainer.objective.validate(state.result.eval())
    assert all(value == value for value in figures.values())


def test_an_epoch_depends_on_the_seed_and_its_number_only(trainers, data):
    def weights(seed: int, epoch: int, noise: int):
        trainer = replace(trainers[1], seed=seed)
        state = trainer.begin(CPU)
        state.network.load_state_dict(trainers[1].network().state_dict())
        state.epoch = epoch
        torch.manual_seed(noise)
        trainer.epoch(state, data.train, CPU, lambda _: None)
        return state.network.predictor.site[0].weight.detach()

    assert torch.equal(weights(1, 3, 0), weights(1, 3, 99))
    assert not torch.equal(weights(1, 3, 0), weights(1, 4, 0))
    assert not torch.equal(weights(1, 3, 0), weights(2, 3, 0))


def test_more_processes_than_crystals_of_a_batch_are_refused(trainers, data):
    world = World(torch.device("cpu"), 0, 40)
    with pytest.raises(ConfigError, match="for 40 processes; give a larger batch_size"):
        trainers[0].epoch(trainers[0].begin(world), data.train, world, lambda _: None)
