from __future__ import annotations

from pathlib import Path

import pytest

from kept import Log, require_same_settings
from wyckforge.errors import ConfigError


def test_lines_are_read_again_and_half_a_line_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    first = Log(path)
    first.add({"id": "a"}, {"id": "b"})
    whole = path.read_text()
    with path.open("a") as file:
        file.write('{"id": "c')
    again = Log(path)
    assert again.rows == first.rows == [{"id": "a"}, {"id": "b"}]
    assert path.read_text() == whole
    again.add({"id": "c"})
    assert [row["id"] for row in Log(path).rows] == ["a", "b", "c"]


def test_results_of_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    for _ in range(2):
        require_same_settings(path, {"seed": 7, "range": (0.1, 0.2)})
    for other in ({"seed": 8, "range": (0.1, 0.2)}, {"range": (0.1, 0.2)}):
        with pytest.raises(ConfigError, match=r"settings.json has other settings .*\(seed\)"):
            require_same_settings(path, other)
