from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.salts import EDGES, SALTS, crystal, material

from wyckforge.data.embedded import load_embedded
from wyckforge.data.split import Split
from wyckforge.errors import CheckpointError, TableError
from wyckforge.evaluate.forward import load_asked
from wyckforge.execute import fit_run
from wyckforge.execute.fit_run import FitSettings, fit_file
from wyckforge.execute.outputs import cif
from wyckforge.models.forward.architecture import Pace
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.report.fit import write_fit_report
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

PAIRS = [(*salt, kind) for salt in SALTS for kind in EDGES]


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    for architecture in {type(one) for one in PUBLISHED.values()}:
        monkeypatch.setattr(architecture, "pace", Pace(epochs=3, learning_rate=1e-3, batch_size=16))


def kappa(gene: WyckoffGene) -> float:
    return float(np.exp(3 - sum(gene.elements) / 25))


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def genes(tmp_path: Path) -> Path:
    """60 salts as genes, all of them twice, with labels that differ a little."""
    found = [material(*pair).gene for pair in PAIRS]
    rows = [{"id": f"s{i}", "gene": gene, "kappa": kappa(gene)} for i, gene in enumerate(found)]
    rows += [{"id": f"t{i}", "gene": gene, "kappa": 1.5 * kappa(gene)} for i, gene in enumerate(found)]
    rows.append({"id": "empty", "gene": found[0], "kappa": ""})
    return write(tmp_path / "genes.csv", rows)


def interrupted(
    monkeypatch: pytest.MonkeyPatch, step: str, path: Path, targets: list[str], out: Path, **options
) -> None:
    """A fit that is stopped where it begins a step."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fit_run, step, stop)
        with pytest.raises(KeyboardInterrupt):
            fit_file(path, targets, out, options.pop("settings", SETTINGS), shown=False, **options)


SETTINGS = FitSettings(model="roost", learning_curve=False)


def fit(path: Path, out: Path, settings: FitSettings = SETTINGS, **options: object) -> dict[str, object]:
    return fit_file(path, ["kappa"], out, settings, shown=False, **options)


def test_a_fit_leaves_a_model_its_errors_and_a_page(genes: Path, tmp_path: Path) -> None:
    told: list[str] = []
    record = fit(genes, tmp_path / "out", warn=told.append)
    found = record["properties"]["kappa"]
    low, high = found["mae_interval"]
    assert low <= found["mae"] <= high
    assert found["mae_n"] == record["rows"]["test"]
    assert record["left_out"] == {"no label": 1}
    assert sum(record["rows"].values()) == 120
    assert any("120 labels" in text for text in told)
    assert any("120 rows share their gene with another (60 genes)" in text for text in told)
    asked = load_asked(tmp_path / "out")
    predicted = asked.predict([material(*PAIRS[0])])["kappa"]
    assert predicted.low is not None
    assert predicted.low[0] <= predicted.value[0]
    page = write_fit_report(tmp_path / "out").read_text()
    assert "kappa" in page.lower()
    assert page.count("<svg") == 1
    assert "Warning: kappa has 120 labels" in page
    assert "mean absolute error" in page
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| kappa | unit of the labels |" in card


def test_test_predictions_are_those_that_were_measured(genes: Path, tmp_path: Path) -> None:
    record = fit(genes, tmp_path / "out")
    with (tmp_path / "out" / "test_predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    errors = [abs(float(row["kappa"]) - float(row["kappa_label"])) for row in rows]
    assert np.mean(errors) == pytest.approx(record["properties"]["kappa"]["mae"], rel=1e-6)
    assert {"id", "formula", "gene", "kappa_low", "kappa_high"} <= set(rows[0])


def test_no_formula_is_in_two_parts(genes: Path, tmp_path: Path) -> None:
    fit(genes, tmp_path / "out")
    with (tmp_path / "out" / "test_predictions.csv").open() as stream:
        held = {row["formula"] for row in csv.DictReader(stream)}
    counts = {formula: sum(material(*pair).gene.formula == formula for pair in PAIRS) for formula in held}
    with (tmp_path / "out" / "test_predictions.csv").open() as stream:
        n = sum(1 for _ in csv.DictReader(stream))
    assert n == 2 * sum(counts.values())


def test_the_learning_curve_ends_with_the_whole(genes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_run, "FEWEST", 10)
    record = fit(genes, tmp_path / "out", FitSettings(model="roost"))
    sizes = sorted(map(int, record["curve"]))
    rows = record["rows"]
    assert sizes[:-1] == [round(share * rows["train"]) + round(share * rows["val"]) for share in (0.125, 0.25, 0.5)]
    assert all(errors["kappa"] > 0 for errors in record["curve"].values())
    assert sizes[-1] == record["rows"]["train"] + record["rows"]["val"]
    assert record["curve"][str(sizes[-1])]["kappa"] == record["properties"]["kappa"]["mae"]
    page = write_fit_report(tmp_path / "out").read_text()
    assert page.count("<svg") == 2


def test_repeated_it_goes_on_with_what_is_missing(genes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fit(genes, tmp_path / "out")
    fitted: list[str] = []
    real = fit_run.fit_model
    monkeypatch.setattr(fit_run, "fit_model", lambda name, task: fitted.append(name) or real(name, task))
    again = fit(genes, tmp_path / "out")
    assert fitted == []
    assert again["properties"] == first["properties"]
    with pytest.raises(CheckpointError, match="another table or other settings"):
        fit(genes, tmp_path / "out", FitSettings(model="roost", seed=1, learning_curve=False))


def test_killed_at_any_moment_it_goes_on(genes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(genes, tmp_path / "whole")
    for step in ("write_csv", "fit_model", "_write_predictions"):
        interrupted(monkeypatch, step, genes, ["kappa"], tmp_path / "out")
    assert fit(genes, tmp_path / "out")["properties"] == whole["properties"]


def test_what_is_lost_or_damaged_is_fitted_again(genes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = fit(genes, out)
    for harm in (
        (out / "arrays.safetensors").unlink,
        (out / "test_predictions.csv").unlink,
        lambda: (out / "arrays.safetensors").write_bytes(b"half"),
    ):
        harm()
        assert fit(genes, out)["properties"] == first["properties"]
        assert load_asked(out).model.targets == ("kappa",)
        assert (out / "test_predictions.csv").is_file()


def test_other_structures_under_the_same_name_are_another_fit(tmp_path: Path) -> None:
    salts = [(crystal(*pair), kappa(material(*pair).gene)) for pair in PAIRS]
    path = tmp_path / "salts.csv"
    write(path, [{"cif": cif(salt), "kappa": label} for salt, label in salts])
    fit(path, tmp_path / "out")
    wider = [Crystal(1.1 * salt.lattice, salt.numbers, salt.frac_coords) for salt, _ in salts]
    write(path, [{"cif": cif(salt), "kappa": label} for salt, (_, label) in zip(wider, salts, strict=True)])
    with pytest.raises(CheckpointError, match="another table or other settings"):
        fit(path, tmp_path / "out")


def first_to_learn_from(n: int) -> Split:
    rows = np.arange(n)
    return Split(rows[: n - 24], rows[n - 24 : n - 12], rows[n - 12 :], seed=0, by="formula", table_hash="")


def test_a_part_of_equal_labels_is_no_point_of_the_learning_curve(
    genes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_run, "FEWEST", 10)
    with genes.open() as stream:
        rows = list(csv.DictReader(stream))[:-1]
    path = write(genes, [row | {"kappa": 2.0 if k == 3 else 1.0} for k, row in enumerate(rows)])
    monkeypatch.setattr(fit_run, "split_table", lambda table, **_: first_to_learn_from(len(table)))
    record = fit(path, tmp_path / "out", FitSettings(model="roost"))
    assert record["complete"]
    assert 1 <= len(record["curve"]) < 4


def test_rows_that_are_not_used_are_named(genes: Path, tmp_path: Path) -> None:
    with genes.open("a") as stream:
        stream.write("bad,225|Na:a|Cl,1.0\nheavy,225|Og:a|Cl:b,1.0\n")
    record = fit(genes, tmp_path / "out")
    with (tmp_path / "out" / "dropped.csv").open() as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {"bad", "heavy", "empty"}
    assert rows["empty"]["rule"] == "no label"
    assert "Cl" in rows["bad"]["reason"]
    assert sum(record["left_out"].values()) == 3


def test_a_property_that_a_part_lacks_is_named(tmp_path: Path) -> None:
    found = [material(*pair).gene for pair in PAIRS]
    rows = [{"gene": gene, "kappa": kappa(gene), "colour": k if k < 51 else ""} for k, gene in enumerate(found)]
    path = write(tmp_path / "genes.csv", rows)
    with pytest.raises(TableError, match=r"part of the split has \d labels colour, 5 are needed"):
        fit_file(path, ["kappa", "colour"], tmp_path / "out", SETTINGS, shown=False)
    assert fit(path, tmp_path / "out")["complete"]


def test_a_property_that_the_networks_know_already_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = load_embedded()
    rows = [{"gene": known.genes[k], "formation_energy": known.label("formation_energy")[k]} for k in range(0, 600, 10)]
    path = write(tmp_path / "genes.csv", rows)
    told: list[str] = []
    settings = FitSettings(model="genes")
    options = {"settings": settings, "warn": told.append}
    interrupted(monkeypatch, "fit_model", path, ["formation_energy"], tmp_path / "out", **options)
    words = "of 60 crystals are among those of which the networks that genes begins with learned it"
    assert any(words in text for text in told)


def test_a_folder_with_something_else_is_left_alone(genes: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years")
    with pytest.raises(CheckpointError, match="holds something else"):
        fit(genes, tmp_path / "out")


def test_structures_come_from_a_column_of_any_name(tmp_path: Path) -> None:
    rows = [{"structure": cif(crystal(*p)), "kappa": kappa(material(*p).gene)} for p in PAIRS]
    path = write(tmp_path / "cifs.csv", [*rows, {"structure": "not a CIF", "kappa": 1}])
    settings = FitSettings(model="wycryst-l+", learning_curve=False)
    record = fit(path, tmp_path / "out", settings, structure_column="structure")
    assert record["left_out"] == {"unreadable": 1}
    assert load_asked(tmp_path / "out").model.needs_structure


def test_genes_are_not_enough_for_a_model_of_structures(genes: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"0 usable labels of kappa.*it needs a structure"):
        fit(genes, tmp_path / "out", FitSettings(model="ftcp"))


def test_labels_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    found = [material(*pair).gene for pair in PAIRS]
    same = write(tmp_path / "same.csv", [{"gene": gene, "kappa": 7} for gene in found])
    with pytest.raises(TableError, match="all 60 labels of kappa"):
        fit(same, tmp_path / "out")
    few = write(tmp_path / "few.csv", [{"gene": gene, "kappa": kappa(gene)} for gene in found[:20]])
    with pytest.raises(TableError, match="20 usable labels of kappa; learning needs 50"):
        fit(few, tmp_path / "out")
    with pytest.raises(TableError, match="no forward model 'trees'"):
        fit(few, tmp_path / "out", FitSettings(model="trees"))


def test_the_record_is_plain_json(genes: Path, tmp_path: Path) -> None:
    fit(genes, tmp_path / "out")
    text = (tmp_path / "out" / "metrics.json").read_text()
    record = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in metrics.json"))
    assert record["complete"] is True


def test_structures_are_used_where_genes_stand_beside_them(tmp_path: Path) -> None:
    found = [material(*pair).gene for pair in PAIRS]
    rows = [{"gene": g, "cif": cif(crystal(*p)), "kappa": kappa(g)} for p, g in zip(PAIRS, found, strict=True)]
    record = fit(write(tmp_path / "both.csv", rows), tmp_path / "out", FitSettings(model="ftcp", learning_curve=False))
    assert sum(record["rows"].values()) == len(PAIRS)
