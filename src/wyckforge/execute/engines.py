"""The executor that a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from wyckforge.config import ExecutionConfig
from wyckforge.execute.executors import Executor, InProcess, LocalPool


def open_executor(config: ExecutionConfig, logs: Path) -> Executor:
    """The executor that a configuration names.

    Args:
        config: engine and number of workers.
        logs: folder for what an engine writes about itself; made when needed.

    Raises:
        ConfigError: the file of the cluster engine is absent or wrong.
        MissingDependencyError: the cluster engine is not installed.
    """
    if config.engine == "in_process":
        return InProcess()
    if config.engine == "local":
        return LocalPool(config.workers)
    from wyckforge.execute.parsl_executor import ParslExecutor
    from wyckforge.execute.parsl_settings import ParslSettings

    return ParslExecutor(ParslSettings.from_toml(config.parsl_config), logs)
