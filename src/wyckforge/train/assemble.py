"""From a finished run to a checkpoint: validation errors, known genes and formulas, provenance, model card."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from wyckforge import __version__
from wyckforge.models.mpvae import MPVAE
from wyckforge.properties import describe
from wyckforge.symmetry.elements import symbol
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.config import TrainConfig
from wyckforge.train.data import TrainingData
from wyckforge.train.hashes import hash_set


def assemble(config: TrainConfig, data: TrainingData, model: MPVAE, history: list[dict[str, Any]]) -> Checkpoint:
    """The checkpoint of a finished run.

    The errors are those on the validation rows of the last step. All rows of the table count as known, also those of
    the validation and test parts: they exist.
    """
    checkpoint = Checkpoint(
        name=config.name,
        model=copy.deepcopy(model),
        representation=data.representation,
        scaler=data.scaler,
        errors={},
        known_genes=hash_set(str(gene.canonical()) for gene in data.table.genes),
        known_formulas=hash_set(data.table.formulas),
        provenance=_provenance(config, data, history),
        card="",
    )
    checkpoint = replace(checkpoint, errors=validation_errors(checkpoint, config, data))
    return replace(checkpoint, card=model_card(checkpoint))


def validation_errors(checkpoint: Checkpoint, config: TrainConfig, data: TrainingData) -> dict[str, float]:
    """Mean absolute error of each property on the validation rows of the last step, physical units."""
    rows = data.rows(list(config.steps.values())[-1], data.split.val)
    predicted = checkpoint.predict([data.table.genes[row] for row in rows])
    return {
        name: float(np.nanmean(np.abs(predicted[name] - data.table.label(name)[rows]))) for name in checkpoint.targets
    }


def model_card(checkpoint: Checkpoint, measured: str = "") -> str:
    """Markdown account of what the model is, what it learned from and what it cannot do.

    Args:
        checkpoint: the model.
        measured: Markdown with figures on data that training did not see.
    """
    data: Mapping[str, Any] = checkpoint.provenance["data"]
    targets = ", ".join(describe(name).axis_label for name in checkpoint.targets)
    rows = ", ".join(f"{count:,} {part}" for part, count in data["split"].items())
    errors = "\n".join(
        f"| {describe(name).label} | {error:.3f} {describe(name).unit} |" for name, error in checkpoint.errors.items()
    )
    labels = "\n".join(
        f"- {describe(name).label}: " + ", ".join(f"{source} ({count:,})" for source, count in vintages.items())
        for name, vintages in data["labels"].items()
    )
    symbols = " ".join(symbol(number) for number in checkpoint.representation.elements)
    elements = textwrap.fill(symbols, 116, initial_indent="  ", subsequent_indent="  ")
    return f"""# {checkpoint.name}

A multi-property variational autoencoder of Wyckoff genes: it encodes a crystal without its free parameters (space
group, elements, occupied Wyckoff positions) in {checkpoint.model.config.latent} dimensions, decodes it, and predicts:
{targets}.

Architecture and two-step training after Yamazaki et al., "Multi-property directed generative design of inorganic
materials through Wyckoff-augmented transfer learning". Made with wyckforge
{checkpoint.provenance["wyckforge"]}; the complete configuration is in `checkpoint.json`.

## Data

{data["rows"]:,} crystals of {checkpoint.representation.span} ({rows}); crystals of one
{data["split_by"].replace("_", " ")} are in one part. Labels by vintage:

{labels}

## Errors on the validation part

| property | mean absolute error |
|---|---|
{errors}

{measured}
## Limits

- Elements:
{elements}
- Crystals of {checkpoint.representation.span}.
- The model sees no coordinates and no lattice; two crystals with one gene get one prediction.
- Properties are those of density-functional theory (PBE), with its errors; gaps are too small.
- `known.safetensors` holds 64-bit hashes of {len(checkpoint.known_genes):,} genes and
  {len(checkpoint.known_formulas):,} formulas of the table. What is absent from it need not be unknown to science.

## Files

`weights.safetensors` (weights and statistics of the network, elemental features), `known.safetensors`,
`checkpoint.json` (sizes, vocabulary, scalers, provenance, SHA-256 of the others). Loading executes nothing.
"""


def _provenance(config: TrainConfig, data: TrainingData, history: list[dict[str, Any]]) -> dict[str, Any]:
    last = config.steps[history[-1]["step"]]
    return {
        "wyckforge": __version__,
        "config": {key: value for key, value in config.to_dict().items() if key not in ("table", "out")},
        "data": {
            "content_hash": data.table.content_hash(),
            "rows": len(data.table),
            "left_out": data.left_out,
            "split_by": data.split.by,
            "split": {part: len(getattr(data.split, part)) for part in ("train", "val", "test")},
            "last_step": {part: len(data.rows(last, getattr(data.split, part))) for part in ("train", "val", "test")},
            "labels": {name: data.table.column(name).vintages() for name in config.targets},
        },
        "epochs": len(history),
        "seconds": round(sum(record["seconds"] for record in history)),
        "validation": history[-1]["validation"],
    }
