"""The folder of a run: recognised, refused, and never half written."""

from __future__ import annotations

import json

import pytest

from wyckforge.errors import ConfigError
from wyckforge.execute.folder import alone, make_folder, open_folder, read_candidates, write_candidates, write_text
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.gene import WyckoffGene

IDENTITY = {"config": {"seed": 7, "target": {"space_group": "143:"}}, "inputs": {"reference": {"rows": 10}}}


def test_a_new_folder_and_the_same_run_again(tmp_path):
    out = tmp_path / "a" / "b"
    assert open_folder(out, IDENTITY) == IDENTITY
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**record, "draws": 5}))
    assert open_folder(out, IDENTITY)["draws"] == 5


def test_another_run_is_refused_by_name_of_the_setting(tmp_path):
    drawn = {**open_folder(tmp_path, IDENTITY), "funnel": []}
    (tmp_path / "run.json").write_text(json.dumps(drawn))
    other = {"config": {"seed": 8, "target": {"space_group": "143:"}}, "inputs": {"reference": {"rows": 11}}}
    with pytest.raises(ConfigError, match=r"other settings \(config.seed, inputs.reference.rows\)"):
        open_folder(tmp_path, other)


def test_a_run_that_drew_nothing_gives_way(tmp_path):
    open_folder(tmp_path, IDENTITY)
    other = {**IDENTITY, "config": {"seed": 8}}
    assert open_folder(tmp_path, other) == other
    assert json.loads((tmp_path / "run.json").read_text()) == other


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": 1}', "not json", '{"config": {}, "inputs": '])
def test_a_foreign_record_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ConfigError, match=r"not the record of a design run|other settings"):
        open_folder(tmp_path, IDENTITY)


def test_files_of_others_are_never_mixed_in(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="holds files but no design run"):
        open_folder(tmp_path, IDENTITY)
    with pytest.raises(ConfigError, match="is a file"):
        open_folder(tmp_path / "thesis.tex", IDENTITY)


def test_a_run_that_another_process_is_just_beginning_is_no_foreign_folder(tmp_path):
    with alone(tmp_path):
        (tmp_path / "run.json.0123.partial").write_text("{")
        make_folder(tmp_path)
        assert open_folder(tmp_path, IDENTITY) == IDENTITY


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"


def test_candidates_come_back_and_a_cut_line_ends_the_reading(tmp_path):
    path = tmp_path / "c.jsonl"
    gene = WyckoffGene.parse("225|Na:a|Cl:b")
    written = [
        Candidate(f"g{i}", gene, Origin("seed", "mp-1"), {"band_gap": 1.5}, evidence=(Evidence("unique", "pass"),))
        for i in range(3)
    ]
    write_candidates(path, written)
    assert list(read_candidates(path)) == written
    path.write_text(path.read_text()[:-20])
    assert list(read_candidates(path)) == written[:2]
