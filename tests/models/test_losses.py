from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error

from wyckforge.models.losses import Losses, LossWeights, formula_error, losses
from wyckforge.models.mpvae import MPVAE, MPVAEConfig, Output
from wyckforge.models.representation import Representation, vocabulary
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import MULTIPLICITY

GENES = [
    WyckoffGene.parse(text)
    for text in (
        "221|O:c|Ti:b|Sr:a",
        "62|O:cd|Ti:b|Sr:c",
        "225|O:e|Ti:a|Sr:bc",
        "2|O:iiiiii|Ti:ii|Sr:ii",
        "1|O:aaa|Ti:a|Sr:a",
    )
]
REPRESENTATION = Representation(vocabulary(GENES))
MULTIPLICITIES = torch.tensor(MULTIPLICITY, dtype=torch.float32)


@pytest.fixture
def model() -> MPVAE:
    torch.manual_seed(0)
    return MPVAE(MPVAEConfig(REPRESENTATION.rows, 3, ("a", "b"), dense=64, latent=16, filters=(8, 8, 8)))


def batch(n: int = 10) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x, group = REPRESENTATION.encode([GENES[i % len(GENES)] for i in range(n)])
    properties = torch.linspace(0, 1, 2 * n).reshape(n, 2)
    return torch.from_numpy(x), torch.from_numpy(group), properties


def of_batch(model: MPVAE, x, group, properties) -> Losses:
    return losses(model(x, group), x, group, properties, MULTIPLICITIES)


@pytest.mark.parametrize(
    ("term", "learning", "idle"),
    [
        ("reconstruction", ("decoder_x", "encoder_x", "encoder_group"), ("decoder_group", "branches")),
        ("group", ("decoder_group", "encoder_x", "encoder_group"), ("decoder_x", "branches")),
        ("kl", ("encoder_latent", "encoder_x", "encoder_group"), ("decoder_x", "decoder_group", "branches")),
        ("property", ("branches", "encoder_x", "encoder_group"), ("decoder_x", "decoder_group")),
        ("wyckoff", ("decoder_x", "encoder_x", "encoder_group"), ("decoder_group", "branches")),
    ],
)
def test_every_term_trains_its_parts_and_no_other(model, term, learning, idle):
    getattr(of_batch(model, *batch()), term).backward()
    for part in learning:
        weights = [p.grad for name, p in model.named_parameters() if name.startswith(part) and name.endswith("weight")]
        assert all(grad is not None and grad.abs().max() > 0 for grad in weights), part
    for part in idle:
        assert all(p.grad is None for name, p in model.named_parameters() if name.startswith(part)), part


def test_the_balance_does_not_depend_on_the_batch_size(model):
    model.eval()
    x, group, properties = batch(12)
    whole = of_batch(model, x, group, properties)
    thirds = [of_batch(model, *(part[i : i + 4] for part in (x, group, properties))) for i in (0, 4, 8)]
    for term in Losses._fields:
        mean = sum(getattr(third, term) for third in thirds) / 3
        torch.testing.assert_close(getattr(whole, term), mean)


def test_repeating_the_batch_changes_nothing(model):
    model.eval()
    once, thrice = (of_batch(model, *(part.repeat((k,) + (1,) * (part.ndim - 1)) for part in batch())) for k in (1, 3))
    weights = LossWeights()
    torch.testing.assert_close(once.total(weights), thrice.total(weights))


def test_terms_agree_with_scikit_learn(model):
    x, group, properties = batch()
    output = model.eval()(x, group)
    found = losses(output, x, group, properties, MULTIPLICITIES)
    flat = (t.detach().flatten(1).double().numpy() for t in (x, output.x))
    assert found.reconstruction.item() == pytest.approx(mean_squared_error(*flat) * x[0].numel(), rel=1e-5)
    probabilities = output.group_logits.detach().double().softmax(1).numpy()
    assert found.group.item() == pytest.approx(log_loss(group.numpy(), probabilities, labels=np.arange(230)), rel=1e-5)
    squared = mean_squared_error(properties.numpy(), output.properties.detach().numpy())
    assert found.property.item() == pytest.approx(2 * squared, rel=1e-5)


def test_the_divergence_agrees_with_torch(model):
    x, group, properties = batch()
    output = model.eval()(x, group)
    posterior = torch.distributions.Normal(output.mean, (0.5 * output.log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).mean()
    torch.testing.assert_close(losses(output, x, group, properties, MULTIPLICITIES).kl, expected)


def test_missing_labels_teach_nothing(model):
    x, group, properties = batch()
    properties[:, 1] = torch.nan
    properties[3] = torch.nan
    found = of_batch(model, x, group, properties).property
    found.backward()
    assert torch.isfinite(found)
    assert model.branches["a"][0].weight.grad.abs().max() > 0
    assert model.branches["b"][0].weight.grad.abs().max() == 0


def test_a_batch_without_labels_has_no_property_loss(model):
    x, group, properties = batch()
    assert of_batch(model, x, group, torch.full_like(properties, torch.nan)).property == 0


def test_a_perfect_decoding_implies_the_formula():
    x, group, properties = batch()
    perfect = Output(
        x, torch.nn.functional.one_hot(group, 230) * 100.0, torch.zeros(10, 4), torch.zeros(10, 4), properties
    )
    assert losses(perfect, x, group, properties, MULTIPLICITIES) == pytest.approx((0, 0, 0, 0, 0), abs=1e-6)


def test_one_orbit_too_many_costs_its_share_of_the_cell():
    x, group = REPRESENTATION.encode([WyckoffGene.parse("221|O:c|Ti:b|Sr:a")])
    true = torch.from_numpy(x[:, REPRESENTATION.site_rows])
    decoded = true.clone()
    decoded[0, 3, 2] += 1  # 3d, three more oxygen atoms in a cell of five
    assert formula_error(decoded, true, MULTIPLICITIES[group]).item() == pytest.approx((3 / 5) ** 2)


def test_the_published_weights_belong_to_sums_over_512_crystals():
    one = torch.tensor(1.0)
    weights = LossWeights()
    assert Losses(one, 0 * one, 0 * one, 0 * one, 0 * one).total(weights).item() == pytest.approx(512 / 64)
    assert Losses(0 * one, one, 0 * one, 0 * one, 0 * one).total(weights).item() == pytest.approx(512 / 6)
    assert Losses(0 * one, 0 * one, one, 0 * one, 0 * one).total(weights).item() == pytest.approx(4)
    assert Losses(0 * one, 0 * one, 0 * one, one, 0 * one).total(weights).item() == pytest.approx(512 * 32)
    assert Losses(0 * one, 0 * one, 0 * one, 0 * one, one).total(weights).item() == pytest.approx(512 / 256)
