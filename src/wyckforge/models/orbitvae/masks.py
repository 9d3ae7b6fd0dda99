"""The rules of emission for whole genes at once: what could have been chosen at every place of a known gene.

These are the rules of :mod:`wyckforge.models.orbitvae.grammar` that need no look ahead, for training and likelihoods.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits
from wyckforge.symmetry.tables import DEGREES_OF_FREEDOM, LETTERS

_FREEDOM = torch.from_numpy(DEGREES_OF_FREEDOM.copy())
_N_LETTERS = len(LETTERS)


def element_masks(orbits: Orbits, n_elements: int) -> Tensor:
    """(n, k + 1, E + 1) elements that each orbit may have, then the stop: not before the last one, one at least."""
    last = F.pad(orbits.element, (1, 0), value=0)
    allowed = torch.arange(n_elements + 1, device=last.device) >= last[..., None]
    allowed[:, 0, n_elements] = False
    return allowed


def letter_masks(orbits: Orbits) -> Tensor:
    """(n, k, 27) letters that each orbit may have: of the group, ascending in an element, points not twice."""
    freedom = _FREEDOM.to(orbits.group.device)[orbits.group][:, None]
    before = F.pad(orbits.element, (1, 0), value=ABSENT)[:, :-1]
    least = F.pad(orbits.letter, (1, 0), value=0)[:, :-1].where(orbits.element == before, 0)
    here = F.one_hot(orbits.letter.clamp(min=0), _N_LETTERS) * orbits.present[..., None]
    used = here.cumsum(1) > here
    ascending = torch.arange(_N_LETTERS, device=least.device) >= least[..., None]
    return (freedom >= 0) & ascending & ~((freedom == 0) & used)
