"""Training from a file: the architecture that it names decides which run begins."""

from __future__ import annotations

from pathlib import Path

from wyckforge.errors import ConfigError
from wyckforge.train.config import TrainConfig
from wyckforge.train.orbitvae.config import OrbitConfig
from wyckforge.train.orbitvae.run import train_orbitvae
from wyckforge.train.run import train

_KINDS: dict[str, type[TrainConfig] | type[OrbitConfig]] = {"mpvae": TrainConfig, "orbitvae": OrbitConfig}


def read_config(path: Path | str) -> TrainConfig | OrbitConfig:
    """The settings in a TOML file; ``model`` names the architecture, ``mpvae`` if it is absent.

    Raises:
        ConfigError: the file is unreadable, the architecture or a key unknown, or a value out of range.
    """
    data = TrainConfig.read_toml(path)
    kind = data.get("model", "mpvae")
    if kind not in _KINDS:
        raise ConfigError(f"{path}: model: {kind!r} given; allowed are {', '.join(_KINDS)}; see {TrainConfig.PAGE}")
    return _KINDS[kind].from_dict(data, source=str(path))


def train_from_file(config: Path | str, *, out: Path | None = None, resume: bool = False) -> Path:
    """Train as a TOML file says.

    Args:
        config: path of the configuration.
        out: folder of the run, in place of the one in the configuration.
        resume: go on after the last saved epoch.

    Returns:
        The folder of the finished checkpoint.

    Raises:
        ConfigError: the configuration is wrong, or the folder holds another run or one on another table.
        TableError: the table cannot be trained on.
        CheckpointError: the saved state is damaged.
    """
    settings = read_config(config)
    if out is not None:
        settings = settings.model_copy(update={"out": out})
    if isinstance(settings, OrbitConfig):
        return train_orbitvae(settings, resume=resume)
    return train(settings, resume=resume)
