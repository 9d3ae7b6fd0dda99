"""New properties for a trained OrbitVAE, from a few hundred labels and without the data it learned from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import CheckpointError, TableError
from wyckforge.settings import Settings
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.calibration import Calibration, Votes
from wyckforge.train.model import load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.finetune_account import account_of, finetuned_card
from wyckforge.train.orbitvae.finetune_generator import GeneratorTuning, finetune_generator, with_conditions
from wyckforge.train.orbitvae.finetune_predictor import PredictorTuning, Tick, finetune_ensemble
from wyckforge.train.orbitvae.labelled import Labelled, read_labelled

Floats = NDArray[np.float64]
_DRAWN_AT_A_TIME = 1000


class FinetuneSettings(Settings):
    """What fine-tuning depends on beside the base and the labels."""

    seed: int = Field(0, ge=0, description="folds, new weights, order of the crystals, noise, genes drawn")
    predictor: PredictorTuning = PredictorTuning()
    generator: GeneratorTuning = GeneratorTuning()


def finetune_file(
    base: Path | str | None,
    data: Path | str,
    targets: Sequence[str],
    out: Path | str,
    settings: FinetuneSettings,
    *,
    vintage: str | None = None,
) -> OrbitCheckpoint:
    """Fine-tune a checkpoint on a file of labels and write the result.

    Args:
        base: folder or name of the checkpoint to begin with; the default one for ``None``.
        data: crystals with labels, see :func:`~wyckforge.train.orbitvae.labelled.read_labelled`.
        targets: label columns.
        out: folder to write.
        settings: how to learn.
        vintage: accepted vintage of the labels.

    Raises:
        CheckpointError: the base is no OrbitVAE, or ``out`` holds something.
        TableError: the labels cannot be learned from, or a target is a property of the base.
    """
    model, out = load_checkpoint(base), Path(out)
    if not isinstance(model, OrbitCheckpoint):
        raise CheckpointError(
            f"{model.name} cannot be fine-tuned, it is no OrbitVAE; give one that is, or train with a configuration"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointError(f"{out} holds something already; give another folder, so that nothing is overwritten")
    _require_new(model, targets)
    labelled = read_labelled(data, targets, model.problem, vintage=vintage, progress=True)
    tuned = finetune(model, labelled, settings, source=Path(data).name, progress=True)
    tuned.save(out, half=_fits_half(model))
    return tuned


def finetune(
    base: OrbitCheckpoint,
    labelled: Labelled,
    settings: FinetuneSettings,
    *,
    source: str = "labels in memory",
    progress: bool = False,
) -> OrbitCheckpoint:
    """A checkpoint that predicts the labelled properties beside those of its base, and can be asked for them.

    What the base predicts stays as it is, because new properties have networks of their own.

    Args:
        base: what to begin with; it stays as it is.
        labelled: crystals with labels.
        settings: how to learn.
        source: where the labels come from, for the model card.
        progress: whether to show bars on standard error.

    Raises:
        TableError: a label is a property of the base, or all labels of a property are equal.
    """
    began = time.perf_counter()
    _require_new(base, tuple(labelled.labels))
    tuned, votes = with_predictors(base, labelled, settings, progress=progress)
    drawn = draw(base, settings.generator.samples, settings.seed, progress=progress)
    genes = [*drawn, *labelled.genes]
    labels = _measured_or_predicted(tuned.predict(genes), labelled.labels)
    short = np.array([len(gene.sites) <= base.autoencoder.config.max_sites for gene in genes])  # others are not drawn
    kept = [gene for gene, one in zip(genes, short, strict=True) if one]
    tuned = replace(
        with_generator(
            tuned, kept, {name: values[short] for name, values in labels.items()}, settings, progress=progress
        ),
        name="+".join([base.name, *labelled.labels]),
        known=base.known.with_genes(labelled.genes),
        labels=_pool(base, {name: values[len(drawn) :] for name, values in labels.items()}),
    )
    account = account_of(tuned, labelled, votes, {name: values[: len(drawn)] for name, values in labels.items()})
    account |= {
        "base": base.name,
        "source": source,
        "settings": settings.model_dump(mode="json"),
        "seconds": round(time.perf_counter() - began),
    }
    earlier = base.provenance.get("finetuned", [])
    tuned = replace(tuned, provenance={**base.provenance, "finetuned": [*earlier, account]})
    return replace(tuned, card=finetuned_card(tuned.name, account, base.card))


def with_predictors(
    base: OrbitCheckpoint, labelled: Labelled, settings: FinetuneSettings, *, progress: bool = False
) -> tuple[OrbitCheckpoint, dict[str, Votes]]:
    """The base with networks for the labelled properties, calibrated on what each says about formulas it never saw.

    The scale of a property is that of all its labels: a choice of unit, the same for all networks.

    Returns:
        The checkpoint, and by property the votes (1, n) of cross-validation.
    """
    scales = {name: PropertyScale.fit(name, values) for name, values in labelled.labels.items()}
    tuning = settings.predictor
    with _bar("predictors", tuning.folds * (tuning.head_epochs + tuning.epochs), progress) as tick:
        predictors, votes = finetune_ensemble(
            base.first_predictors,
            tuple(scales),
            [gene.formula for gene in labelled.genes],
            _encoded(base, scales, labelled.genes, labelled.labels),
            _zero_inflated(scales),
            tuning,
            seed=settings.seed,
            tick=tick,
        )
    calibrations = {
        name: replace(Calibration.fit(votes[name], scale, labelled.labels[name]), disagreement=0.0)
        for name, scale in scales.items()
    }
    errors = {}
    for name, calibration in calibrations.items():
        said = calibration.distribution(votes[name], scales[name]).value()
        errors[name] = float(np.nanmean(np.abs(said - labelled.labels[name])))
    tuned = replace(
        base,
        predictors=(*base.predictors, *predictors),
        scales={**base.scales, **scales},
        calibrations={**base.calibrations, **calibrations},
        errors={**base.errors, **errors},
    )
    return tuned, votes


def with_generator(
    checkpoint: OrbitCheckpoint,
    genes: Sequence[WyckoffGene],
    labels: Mapping[str, Floats],
    settings: FinetuneSettings,
    *,
    progress: bool = False,
) -> OrbitCheckpoint:
    """The checkpoint with a generator that can be asked for everything that its networks predict.

    Args:
        checkpoint: with networks for properties that its generator does not know.
        genes: n genes to learn from.
        labels: (n,) values of all properties of the checkpoint, measured or predicted.
        settings: how to learn.
        progress: whether to show a bar on standard error.
    """
    new = [name for name in checkpoint.targets if name not in checkpoint.conditions]
    grown = with_conditions(checkpoint.autoencoder, new)
    scales = {name: checkpoint.scales[name] for name in grown.config.targets}
    crystals = _encoded(checkpoint, scales, genes, labels)
    with _bar("generator", settings.generator.epochs, progress) as tick:
        generator = finetune_generator(
            grown, crystals, _zero_inflated(scales), settings.generator, seed=settings.seed, tick=tick
        )
    return replace(checkpoint, autoencoder=generator)


def draw(checkpoint: OrbitCheckpoint, n: int, seed: int, *, progress: bool = False) -> list[WyckoffGene]:
    """n genes of the unconditional prior."""
    rng = np.random.default_rng(seed)
    genes: list[WyckoffGene] = []
    with _bar("genes", n, progress) as tick:
        while len(genes) < n:
            latents = np.zeros((min(_DRAWN_AT_A_TIME, n - len(genes)), checkpoint.autoencoder.config.latent))
            genes += checkpoint.decode(latents, rng=rng, level=1.0)
            tick(len(latents))
    return genes


def _require_new(base: OrbitCheckpoint, targets: Sequence[str]) -> None:
    if taken := [name for name in targets if name in base.targets]:
        raise TableError(
            f"{base.name} predicts {', '.join(taken)} already, from more labels; fine-tuning adds properties, so give "
            "the column another name (my_" + taken[0] + ")"
        )


def _measured_or_predicted(predicted: Mapping[str, Floats], measured: Mapping[str, Floats]) -> dict[str, Floats]:
    """Predictions (n,), replaced by what was measured (m,) of the last m where something was."""
    found = {name: values.copy() for name, values in predicted.items()}
    for name, values in measured.items():
        last = found[name][-len(values) :]
        last[:] = np.where(np.isnan(values), last, values)
    return found


def _pool(base: OrbitCheckpoint, labels: Mapping[str, Floats]) -> Floats:
    """Labels of the base, and a row for every labelled crystal, in which predictions stand for what was not measured.

    Predictions for generated genes are not among them: what is counted as a label shall be one.
    """
    rows = np.stack(list(labels.values()), 1)
    old = np.full((len(base.labels), rows.shape[1]), np.nan)
    old[:, : base.labels.shape[1]] = base.labels
    return np.concatenate([old, rows])


def _encoded(
    checkpoint: OrbitCheckpoint,
    scales: Mapping[str, PropertyScale],
    genes: Sequence[WyckoffGene],
    labels: Mapping[str, Floats],
) -> Crystals:
    scaled = np.stack([scale.transform(labels[name]) for name, scale in scales.items()], 1)
    return Crystals.of(checkpoint.vocabulary.encode(genes), torch.from_numpy(scaled.astype(np.float32)))


def _zero_inflated(scales: Mapping[str, PropertyScale]) -> torch.Tensor:
    return torch.tensor([scale.zero_inflated for scale in scales.values()])


def _fits_half(checkpoint: OrbitCheckpoint) -> bool:
    """Whether half precision holds the weights of a checkpoint exactly, as it does those of the bundled one."""
    weights = (w for network in checkpoint.predictors for w in network.parameters())
    return all(bool((w == w.half().float()).all()) for w in weights)


@contextmanager
def _bar(name: str, total: int, shown: bool) -> Iterator[Tick]:
    with tqdm(total=total, desc=f"{name:<10}", disable=not shown) as bar:
        yield bar.update
