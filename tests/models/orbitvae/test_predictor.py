from __future__ import annotations

import copy

import pytest
import torch
from tests.models.orbitvae.conftest import on_meta, shuffled
from torch.nn import functional as F

from wyckforge.models.orbitvae.predictor import Heads, Pupil, geometry_loss, predictor_loss
from wyckforge.models.orbitvae.vocabulary import Orbits

NAN = float("nan")


def close(one: Heads, other: Heads) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_predictions_have_no_order(small):
    for seed in range(3):
        close(small.predictor(shuffled(small.orbits, seed)), small.predictor(small.orbits))


def test_predictions_are_the_same_for_all_descriptions(small):
    members = [member for gene in small.genes for member in gene.orbit()]
    owner = [i for i, gene in enumerate(small.genes) for _ in gene.orbit()]
    expected = Heads(*(part[owner] for part in small.predictor(small.orbits)))
    close(small.predictor(small.vocabulary.encode(members)), expected)


def test_predictions_do_not_depend_on_the_batch(small):
    together = small.predictor(small.orbits)
    for row in range(len(small.genes)):
        alone = small.predictor(small.orbits.rows(torch.tensor([row])))
        close(alone, Heads(*(part[row : row + 1] for part in together)))


@pytest.mark.parametrize("batch", [1, 2, 1024])
def test_many_are_answered_in_their_order(small, batch):
    expected = torch.stack(small.predictor(small.orbits)).detach()
    torch.testing.assert_close(small.predictor.answer(small.orbits, batch=batch), expected, atol=1e-5, rtol=0)
    nothing = small.orbits.rows(torch.zeros(0, dtype=torch.int64))
    assert small.predictor.answer(nothing, batch=batch).shape == (3, 0, expected.shape[2])


def test_empty_places_change_nothing(small):
    more = [F.pad(part, (0, 3), value=-1) for part in small.orbits[1:]]
    close(small.predictor(Orbits(small.orbits.group, *more)), small.predictor(small.orbits))


def test_different_crystals_have_different_predictions(small):
    location = small.predictor(small.orbits).location
    assert torch.cdist(location, location).fill_diagonal_(1).min() > 1e-4


def test_the_loss_of_a_property_is_the_mean_over_its_labels():
    heads = Heads(torch.tensor([[1.0], [5.0]]), torch.tensor([[0.5], [9.0]]), torch.zeros(2, 1))
    labels = torch.tensor([[3.0], [NAN]])
    smooth = F.smooth_l1_loss(torch.tensor(1.0), torch.tensor(3.0), beta=0.05)
    laplace = 2.0 * torch.exp(torch.tensor(-0.5)) + 0.5
    for factor in (1.0, 0.3):
        found = predictor_loss(heads, labels, torch.tensor([False]), torch.tensor([factor]))
        assert found.item() == pytest.approx(factor * (smooth + 0.05 * laplace).item())


def test_zero_is_learned_apart():
    heads = Heads(*(torch.full((3, 1), value, requires_grad=True) for value in (0.5, 0.0, 0.2)))
    labels = torch.tensor([[0.0], [2.0], [NAN]])
    predictor_loss(heads, labels, torch.tensor([True]), torch.ones(1)).backward()
    assert heads.location.grad[:, 0].ne(0).tolist() == [False, True, False]
    assert heads.log_scale.grad[:, 0].ne(0).tolist() == [False, True, False]
    assert heads.zero.grad[:, 0].sign().tolist() == [-1, 1, 0]


def test_without_zero_inflation_zero_is_a_label_like_others():
    heads = Heads(*(torch.full((2, 1), value, requires_grad=True) for value in (1.0, 0.0, 0.2)))
    predictor_loss(heads, torch.tensor([[0.0], [2.0]]), torch.tensor([False]), torch.ones(1)).backward()
    assert heads.location.grad.ne(0).all()
    assert heads.zero.grad.eq(0).all()


def test_being_unsure_is_no_way_out():
    """The scale does not change the gradient of the location."""
    gradients = []
    for scale in (-1.0, 2.0):
        location = torch.tensor([[1.0]], requires_grad=True)
        heads = Heads(location, torch.tensor([[scale]]), torch.zeros(1, 1))
        predictor_loss(heads, torch.tensor([[3.0]]), torch.tensor([False]), torch.ones(1)).backward()
        gradients.append(location.grad.item())
    assert gradients[0] == gradients[1] != 0


def test_a_property_without_labels_costs_nothing():
    heads = Heads(*(torch.full((2, 2), value, requires_grad=True) for value in (1.0, 0.0, 0.2)))
    labels = torch.tensor([[NAN, 1.0], [NAN, 2.0]])
    predictor_loss(heads, labels, torch.tensor([True, False]), torch.ones(2)).backward()
    for head in heads:
        assert head.grad.isfinite().all()
        assert head.grad[:, 0].eq(0).all()


def test_nothing_mixes_devices(small):
    network, orbits = on_meta(copy.deepcopy(small.predictor), small.orbits)
    assert network(orbits).location.shape == (len(small.genes), 2)


def test_a_pupil_is_a_predictor_that_also_guesses_geometry(small):
    torch.manual_seed(0)
    pupil = Pupil(small.predictor.config, 4).eval()
    pupil.predictor.load_state_dict(small.predictor.state_dict())
    heads, guessed = pupil(small.orbits)
    for found, wanted in zip(heads, small.predictor(small.orbits), strict=True):
        assert torch.equal(found, wanted)
    assert guessed.shape == (len(small.genes), 4)
    geometry_loss(guessed, torch.zeros_like(guessed)).backward()
    assert pupil.predictor.blocks[0].project.weight.grad.ne(0).any()
    assert Pupil(small.predictor.config, 0)(small.orbits)[1].shape == (len(small.genes), 0)


def test_unknown_geometry_costs_nothing():
    guessed = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    loss = geometry_loss(guessed, torch.tensor([[1.0, NAN], [4.0, NAN]]))
    loss.backward()
    assert loss.item() == pytest.approx((1 - 0.05 / 2) / 2)
    assert guessed.grad.ne(0).tolist() == [[False, False], [True, False]]
    assert geometry_loss(guessed, torch.full((2, 2), NAN)).item() == 0
    assert geometry_loss(torch.zeros(2, 0), torch.zeros(2, 0)).item() == 0
