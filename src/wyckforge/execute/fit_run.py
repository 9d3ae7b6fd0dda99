"""Fitting a forward model to a user's table: read, check, split, learn, measure, and write it all to a folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wyckforge.data.build import BuildReport, BuildRules, build_from_path
from wyckforge.data.gene_csv import has_genes, read_gene_csv
from wyckforge.data.label_check import FEWEST, check_labels, require_labels, require_variety
from wyckforge.data.material import Material
from wyckforge.data.property_scale import are_same
from wyckforge.data.readers import ALIASES
from wyckforge.data.split import GroupBy, split_table
from wyckforge.data.table import GeneTable
from wyckforge.errors import CheckpointError, TableError
from wyckforge.evaluate.forward import forward_metrics, predict_materials
from wyckforge.evaluate.predictions import Prediction
from wyckforge.evaluate.predictions import table as predicted_table
from wyckforge.execute.fit_card import card_of
from wyckforge.files import write_atomically, write_csv
from wyckforge.properties import describe
from wyckforge.settings import Settings
from wyckforge.train.artefact import FORWARD, INDEX, read_index, require_format
from wyckforge.train.forward.finetuned import base_networks
from wyckforge.train.forward.method import Task
from wyckforge.train.forward.methods import RECIPES
from wyckforge.train.forward.model import VERSION, ForwardModel, fit_model
from wyckforge.train.place import learning_place

METRICS, PREDICTIONS, DROPPED = "metrics.json", "test_predictions.csv", "dropped.csv"
_CURVE = (0.125, 0.25, 0.5)
"""Shares of the training part from which the learning curve is drawn, beside the whole."""

Rows = NDArray[np.int64]


class FitSettings(Settings):
    """What a fit depends on beside its table."""

    model: str = Field("structures", description="forward model, by name")
    seed: int = Field(0, ge=0, description="split, weights and order of everything random")
    split: GroupBy = Field("formula", description="what stays in one part: formula, or chemical_system")
    test_share: float = Field(0.1, gt=0, le=0.5, description="share of the rows that measures the result")
    learning_curve: bool = Field(True, description="whether to fit smaller parts too")


class _LeftOut(NamedTuple):
    """A row of the source that is not used."""

    id: str
    rule: str
    reason: str = ""


@dataclass(frozen=True, eq=False)
class _Data:
    """What there is to learn from.

    Attributes:
        table: rows with at least one label that the model can be asked about.
        materials: of the same rows.
        left_out: rows of the source that are not used.
        warnings: what looks wrong, in words.
    """

    table: GeneTable
    materials: list[Material]
    left_out: list[_LeftOut]
    warnings: list[str]


def fit_file(
    path: Path,
    targets: Sequence[str],
    out: Path,
    settings: FitSettings,
    *,
    structure_column: str = "cif",
    warn: Callable[[str], object] = lambda _: None,
    shown: bool = True,
) -> dict[str, Any]:
    """Fit a forward model to a table and write the folder; returns the content of ``metrics.json``.

    The model is there before the learning curve is drawn. Repeated after an interruption, the call goes on with what
    is missing; what the potential said about a structure is never computed twice.

    Args:
        path: what :func:`wyckforge.data.readers.read_structures` reads, or a CSV file with a column ``gene``.
        targets: label columns.
        out: folder for the model, ``metrics.json``, ``test_predictions.csv``, and ``dropped.csv``, which names the rows
            that are not used.
        settings: how to fit.
        structure_column: column of a CSV file with the text of CIF files.
        warn: told every warning as soon as it is known.
        shown: whether to show progress on standard error.

    Raises:
        CheckpointError: ``out`` holds something else.
        TableError: the table cannot be learned from, or there is no model of that name.
    """
    if settings.model not in RECIPES:
        raise TableError(f"there is no forward model {settings.model!r}; choose one of {', '.join(RECIPES)}")
    _require_free(out)
    data = _read(path, targets, settings, structure_column, shown)
    for warning in data.warnings:
        warn(warning)
    identity = _identity(data.table, settings)
    record = _earlier(out, identity)
    shares = (1 - 2 * settings.test_share, settings.test_share, settings.test_share)
    parts = split_table(data.table, fractions=shares, seed=settings.seed, by=settings.split)
    labels = {name: column.values for name, column in data.table.labels.items()}
    for part in ("train", "val", "test"):
        for name, values in labels.items():
            require_labels(name, values[getattr(parts, part)], part)
    task = Task(data.materials, labels, parts.train, parts.val, seed=settings.seed, shown=shown)
    if record is None:
        _write(out, {"identity": identity, "complete": False})  # whose folder it is, should the fit be interrupted
        write_csv(out / DROPPED, _LeftOut._fields, data.left_out)
        record = _fit_whole(task, parts.test, data, settings, identity, path.name, out)
    if settings.learning_curve:
        _draw_curve(task, parts.test, settings, record, out)
    record["complete"] = True
    _write(out, record)
    return record


def _read(path: Path, targets: Sequence[str], settings: FitSettings, column: str, shown: bool) -> _Data:
    names = tuple(dict.fromkeys(ALIASES.get(name, name) for name in targets))
    table, report = _table(path, targets, column, shown)
    table = replace(table, labels={name: table.column(name) for name in names})
    for name in names:
        table.require_single_vintage(name)
    labelled = np.any([table.column(name).mask for name in names], axis=0)
    left_out = [_LeftOut(row_id, str(problem.rule), problem.detail) for row_id, problem in report.dropped]
    left_out += [_LeftOut(table.ids[row], "no label") for row in np.flatnonzero(~labelled)]
    table = table.select(labelled)
    materials, kept = _materials(table, settings.model, left_out)
    table = table.select(kept)
    for name in names:
        require_variety(name, table.label(name), path, _counts(left_out) + Counter(_told(report)))
    warnings = [warning for name in names for warning in check_labels(name, table.label(name), table.genes)]
    warnings += [f"{note}: {n:,}" for note, n in _told(report).items()]
    return _Data(table, materials, left_out, warnings + _seen_before(names, table, settings.model))


def _seen_before(names: Sequence[str], table: GeneTable, model: str) -> list[str]:
    """Warnings about properties that the networks, with which the model begins, have learned of the same crystals."""
    if not RECIPES[model].pretrained:
        return []
    base = base_networks()
    known = sum(map(base.is_known_gene, table.genes))
    return [
        f"{name}: {known:,} of {len(table):,} crystals are among those of which the networks that {model} begins with "
        "learned it; errors measured on them are too small for crystals that nobody has seen"
        for name in names
        if name in base.scales and known
    ]


def _table(path: Path, targets: Sequence[str], column: str, shown: bool) -> tuple[GeneTable, BuildReport]:
    if has_genes(path, unless=column):
        return read_gene_csv(path, targets)
    return build_from_path(path, BuildRules(), labels=targets, cif_column=column, progress=shown)


def _counts(left_out: Sequence[_LeftOut]) -> Counter[str]:
    return Counter(row.rule for row in left_out)


def _told(report: BuildReport) -> dict[str, int]:
    """Notes about labels; those about genes are counted elsewhere."""
    return {note: count for note, count in report.notes.items() if count and ("below zero" in note or "finite" in note)}


def _materials(table: GeneTable, model: str, left_out: list[_LeftOut]) -> tuple[list[Material], Rows]:
    """Materials that the model can learn from, and their rows; the others are added to those left out."""
    materials, kept = [], []
    for row in range(len(table)):
        crystal = None if table.crystals is None else table.crystals[row]
        material = Material(table.genes[row]) if crystal is None else Material.of_crystal(crystal)
        if problem := RECIPES[model].problem(material):
            left_out.append(_LeftOut(table.ids[row], problem))
            continue
        materials.append(material)
        kept.append(row)
    return materials, np.array(kept, np.int64)


def _fit_whole(
    task: Task, test: Rows, data: _Data, settings: FitSettings, identity: str, source: str, out: Path
) -> dict[str, Any]:
    """Fit to the whole training part, measure on the test part, and write the model."""
    began = time.monotonic()
    model = fit_model(settings.model, task)
    predicted = predict_materials(model, [task.materials[row] for row in test])
    record: dict[str, Any] = {
        "identity": identity,
        "model": settings.model,
        "settings": settings.model_dump(mode="json"),
        "source": source,
        "rows": {"train": len(task.train), "val": len(task.val), "test": len(test)},
        "left_out": dict(_counts(data.left_out)),
        "warnings": data.warnings,
        "properties": _measured(task, test, predicted, settings.seed),
        "parity": _parity(task, test, data.table.ids, predicted),
        "curve": {},
        "seconds": round(time.monotonic() - began),
        "place": learning_place().type,
        "complete": False,
    }
    named = replace(
        model,
        name=f"{settings.model}-{'-'.join(task.labels)}",
        provenance={key: record[key] for key in ("identity", "settings", "source", "rows", "properties")},
        card=card_of(record),
    )
    named.save(out)
    _write_predictions(out, data.table, test, task, predicted)
    _write(out, record)
    return record


def _draw_curve(task: Task, test: Rows, settings: FitSettings, record: dict[str, Any], out: Path) -> None:
    """Fit to smaller training parts, nested, and measure each on the same test part."""
    rng = np.random.default_rng(settings.seed)
    order, others = rng.permutation(len(task.train)), rng.permutation(len(task.val))
    materials = [task.materials[row] for row in test]
    whole = {name: found["mae"] for name, found in record["properties"].items()}
    record["curve"][str(len(task.train) + len(task.val))] = whole
    for share in _CURVE:
        train = task.train[np.sort(order[: round(share * len(task.train))])]
        val = task.val[np.sort(others[: max(1, round(share * len(task.val)))])]
        size = str(len(train) + len(val))
        if size in record["curve"] or len(train) < FEWEST:
            continue
        if any(are_same(values[train][np.isfinite(values[train])]) for values in task.labels.values()):
            continue
        part = Task(task.materials, task.labels, train, val, seed=task.seed, shown=task.shown)
        said = fit_model(settings.model, part).predict(materials)
        record["curve"][size] = {
            name: float(np.nanmean(np.abs(said[name] - task.labels[name][test]))) for name in task.labels
        }
        _write(out, record)


def _measured(task: Task, test: Rows, predicted: Mapping[str, Prediction], seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        name: {"unit": describe(name).unit or "unit of the labels"}
        | forward_metrics(name, labels[test], predicted[name], float(np.nanmedian(labels[task.train])), rng)
        for name, labels in task.labels.items()
    }


def _parity(task: Task, test: Rows, ids: Sequence[str], predicted: Mapping[str, Prediction]) -> dict[str, Any]:
    """What the parity plots show."""
    found = {}
    for name, labels in task.labels.items():
        known = np.flatnonzero(np.isfinite(labels[test]))
        said = predicted[name]
        low, high = said.interval
        found[name] = [
            [ids[test[k]], *(float(f"{v:.5g}") for v in (labels[test[k]], said.value[k], low[k], high[k]))]
            for k in known
        ]
    return found


def _write_predictions(
    out: Path, table: GeneTable, test: Rows, task: Task, predicted: Mapping[str, Prediction]
) -> None:
    columns: dict[str, Sequence[object]] = {
        "id": [table.ids[row] for row in test],
        "formula": [table.formulas[row] for row in test],
        "gene": [str(table.genes[row]) for row in test],
    }
    for name, said in predicted.items():
        columns[f"{name}_label"] = task.labels[name][test].tolist()
        columns |= {column: values.tolist() for column, values in predicted_table({name: said}).items()}
    write_csv(out / PREDICTIONS, list(columns), zip(*columns.values(), strict=True))


def _write(out: Path, record: Mapping[str, Any]) -> None:
    write_atomically(out / METRICS, (json.dumps(record, indent=1) + "\n").encode())


def _identity(table: GeneTable, settings: FitSettings) -> str:
    """Of what a fit depends on: two fits of one identity give the same, up to what a GPU sums in another order."""
    digest = hashlib.sha256((table.content_hash() + settings.model_dump_json(exclude={"learning_curve"})).encode())
    for crystal in table.crystals or ():
        digest.update(crystal.content() if crystal else b"none")
    return digest.hexdigest()


def _require_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / METRICS).is_file())):
        raise CheckpointError(
            f"{out} holds something else already; give another folder, so that nothing is overwritten"
        )


def _earlier(out: Path, identity: str) -> dict[str, Any] | None:
    """The record of an earlier call for the same fit, if that came to a model and nothing of it is lost or damaged.

    Raises:
        CheckpointError: the folder is that of another fit, or its model of another version.
    """
    if not (out / METRICS).is_file():
        return None
    try:
        record: dict[str, Any] = json.loads((out / METRICS).read_text())
        same = record["identity"] == identity
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{out / METRICS} cannot be read ({error}); give another folder") from None
    if not same:
        raise CheckpointError(f"{out} holds a model of another table or other settings; give another folder")
    if "properties" not in record or not all((out / name).is_file() for name in (INDEX, PREDICTIONS)):
        return None
    require_format(out, read_index(out), FORWARD, VERSION)
    try:
        ForwardModel.load(out)
    except CheckpointError:
        return None
    return record
