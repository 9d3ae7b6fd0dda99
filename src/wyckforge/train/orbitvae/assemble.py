"""From finished networks to a checkpoint: calibration, errors, known crystals, provenance, model card."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wyckforge import __version__
from wyckforge.models.orbitvae.autoencoder import OrbitVAE
from wyckforge.models.orbitvae.predictor import Predictor
from wyckforge.properties import describe
from wyckforge.symmetry.elements import symbol
from wyckforge.train.calibration import LEVEL, Calibration
from wyckforge.train.known import KnownCrystals
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.config import OrbitConfig
from wyckforge.train.orbitvae.data import OrbitData

_POOL = 20_000


def assemble(
    config: OrbitConfig,
    data: OrbitData,
    autoencoder: OrbitVAE,
    predictors: Sequence[Predictor],
    history: list[dict[str, Any]],
) -> OrbitCheckpoint:
    """The checkpoint of a finished run.

    Uncertainties are calibrated, and errors measured, on the validation rows, from which no network learned. Crystals
    of the training and validation parts count as known, those of the test part do not: nothing has seen them.
    """
    seen = [data.table.genes[row] for row in (*data.split.train, *data.split.val)]
    checkpoint = OrbitCheckpoint(
        name=config.name,
        vocabulary=data.vocabulary,
        autoencoder=copy.deepcopy(autoencoder).cpu(),
        predictors=tuple(copy.deepcopy(predictor).cpu() for predictor in predictors),
        scales=data.scales,
        calibrations={name: Calibration() for name in data.targets},
        errors={},
        known=KnownCrystals.from_genes([*seen, *data.extra_genes]),
        labels=_pool(data, config.seed),
        provenance=_provenance(config, data, history),
        card="",
    )
    rows = data.rows(data.split.val)
    genes = [data.table.genes[row] for row in rows]
    labels = {name: data.table.label(name)[rows] for name in data.targets}
    votes = checkpoint.votes(genes)
    calibrations = {name: Calibration.fit(votes[name], data.scales[name], labels[name]) for name in data.targets}
    checkpoint = replace(checkpoint, calibrations=calibrations)
    predicted = checkpoint.predict(genes)
    errors = {name: float(np.nanmean(np.abs(predicted[name] - labels[name]))) for name in data.targets}
    checkpoint = replace(checkpoint, errors=errors)
    return replace(checkpoint, card=model_card(checkpoint))


def model_card(checkpoint: OrbitCheckpoint, measured: str = "") -> str:
    """Markdown account of what the model is, what it learned from and what it cannot do.

    Args:
        checkpoint: the model.
        measured: Markdown with figures on data that training did not see.
    """
    data: Mapping[str, Any] = checkpoint.provenance["data"]
    targets = ", ".join(describe(name).axis_label for name in checkpoint.targets)
    errors = "\n".join(
        f"| {describe(name).label} | {error:.3f} {describe(name).unit} |" for name, error in checkpoint.errors.items()
    )
    parts = ", ".join(f"{count:,} {part}" for part, count in data["split"].items())
    labels = "\n".join(
        f"- {describe(name).label}: " + ", ".join(f"{source} ({count:,})" for source, count in vintages.items())
        for name, vintages in data["labels"].items()
    )
    symbols = " ".join(symbol(number) for number in sorted(checkpoint.vocabulary.elements))
    elements = textwrap.fill(symbols, 116, initial_indent="  ", subsequent_indent="  ")
    return f"""# {checkpoint.name}

A generator of Wyckoff genes (space group, elements, occupied Wyckoff positions) with {len(checkpoint.predictors)}
predictors that say how sure they are. It encodes a set of orbits in {checkpoint.autoencoder.config.latent} dimensions
and decodes it orbit by orbit under exact masks: every gene is valid, and meets the hard constraints asked for. It
predicts: {targets}. Made with wyckforge {checkpoint.provenance["wyckforge"]}; the complete configuration is in
`checkpoint.json`.

## Data

{data["rows"]:,} crystals ({parts}); crystals of one {data["split_by"].replace("_", " ")} are in one part. Besides, to
learn from only, {data["extra"]:,} crystals of other tables that share none with the validation and test parts. Labels
of the first table by vintage:

{labels}

## Errors on the validation part

| property | mean absolute error |
|---|---|
{errors}

{measured}
## Limits

- Elements:
{elements}
- Crystals of {checkpoint.vocabulary.span} and at most {checkpoint.vocabulary.max_sites} orbits; those with more than
  {checkpoint.autoencoder.config.max_sites} were not learned from, and are not drawn.
- The model sees no coordinates and no lattice; two crystals with one gene get one prediction.
- Properties are those of density-functional theory (PBE), with its errors; gaps are too small.
- Intervals are made to hold {LEVEL:.0%} of the labels of crystals like those of the validation part. Far from them, as
  generated crystals can be, they hold fewer.
- `known.safetensors` holds 64-bit hashes of the {len(checkpoint.known):,} genes of the training and validation parts.
  What is absent from it need not be unknown to science.

## Files

`weights.safetensors` (all networks, chemistry of the elements), `known.safetensors` (hashes; labels from which to draw
what to ask for), `checkpoint.json` (sizes, vocabulary, scales, calibration, provenance, SHA-256 of the others).
Loading executes nothing.
"""


def _pool(data: OrbitData, seed: int) -> NDArray[np.float64]:
    """(m, t) labels of at most 20,000 training crystals, physical units."""
    scaled = data.train.labels[:, : len(data.targets)].double().cpu()
    scaled = scaled[~torch.isnan(scaled).all(1)]
    chosen = np.random.default_rng(seed).permutation(len(scaled))[:_POOL]
    columns = [data.scales[name].inverse(scaled[chosen, k].numpy()) for k, name in enumerate(data.targets)]
    logarithmic = [data.scales[name].logarithmic for name in data.targets]
    return np.stack([np.exp(c) if log else c for c, log in zip(columns, logarithmic, strict=True)], 1)


def _provenance(config: OrbitConfig, data: OrbitData, history: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "wyckforge": __version__,
        "config": {key: value for key, value in config.to_dict().items() if key not in ("table", "extra", "out")},
        "data": {
            **data.counts,
            "content_hash": data.table.content_hash(),
            "split_by": data.split.by,
            "split": {part: len(getattr(data.split, part)) for part in ("train", "val", "test")},
            "labels": {name: data.table.column(name).vintages() for name in data.targets},
        },
        "epochs": len(history),
        "seconds": round(sum(record["seconds"] for record in history)),
    }
