"""A package of someone else that offers a potential by entry point: ASE's EMT, cheap and for metals alone."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from wyckforge.potential.catalogue import load_potential


@dataclass(frozen=True)
class MetalsPackage:
    """Installs the package ``metals``, whose potential has the same name.

    Attributes:
        folder: where; other processes find it if it is on their path.
        monkeypatch: takes it out again.
    """

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def install(self, function: str = "return EMT()", version: str = "1.5") -> None:
        """Install it in place of the version that is there; ``function`` is the body of what gives the potential."""
        for earlier in self.folder.glob("*.dist-info"):
            shutil.rmtree(earlier)
        text = f"from ase.calculators.emt import EMT\n\ndef make():\n    {function}\n"
        (self.folder / "metals.py").write_text(text)
        info = self.folder / f"metals-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: metals\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[wyckforge.potentials]\nmetals = metals:make\n")
        self.monkeypatch.syspath_prepend(str(self.folder))
        self.monkeypatch.delitem(sys.modules, "metals", raising=False)
        load_potential.cache_clear()
