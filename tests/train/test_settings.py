from __future__ import annotations

from pathlib import Path

import pytest

from wyckforge.errors import ConfigError
from wyckforge.train.config import TrainConfig
from wyckforge.train.start import read_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("train_*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_committed_configurations_are_valid(path):
    config = read_config(path)
    assert type(config).from_dict(config.to_dict()) == config


def test_defaults_are_the_published_settings(settings_of, tmp_path):
    config = TrainConfig.from_dict(settings_of(tmp_path, pretrain={"targets": ["formation_energy"]}))
    step, loss = config.pretrain, config.loss
    assert (step.epochs, step.batch_size, step.learning_rate) == (55, 512, 2e-4)
    assert (loss.reconstruction, loss.group, loss.kl, loss.property, loss.wyckoff) == (1 / 64, 1 / 6, 4, 32, 1 / 256)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sede": 1}, "sede"),
        ({"pretrain": {"targets": ["formation_energy"], "epoch": 3}}, r"pretrain\.epoch"),
        ({"finetune": {"targets": ["band_gap"], "epoch": 3}}, r"finetune\.epoch: unknown key; known are targets, "),
        ({"pretrain": {"targets": []}}, r"pretrain\.targets"),
        ({"loss": {"recon": 1.0}}, r"loss\.recon"),
        ({"finetune": {"targets": ["band_gap"], "freeze": ["everything"]}}, r"finetune\.freeze"),
        (
            {"finetune": {"targets": ["band_gap"], "freeze": ["encoder", "decoder", "branches"]}},
            r"finetune\.freeze: .*encoder, decoder, branches are all parts .* leave the part out",
        ),
        (
            {"pretrain": {"targets": ["band_gap"], "freeze": ["decoder_x", "decoder_group", "encoder", "branches"]}},
            "nothing would learn",
        ),
        ({"split": {"fractions": [0.5, 0.1, 0.1]}}, "fractions"),
        ({"augmentation": "all"}, "augmentation"),
    ],
)
def test_wrong_settings_are_named(settings_of, tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig.from_dict(settings_of(tmp_path, **changes))


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "config.toml"
    for content in (b"name = ", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read as TOML"):
            TrainConfig.from_toml(path)
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read: No such file or directory; give the path"):
        TrainConfig.from_toml(tmp_path / "absent.toml")


def test_targets_come_in_the_order_of_the_steps(settings_of, tmp_path):
    assert TrainConfig.from_dict(settings_of(tmp_path)).targets == ("formation_energy", "band_gap")
