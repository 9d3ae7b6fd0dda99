"""What benchmarks keep between calls: lines of JSON, and the settings with which they were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wyckforge.errors import ConfigError
from wyckforge.files import write_atomically

Row = dict[str, Any]


class Log:
    """Lines of JSON in a file, appended as they are measured; half a line that a kill left is taken out.

    Args:
        path: of the file; it need not exist.

    Attributes:
        rows: all that is there, in its order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if len(whole) < len(text):
            write_atomically(path, whole.encode())
        self.rows: list[Row] = [json.loads(line) for line in whole.splitlines()]

    def add(self, *rows: Row) -> None:
        """Append lines, all at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
        self.rows += rows


def require_same_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Refuse what was measured with other settings.

    Args:
        path: where the settings are written down, beside what they belong to; without it, this is done now.
        settings: all that the results depend on, JSON-ready.

    Raises:
        ConfigError: other settings are written there.
    """
    asked = json.loads(json.dumps(settings))
    if not path.exists():
        write_atomically(path, json.dumps(asked, indent=1).encode())
        return
    kept = json.loads(path.read_text())
    if other := sorted(key for key in kept.keys() | asked.keys() if kept.get(key) != asked.get(key)):
        raise ConfigError(
            f"{path} has other settings than are asked for now ({', '.join(other)}); what lies beside it was measured "
            "with them: move it away, or give another --cache"
        )
