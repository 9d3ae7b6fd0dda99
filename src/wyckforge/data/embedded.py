"""The dataset that comes with the package, so that everything runs offline."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from wyckforge.data.table import GeneTable

EMBEDDED_PATH = Path(__file__).with_name("bundled") / "ternaries.parquet"
VINTAGE = "megnet_mp_2018"


@lru_cache(maxsize=1)
def load_embedded() -> GeneTable:
    """Real ternary crystals of the Materials Project with formation energy and PBE gap, all of one vintage.

    Built by ``tools/build_embedded_dataset.py``; sources and licences are in ``bundled/CREDITS.md`` beside the file.
    The structures are kept as given (coordinates to 1e-5), the genes are those detected in them.
    """
    return GeneTable.read(EMBEDDED_PATH)
