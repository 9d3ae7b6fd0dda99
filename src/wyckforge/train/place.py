"""Where networks learn."""

from __future__ import annotations

import torch


def learning_place() -> torch.device:
    """Where networks learn: on a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
