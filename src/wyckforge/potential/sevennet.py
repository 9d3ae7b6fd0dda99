"""SevenNet with the weights of its own package: quiet, on one thread, loaded once per process."""

from __future__ import annotations

import contextlib
import io
import warnings
from importlib.metadata import version

from wyckforge.potential.ase_bridge import AsePotential


def sevennet(weights: str) -> AsePotential:
    """SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857, 2024) on the processor.

    Args:
        weights: ``7net-0`` (July 2024) or ``7net-l3i5``; both learned raw PBE energies of MPtrj, without corrections.
    """
    import torch
    from sevenn.calculator import SevenNetCalculator

    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calculator = SevenNetCalculator(weights, device="cpu")
    tool = f"SevenNet {weights.removeprefix('7net-')} (sevenn {version('sevenn')})"
    return AsePotential(
        calculator,
        name=f"sevennet-{weights.removeprefix('7net-')}",
        tool=tool,
        cutoff_angstrom=float(calculator.cutoff),
        corrections="mp2020",
        elements=frozenset(calculator.type_map),
    )
