from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.train.conftest import crystals

from wyckforge.data.label_check import FEWEST
from wyckforge.data.labels import LabelColumn
from wyckforge.data.table import GeneTable
from wyckforge.errors import TableError
from wyckforge.train.orbitvae.labelled import read_labelled

GENES = crystals(36) * 6


def anything(gene) -> None:
    """A model that can hold every gene."""


def table_of(labels: dict[str, np.ndarray], sources: np.ndarray | str = "here") -> GeneTable:
    n = len(next(iter(labels.values())))
    columns = {
        name: LabelColumn(values, "", np.where(np.isnan(values), "", np.broadcast_to(sources, n)))
        for name, values in labels.items()
    }
    ids = tuple(map(str, range(n)))
    return GeneTable(ids, tuple(GENES[:n]), columns, None, np.zeros(n, np.int64))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "labels.parquet"


def test_a_gene_table_and_a_list_of_genes_say_the_same(path):
    n = len(GENES)
    values = np.where(np.arange(n) % 5 == 0, np.nan, np.arange(n) / 7)
    table_of({"seebeck": values, "other": values[::-1].copy()}).write(path)
    listed = path.with_suffix(".csv")
    with listed.open("w", newline="") as stream:
        rows = [[gene, value if value == value else ""] for gene, value in zip(GENES, values.tolist(), strict=True)]
        csv.writer(stream).writerows([["gene", "seebeck"], *rows])
    found = [read_labelled(each, ["seebeck"], anything) for each in (path, listed)]
    for labelled in found:
        assert labelled.genes == tuple(gene for gene, value in zip(GENES, values, strict=True) if not np.isnan(value))
        np.testing.assert_array_equal(labelled.labels["seebeck"], values[~np.isnan(values)])
        assert labelled.left_out == {"no label": np.isnan(values).sum()}
        assert labelled.units == {"seebeck": "unit of the labels"}


def test_a_crystal_needs_one_of_several_labels(path):
    first, second = np.arange(120.0), np.arange(120.0)
    first[:60], second[50:70] = np.nan, np.nan
    table_of({"a": first, "b": second}).write(path)
    labelled = read_labelled(path, ["a", "b"], anything)
    assert len(labelled.genes) == 110
    assert labelled.n_labels == {"a": 60, "b": 100}
    assert labelled.left_out == {"no label": 10}


def test_crystals_that_the_model_cannot_hold_are_counted(path):
    table_of({"a": np.arange(120.0)}).write(path)
    labelled = read_labelled(path, ["a"], lambda gene: "no oxides" if 8 in gene.elements else None)
    assert labelled.left_out["no oxides"] == 120 - len(labelled.genes) > 0
    assert all(8 not in gene.elements for gene in labelled.genes)


def test_too_few_labels_say_why(path):
    values = np.full(100, np.nan)
    values[: FEWEST - 1] = np.arange(FEWEST - 1.0)
    table_of({"a": values}).write(path)
    with pytest.raises(TableError, match=rf"has 49 usable labels of a; .* {FEWEST} .*no label \(51\)"):
        read_labelled(path, ["a"], anything)


def test_labels_must_differ(path):
    table_of({"a": np.full(100, 4.0)}).write(path)
    with pytest.raises(TableError, match=r"all 100 labels of a .* are 4; "):
        read_labelled(path, ["a"], anything)


def test_vintages_are_not_mixed_unless_chosen(path):
    table_of({"a": np.arange(200.0)}, np.where(np.arange(200) % 2, "old", "new")).write(path)
    with pytest.raises(TableError, match="different vintages"):
        read_labelled(path, ["a"], anything)
    assert read_labelled(path, ["a"], anything, vintage="old").n_labels == {"a": 100}


def test_an_absent_target_is_told(path):
    table_of({"a": np.arange(100.0)}).write(path)
    with pytest.raises(TableError, match="no label 'b'; it has: a"):
        read_labelled(path, ["b"], anything)


def test_a_folder_has_no_labels(tmp_path):
    with pytest.raises(TableError, match="folder of structures, which have no labels; give a CSV"):
        read_labelled(tmp_path, ["a"], anything)
