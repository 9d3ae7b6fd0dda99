"""What fine-tuning achieved, measured, and the model card that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge import __version__
from wyckforge.properties import describe
from wyckforge.train.calibration import LEVEL, Votes
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.labelled import Labelled

Floats = NDArray[np.float64]
_SHARE = 0.2
_ASKED = 400
_RESAMPLES = 1000


def account_of(
    checkpoint: OrbitCheckpoint, labelled: Labelled, votes: Mapping[str, Votes], unasked: Mapping[str, Floats]
) -> dict[str, Any]:
    """JSON-ready account of a fine-tuning.

    Args:
        checkpoint: the result.
        labelled: what it learned from.
        votes: by new property, (1, n), of networks that did not learn from the formula.
        unasked: by property, predictions for genes of the unconditional prior.
    """
    properties = {}
    for name, labels in labelled.labels.items():
        said = checkpoint.calibrations[name].distribution(votes[name], checkpoint.scales[name]).value()
        known = ~np.isnan(labels)
        properties[name] = {
            "labels": int(known.sum()),
            "unit": labelled.units[name],
            **_errors(said[known], labels[known]),
            "asked": [_asked(checkpoint, name, labels[known], unasked[name], low) for low in (True, False)],
        }
    return {
        "wyckforge": __version__,
        "crystals": len(labelled.genes),
        "formulas": len({gene.formula for gene in labelled.genes}),
        "left_out": dict(labelled.left_out),
        "properties": properties,
    }


def _errors(said: Floats, labels: Floats) -> dict[str, Any]:
    """Mean absolute error with its bootstrap interval (95 %), and that of always saying the median."""
    errors, rng = np.abs(said - labels), np.random.default_rng(0)
    means = [rng.choice(errors, len(errors)).mean() for _ in range(_RESAMPLES)]
    return {
        "mae": float(errors.mean()),
        "mae_interval": np.percentile(means, [2.5, 97.5]).tolist(),
        "mae_of_median": float(np.abs(labels - np.median(labels)).mean()),
    }


def _asked(checkpoint: OrbitCheckpoint, name: str, labels: Floats, unasked: Floats, low: bool) -> dict[str, Any]:
    """How many genes of the generator are predicted in the lowest or highest fifth of the labels, asked and unasked."""
    bound = float(np.quantile(labels, _SHARE if low else 1 - _SHARE))
    place, column = checkpoint.conditions.index(name), checkpoint.targets.index(name)
    pool = checkpoint.labels[:, column]
    inside = pool[pool <= bound if low else pool >= bound]
    rng = np.random.default_rng(0)
    wanted = np.full((_ASKED, len(checkpoint.conditions)), np.nan)
    wanted[:, place] = rng.choice(inside, _ASKED)
    latents = np.zeros((_ASKED, checkpoint.autoencoder.config.latent))
    made = checkpoint.predict(checkpoint.decode(latents, rng=rng, level=1.0, wanted=wanted))[name]
    return {
        "side": "at most" if low else "at least",
        "bound": bound,
        "asked": float((made <= bound if low else made >= bound).mean()),
        "unasked": float((unasked <= bound if low else unasked >= bound).mean()),
        "n": _ASKED,
    }


def finetuned_card(name: str, account: Mapping[str, Any], base: str) -> str:
    """Model card of a fine-tuned checkpoint, Markdown; the base's follows.

    Args:
        name: of the checkpoint.
        account: of :func:`account_of`, with base, source and settings.
        base: card of the base.
    """
    errors = "\n".join(
        f"| {describe(prop).label} ({found['unit']}) | {found['labels']:,} | {found['mae']:.4g} "
        f"({found['mae_interval'][0]:.4g} to {found['mae_interval'][1]:.4g}) | {found['mae_of_median']:.4g} |"
        for prop, found in account["properties"].items()
    )
    asked = "\n".join(
        f"| {describe(prop).label} {one['side']} {one['bound']:.4g} | {one['asked']:.0%} | {one['unasked']:.0%} |"
        for prop, found in account["properties"].items()
        for one in found["asked"]
    )
    left_out = ", ".join(f"{why} ({count:,})" for why, count in account["left_out"].items()) or "none"
    return f"""# {name}

{account["base"]}, fine-tuned with wyckforge {account["wyckforge"]} on {account["crystals"]:,} crystals of
{account["formulas"]:,} formulas from {account["source"]} (rows left out: {left_out}). What the base predicts is
unchanged; the generator can be asked for the new properties beside the old ones.

## Errors of the new properties

Cross-validated in {account["settings"]["predictor"]["folds"]} parts that share no formula; mean absolute error with its
95 % interval. The error of always saying the median label stands beside it.

| property | labels | error | of the median |
|---|---|---|---|
{errors}

## What asking does

Share of generated genes whose predicted property lies there, by this model's own judgement.

| asked for | asked | not asked |
|---|---|---|
{asked}

## Limits of the fine-tuning

- {LEVEL:.0%} intervals are calibrated on these labels; for crystals unlike them they say too little.
- The generator learned the new properties from predictions for {account["settings"]["generator"]["samples"]:,} genes of
  its own and from the labels. Where the predictions are wrong, it is asked for the wrong thing.
- Crystals of the base's training can have the same formulas as those with labels; the base knew other properties of
  them.

{base.replace("# ", "## Base: ", 1) if base.startswith("# ") else base}"""
