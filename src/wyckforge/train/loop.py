"""One epoch of training and one of validation."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler, ReduceLROnPlateau

from wyckforge.models.losses import Losses, LossWeights, losses
from wyckforge.models.mpvae import MPVAE
from wyckforge.symmetry.tables import MULTIPLICITY
from wyckforge.train.config import OptimiserConfig, Part, StepConfig, modules_of
from wyckforge.train.encoded import EncodedCrystals


def freeze(model: MPVAE, parts: Iterable[Part]) -> None:
    """Stop the learning of parts of the network; everything else learns.

    ``batch_norm`` stops the weights and the running statistics of every batch normalisation, also where its part
    goes on learning. Frozen parts use their stored statistics.
    """
    frozen = modules_of(parts)
    model.requires_grad_(True).train()
    for name, child in model.named_children():
        if name in frozen:
            child.requires_grad_(False).eval()
    if "batch_norm" in frozen:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.requires_grad_(False).eval()


def make_optimiser(model: MPVAE, step: StepConfig, config: OptimiserConfig) -> tuple[torch.optim.RMSprop, LRScheduler]:
    """RMSprop over the parameters that learn, and the schedule of its learning rate."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.RMSprop(learning, lr=step.learning_rate, alpha=config.decay, eps=1e-7)
    if config.schedule == "linear":
        return optimiser, LinearLR(optimiser, 1.0, 0.0, total_iters=step.epochs)
    schedule = ReduceLROnPlateau(
        optimiser,
        factor=config.plateau_factor,
        patience=config.plateau_patience_epochs,
        min_lr=config.min_learning_rate,
    )
    return optimiser, schedule


def advance(schedule: LRScheduler, validation_loss: float) -> None:
    """Set the learning rate of the next epoch."""
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(validation_loss)
    else:
        schedule.step()


class Objective:
    """The loss of a batch in the arithmetic of the run."""

    def __init__(self, weights: LossWeights, precision: str) -> None:
        self.weights = weights
        self.low_precision = precision == "bfloat16"
        self.multiplicity = torch.tensor(MULTIPLICITY, dtype=torch.float32)

    def __call__(self, model: MPVAE, x: Tensor, group: Tensor, properties: Tensor, noise: Tensor | None) -> Losses:
        """All loss terms; weights stay in single precision, the forward pass follows the run."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low_precision):
            output = model(x, group, noise)
        return losses(output, x, group, properties, self.multiplicity)


def train_epoch(
    model: MPVAE,
    crystals: EncodedCrystals,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    batch_size: int,
    generator: torch.Generator,
) -> float:
    """Show every crystal once and return the mean loss per crystal."""
    summed = 0.0
    for batch in crystals.random_batches(batch_size, generator):
        noise = torch.randn(len(batch.x), model.config.latent, generator=generator)
        total = objective(model, *batch, noise).total(objective.weights)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        summed += total.item() * len(batch.x)
    return summed / len(crystals)


@torch.no_grad()
def validate(model: MPVAE, crystals: EncodedCrystals, objective: Objective, batch_size: int = 1024) -> dict[str, float]:
    """Mean of every loss term per crystal, without noise, and their weighted sum as ``loss``."""
    learning = {module: module.training for module in model.modules()}
    model.eval()
    summed = torch.zeros(len(Losses._fields))
    for batch in crystals.ordered_batches(batch_size):
        summed += torch.stack(objective(model, *batch, None)) * len(batch.x)
    for module, mode in learning.items():
        module.training = mode
    means = Losses(*(summed / len(crystals)))
    return {"loss": means.total(objective.weights).item(), **{k: v.item() for k, v in means._asdict().items()}}
