"""Two-step training: pre-train on all crystals, fine-tune on those with the wanted labels."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from wyckforge.errors import ConfigError
from wyckforge.files import write_atomically
from wyckforge.models.mpvae import MPVAE, MPVAEConfig
from wyckforge.train.assemble import assemble
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.config import TrainConfig
from wyckforge.train.data import TrainingData
from wyckforge.train.loop import Objective, advance, freeze, make_optimiser, train_epoch, validate
from wyckforge.train.state import RunState, SavedState

STATE, METRICS, CONFIG, SPLIT, CHECKPOINT = (
    "state.safetensors", "metrics.jsonl", "config.json", "split.json", "checkpoint",
)  # fmt: skip


def train(config: TrainConfig, *, resume: bool = False) -> Path:
    """Both steps, then the checkpoint.

    A run that was killed and resumed ends with bitwise the weights of one that was not, on the same machine and with
    the same number of threads.

    Args:
        config: everything the run depends on.
        resume: go on after the last saved epoch.

    Returns:
        The folder of the finished checkpoint.

    Raises:
        ConfigError: the folder holds another run or one on another table, or the start does not fit.
        TableError: the table cannot be trained on.
        CheckpointError: the saved state is damaged.
    """
    saved = _saved_state(config, resume=resume)
    data = TrainingData.prepare(config)
    if saved:
        _require_same_table(config, data, saved)
    data.split.write(config.out / SPLIT)
    write_atomically(config.out / CONFIG, (json.dumps(config.to_dict(), indent=1) + "\n").encode())
    model, history = _run_steps(config, data, saved)
    folder = config.out / CHECKPOINT
    assemble(config, data, model, history).save(folder)
    return folder


def build_model(config: TrainConfig, rows: int) -> MPVAE:
    """The network for X with that many rows, with initial weights from the seed of the run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return MPVAE(MPVAEConfig(rows, config.max_elements, config.targets))


def begin_from(start: Path, model: MPVAE, data: TrainingData) -> None:
    """Give a network the weights of a checkpoint; branches that the checkpoint lacks keep theirs.

    Raises:
        ConfigError: the checkpoint was made for other elements, or for another number of them.
        CheckpointError: it cannot be read.
    """
    given = Checkpoint.load(start)
    if given.representation != data.representation:
        raise ConfigError(
            f"{start} is for {given.representation.span} out of {len(given.representation.elements)}, the table for "
            f"{data.representation.span} out of {len(data.representation.elements)}, and these must be the same; start "
            "from a checkpoint that was trained on this table, or leave start out"
        )
    ours = model.state_dict()
    model.load_state_dict(ours | {name: tensor for name, tensor in given.model.state_dict().items() if name in ours})


def _run_steps(config: TrainConfig, data: TrainingData, saved: SavedState | None) -> tuple[MPVAE, list[dict[str, Any]]]:
    model = build_model(config, data.representation.rows)
    if config.start is not None and saved is None:
        begin_from(config.start, model, data)
    generator = torch.Generator().manual_seed(config.seed)
    history: list[dict[str, Any]] = list(saved.account["history"]) if saved else []
    write_atomically(config.out / METRICS, "".join(json.dumps(record) + "\n" for record in history).encode())
    names = list(config.steps)
    first = names.index(saved.account["step"]) if saved else 0
    total = sum(step.epochs for step in config.steps.values())
    table_hash = data.table.content_hash()
    with tqdm(total=total, initial=len(history), desc="training", unit="epoch", file=sys.stderr) as bar:
        for name in names[first:]:
            step = config.steps[name]
            freeze(model, step.freeze)
            optimiser, schedule = make_optimiser(model, step, config.optimiser)
            state = RunState(model, generator, optimiser, schedule, name, 0, config.to_dict(), table_hash, history)
            if saved and name == saved.account["step"]:
                state.restore(saved)
            _run_step(config, data, state, bar)
    return model, history


def _run_step(config: TrainConfig, data: TrainingData, state: RunState, bar: tqdm[Any]) -> None:
    step = config.steps[state.step]
    objective = Objective(config.loss, config.precision)
    augment = config.augmentation == "orbit"
    training = data.encoded(step, data.split.train, config.targets, augment=augment)
    validation = data.encoded(step, data.split.val, config.targets, augment=False)
    while state.epoch < step.epochs:
        began = time.perf_counter()
        record: dict[str, Any] = {
            "step": state.step,
            "epoch": state.epoch + 1,
            "learning_rate": state.optimiser.param_groups[0]["lr"],
            "train_loss": train_epoch(
                state.model, training, objective, state.optimiser, step.batch_size, state.generator
            ),
            "validation": validate(state.model, validation, objective),
        }
        record["seconds"] = round(time.perf_counter() - began, 2)
        advance(state.schedule, record["validation"]["loss"])
        state.epoch += 1
        state.history.append(record)
        state.save(config.out / STATE)
        with (config.out / METRICS).open("a") as file:
            file.write(json.dumps(record) + "\n")
        bar.set_postfix_str(f"{state.step}, validation loss {record['validation']['loss']:.2f}")
        bar.update()


def _saved_state(config: TrainConfig, *, resume: bool) -> SavedState | None:
    path = config.out / STATE
    if not path.exists():
        return None
    if not resume:
        raise ConfigError(f"{config.out} holds a run already; resume it, or give another folder")
    saved = SavedState.read(path)
    wanted = config.to_dict()
    for key, value in saved.account["config"].items():
        if key != "out" and wanted.get(key) != value:
            raise ConfigError(
                f"{config.out} holds a run with {key} = {value!r}, the configuration says {wanted.get(key)!r}; "
                "use the same configuration or another folder"
            )
    return saved


def _require_same_table(config: TrainConfig, data: TrainingData, saved: SavedState) -> None:
    if saved.account.get("table_hash") != data.table.content_hash():
        raise ConfigError(
            f"the table has changed: {config.table} does not hold the crystals and labels that the run in {config.out} "
            "began with; resume with the table as it was, or start anew in another folder"
        )
