"""Settings of a training run of an OrbitVAE and its ensemble of predictors. Unknown keys are errors."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from wyckforge.models.orbitvae.grammar import MAX_SITES
from wyckforge.settings import Configuration, Settings
from wyckforge.train.config import SplitConfig


class NetworkConfig(Settings):
    """What the training of every network is told: AdamW with a one-cycle learning rate."""

    epochs: int = Field(24, ge=1, description="passes over the crystals")
    batch_size: int = Field(256, ge=2, description="crystals per update, roughly: batches are of equal size")
    learning_rate: float = Field(1.5e-3, gt=0, description="highest, reached after the warm-up")
    warm_up: float = Field(0.08, gt=0, lt=1, description="share of the updates in which the learning rate rises")
    weight_decay: float = Field(0.01, ge=0, description="of AdamW, on matrices")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")


class AutoencoderSettings(NetworkConfig):
    """The encoder and the decoder."""

    width: int = Field(192, ge=8, description="of the vectors inside")
    heads: int = Field(6, ge=1, description="of each attention block; a divisor of the width")
    layers: int = Field(3, ge=1, description="attention blocks of the decoder")
    latent: int = Field(256, ge=2, description="dimensions")
    kl_weight: float = Field(0.2, ge=0, description="of half the mean squared latent coordinate")
    property_weight: float = Field(0.3, ge=0, description="of the loss of the properties that the latent tells")
    property_noise: float = Field(0.1, ge=0, description="standard deviation of the noise on what they are told from")
    condition_dropout: float = Field(0.4, ge=0, lt=1, description="share of the properties that are not told")
    small_noise: float = Field(0.35, ge=0, le=1, description="share of the genes with a noise level below 0.15")
    full_noise: float = Field(0.35, ge=0, le=1, description="share with noise level 1; the rest has any level")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} with {self.heads} heads; give a width that the heads divide")
        if self.small_noise + self.full_noise > 1:
            raise ValueError(
                f"small_noise {self.small_noise} and full_noise {self.full_noise} are more than all genes; "
                "give shares that sum to 1 at most"
            )
        return self


class PredictorSettings(NetworkConfig):
    """The ensemble that predicts properties."""

    members: int = Field(5, ge=1, description="networks, alike but for their seeds")
    epochs: int = Field(20, ge=1, description="passes over the crystals")
    learning_rate: float = Field(2e-3, gt=0, description="highest, reached after the warm-up")
    warm_up: float = Field(0.1, gt=0, lt=1, description="share of the updates in which the learning rate rises")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW, on matrices")
    width: int = Field(160, ge=32, multiple_of=32, description="of the vectors inside; 32 for each head")
    layers: int = Field(3, ge=1, description="attention blocks")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of numbers set to zero while learning")
    average: float = Field(0.999, ge=0, lt=1, description="memory of the running mean of the weights, which is kept")
    weights: dict[str, float] = Field({}, description="of the loss of a property; 1 where not given")
    other_weight: float = Field(0.3, ge=0, description="the same for the labels of other vintages, times that")
    geometry_weight: float = Field(1.4, ge=0, description="of guessing the structures, where the tables hold them")


class OrbitConfig(Configuration):
    """Everything a training run depends on.

    Raises:
        ConfigError: from the class methods, where the file is unreadable, a key unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/training.md"

    model: Literal["orbitvae"] = Field(description="the architecture")
    name: str = Field(min_length=1, description="name of the checkpoint")
    table: Path = Field(description="gene table (Parquet), relative to the working directory")
    extra: tuple[Path, ...] = Field((), description="tables with more crystals to learn from, never to measure with")
    out: Path = Field(description="folder of the run, relative to the working directory")
    seed: int = Field(0, ge=0, description="the one seed: split, initial weights, order of the crystals, noise")
    vintage: str = Field("", description="named vintage of the labels; empty accepts a table of a single vintage only")
    targets: tuple[str, ...] = Field(min_length=1, description="label columns to learn")
    max_sites: int = Field(60, ge=1, le=MAX_SITES, description="most orbits of a gene; crystals with more are left out")
    max_sites_learned: int = Field(24, ge=1, description="most orbits of a gene that is learned from, and drawn")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    precision: Literal["float32", "bfloat16"] = Field("bfloat16", description="arithmetic of the forward pass")
    split: SplitConfig = SplitConfig()
    autoencoder: AutoencoderSettings = AutoencoderSettings()
    predictor: PredictorSettings = PredictorSettings()

    @property
    def longest_learned(self) -> int:
        """Most orbits of a gene that is learned from, and drawn."""
        return min(self.max_sites, self.max_sites_learned)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError(f"targets {', '.join(self.targets)} given; name each once")
        if unknown := set(self.predictor.weights) - set(self.targets):
            raise ValueError(
                f"predictor.weights for {', '.join(sorted(unknown))}, which are not learned; learned are "
                f"{', '.join(self.targets)}"
            )
        return self
