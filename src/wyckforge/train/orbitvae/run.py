"""A whole run: the autoencoder, then the ensemble of predictors, then the checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from wyckforge.errors import ConfigError
from wyckforge.files import write_atomically
from wyckforge.train.orbitvae.config import OrbitConfig
from wyckforge.train.orbitvae.data import Crystals, OrbitData
from wyckforge.train.orbitvae.loop import Trainer
from wyckforge.train.orbitvae.objectives import AutoencoderObjective, Network, PredictorObjective
from wyckforge.train.orbitvae.progress import Progress, Stage
from wyckforge.train.orbitvae.state import NetworkState
from wyckforge.train.orbitvae.world import World, joined
from wyckforge.train.run import CHECKPOINT, CONFIG, METRICS, SPLIT, STATE
from wyckforge.train.state import SavedState

PARTS = "parts"
"""Folder of the saved states, one file for each network."""

AUTOENCODER, PREDICTOR = "autoencoder", "predictor"


def train_orbitvae(config: OrbitConfig, *, resume: bool = False) -> Path:
    """Train the autoencoder and the ensemble, calibrate, and write the checkpoint.

    A run that was killed and resumed ends with bitwise the weights of one that was not, on the same machine and with
    the same number of threads. Started by ``torch.distributed.run`` in several processes, these share every batch, and
    the weights are those of one process but for rounding (and for dropout, which is drawn apart).

    Args:
        config: everything the run depends on.
        resume: go on after the last saved epoch.

    Returns:
        The folder of the finished checkpoint.

    Raises:
        ConfigError: the folder holds another run or one on other tables, or there is no GPU where one is asked for.
        TableError: the tables cannot be trained on.
        CheckpointError: a saved state is damaged.
    """
    saved = _saved_states(config, resume=resume)
    with joined(config.device) as world:
        data = OrbitData.prepare(config)
        identity = {"config": config.to_dict(), "tables": list(data.hashes)}
        for state in saved.values():
            _require_same_run(config, state, identity)
        world.wait()  # no process looks for saved states once the first has begun to write
        if world.is_first:
            data.split.write(config.out / SPLIT)
            write_atomically(config.out / CONFIG, (json.dumps(config.to_dict(), indent=1) + "\n").encode())
        return _Run(config, data, world, saved, identity).finish()


@dataclass
class _Run:
    """A run on its way."""

    config: OrbitConfig
    data: OrbitData
    world: World
    saved: Mapping[str, SavedState]
    identity: Mapping[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)

    def finish(self) -> Path:
        """Train what is left to train, and write the checkpoint."""
        from wyckforge.train.orbitvae.assemble import assemble

        crystals = self.data.train.to(self.world.device)
        trainers = self._trainers()
        stages = [self._stage(trainer) for trainer in trainers]
        with Progress(stages, crystals.size, shown=self.world.is_first) as progress:
            autoencoder, *pupils = [self._learn(trainer, crystals, progress).cpu() for trainer in trainers]
        folder = self.config.out / CHECKPOINT
        if self.world.is_first:
            predictors = [pupil.predictor for pupil in pupils]
            assemble(self.config, self.data, autoencoder, predictors, self.history).save(folder)
        return folder

    def _trainers(self) -> list[Trainer[Any]]:
        config, data, world = self.config, self.data, self.world
        learned = AutoencoderObjective(config.autoencoder, data, config.longest_learned, world)
        predicted = PredictorObjective(config.predictor, data, world)
        return [
            Trainer(AUTOENCODER, learned, config.autoencoder, config.seed, config.precision),
            *(
                Trainer(
                    f"{PREDICTOR}-{member}",
                    predicted,
                    config.predictor,
                    config.seed + member,
                    config.precision,
                    config.predictor.average,
                )
                for member in range(config.predictor.members)
            ),
        ]

    def _stage(self, trainer: Trainer[Any]) -> Stage:
        saved = self.saved.get(trainer.name)
        weight = sum(parameter.numel() for parameter in trainer.network().parameters())
        return Stage(trainer.name, weight, trainer.settings.epochs, saved.account["epoch"] if saved else 0)

    def _learn(self, trainer: Trainer[Network], crystals: Crystals, progress: Progress) -> Network:
        """Train one network from where it was to the end."""
        state = trainer.begin(self.world)
        if trainer.name in self.saved:
            state.restore(self.saved[trainer.name])
        self.history += state.history
        self._write_metrics()
        while state.epoch < trainer.settings.epochs:
            began = time.perf_counter()
            train = trainer.epoch(state, crystals, self.world, partial(progress.shown, trainer.name))
            state.epoch += 1
            if self.world.is_first:
                record: dict[str, Any] = {
                    "part": trainer.name,
                    "epoch": state.epoch,
                    "train": train,
                    "validation": trainer.objective.validate(state.result.eval()),
                    "seconds": round(time.perf_counter() - began, 2),
                }
                self._keep(trainer.name, state, record)
                progress.tell(trainer.name, state.epoch, train["loss"])
        return state.result

    def _keep(self, name: str, state: NetworkState[Any], record: dict[str, Any]) -> None:
        """Save a finished epoch. The state comes first: what the metrics tell of can always be gone on from."""
        state.history.append(record)
        self.history.append(record)
        state.save(self.config.out / PARTS / f"{name}.safetensors", self.identity)
        self._write_metrics()

    def _write_metrics(self) -> None:
        if self.world.is_first:
            text = "".join(json.dumps(each) + "\n" for each in self.history)
            write_atomically(self.config.out / METRICS, text.encode())


def _saved_states(config: OrbitConfig, *, resume: bool) -> dict[str, SavedState]:
    """The saved states of the networks of a run, by part."""
    paths = sorted((config.out / PARTS).glob("*.safetensors"))
    if (paths or (config.out / STATE).exists()) and not resume:
        raise ConfigError(f"{config.out} holds a run already; resume it, or give another folder")
    return {path.stem: SavedState.read(path) for path in paths}


def _require_same_run(config: OrbitConfig, saved: SavedState, identity: Mapping[str, Any]) -> None:
    wanted, found = identity["config"], saved.account["run"]
    for key, value in found["config"].items():
        if key != "out" and wanted.get(key) != value:
            raise ConfigError(
                f"{config.out} holds a run with {key} = {value!r}, the configuration says {wanted.get(key)!r}; "
                "use the same configuration or another folder"
            )
    if found["tables"] != identity["tables"]:
        names = ", ".join(map(str, (config.table, *config.extra)))
        raise ConfigError(
            f"the tables have changed: {names} do not hold the crystals and labels that the run in {config.out} began "
            "with; resume with the tables as they were, or start anew in another folder"
        )
