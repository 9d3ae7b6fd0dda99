"""Settings of a training run. Unknown keys are errors; the defaults are the published settings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from wyckforge.models.losses import LossWeights
from wyckforge.settings import Configuration, Settings

Part = Literal[
    "encoder",
    "encoder_x",
    "encoder_group",
    "encoder_dense",
    "encoder_latent",
    "decoder",
    "decoder_x",
    "decoder_group",
    "branches",
    "batch_norm",
]
_SHORTHAND = {
    "encoder": ("encoder_x", "encoder_group", "encoder_dense", "encoder_latent"),
    "decoder": ("decoder_x", "decoder_group"),
}


def modules_of(parts: Iterable[str]) -> set[str]:
    """Names of the modules of the network behind names of its parts; ``batch_norm`` stands for itself."""
    return {module for part in parts for module in _SHORTHAND.get(part, (part,))}


class SplitConfig(Settings):
    """How the table is divided."""

    fractions: tuple[float, float, float] = Field((0.8, 0.1, 0.1), description="training, validation and test")
    by: Literal["formula", "chemical_system"] = Field("formula", description="what stays together on one side")
    saved: Path | None = Field(None, description="split.json of the same table, in place of drawing one by the seed")

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(fractions) - 1) > 1e-9 or min(fractions) <= 0:
            raise ValueError(f"split fractions {fractions} given; give three positive numbers that sum to 1")
        return fractions


class OptimiserConfig(Settings):
    """RMSprop with a learning rate that falls when the validation loss no longer does, or evenly towards zero."""

    decay: float = Field(0.9, gt=0, lt=1, description="memory of the mean squared gradient")
    schedule: Literal["plateau", "linear"] = Field(
        "plateau", description="linear: the learning rate falls evenly, to zero after the last epoch"
    )
    plateau_factor: float = Field(0.3, gt=0, lt=1, description="factor on the learning rate at a plateau")
    plateau_patience_epochs: int = Field(4, ge=0, description="epochs without improvement that make a plateau")
    min_learning_rate: float = Field(1e-6, ge=0, description="the learning rate falls no further")


class StepConfig(Settings):
    """One of the two steps of training."""

    targets: tuple[str, ...] = Field(min_length=1, description="label columns whose branches learn")
    rows_above: dict[str, float] = Field({}, description="learn from rows whose label lies above this value only")
    epochs: int = Field(55, ge=1, description="passes over the crystals")
    batch_size: int = Field(512, ge=2, description="crystals per update")
    learning_rate: float = Field(2e-4, gt=0, description="initial step of RMSprop")
    freeze: tuple[Part, ...] = Field((), description="parts that keep their weights and statistics")

    @field_validator("freeze")
    @classmethod
    def _something_learns(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        if modules_of(("encoder", "decoder", "branches")) <= modules_of(parts):
            raise ValueError(
                f"{', '.join(parts)} are all parts of the network, nothing would learn; "
                "leave the part out that is to learn, for example branches"
            )
        return parts


class TrainConfig(Configuration):
    """Everything a training run depends on.

    Raises:
        ConfigError: from the class methods, where the file is unreadable, a key unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/training.md"

    model: Literal["mpvae"] = Field("mpvae", description="the architecture")
    name: str = Field(min_length=1, description="name of the checkpoint")
    table: Path = Field(description="gene table (Parquet), relative to the working directory")
    out: Path = Field(description="folder of the run, relative to the working directory")
    seed: int = Field(0, ge=0, description="the one seed: split, initial weights, order of the crystals, noise")
    start: Path | None = Field(
        None, description="checkpoint whose weights the network begins with; branches it lacks begin at random"
    )
    vintage: str = Field("", description="named vintage of the labels; empty accepts labels of a single vintage only")
    max_elements: int = Field(3, ge=1, description="columns of X; crystals with more elements are left out")
    augmentation: Literal["none", "orbit"] = Field(
        "orbit", description="orbit: at every visit a crystal shows a random member of its normalizer orbit"
    )
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of the forward pass")
    split: SplitConfig = SplitConfig()
    loss: LossWeights = LossWeights()
    optimiser: OptimiserConfig = OptimiserConfig()
    pretrain: StepConfig
    finetune: StepConfig | None = None

    @property
    def steps(self) -> dict[str, StepConfig]:
        """The steps in order, by name."""
        steps = {"pretrain": self.pretrain}
        return steps if self.finetune is None else {**steps, "finetune": self.finetune}

    @property
    def targets(self) -> tuple[str, ...]:
        """Properties that any step learns, in the order of their first mention."""
        return tuple(dict.fromkeys(name for step in self.steps.values() for name in step.targets))
