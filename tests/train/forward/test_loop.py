from __future__ import annotations

import torch
from torch import nn

from wyckforge.models.forward.architecture import Encoded, Pace
from wyckforge.models.forward.regressor import Regressor
from wyckforge.train.forward.loop import Lesson, answers, learn

PACE = Pace(epochs=12, learning_rate=1e-2, batch_size=16)


def lesson(*, val: bool = True) -> Lesson:
    x = torch.randn(90, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(90)
    labels = torch.stack([x[:, 0] - x[:, 1], x[:, 2]], 1)
    labels[::4, 1] = torch.nan
    encoded = Encoded({"x": x}, rows, torch.ones(90, dtype=torch.long))
    return Lesson(encoded, labels, torch.zeros(2, dtype=torch.bool), rows[:60], rows[60:] if val else rows[:0])


def taught(what: Lesson, *, seed: int = 0, pace: Pace = PACE) -> nn.Module:
    return learn(Regressor(5, width=32).network, what, pace, seed=seed, tick=lambda _: None)


def test_it_learns() -> None:
    what = lesson()
    said = answers(taught(what), what.encoded, what.val)[0]
    known = ~what.labels[what.val].isnan()
    errors = (said - what.labels[what.val])[known].abs()
    assert errors.mean() < 0.7 * what.labels[what.val][known].abs().mean()


def test_a_seed_decides_and_nothing_else_does() -> None:
    what = lesson()
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = taught(what).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert all(torch.equal(tensor, first[name]) for name, tensor in taught(what).state_dict().items())
    assert any(not torch.equal(tensor, first[name]) for name, tensor in taught(what, seed=1).state_dict().items())


def test_the_validation_part_chooses_the_epoch() -> None:
    """Labels of noise: what is learned longest is worst on crystals that it has not seen."""
    what = lesson()
    noise = torch.randn(90, 2, generator=torch.Generator().manual_seed(3))
    chosen = Lesson(what.encoded, noise, what.zero_inflated, what.train, what.val)
    last = Lesson(what.encoded, noise, what.zero_inflated, what.train, what.val[:0])
    long = Pace(epochs=100, learning_rate=2e-2, batch_size=16)
    networks = [taught(one, pace=long) for one in (chosen, last)]
    errors = [(answers(network, what.encoded, what.val)[0] - noise[what.val]).abs().mean() for network in networks]
    assert errors[0] < errors[1]


def test_what_comes_back_is_frozen_and_asks_in_parts() -> None:
    what = lesson(val=False)
    network = taught(what)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    every = torch.arange(90)
    torch.testing.assert_close(
        answers(network, what.encoded, every), answers(network, what.encoded, every, batch=7), rtol=0, atol=1e-5
    )
