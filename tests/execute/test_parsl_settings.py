"""Descriptions of clusters: the examples hold what Parsl takes, and nothing else is let through."""

from __future__ import annotations

from pathlib import Path

import pytest

from wyckforge.config import ExecutionConfig
from wyckforge.errors import ConfigError
from wyckforge.execute.parsl_settings import PROVIDERS, ParslSettings

EXAMPLES = sorted((Path(__file__).parents[2] / "configs" / "parsl").glob("*.toml"))


def test_there_is_an_example_for_every_provider():
    assert sorted(ParslSettings.from_toml(path).provider for path in EXAMPLES) == sorted(PROVIDERS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_gives_its_options_to_the_provider(path):
    settings = ParslSettings.from_toml(path)
    given = settings.provider_arguments()
    assert given.items() >= {name: value for name, value in settings.options.items() if name != "worker_init"}.items()
    assert "export OMP_NUM_THREADS=1" in given["worker_init"]
    assert given["worker_init"].endswith(settings.options.get("worker_init", "\n"))
    assert settings.workers >= settings.workers_per_node


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.stem != "aws"], ids=lambda path: path.stem)
def test_parsl_accepts_the_examples(path, tmp_path):
    """All but the cloud, whose provider signs in when it is made."""
    settings = ParslSettings.from_toml(path)
    (executor,) = settings.parsl_config(tmp_path).executors
    assert type(executor.provider).__name__ == PROVIDERS[settings.provider]
    assert executor.provider.max_blocks == settings.options.get("max_blocks", 1)
    assert executor.max_workers_per_node == settings.workers_per_node
    assert executor.address == ("127.0.0.1" if settings.provider == "local" else None)
    assert executor.encrypted


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"provider": "slurm", "options": {"partion": "long"}}, "partion given; known are partition, account"),
        ({"provider": "slurm", "options": {"launcher": "srun"}}, "launcher given; known are"),
        ({"provider": "aws", "options": {"image_id": "ami-1"}}, "key_name missing"),
        ({"provider": "lsf"}, "'local', 'slurm', 'pbs', 'torque' or 'aws'"),
        ({"provider": "local", "workers": 2}, "unknown key; known are provider, options"),
        ({"provider": "local", "options": {"max_blocks": [2]}}, "options"),
        ({"provider": "local", "workers_per_node": 0}, "greater than or equal to 1"),
    ],
)
def test_what_parsl_does_not_know_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        ParslSettings.from_dict({"workers_per_node": 2} | settings).provider_arguments()


@pytest.mark.parametrize(
    "settings", [{"engine": "parsl"}, {"engine": "local", "parsl_config": "slurm.toml"}, {"parsl_config": "slurm.toml"}]
)
def test_a_cluster_belongs_to_its_engine(settings):
    with pytest.raises(ValueError, match="the engine parsl, and no other"):
        ExecutionConfig(**settings)
