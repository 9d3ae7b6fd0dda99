from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from tests.data.examples import perovskite, perovskite_cif, rock_salt
from wyckforge.data.build import BuildRules, build_from_path, build_table
from wyckforge.data.rows import Problem, RawRow, Rule
from wyckforge.errors import ConfigError, TableError
from wyckforge.symmetry.crystal import Crystal


def row(name: str, crystal: Crystal | None = None, **fields) -> RawRow:
    return RawRow(id=name, crystal=perovskite() if crystal is None else crystal, **fields)


def gap(value: float | None, source: str = "here") -> dict:
    return {"labels": {"band_gap": value}, "sources": {} if value is None else {"band_gap": source}}


def test_every_rule_counts_and_names_what_it_dropped():
    overlapping = Crystal(4 * np.eye(3), np.array([11, 17]), np.array([[0, 0, 0], [0, 0, 1e-5]]))
    rows = [
        row("good", **gap(1.0)),
        RawRow("mess", None, problem=Problem(Rule.UNREADABLE, "no atoms")),
        RawRow("half", None, problem=Problem(Rule.DISORDERED, "a site holds Na:0.5")),
        RawRow("odd", None, problem=Problem(Rule.UNKNOWN_ELEMENT, "Xx is no chemical element")),
        row("good", **gap(2.0)),
        row("binary", rock_salt(), **gap(1.0)),
        row("uranium", perovskite(92), **gap(1.0)),
        row("big", Crystal(np.eye(3) * 9, np.array([38, 22] + [8] * 9), np.random.default_rng(0).random((11, 3)))),
        row("bare"),
        row("stuck", overlapping, **gap(1.0)),
    ]
    rules = BuildRules(
        min_elements=2, max_elements=3, elements=frozenset({8, 11, 17, 22, 38}), max_sites=10, require=("band_gap",)
    )
    table, report = build_table(rows[:5] + rows[6:], rules)
    assert table.ids == ("good",)
    assert str(table.genes[0].canonical()) == str(table.genes[0])
    assert report.n_read == 9
    assert report.n_kept == 1
    assert {name: problem.rule for name, problem in report.dropped} == {
        "mess": Rule.UNREADABLE,
        "half": Rule.DISORDERED,
        "odd": Rule.UNKNOWN_ELEMENT,
        "good": Rule.DUPLICATE_ID,
        "uranium": Rule.ELEMENT_NOT_ALLOWED,
        "big": Rule.TOO_MANY_SITES,
        "bare": Rule.LABEL_MISSING,
        "stuck": Rule.NO_SYMMETRY,
    }
    _, ternary = build_table(rows, BuildRules(min_elements=3, max_elements=3))
    assert ternary.counts[Rule.ELEMENT_COUNT] == 2
    assert sum(ternary.counts.values()) + ternary.n_kept == ternary.n_read


@pytest.mark.parametrize("edges", [(0.54, 0.097, 490.0), (3.0, 3.0, 1e5)])
def test_needle_shaped_cells_do_not_stall_a_run(edges):
    needle = Crystal(np.diag(edges), np.array([11, 17, 8]), np.array([[0, 0, 0], [0.3, 0.1, 0.2], [0.7, 0.45, 0.81]]))
    _, report = build_table([row("needle", needle), row("fine")], BuildRules())
    assert report.counts[Rule.NO_SYMMETRY] == 1
    assert "cell edges" in report.dropped[0][1].detail


def test_labels_that_are_no_number_count_and_become_missing():
    rows = [row("nan", **gap(math.nan)), row("inf", **gap(math.inf)), row("none", **gap(None)), row("ok", **gap(0.0))]
    table, report = build_table(rows, BuildRules())
    assert report.notes["band_gap not a finite number"] == 2
    assert table.labels["band_gap"].mask.tolist() == [False, False, False, True]
    _, strict = build_table(rows, BuildRules(require=("band_gap",)))
    assert strict.counts[Rule.LABEL_MISSING] == 3
    assert [problem.detail for _, problem in strict.dropped] == [
        "band_gap is nan",
        "band_gap is inf",
        "band_gap is absent",
    ]


def test_a_gap_below_zero_counts_and_becomes_missing():
    table, report = build_table([row("below", **gap(-0.2)), row("ok", **gap(0.0))], BuildRules())
    assert report.notes["band_gap below zero"] == 1
    assert table.labels["band_gap"].mask.tolist() == [False, True]


def labelled_csv(path, *cells):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["id", "kappa", "cif"], *([f"m{k}", cell, perovskite_cif()] for k, cell in enumerate(cells))]
        )
    return path


def test_label_cells_with_text_are_told_with_the_first(tmp_path):
    path = labelled_csv(tmp_path / "set.csv", "1.5", "high", "low")
    table, report = build_from_path(path, BuildRules(), labels=["kappa"])
    assert report.notes["kappa is text, not a finite number (the first is 'high' in row m1)"] == 2
    assert "kappa not a finite number" not in report.notes
    assert table.labels["kappa"].mask.tolist() == [True, False, False]
    _, strict = build_from_path(path, BuildRules(require=("kappa",)), labels=["kappa"])
    assert strict.dropped[0][1].detail == "kappa is high"


@pytest.mark.parametrize("rules", [BuildRules(), BuildRules(require=("kappa",))])
def test_decimal_commas_are_refused(tmp_path, rules):
    path = labelled_csv(tmp_path / "set.csv", "1,5", "2,5", "3")
    with pytest.raises(TableError, match=r"2 label cells of kappa in set\.csv .* '1,5' in row m0; use a decimal point"):
        build_from_path(path, rules, labels=["kappa"])


def test_a_label_of_absurd_size_is_refused_with_its_row(tmp_path):
    path = labelled_csv(tmp_path / "set.csv", "1.5", "1e300", "2")
    with pytest.raises(TableError, match=r"kappa of row 'm1' is 1e\+300; .* check the value and its unit"):
        build_from_path(path, BuildRules(), labels=["kappa"])


def test_vintages_are_kept_and_chosen_by_name():
    rows = [
        RawRow(name, perovskite(), {"formation_energy": -1.0, "band_gap": 1.0}, {"formation_energy": e, "band_gap": g})
        for name, e, g in [
            ("a", "mp_20", "mp_20"),
            ("b", "mpts_52", "aviary_mp_2020"),
            ("c", "megnet_mp_2018", "mp_20"),
        ]
    ]
    table, report = build_table(rows, BuildRules())
    assert report.vintages["formation_energy"] == {"megnet_mp_2018": 1, "mp_20": 1, "mpts_52": 1}
    with pytest.raises(TableError, match="different vintages"):
        table.require_single_vintage("formation_energy")
    modern, report = build_table(rows, BuildRules(vintage="modern", require=("formation_energy",)))
    assert modern.ids == ("a", "b")
    assert report.dropped[0][1].detail == "formation_energy is of vintage megnet_mp_2018"
    modern.require_single_vintage("formation_energy")
    modern.require_single_vintage("band_gap")
    assert report.notes["formation_energy of another vintage"] == 1
    old, _ = build_table(rows, BuildRules(vintage="megnet_mp_2018", require=("formation_energy",)))
    assert old.ids == ("c",)
    assert np.isnan(old.label("band_gap")).all()


def test_polymorphs_and_repeated_genes_are_kept_and_counted():
    table, report = build_table(
        [row("one"), row("two", perovskite(edge=4.0)), row("three", perovskite(56))], BuildRules()
    )
    assert len(table) == 3
    assert report.notes["same gene as an earlier row"] == 1


def test_given_and_detected_space_group_are_both_kept():
    table, report = build_table([row("one", given_space_group=1), row("two", given_space_group=221)], BuildRules())
    assert table.given_space_groups.tolist() == [1, 221]
    assert table.space_groups.tolist() == [221, 221]
    assert report.notes["detected space group differs from the one given"] == 1


def test_units_come_from_the_known_properties():
    table, _ = build_table(
        [row("one", labels={"band_gap": 1.0, "x": 2.0}, sources={"band_gap": "a", "x": "a"})], BuildRules()
    )
    assert table.labels["band_gap"].unit == "eV"
    assert table.labels["x"].unit == ""


def test_report_is_written_as_text_and_csv(tmp_path):
    _, report = build_table([row("one"), row("one")], BuildRules())
    assert "dropped: duplicate id" in report.to_text()
    report.write_dropped(tmp_path / "out" / "dropped.csv")
    with (tmp_path / "out" / "dropped.csv").open() as stream:
        assert list(csv.DictReader(stream)) == [
            {"id": "one", "rule": "duplicate id", "reason": "a row with this identifier is in the table"}
        ]


def test_build_from_csv_survives_bad_rows(tmp_path, capfd):
    path = tmp_path / "set.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["id", "band_gap", "cif"], ["a", "1", perovskite_cif()], ["b", "2", "x"], ["c", "3", perovskite_cif("Xx")]]
        )
    table, report = build_from_path(path, BuildRules(), progress=True)
    assert table.ids == ("a",)
    assert str(table.genes[0]) == str(build_table([row("a")], BuildRules())[0].genes[0])
    assert report.counts[Rule.UNREADABLE] == report.counts[Rule.UNKNOWN_ELEMENT] == 1
    assert "3/3" in capfd.readouterr().err
    assert table.provenance["input"] == "set.csv"


def test_nothing_kept_is_an_error_that_says_why(tmp_path):
    (tmp_path / "a.cif").write_text("garbage")
    with pytest.raises(TableError, match=r"none of the 1 rows .*unreadable 1; first, a:"):
        build_from_path(tmp_path, BuildRules())


@pytest.mark.parametrize(
    "wrong", [{"min_elements": 4, "max_elements": 3}, {"min_elements": 0}, {"max_sites": 0}, {"symprec": 0.0}]
)
def test_impossible_rules_are_refused(wrong):
    with pytest.raises(ConfigError):
        BuildRules(**wrong)
