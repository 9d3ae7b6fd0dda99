"""Settings of a training of the geometry model."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from wyckforge.settings import Configuration


class GeometryConfig(Configuration):
    """AdamW with a one-cycle learning rate, until a number of updates is made or a time is over, whichever is first.

    Raises:
        ConfigError: from the class methods, where a key is unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/geometry.md"

    width: int = Field(192, ge=8, description="of the vectors inside")
    heads: int = Field(6, ge=1, description="of each attention block; a divisor of the width")
    gene_layers: int = Field(4, ge=1, description="attention blocks over the orbits")
    layers: int = Field(6, ge=1, description="attention blocks over the numbers")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of numbers set to zero while learning")
    batch_size: int = Field(512, ge=2, description="crystals per update, roughly")
    learning_rate: float = Field(1.5e-3, gt=0, description="highest, reached after the warm-up")
    warm_up: float = Field(0.06, gt=0, lt=1, description="share of the training in which the learning rate rises")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW, on matrices")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    average: float = Field(0.999, ge=0, lt=1, description="memory of the running mean of the weights, which is kept")
    cell_weight: float = Field(1.0, gt=0, description="of the numbers of the cell in the loss; a coordinate's is 1")
    noise: float = Field(0.0, ge=0, description="standard deviation of the noise on what is told about coordinates")
    minutes: float | None = Field(None, gt=0, description="time after which the training is over")
    updates: int | None = Field(None, ge=1, description="updates after which it is over")
    validate_every: int = Field(500, ge=1, description="updates between two looks at the validation part")
    seed: int = Field(7, ge=0, description="of the initial weights and the order of the crystals")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} with {self.heads} heads; give a width that the heads divide")
        if self.minutes is None and self.updates is None:
            raise ValueError("the training has no end; give minutes or updates")
        return self
