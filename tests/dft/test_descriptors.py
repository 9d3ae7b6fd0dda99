from __future__ import annotations

import json
from pathlib import Path

import pytest

from wyckforge.dft.chain import Findings
from wyckforge.dft.config import DftConfig
from wyckforge.dft.descriptors import SUMMARY, Lattice, describe, rank_runs
from wyckforge.dft.results import Bands
from wyckforge.dft.thermoelectric import goldsmid_sharp, highest_temperature
from wyckforge.errors import ConfigError

DATA = Path(__file__).parent / "data"

CONFIG = DftConfig()


def read(name: str) -> Bands:
    return Bands.read(DATA / f"{name}.json")


def recounted(electrons: float) -> Bands:
    """Silicon's bands with another number of electrons."""
    return Bands.from_dict(read("si_qe_path").to_dict() | {"electrons": [electrons]})


@pytest.fixture(scope="module")
def silicon() -> Findings:
    return Findings(bands=read("si_qe_path"), dense=read("si_qe_lines"))


def write(folder: Path, described: dict) -> Path:
    folder.mkdir()
    (folder / SUMMARY).write_text(json.dumps(described))
    return folder


def test_silicon_described(silicon: Findings) -> None:
    found = describe("Si", silicon, CONFIG, lattice=Lattice(70.0, "measured"))

    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    assert found["gap"]["ev"] == pytest.approx(0.61, abs=0.05)
    assert not found["gap"]["direct"]
    assert found["gap"]["conduction"]["label"] == "GAMMA–X 0.85"
    assert [(one["carrier"], one["n_v"], one["printed"]) for one in found["valleys"]] == [
        ("hole", 3, "1×3 (2)"),
        ("electron", 6, "6×1 (2)"),
    ]
    assert found["valleys"][1]["ellipsoids"][0]["conductivity_mass"] == pytest.approx(0.26, rel=0.05)
    assert found["masses_fitted"] == "on lines through the valleys"
    assert {one["carrier"] for one in found["masses"]} == {"hole", "electron"}
    assert [one["carrier"] for one in found["transport"]] == ["hole", "electron"]
    assert found["highest_temperature_k"] == highest_temperature(found["gap"]["ev"])
    assert found["largest_seebeck_uv_per_k"] == goldsmid_sharp(found["gap"]["ev"], 600.0)
    assert found["score"]["known"] == 1.0
    assert found["score"]["parts"][3] == {
        "name": "lattice conductivity", "value": 70.0, "unit": "W/(m K)", "score": 2 / 72, "weight": 1.0
    }  # fmt: skip


def test_settings_reach_valleys_and_scores(silicon: Findings) -> None:
    config = DftConfig.from_dict({"bands": {"valley_window_ev": 1.0}, "thermoelectric": {"temperature_k": 300.0}})
    found = describe("Si", silicon, config)

    assert len(found["valleys"]) > 2
    assert found["largest_seebeck_uv_per_k"] == goldsmid_sharp(found["gap"]["ev"], 300.0)
    assert found["settings"]["temperature_k"] == 300.0
    with pytest.raises(ConfigError, match=r"thermoelectric\.temperature: unknown key; known are temperature_k"):
        DftConfig.from_dict({"thermoelectric": {"temperature": 300.0}})


def test_masses_along_the_path_without_lines(silicon: Findings) -> None:
    found = describe("Si", Findings(bands=silicon.bands), CONFIG)

    assert found["masses_fitted"] == "along the path"
    assert found["transport"][1]["from_lines"] is True


def test_metals_score_nothing_for_their_gap() -> None:
    found = describe("Si", Findings(bands=recounted(7.5)), CONFIG)

    assert found["gap"] is None
    assert found["metal"] == "7.5 electrons fill no whole number of bands"
    assert found["valleys"] == found["masses"] == found["transport"] == []
    assert found["score"]["total"] == 0.0


def test_a_mesh_tells_the_gap_alone() -> None:
    found = describe("Si", Findings(dos=read("si_vasp_mesh")), CONFIG)

    assert found["gap"]["ev"] == pytest.approx(0.62, abs=0.02)
    assert found["transport"] == []
    assert found["score"]["known"] == 0.25


def test_what_has_no_bands_has_no_score_and_says_why() -> None:
    failed = describe("Si", Findings(problems={"bands": "the field did not converge"}), CONFIG)
    short = describe(
        "Si", Findings(bands=Bands.from_dict(read("si_qe_path").to_dict() | {"electrons": [99.0]})), CONFIG
    )

    assert failed["score"] is short["score"] is None
    assert failed["problem"] == "the field did not converge"
    assert "99 valence electrons given" in short["problem"]


def test_runs_are_ranked_and_those_without_a_score_named(silicon: Findings, tmp_path: Path) -> None:
    gallium = Findings(bands=read("gaas_qe_path"), dense=read("gaas_qe_lines"))
    folders = [
        write(tmp_path / "a", describe("GaAs", gallium, CONFIG, lattice=Lattice(100.0, "guessed"))),
        write(tmp_path / "b", describe("Si", silicon, CONFIG, lattice=Lattice(1.0, "guessed"))),
        write(tmp_path / "c", describe("MgO", Findings(problems={"bands": "out of time"}), CONFIG)),
        tmp_path / "absent",
    ]
    found = rank_runs(folders)

    totals = [one.total or 0 for one in found.scores]
    assert {one.name for one in found.scores} == {"Si", "GaAs"}
    assert totals == sorted(totals, reverse=True)
    alone = describe("Si", silicon, CONFIG, Lattice(1.0, "guessed"))["score"]
    assert totals[[one.name for one in found.scores].index("Si")] == alone["total"]
    assert found.problems[folders[2]].endswith("out of time")
    assert "no summary.json in it" in found.problems[folders[3]]


def test_scores_of_other_settings_do_not_compare(silicon: Findings, tmp_path: Path) -> None:
    hot = DftConfig.from_dict({"thermoelectric": {"temperature_k": 900.0}})
    one = write(tmp_path / "one", describe("Si", silicon, CONFIG))
    other = write(tmp_path / "other", describe("Si", silicon, hot))

    with pytest.raises(ConfigError, match=r"scored by other settings than the runs before it \(temperature_k\)"):
        rank_runs([one, other])
