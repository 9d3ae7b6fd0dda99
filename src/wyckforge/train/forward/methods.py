"""Every forward model that can be fitted, by name, and every method that can be read from a folder."""

from __future__ import annotations

from functools import partial

from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.train.forward.finetuned import FinetunedMethod, fit_finetuned
from wyckforge.train.forward.method import Fit, Method
from wyckforge.train.forward.network import NetworkMethod, fit_network
from wyckforge.train.forward.stacked import StackedMethod, fit_stacked

FITS: dict[str, Fit] = {
    "structures": fit_stacked,
    "genes": fit_finetuned,
    **{name: partial(fit_network, name) for name in PUBLISHED},
}

KINDS: dict[str, type[Method]] = {method.kind: method for method in (NetworkMethod, FinetunedMethod, StackedMethod)}
