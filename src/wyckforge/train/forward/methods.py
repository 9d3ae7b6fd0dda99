"""Every forward model that can be fitted, by name, and every method that can be read from a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wyckforge.data.material import Material
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.train.forward.environments import EnvironmentsMethod, cannot_see, fit_environments
from wyckforge.train.forward.finetuned import FinetunedMethod, cannot_hold, fit_finetuned
from wyckforge.train.forward.method import Fit, Method
from wyckforge.train.forward.network import NetworkMethod, fit_network
from wyckforge.train.forward.stacked import StackedMethod, cannot_stack, fit_stacked


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a forward model is fitted.

    Attributes:
        fit: fits it to a task.
        problem: why it cannot learn from a material or be asked about it, in words, or ``None``.
        words: what it is, for people.
        pretrained: whether it begins with networks that know formation energies and gaps.
    """

    fit: Fit
    problem: Callable[[Material], str | None]
    words: str
    pretrained: bool = False


_WORDS = {
    "elemnet": "fully connected layers on the composition",
    "roost": "messages between the elements of the composition",
    "crabnet": "a transformer on the composition",
    "ftcp": "real and reciprocal space of the cell",
    "ftcp+": "the same, learned from all settings of the cell",
    "wycryst": "the Wyckoff array",
    "wycryst+": "the same, learned from all spellings of the letters",
    "wycryst-l+": "Wyckoff array, lattice and coordinates, learned from all settings",
}

RECIPES: dict[str, Recipe] = {
    "structures": Recipe(
        fit_stacked,
        cannot_stack,
        "structure, potential and gene together; about a second per new structure",
        pretrained=True,
    ),
    "embeddings": Recipe(
        partial(fit_stacked, with_mechanics=False),
        cannot_stack,
        "the same without elastic constants; a twentieth of a second per new structure",
        pretrained=True,
    ),
    "environments": Recipe(
        fit_environments, cannot_see, "the atoms' environments as the potential sees them; for large tables"
    ),
    "genes": Recipe(
        fit_finetuned, cannot_hold, "gene only: fine-tuned from formation energies and gaps", pretrained=True
    ),
    **{
        name: Recipe(partial(fit_network, name), architecture.problem, _WORDS[name])
        for name, architecture in PUBLISHED.items()
    },
}

KINDS: dict[str, type[Method]] = {
    method.kind: method for method in (NetworkMethod, FinetunedMethod, StackedMethod, EnvironmentsMethod)
}
