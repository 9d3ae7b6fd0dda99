"""Measure a checkpoint on crystals with known labels."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.build import BuildReport, BuildRules, build_from_path
from wyckforge.data.csv_file import columns_of
from wyckforge.data.gene_csv import has_genes, read_gene_csv
from wyckforge.data.readers import require_input
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import VINTAGES, resolve_vintage
from wyckforge.errors import TableError
from wyckforge.evaluate.metrics import absolute_errors
from wyckforge.evaluate.predictions import Prediction, predict
from wyckforge.evaluate.uncertainty import mean, rate, uncertainty_metrics
from wyckforge.files import write_csv
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.model import GeneModel, ProbabilisticModel

METRICS, PREDICTIONS, DROPPED = "metrics.json", "predictions.csv", "dropped.csv"


def evaluate_file(
    checkpoint: GeneModel, data: Path | str, out: Path | str, *, seed: int = 0, vintage: str | None = None
) -> dict[str, Any]:
    """Measure a checkpoint on a file of structures with labels; see :func:`evaluate`.

    Args:
        checkpoint: the model.
        data: what :func:`wyckforge.data.readers.read_structures` reads, or a CSV file of genes.
        out: folder for the results; ``dropped.csv`` there names every row that could not be used.
        seed: of the bootstrap.
        vintage: accepted vintage of the labels, as in :class:`~wyckforge.data.build.BuildRules`; labels of others count
            as missing.

    Raises:
        TableError: the file cannot be read, no row of it can be used, or no label is of the vintage.
    """
    path = Path(data)
    require_input(path)
    Path(out).mkdir(parents=True, exist_ok=True)  # a folder that cannot be written to is told before the work
    if has_genes(path):
        table, report = read_gene_csv(path, [name for name in checkpoint.targets if name in columns_of(path)])
    else:
        table, report = build_from_path(path, BuildRules(keep_structures=False), progress=True)
    if vintage is not None:
        table = _of_vintage(table, vintage)
    return evaluate(checkpoint, table, out, seed=seed, report=report)


def evaluate(
    checkpoint: GeneModel, table: GeneTable, out: Path | str, *, seed: int = 0, report: BuildReport | None = None
) -> dict[str, Any]:
    """Measure the predictions and the reconstruction of a checkpoint, and write what was found.

    Every metric ``name`` comes with ``name_interval`` (95 %) and ``name_n``. A metric that cannot be had is ``None``,
    and ``name_reason`` says why. Rows that the checkpoint cannot represent are counted under ``dropped``. The metrics
    are those of all rows; ``unseen`` holds the same metrics of the rows whose gene the checkpoint does not know,
    and ``unseen_systems``, of a model that knows its chemical systems, those of the rows whose elements it never saw
    together.

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
    findings = _Findings(used, predict(checkpoint, used.genes), checkpoint.reconstruction(used.genes))
    known = np.fromiter(map(checkpoint.is_known_gene, used.genes), bool, len(used))
    metrics: dict[str, Any] = {
        **findings.metrics(seed),
        "unseen": findings.rows(~known).metrics(seed),
        "checkpoint": checkpoint.name,
        "rows": report.n_read if report else len(table),
        "dropped": dict(Counter(rule if rule != "not representable" else detail for _, rule, detail in dropped)),
        "notes": {note: count for note, count in report.notes.items() if count} if report else {},
        "known_genes": int(known.sum()),
        **_of_systems(checkpoint, findings, seed),
        "vintages": {name: column.vintages() for name, column in used.labels.items()},
        "accepted_vintages": table.provenance.get("accepted_vintages", {}),
        "seed": seed,
    }
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / METRICS).write_text(json.dumps(metrics, indent=1) + "\n")
    write_csv(out / DROPPED, ["id", "rule", "reason"], dropped)
    _write_predictions(out / PREDICTIONS, used, findings.predicted)
    return metrics


@dataclass(frozen=True, eq=False)
class _Findings:
    """What was found about the rows of a table: predictions, and (n,) which parts of the genes come back."""

    table: GeneTable
    predicted: dict[str, Prediction]
    reconstructed: dict[str, NDArray[np.bool_]]

    def rows(self, chosen: NDArray[np.bool_]) -> _Findings:
        return _Findings(
            self.table.select(chosen),
            {name: found.rows(chosen) for name, found in self.predicted.items()},
            {name: found[chosen] for name, found in self.reconstructed.items()},
        )

    def metrics(self, seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        metrics = {"n": len(self.table), **_property_metrics(self.table, self.predicted, rng)}
        for name, hits in self.reconstructed.items():
            metrics |= rate(name, hits, "no crystal to measure")
        return metrics


def _of_systems(model: GeneModel, findings: _Findings, seed: int) -> dict[str, Any]:
    """The metrics of the rows whose chemical system is new to the model, where it knows its systems."""
    if not isinstance(model, ProbabilisticModel):
        return {}
    new = np.array([not model.known.has_system(gene) for gene in findings.table.genes], bool)
    return {"known_systems": int((~new).sum()), "unseen_systems": findings.rows(new).metrics(seed)}


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


def _property_metrics(table: GeneTable, predicted: dict[str, Prediction], rng: np.random.Generator) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for name in dict.fromkeys((*predicted, FORMATION_ENERGY, BAND_GAP)):
        column = table.labels.get(name)
        true = np.full(len(table), np.nan) if column is None else column.values
        unlabelled = f"no row has a label {name}" if np.isnan(true).all() else ""
        cases = {f"{name}_mae": (true, unlabelled)}
        if name == BAND_GAP:
            above = np.where(true > 0, true, np.nan)
            cases[f"{name}_mae_semiconductors"] = (above, unlabelled or "no row has a gap above zero")
        for metric, (values, reason) in cases.items():
            if name not in predicted:
                metrics |= {metric: None, f"{metric}_reason": f"the checkpoint does not predict {name}"}
            else:
                errors = absolute_errors(values, predicted[name].value)
                metrics |= mean(metric, errors, rng, reason)
        if name in predicted:
            metrics |= uncertainty_metrics(name, true, predicted[name], rng)
        if column is not None and name in predicted and len(column.vintages()) > 1:
            metrics[f"{name}_mae_by_vintage"] = {
                source: float(np.abs(predicted[name].value - true)[column.sources == source].mean())
                for source in column.vintages()
            }
    return metrics


def _write_predictions(path: Path, table: GeneTable, predicted: dict[str, Prediction]) -> None:
    columns: dict[str, list[str]] = {
        "id": list(table.ids),
        "gene": [str(gene) for gene in table.genes],
        "formula": list(table.formulas),
        "space_group": [str(gene.space_group) for gene in table.genes],
    }
    for name, found in predicted.items():
        true = table.labels[name].values if name in table.labels else np.full(len(table), np.nan)
        columns[name] = ["" if np.isnan(value) else repr(float(value)) for value in true]
        for column, values in {f"{name}_predicted": found.value, **found.columns(name)}.items():
            columns[column] = [f"{value:.6g}" for value in values]
    write_csv(path, list(columns), zip(*columns.values(), strict=True))
