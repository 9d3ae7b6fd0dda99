"""The description of a cluster in TOML, and the Parsl configuration made of it.

The options of a provider are the parameters that Parsl's own class has: they are checked against its signature, so
that a misspelt one is refused before a job is submitted. Why not a Python file: docs/decisions/0009-parsl.md.
"""

from __future__ import annotations

import inspect
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from wyckforge.errors import ConfigError, MissingDependencyError
from wyckforge.execute.executors import ONE_THREAD
from wyckforge.settings import Configuration

if TYPE_CHECKING:
    from parsl.config import Config
    from parsl.providers.base import ExecutionProvider

LOOPBACK = "127.0.0.1"
PROVIDERS = {
    "local": "LocalProvider",
    "slurm": "SlurmProvider",
    "pbs": "PBSProProvider",
    "torque": "TorqueProvider",
    "aws": "AWSProvider",
}
LAUNCHERS = {"single_node": "SingleNodeLauncher", "srun": "SrunLauncher", "mpiexec": "MpiExecLauncher"}


class ParslSettings(Configuration):
    """Workers on a cluster, in blocks: a block is one job of its queue.

    Raises:
        ConfigError: from the class methods, where the file is unreadable, a key unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/execution.md"

    provider: Literal["local", "slurm", "pbs", "torque", "aws"] = Field(description="who gives nodes")
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="parameters of Parsl's class for the provider, without its launcher"
    )
    launcher: Literal["single_node", "srun", "mpiexec"] = Field(
        "single_node", description="what starts workers on the nodes of a block; a block of several nodes needs another"
    )
    workers_per_node: int = Field(ge=1, description="processes on a node, one thread each")
    address: str = Field(
        "", description="address of this machine as nodes see it; empty: loopback for local, else all are tried"
    )
    encrypted: bool = Field(True, description="speak to workers encrypted; they read the key from the run folder")

    @property
    def workers(self) -> int:
        """Workers when all blocks run."""
        options = self.provider_arguments()
        return int(options["max_blocks"] * options["nodes_per_block"] * self.workers_per_node)

    def provider_arguments(self) -> dict[str, Any]:
        """Arguments for the provider's class: its defaults, the options given, and an environment for workers.

        Raises:
            ConfigError: an option that the class does not have, or one missing that it needs.
            MissingDependencyError: Parsl is not installed.
        """
        parameters = dict(inspect.signature(_class("providers", PROVIDERS[self.provider])).parameters)
        del parameters["launcher"]
        where = f"options of the provider {self.provider!r}"
        if unknown := sorted(self.options.keys() - parameters):
            raise ConfigError(f"{where}: {unknown[0]} given; known are {', '.join(parameters)}; see {self.PAGE}")
        arguments = {name: one.default for name, one in parameters.items()} | self.options
        if missing := [name for name, value in arguments.items() if value is inspect.Parameter.empty]:
            raise ConfigError(f"{where}: {', '.join(missing)} missing; see {self.PAGE}")
        exports = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
        exports.append(f'export PATH="{_scripts()}:$PATH"')
        return arguments | {"worker_init": "\n".join([*exports, str(arguments["worker_init"])])}

    def parsl_config(self, logs: Path) -> Config:
        """The configuration for Parsl; for the cloud this signs in there.

        Args:
            logs: folder for Parsl's logs and keys; workers must be able to read it unless ``encrypted`` is off.

        Raises:
            ConfigError: an option is unknown or missing.
            MissingDependencyError: Parsl, or what it needs for this provider, is not installed.
        """
        arguments = self.provider_arguments()
        from parsl.config import Config
        from parsl.executors import HighThroughputExecutor

        executor = HighThroughputExecutor(
            label="wyckforge",
            provider=self._provider(arguments),
            address=self.address or (LOOPBACK if self.provider == "local" else None),
            loopback_address=LOOPBACK,
            interchange_launch_cmd=[sys.executable, "-m", "wyckforge.execute.interchange"],
            max_workers_per_node=self.workers_per_node,
            cores_per_worker=1e-6,  # the number of workers alone decides
            heartbeat_period=10,  # in seconds; so late a lost worker is noticed,
            heartbeat_threshold=60,  # and so late workers notice that this process is gone
            encrypted=self.encrypted,
        )
        # Failed calls are tried again by us, who know which candidates are finished.
        return Config(executors=[executor], run_dir=str(logs.absolute()), retries=0, initialize_logging=False)

    def _provider(self, arguments: dict[str, Any]) -> ExecutionProvider:
        from parsl.errors import OptionalModuleMissing

        launcher = _class("launchers", LAUNCHERS[self.launcher])()
        try:
            provider: ExecutionProvider = _class("providers", PROVIDERS[self.provider])(launcher=launcher, **arguments)
        except OptionalModuleMissing as error:
            raise MissingDependencyError(
                f"the provider {self.provider!r} needs {', '.join(error.module_names)}; install it"
            ) from None
        return provider


def _class(module: str, name: str) -> Any:
    """A class of Parsl, which is optional and slow to import."""
    try:
        import parsl.launchers
        import parsl.providers
    except ImportError:
        raise MissingDependencyError(
            "the engine 'parsl' needs Parsl; install it with pip install 'wyckforge[parsl]'"
        ) from None
    return getattr({"launchers": parsl.launchers, "providers": parsl.providers}[module], name)


def _scripts() -> Path:
    """Where the programs of this Python environment are, those that Parsl starts among them."""
    return Path(sysconfig.get_path("scripts"))
