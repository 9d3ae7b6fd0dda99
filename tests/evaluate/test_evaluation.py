from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error
from tests.evaluate.conftest import CATIONS, KNOWN, METALS, perovskite_row
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.cli.evaluate import metrics_table
from wyckforge.errors import TableError
from wyckforge.evaluate.run import evaluate_file
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.hashes import hash_set

REQUIRED = (
    "formation_energy_mae",
    "band_gap_mae",
    "band_gap_mae_semiconductors",
    "element_accuracy",
    "wyckoff_accuracy",
    "space_group_accuracy",
    "exact_gene_accuracy",
)


def labelled_rows() -> list[dict]:
    pairs = [(a, b) for a in CATIONS for b in METALS]
    return [
        perovskite_row(
            f"p{i}", a, b, formation_energy_per_atom=-1.0 - i, formation_energy_source="new", band_gap=max(0.0, i - 2.0)
        )
        for i, (a, b) in enumerate(pairs)
    ]


def same(one: dict, other: dict) -> bool:
    """Equal but for the rounding of matrix products of another size."""
    return list(one) == list(other) and all(other[name] == pytest.approx(one[name], rel=1e-5) for name in one)


def test_metrics_agree_with_an_independent_calculation(checkpoint, write_rows, tmp_path):
    rows = labelled_rows()
    metrics = evaluate_file(checkpoint, write_rows(rows), tmp_path / "out")
    predicted = checkpoint.predict(KNOWN)
    energy = np.array([row["formation_energy_per_atom"] for row in rows])
    gap = np.array([row["band_gap"] for row in rows])
    assert metrics["n"] == len(rows)
    assert metrics["formation_energy_mae"] == pytest.approx(mean_absolute_error(energy, predicted["formation_energy"]))
    assert metrics["band_gap_mae"] == pytest.approx(mean_absolute_error(gap, predicted["band_gap"]))
    open_gap = gap > 0
    assert metrics["band_gap_mae_semiconductors"] == pytest.approx(
        mean_absolute_error(gap[open_gap], predicted["band_gap"][open_gap])
    )
    assert (metrics["band_gap_mae_n"], metrics["band_gap_mae_semiconductors_n"]) == (6, 3)
    hits = [found == gene for found, gene in zip(checkpoint.decode(checkpoint.encode(KNOWN)), KNOWN, strict=True)]
    assert metrics["exact_gene_accuracy"] == pytest.approx(np.mean(hits))
    assert metrics["exact_gene_accuracy"] >= 5 / 6
    assert metrics["known_genes"] == 6


def test_every_metric_has_an_interval_that_holds_it(checkpoint, write_rows, tmp_path):
    metrics = evaluate_file(checkpoint, write_rows(labelled_rows()), tmp_path / "out")
    for name in REQUIRED:
        low, high = metrics[f"{name}_interval"]
        assert low - 1e-12 <= metrics[name] <= high + 1e-12
        assert metrics[f"{name}_n"] > 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics


def test_an_unknown_prototype_is_not_counted_as_reconstructed(checkpoint, write_rows, tmp_path):
    row = perovskite_row("layered")
    row["frac_coords"] = [0, 0, 0, 0.5, 0.5, 0.47, 0.5, 0.5, 0.02, 0.5, 0, 0.56, 0, 0.5, 0.56]
    metrics = evaluate_file(checkpoint, write_rows([row]), tmp_path / "out")
    assert (metrics["n"], metrics["exact_gene_accuracy"], metrics["space_group_accuracy"]) == (1, 0.0, 0.0)
    assert metrics["element_accuracy"] == 1.0


def test_missing_columns_and_labels_give_no_number_and_a_reason(checkpoint, write_rows, tmp_path):
    rows = [perovskite_row("bare", band_gap=None), perovskite_row("nan", 56, band_gap=float("nan"))]
    metrics = evaluate_file(checkpoint, write_rows(rows), tmp_path / "out")
    for name in REQUIRED[:3]:
        assert metrics[name] is None
        assert "no row has a label" in metrics[f"{name}_reason"]
    assert metrics["exact_gene_accuracy"] is not None


def test_a_label_that_is_no_number_is_counted(checkpoint, write_rows, tmp_path):
    rows = [{**row, "band_gap": np.inf if i == 0 else row["band_gap"]} for i, row in enumerate(labelled_rows())]
    metrics = evaluate_file(checkpoint, write_rows(rows), tmp_path / "out")
    assert metrics["band_gap_mae_n"] == len(rows) - 1
    assert "note: band_gap not a finite number (1)" in metrics_table(metrics)


def test_metals_only_leave_the_semiconductors_without_a_number(checkpoint, write_rows, tmp_path):
    metrics = evaluate_file(checkpoint, write_rows([perovskite_row("metal", band_gap=0.0)]), tmp_path / "out")
    assert metrics["band_gap_mae"] is not None
    assert metrics["band_gap_mae_semiconductors"] is None


def test_rows_that_cannot_be_used_are_counted_with_their_reason(checkpoint, write_rows, tmp_path):
    broken, binary, quaternary = perovskite_row("broken"), perovskite_row("binary"), perovskite_row("quaternary")
    broken["frac_coords"] = [0.0, 0.0]
    binary["numbers"] = [38, 38, 8, 8, 8]
    quaternary["numbers"] = [38, 22, 8, 8, 20]
    rows = [perovskite_row("good"), perovskite_row("foreign", 92), broken, binary, quaternary]
    metrics = evaluate_file(checkpoint, write_rows(rows), tmp_path / "out")
    assert (metrics["rows"], metrics["n"]) == (5, 1)
    assert metrics["dropped"] == {
        "unreadable": 1,
        "U is not in the vocabulary of 6 elements": 1,
        "2 elements, the model is for crystals of 3 elements": 1,
        "4 elements, the model is for crystals of 3 elements": 1,
    }
    with (tmp_path / "out" / "dropped.csv").open() as stream:
        assert {row["id"] for row in csv.DictReader(stream)} == {"foreign", "broken", "binary", "quaternary"}


def test_vintages_are_told_apart(checkpoint, write_rows, tmp_path):
    rows = labelled_rows()
    rows[0]["formation_energy_source"] = "old"
    metrics = evaluate_file(checkpoint, write_rows(rows), tmp_path / "out")
    by_vintage = metrics["formation_energy_mae_by_vintage"]
    assert set(by_vintage) == {"old", "new"}
    whole = (by_vintage["old"] + 5 * by_vintage["new"]) / 6
    assert metrics["formation_energy_mae"] == pytest.approx(whole)


def test_a_vintage_leaves_the_labels_of_others_out(checkpoint, write_rows, tmp_path):
    rows = labelled_rows()
    rows[0]["formation_energy_source"] = "old"
    path = write_rows(rows)
    mixed = evaluate_file(checkpoint, path, tmp_path / "mixed")
    assert "vintages of formation_energy (mixed, --vintage chooses): new (5), old (1)" in metrics_table(mixed)
    new = evaluate_file(checkpoint, path, tmp_path / "new", vintage="new")
    assert new["n"] == 6
    assert new["vintages"]["formation_energy"] == {"new": 5}
    assert new["formation_energy_mae"] == pytest.approx(mixed["formation_energy_mae_by_vintage"]["new"])
    assert "vintages of" not in metrics_table(new)


def test_a_named_vintage_takes_its_sources_together(checkpoint, write_rows, tmp_path):
    rows = labelled_rows()
    for row, source in zip(rows, ["mp_20", "wbm", "mp_20", "wbm", "mp_20", "oqmd"], strict=True):
        row["formation_energy_source"] = source
    metrics = evaluate_file(checkpoint, write_rows(rows), tmp_path / "out", vintage="modern")
    assert metrics["formation_energy_mae_n"] == 5
    assert "vintages of formation_energy (accepted together): mp_20 (3), wbm (2)" in metrics_table(metrics)


def test_a_vintage_that_no_label_has_is_refused(checkpoint, write_rows, tmp_path):
    path = write_rows(labelled_rows())
    with pytest.raises(TableError, match=r"'moderne'; the sources here are: new, rows; named sets are: modern,"):
        evaluate_file(checkpoint, path, tmp_path / "out", vintage="moderne")


def test_rows_that_the_model_knows_are_told_apart(checkpoint, write_rows, tmp_path):
    rows = labelled_rows()
    some = replace(checkpoint, known_genes=hash_set(map(str, KNOWN[:4])))
    metrics = evaluate_file(some, write_rows(rows), tmp_path / "all")
    alone = evaluate_file(some, write_rows(rows[4:]), tmp_path / "alone")
    assert (metrics["n"], metrics["known_genes"], metrics["unseen"]["n"]) == (6, 4, 2)
    assert same(metrics["unseen"], alone["unseen"])
    assert {key: alone[key] for key in alone["unseen"]} == alone["unseen"]
    assert metrics["formation_energy_mae"] != metrics["unseen"]["formation_energy_mae"]
    printed = metrics_table(metrics).splitlines()
    split = printed.index("4 of 6 genes are in the model's table; figures on the other rows:")
    assert printed[split + 1].startswith("formation_energy_mae ")
    assert printed[split + 1].endswith("n 2")
    assert metrics_table(alone).endswith("0 of 2 genes are in the model's table")


def test_without_unseen_rows_there_are_no_figures_on_them(checkpoint, write_rows, tmp_path):
    metrics = evaluate_file(checkpoint, write_rows(labelled_rows()), tmp_path / "out")
    assert metrics["unseen"]["n"] == 0
    for name in REQUIRED:
        assert metrics["unseen"][name] is None
        assert metrics["unseen"][f"{name}_reason"]
    assert metrics_table(metrics).endswith("6 of 6 genes are in the model's table; there are no other rows")


def test_predictions_are_written_for_the_parity_plot(checkpoint, write_rows, tmp_path):
    evaluate_file(checkpoint, write_rows([*labelled_rows(), perovskite_row("bare", 20, 40)]), tmp_path / "out")
    with (tmp_path / "out" / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3", "p4", "p5", "bare"]
    assert WyckoffGene.parse(rows[0]["gene"]).formula == rows[0]["formula"]
    assert float(rows[1]["formation_energy"]) == -2.0
    assert rows[-1]["formation_energy"] == ""
    assert float(rows[-1]["band_gap_predicted"]) > 0


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(checkpoint, tmp_path):
    (tmp_path / "file").write_text("no folder, and no table either")
    with pytest.raises(FileExistsError):
        evaluate_file(checkpoint, tmp_path / "file", tmp_path / "file")


def test_a_mistyped_input_leaves_no_folder_behind(checkpoint, tmp_path):
    with pytest.raises(TableError, match=r"absent\.parquet does not exist"):
        evaluate_file(checkpoint, tmp_path / "absent.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_usable_is_an_error(checkpoint, write_rows, tmp_path):
    with pytest.raises(TableError, match="U is not in the vocabulary"):
        evaluate_file(checkpoint, write_rows([perovskite_row("foreign", 92)]), tmp_path / "out")


def test_the_same_file_gives_the_same_metrics(checkpoint, write_rows, tmp_path):
    path = write_rows(labelled_rows())
    assert evaluate_file(checkpoint, path, tmp_path / "a") == evaluate_file(checkpoint, path, tmp_path / "b")


def test_a_model_that_says_how_sure_it_is_is_measured_on_that_too(write_rows, tmp_path):
    model = tiny_orbit_checkpoint()
    rows = [*labelled_rows(), perovskite_row("foreign", 92), perovskite_row("binary", band_gap=0.0)]
    rows[-1]["numbers"] = [8, 22, 8, 8, 8]
    metrics = evaluate_file(model, write_rows(rows), tmp_path / "out")
    assert metrics["n"] == 7
    assert (metrics["known_systems"], metrics["unseen_systems"]["n"]) == (
        3,
        4,
    )  # Sr-Ti-O, Ba-Zr-O and Ca-Ti-O are known
    for block in (metrics, metrics["unseen_systems"]):
        for name in ("formation_energy_coverage", "band_gap_coverage", "band_gap_width", "metal_recall"):
            assert f"{name}_n" in block
    with (tmp_path / "out" / "predictions.csv").open() as stream:
        found = list(csv.DictReader(stream))
    inside = [
        float(row["band_gap_low"]) <= float(row["band_gap"]) <= float(row["band_gap_high"])
        for row in found
        if row["band_gap"]
    ]
    assert metrics["band_gap_coverage"] == pytest.approx(np.mean(inside))
    metal = [float(row["band_gap_metal_probability"]) > 0.5 for row in found if row["band_gap"]]
    gap = [float(row["band_gap"]) for row in found if row["band_gap"]]
    told = [said for said, true in zip(metal, gap, strict=True) if true == 0]
    assert metrics["metal_recall"] == pytest.approx(np.mean(told))
    printed = metrics_table(metrics)
    assert "3 of 7 rows are of chemical systems that the model knows; figures on the other rows:" in printed
    assert "metal_calibration_error" in printed
