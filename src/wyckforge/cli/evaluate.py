"""``wyckforge evaluate``: what a model is worth, on labelled structures or by what it generates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from wyckforge.cli.model import checkpoint_option

GENERATION = ("targets", "oracle", "method", "seed")
"""Options that go with ``--generate`` only."""

CALIBRATION = "calibration.svg"
_REASONS = 6


@click.command()
@checkpoint_option
@click.option("--data", type=click.Path(path_type=Path), help="Labelled structures; any input of data build.")
@click.option("--generate", type=click.IntRange(1), metavar="N", help="Genes to make for each target, and for none.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--vintage", help="Accepted label vintage: a named set (modern) or one source. Default: all, mixed.")
@click.option("--targets", type=click.Path(path_type=Path), help="TOML file of named targets to aim at.")
@click.option("--oracle", type=click.Path(path_type=Path), help="Model that judges. Default: the one in the package.")
@click.option("--method", type=click.Choice(["prior", "seeds", "search"]), help="How to aim.  [default: the prior]")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random.  [default: 0]")
def evaluate(
    checkpoint: Path | None,
    data: Path | None,
    generate: int | None,
    out: Path,
    vintage: str | None,
    **generation: Any,
) -> None:
    """Measure a model: with --data its predictions and reconstruction, with --generate what it makes.

    On labelled structures: metrics.json (errors of the predictions, coverage of their intervals, accuracies of the
    reconstruction, with 95 % intervals, of all crystals and of those that the model has not seen), predictions.csv and
    dropped.csv. Of what it makes: generation.json (validity, novelty and, with --targets, how often the targets are
    hit by the judgement of another model), generated.csv and calibration.svg.
    """
    if (data is None) == (generate is None):
        given = "neither" if data is None else "both"
        raise click.UsageError(f"{given} of --data FILE and --generate N given; give exactly one")
    if data is not None:
        if wrong := [f"--{name}" for name in GENERATION if generation[name] is not None]:
            raise click.UsageError(f"{', '.join(wrong)} given with --data; it goes with --generate only")
        _evaluate_data(checkpoint, data, out, vintage)
        return
    if vintage is not None:
        raise click.UsageError("--vintage given with --generate; it goes with --data only")
    _evaluate_generation(checkpoint, int(generate or 0), out, **generation)


def _evaluate_data(checkpoint: Path | None, data: Path, out: Path, vintage: str | None) -> None:
    from wyckforge.evaluate.run import METRICS, evaluate_file
    from wyckforge.train.model import load_checkpoint

    metrics = evaluate_file(load_checkpoint(checkpoint), data, out, vintage=vintage)
    click.echo(metrics_table(metrics))
    click.echo(f"written to {out / METRICS}")


def _evaluate_generation(
    checkpoint: Path | None,
    n: int,
    out: Path,
    *,
    targets: Path | None,
    oracle: Path | None,
    method: Literal["prior", "seeds", "search"] | None,
    seed: int | None,
) -> None:
    from wyckforge.data.embedded import load_embedded
    from wyckforge.design.assess import assess
    from wyckforge.design.assessment import METRICS
    from wyckforge.design.config import SamplingConfig
    from wyckforge.evaluate.targets_file import read_targets
    from wyckforge.files import write_atomically
    from wyckforge.report.reliability import reliability_diagrams
    from wyckforge.train.model import ORACLE, load_checkpoint

    named = read_targets(targets) if targets else {}
    judge = load_checkpoint(oracle or ORACLE) if named or oracle else None
    sampling = SamplingConfig(method=method or "auto")
    model = load_checkpoint(checkpoint)
    out.mkdir(parents=True, exist_ok=True)  # a folder that cannot be written to is told before the work
    found = assess(model, load_embedded(), named, judge, n=n, sampling=sampling, seed=seed or 0, progress=True)
    found.write(out)
    record = found.to_dict()
    calibrations = {name: target["hits"]["calibration"] for name, target in record["targets"].items()}
    if drawn := {name: calibration for name, calibration in calibrations.items() if calibration}:
        write_atomically(out / CALIBRATION, reliability_diagrams(drawn).encode())
    click.echo(assessment_table(record))
    click.echo(f"written to {out / METRICS}")


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """What was measured, one line per metric; where the model knew some of the crystals, also for the others alone."""
    lines = [f"{metrics['n']:,} of {metrics['rows']:,} rows used"]
    dropped = sorted(metrics["dropped"].items(), key=lambda item: -item[1])
    lines += [f"  left out: {reason} ({count:,})" for reason, count in dropped[:_REASONS]]
    if rest := dropped[_REASONS:]:
        lines.append(f"  left out for other reasons, see dropped.csv ({sum(count for _, count in rest):,})")
    lines += [f"  note: {note} ({count:,})" for note, count in metrics["notes"].items()]
    for name, vintages in metrics["vintages"].items():
        if f"{name}_mae_by_vintage" in metrics:
            listed = ", ".join(f"{source} ({count:,})" for source, count in vintages.items())
            together = "accepted together" if name in metrics["accepted_vintages"] else "mixed, --vintage chooses"
            lines.append(f"vintages of {name} ({together}): {listed}")
    lines += _metric_lines(metrics)
    lines += _apart("genes are in the model's table", metrics["known_genes"], metrics["n"], metrics["unseen"])
    if "unseen_systems" in metrics:
        known, others = metrics["known_systems"], metrics["unseen_systems"]
        lines += _apart("rows are of chemical systems that the model knows", known, metrics["n"], others)
    return "\n".join(lines)


def _apart(what: str, known: int, n: int, others: Mapping[str, Any]) -> list[str]:
    """How many rows the model knows, and where that tells something, the metrics of the others."""
    line = f"{known:,} of {n:,} {what}"
    if not known:
        return [line]
    if not others["n"]:
        return [f"{line}; there are no other rows"]
    return [f"{line}; figures on the other rows:", *_metric_lines(others)]


def _metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    """One line per metric: value, 95 % interval and number of crystals; then those that there are none of, and why."""
    lines = []
    absent: dict[str, list[str]] = {}
    for name, value in metrics.items():
        if f"{name}_interval" in metrics:
            low, high = metrics[f"{name}_interval"]
            lines.append(f"{name:<32}{value:>9.4f}  95 % [{low:.4f}, {high:.4f}]  n {metrics[f'{name}_n']:,}")
        elif f"{name}_reason" in metrics:
            absent.setdefault(metrics[f"{name}_reason"], []).append(name)
        elif f"{name}_n" in metrics:
            lines.append(f"{name:<32}{value:>9.4f}{'':24}  n {metrics[f'{name}_n']:,}")
    return lines + [f"not measured, {reason}: {', '.join(names)}" for reason, names in absent.items()]


def assessment_table(found: Mapping[str, Any]) -> str:
    """What came out for each target and for none, then how often the parts of the targets were hit.

    Args:
        found: :meth:`wyckforge.design.assessment.Assessment.to_dict`.
    """
    from wyckforge.report.terminal import align

    samples = dict(found["without_target"])
    samples |= {name: target["generation"] for name, target in found["targets"].items()}
    head = ["sample", *_MADE.values(), "SG χ²"]
    rows = [
        [name, *(_share(metrics[key]) for key in _MADE), _figure(metrics["space_groups"]["value"], ".3f")]
        for name, metrics in samples.items()
    ]
    lines = [f"{found['n']:,} genes of {found['checkpoint']} for each sample, method {found['method']}"]
    lines += align([head, *rows], right=set(range(1, len(head))))
    for name, target in found["targets"].items():
        lines += ["", *_hit_lines(name, target)]
    if found["judge"]:
        errors = ", ".join(f"{name} ±{error:.3f}" for name, error in found["judge"]["errors"].items())
        lines += ["", f"judged by {found['judge']['name']}, mean absolute errors {errors}; intervals are of 95 %"]
    return "\n".join(lines)


_MADE = {
    "valid_gene": "valid",
    "unique": "unique",
    "novel_gene": "novel gene",
    "novel_template": "novel template",
    "compositional_validity": "neutral",
    "p1": "P1",
}
"""Columns of the generation metrics, by name."""


def _hit_lines(name: str, target: Mapping[str, Any]) -> list[str]:
    from wyckforge.report.terminal import align

    asked = ", ".join(
        f"{key} {_groups(value) if key == 'space_groups' else value}" for key, value in target["target"].items()
    )
    rows = [
        [
            part,
            _share(rate["predicted"]) if rate["predicted"] else "–",
            _share(rate["achieved"]),
            _share(rate["unconditional"]),
            _figure(rate["enrichment"]["value"], ".1f"),
            " to ".join(_figure(bound, ".1f") for bound in rate["enrichment"]["interval"]),
        ]
        for part, rate in target["hits"]["rates"].items()
    ]
    head = [name, "claimed", "achieved", "unconditional", "enrichment", "95 %"]
    lines = [asked, *align([head, *rows], right=set(range(1, len(head))))]
    calibration = target["hits"]["calibration"]
    if calibration and calibration["expected_calibration_error"] is not None:
        error = calibration["expected_calibration_error"]
        lines.append(f"claims and achieved hits are {error:.3f} apart on average over their bins")
    if target["judge_probability"]:
        free = _share(target["judge_probability_unconditional"])
        lines.append(f"the judge expects {_share(target['judge_probability'])} hits, unconditionally {free}")
    if target["hits"]["unjudged"]:
        lines.append(f"{target['hits']['unjudged']:,} genes could not be judged and count as missed")
    return [*lines, *(f"warning: {words}" for words in target["warnings"])]


def _share(rate: Mapping[str, Any]) -> str:
    """A rate in per cent with its interval."""
    if rate["value"] is None:
        return "–"
    low, high = rate["interval"]
    return f"{100 * rate['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _groups(numbers: list[int]) -> str:
    """Space groups as intervals: ``143-230``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in spans)
