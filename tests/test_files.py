"""Files are there as a whole or as they were, whoever else writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from wyckforge.files import write_atomically


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path):
    path = tmp_path / "run.json"
    contents = [bytes([65 + number]) * 200_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomically(path, content), contents * 3))
    assert path.read_bytes() in contents
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"]


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "taken", b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]
