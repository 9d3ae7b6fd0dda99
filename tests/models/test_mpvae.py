from __future__ import annotations

import pytest
import torch

from wyckforge.models.mpvae import MPVAE, MPVAEConfig


@pytest.fixture(params=[(151, 3, ("a",)), (153, 3, ("a", "b")), (120, 5, ("a", "b", "c")), (154, 1, ("a",))])
def model(request) -> MPVAE:
    rows, columns, targets = request.param
    torch.manual_seed(0)
    return MPVAE(MPVAEConfig(rows, columns, targets, dense=32, latent=8, filters=(4, 6, 8))).eval()


def some_input(model: MPVAE, n: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(n, model.config.rows, model.config.max_elements, generator=generator)
    return x, torch.randint(230, (n,), generator=generator)


def test_shapes(model):
    x, group = some_input(model)
    output = model(x, group)
    assert output.x.shape == x.shape
    assert output.group_logits.shape == (5, 230)
    assert output.mean.shape == output.log_variance.shape == (5, 8)
    assert output.properties.shape == (5, len(model.config.targets))
    assert ((output.properties > 0) & (output.properties < 1)).all()


def test_the_input_is_not_changed(model):
    x, group = some_input(model)
    before = x.clone(), group.clone()
    model(x, group, torch.ones(5, 8))
    assert torch.equal(x, before[0])
    assert torch.equal(group, before[1])


def test_a_batch_gives_what_its_members_give(model):
    x, group = some_input(model)
    together = model(x, group)
    for i in range(5):
        alone = model(x[i : i + 1], group[i : i + 1])
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], other[i])


def test_noise_moves_what_is_decoded_and_not_what_is_predicted(model):
    x, group = some_input(model)
    plain, noisy = model(x, group), model(x, group, torch.ones(5, 8))
    assert torch.equal(plain.properties, noisy.properties)
    assert not torch.equal(plain.x, noisy.x)
    assert not torch.equal(plain.group_logits, noisy.group_logits)


def test_the_published_sizes():
    model = MPVAE(MPVAEConfig(151, 3, ("formation_energy", "band_gap")))
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    convolutions = [shape for name, shape in shapes.items() if name.startswith("encoder_x") and len(shape) == 3]
    assert convolutions == [(32, 3, 5), (64, 32, 3), (128, 64, 3)]
    assert shapes["encoder_dense.0.weight"] == (1024, 128 * 38 + 128)
    assert shapes["encoder_latent.weight"] == (2 * 256, 1024)
    assert [shapes[f"encoder_group.{i}.weight"] for i in (0, 2)] == [(256, 230), (128, 256)]
    assert [shapes[f"branches.band_gap.{i}.weight"] for i in (0, 2, 4)] == [(128, 256), (32, 128), (1, 32)]
