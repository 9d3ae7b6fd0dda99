from __future__ import annotations

from pathlib import Path

import pytest

from wyckforge.data.csv_file import columns_of, records_of
from wyckforge.errors import TableError


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_records_come_by_the_names_of_their_columns(tmp_path: Path, mark: bytes) -> None:
    path = written(tmp_path, mark + "gene,größe\na,1\nb\n".encode())
    assert columns_of(path) == ["gene", "größe"]
    assert list(records_of(path)) == [{"gene": "a", "größe": "1"}, {"gene": "b", "größe": None}]


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    assert columns_of(written(tmp_path, "")) == []


@pytest.mark.parametrize(("separator", "called"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_than_commas_are_refused(tmp_path: Path, separator: str, called: str) -> None:
    path = written(tmp_path, f"gene{separator}kappa\na{separator}1,5\n")
    with pytest.raises(TableError, match=f"separated by {called}: write it with commas"):
        columns_of(path)


def test_separators_within_a_name_among_others_are_none(tmp_path: Path) -> None:
    assert columns_of(written(tmp_path, "gene,kappa; 300 K\n")) == ["gene", "kappa; 300 K"]


def test_columns_of_one_name_are_refused_unless_they_have_none(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="several columns 'kappa'"):
        columns_of(written(tmp_path, "gene,kappa,kappa\n"))
    assert columns_of(written(tmp_path, "gene,kappa,,\n")) == ["gene", "kappa", "", ""]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
def test_another_encoding_in_the_header_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(TableError, match="is not UTF-8"):
        columns_of(written(tmp_path, "gene,größe\na,1\n".encode(encoding)))


def test_another_encoding_far_down_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ("gene,note\n" + "a,b\n" * 100_000 + "a,größe\n").encode("latin-1"))
    assert columns_of(path) == ["gene", "note"]
    with pytest.raises(TableError, match="is not UTF-8"):
        list(records_of(path))
