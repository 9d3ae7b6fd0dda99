"""The published forward models by name."""

from __future__ import annotations

from wyckforge.models.forward.architecture import Architecture
from wyckforge.models.forward.composition import CrabNet, ElemNet, Roost
from wyckforge.models.forward.ftcp import FTCP
from wyckforge.models.forward.wycryst import WyCryst, WyCrystL

PUBLISHED: dict[str, Architecture] = {
    "elemnet": ElemNet(),
    "roost": Roost(),
    "crabnet": CrabNet(),
    "ftcp": FTCP(),
    "ftcp+": FTCP(augmented=True),
    "wycryst": WyCryst(),
    "wycryst+": WyCryst(augmented=True),
    "wycryst-l+": WyCrystL(augmented=True),
}
