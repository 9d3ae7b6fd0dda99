"""One self-contained HTML page about a fitted forward model; reads the record of the fit only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from wyckforge.errors import MissingDependencyError, TableError
from wyckforge.properties import describe
from wyckforge.report import svg
from wyckforge.report.html import REPORT
from wyckforge.report.page import environment, part

RECORD = "metrics.json"
_MOST_POINTS = 1500
_DECADES = 1.5
"""Powers of ten that positive labels must span for logarithmic axes."""


def write_fit_report(folder: Path) -> Path:
    """Render ``report.html`` from the record of a fit; may be called again at any time.

    Raises:
        MissingDependencyError: there is no record.
        TableError: the record cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        raise MissingDependencyError(f"{folder} holds no {RECORD}; give the folder of a fit")
    try:
        page = render_fit(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(f"{path} is not the record of a fit ({error}); fit again to another folder") from None
    (folder / REPORT).write_text(page, encoding="utf-8")
    return folder / REPORT


def render_fit(record: Mapping[str, Any]) -> str:
    """The page as text."""
    rows = record["rows"]
    return (
        environment()
        .get_template("fit.html")
        .render(
            title=" and ".join(describe(name).label for name in record["properties"]),
            record=record,
            figures=[
                (f"{rows['train'] + rows['val']:,}", "crystals to learn from"),
                (f"{rows['test']:,}", "held out"),
                *(
                    (_short(found["mae"]), f"{describe(n).in_a_sentence}: error")
                    for n, found in record["properties"].items()
                ),
            ],
            rows=[_row(name, found) for name, found in record["properties"].items()],
            charts=[*_parities(record), *_curves(record)],
            style=part("report.css"),
        )
    )


def _row(name: str, found: Mapping[str, Any]) -> dict[str, str]:
    low, high = found["mae_interval"]
    return {
        "label": _axis(name, found),
        "mae": _short(found["mae"]),
        "interval": f"{_short(low)} to {_short(high)}",
        "median": _short(found["mae_of_median"]),
        "r2": f"{found['r2']:.3f}" if "r2" in found else "–",
        "spearman": f"{found['spearman']:.3f}" if "spearman" in found else "–",
        "coverage": f"{found[f'{name}_coverage']:.0%}",
        "n": f"{found['mae_n']:,}",
    }


def _parities(record: Mapping[str, Any]) -> Iterator[tuple[str, str, Markup]]:
    for name, points in record["parity"].items():
        labels = [point[1] for point in points]
        logarithmic = min(labels + [point[2] for point in points]) > 0 and max(labels) / min(labels) > 10**_DECADES
        judged = [
            svg.Judged(label, value, low, high, f"{row}: label {label:g}, predicted {value:g} ({low:g} to {high:g})")
            for row, label, value, low, high in points[:_MOST_POINTS]
        ]
        axis = _axis(name, record["properties"][name])
        yield (
            f"{describe(name).label}.",
            "Held-out crystals with 90 % intervals.",
            svg.parity(judged, axis, logarithmic=logarithmic),
        )


def _curves(record: Mapping[str, Any]) -> Iterator[tuple[str, str, Markup]]:
    curve = sorted((int(size), errors) for size, errors in record["curve"].items())
    if len(curve) < 2:
        return
    for name, found in record["properties"].items():
        points = [(float(size), errors[name]) for size, errors in curve]
        yield (
            f"Learning curve, {describe(name).in_a_sentence}.",
            "Error on the same held-out crystals.",
            svg.curve(points, "crystals to learn from", f"error, {describe(name).unit or found['unit']}"),
        )


def _axis(name: str, found: Mapping[str, Any]) -> str:
    known = describe(name)
    return known.axis_label if known.unit else f"{known.label} ({found['unit']})"


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
