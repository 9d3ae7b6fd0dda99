"""Measure a checkpoint on crystals with known labels."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.build import BuildReport, BuildRules, build_from_path
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import VINTAGES, resolve_vintage
from wyckforge.errors import TableError
from wyckforge.evaluate.metrics import absolute_errors, bootstrap_interval, wilson_interval
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.model import GeneModel

METRICS, PREDICTIONS, DROPPED = "metrics.json", "predictions.csv", "dropped.csv"


def evaluate_file(
    checkpoint: GeneModel, data: Path | str, out: Path | str, *, seed: int = 0, vintage: str | None = None
) -> dict[str, Any]:
    """Measure a checkpoint on a file of structures with labels; see :func:`evaluate`.

    Args:
        checkpoint: the model.
        data: what :func:`wyckforge.data.readers.read_structures` reads.
        out: folder for the results; ``dropped.csv`` there names every row that could not be used.
        seed: of the bootstrap.
        vintage: accepted vintage of the labels, as in :class:`~wyckforge.data.build.BuildRules`; labels of others count
            as missing.

    Raises:
        TableError: the file cannot be read, no row of it can be used, or no label is of the vintage.
    """
    table, report = build_from_path(data, BuildRules(keep_structures=False), progress=True)
    if vintage is not None:
        table = _of_vintage(table, vintage)
    return evaluate(checkpoint, table, out, seed=seed, report=report)


def evaluate(
    checkpoint: GeneModel, table: GeneTable, out: Path | str, *, seed: int = 0, report: BuildReport | None = None
) -> dict[str, Any]:
    """Measure the predictions and the reconstruction of a checkpoint, and write what was found.

    Every metric ``name`` comes with ``name_interval`` (95 %) and ``name_n``. A metric that cannot be had is ``None``,
    and ``name_reason`` says why. Rows that the checkpoint cannot represent are counted under ``dropped``. The metrics
    are those of all rows; ``unseen`` holds the same metrics of the rows whose gene is not in the checkpoint's table.

    Args:
        checkpoint: the model.
        table: crystals and their labels; missing labels and columns are allowed.
        out: folder for ``metrics.json``, ``predictions.csv`` (the data of a parity plot) and ``dropped.csv``.
        seed: of the bootstrap.
        report: what became of the rows before they were a table.

    Returns:
        The content of ``metrics.json``.

    Raises:
        TableError: no row can be used.
    """
    dropped = [(row_id, str(problem.rule), problem.detail) for row_id, problem in report.dropped] if report else []
    problems = [checkpoint.problem(gene) for gene in table.genes]
    dropped += [
        (row_id, "not representable", problem)
        for row_id, problem in zip(table.ids, problems, strict=True)
        if problem is not None
    ]
    used = table.select(np.array([problem is None for problem in problems], bool))
    if not len(used):
        raise TableError(f"the checkpoint can represent none of the {len(table)} crystals (first: {problems[0]})")
    predicted = checkpoint.predict(used.genes)
    found = checkpoint.reconstruction(used.genes)
    known = np.fromiter(map(checkpoint.is_known_gene, used.genes), bool, len(used))
    metrics: dict[str, Any] = {
        **_metrics(used, predicted, found, np.full(len(used), True), seed),
        "unseen": _metrics(used, predicted, found, ~known, seed),
        "checkpoint": checkpoint.name,
        "rows": report.n_read if report else len(table),
        "dropped": dict(Counter(rule if rule != "not representable" else detail for _, rule, detail in dropped)),
        "notes": {note: count for note, count in report.notes.items() if count} if report else {},
        "known_genes": int(known.sum()),
        "vintages": {name: column.vintages() for name, column in used.labels.items()},
        "accepted_vintages": table.provenance.get("accepted_vintages", {}),
        "seed": seed,
    }
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / METRICS).write_text(json.dumps(metrics, indent=1) + "\n")
    _write_csv(out / DROPPED, ["id", "rule", "reason"], dropped)
    _write_predictions(out / PREDICTIONS, used, predicted)
    return metrics


def _of_vintage(table: GeneTable, vintage: str) -> GeneTable:
    accepted = resolve_vintage(vintage, tuple(table.labels))
    chosen = table.with_vintage({name: sources for name, sources in accepted.items() if name in table.labels})
    if not any(column.mask.any() for column in chosen.labels.values()):
        found = {source for column in table.labels.values() for source in column.vintages()}
        raise TableError(
            f"no label is of vintage {vintage!r}; the sources here are: {', '.join(sorted(found)) or 'none'}; "
            f"named sets are: {', '.join(VINTAGES)}"
        )
    return chosen


def _metrics(
    table: GeneTable,
    predicted: dict[str, NDArray[np.float64]],
    found: dict[str, NDArray[np.bool_]],
    rows: NDArray[np.bool_],
    seed: int,
) -> dict[str, Any]:
    """The metrics of some rows of a table; ``predicted`` and ``found`` are of all its rows."""
    rng = np.random.default_rng(seed)
    metrics = {
        "n": int(rows.sum()),
        **_property_metrics(table.select(rows), {name: values[rows] for name, values in predicted.items()}, rng),
    }
    for name, hits in found.items():
        metrics |= _rate(name, hits[rows])
    return metrics


def _property_metrics(
    table: GeneTable, predicted: dict[str, NDArray[np.float64]], rng: np.random.Generator
) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for name in dict.fromkeys((*predicted, FORMATION_ENERGY, BAND_GAP)):
        column = table.labels.get(name)
        true = np.full(len(table), np.nan) if column is None else column.values
        cases = {f"{name}_mae": true}
        if name == BAND_GAP:
            cases[f"{name}_mae_semiconductors"] = np.where(true > 0, true, np.nan)
        for metric, values in cases.items():
            if name not in predicted:
                metrics |= {metric: None, f"{metric}_reason": f"the checkpoint does not predict {name}"}
            elif np.isnan(values).all():
                metrics |= {metric: None, f"{metric}_reason": f"no row has a label for {metric}"}
            else:
                metrics |= _mean(metric, absolute_errors(values, predicted[name]), rng)
        if column is not None and name in predicted and len(column.vintages()) > 1:
            metrics[f"{name}_mae_by_vintage"] = {
                source: float(np.abs(predicted[name] - true)[column.sources == source].mean())
                for source in column.vintages()
            }
    return metrics


def _mean(name: str, values: NDArray[np.float64], rng: np.random.Generator) -> dict[str, Any]:
    return {
        name: float(values.mean()),
        f"{name}_interval": list(bootstrap_interval(values, rng)),
        f"{name}_n": len(values),
    }


def _rate(name: str, found: NDArray[np.bool_]) -> dict[str, Any]:
    if not len(found):
        return {name: None, f"{name}_reason": "no crystal to measure"}
    return {
        name: float(found.mean()),
        f"{name}_interval": list(wilson_interval(int(found.sum()), len(found))),
        f"{name}_n": len(found),
    }


def _write_predictions(path: Path, table: GeneTable, predicted: dict[str, NDArray[np.float64]]) -> None:
    columns: dict[str, list[str]] = {
        "id": list(table.ids),
        "formula": list(table.formulas),
        "space_group": [str(gene.space_group) for gene in table.genes],
    }
    for name, values in predicted.items():
        true = table.labels[name].values if name in table.labels else np.full(len(table), np.nan)
        columns[name] = ["" if np.isnan(value) else repr(float(value)) for value in true]
        columns[f"{name}_predicted"] = [f"{value:.6g}" for value in values]
    _write_csv(path, list(columns), zip(*columns.values(), strict=True))


def _write_csv(path: Path, head: list[str], rows: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(head)
        writer.writerows(rows)
