from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

import funnel
from funnel_page import PUBLISHED, WORDS, page_of, steps_of
from plots import draw_funnel
from wyckforge.data.embedded import load_embedded
from wyckforge.errors import ConfigError
from wyckforge.execute.executors import InProcess
from wyckforge.execute.folder import write_candidates
from wyckforge.realise.config import DesignRelaxConfig
from wyckforge.realise.stages import Relax
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.gene import WyckoffGene

ORDER = [name for name in WORDS if name not in ("seeds", "decodes")]
RATE = {"value": 0.5, "interval": [0.2, 0.8], "hits": 5, "n": 10}


def run(seeds: int = 10, lost: int = 10) -> dict:
    """An account in which every step stops as many."""
    entered, steps = 20 * seeds, []
    for name in ORDER:
        steps.append({"step": name, "entered": entered, "passed": entered - lost, "reasons": {"so it is": lost}})
        entered -= lost
    return {"seeds": {"seeds": seeds}, "draws": 20 * seeds, "funnel": steps, "inside": RATE, "seconds": 2.0,
            "asked_per_s": 700.0}  # fmt: skip


def test_steps_lead_from_seeds_to_what_is_left():
    steps = steps_of(run())
    assert list(steps) == list(WORDS)
    assert (steps["seeds"], steps["decodes"], steps["valid"], steps["metallic"]) == (
        10,
        200,
        190,
        200 - 10 * len(ORDER),
    )


def test_the_page_puts_our_counts_beside_the_published_ones():
    realised = dict.fromkeys(("build", "relax", "symmetry", "hull", "all"), RATE)
    page = page_of({"mpvae": run(), "orbitvae": run(20) | {"realised": realised}}, funnel.MODELS, "f.svg", 22_044, 3)
    assert "| seeds | 10 | 20 | 1,299 |" in page
    assert "| novel | 160 (94 %) | 360 (97 %) | 8,082 |" in page
    assert "| metallic score below 0.5 | 90 (90 %) | 290 (97 %) | 917 |" in page
    assert "14.7 (12.6 to 17.2; n = 917)" in page
    assert "| | OrbitVAE |" in page
    assert "| built | 50.0 (20.0 to 80.0; n = 10) |" in page
    assert "| valid genes | 10 of 200 | so it is (10) |" in page
    assert "of genes with free coordinates from 3\nstarts" in page
    assert "None was realised" in page_of({"mpvae": run()}, funnel.MODELS, "f.svg", 22_044, 3)


def test_the_figure_names_every_step_and_run(tmp_path):
    draw_funnel(tmp_path / "f.svg", {"one": steps_of(run()), "two": steps_of(run(30))}, PUBLISHED, WORDS)
    text = (tmp_path / "f.svg").read_text()
    ElementTree.fromstring(text)
    for words in (*WORDS.values(), "one", "two", "paper"):
        assert f"<!-- {words} -->" in text


def test_all_is_what_passed_every_step():
    def candidate(name: str, *verdicts: str) -> Candidate:
        stages = ("build", "relax", "symmetry", "hull")
        found = [Evidence(stage, verdict) for stage, verdict in zip(stages, verdicts, strict=False)]
        return Candidate(name, WyckoffGene.parse("225|Na:a|Cl:b"), Origin("seed")).with_evidence(*found)

    rates = funnel.outcomes(
        [candidate("a", "pass", "pass", "pass", "pass"), candidate("b", "pass", "pass", "fail", "pass"),
         candidate("c", "pass", "unknown", "pass", "unknown"), candidate("d", "fail")]
    )  # fmt: skip
    assert [rates[name]["hits"] for name in ("build", "relax", "symmetry", "hull", "all")] == [3, 2, 2, 2, 1]
    assert {rate["n"] for rate in rates.values()} == {4}


def test_one_pass_shows_every_seed_twenty_times_and_is_not_repeated(tmp_path):
    table = load_embedded()
    some = table.select([row for row, gene in enumerate(table.genes) if gene.space_group >= 143][:60])
    found = funnel.draw("orbitvae", some, tmp_path)
    assert found["draws"] == 20 * found["seeds"]["seeds"] > 0
    assert [step["step"] for step in found["funnel"]][:-1] == ORDER
    before = (tmp_path / "genes.json").stat().st_mtime_ns
    assert funnel.draw("orbitvae", some, tmp_path) == found
    assert (tmp_path / "genes.json").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="another --cache"):
        funnel.draw("orbitvae", some.select(range(50)), tmp_path)


def test_what_was_realised_with_other_stages_or_genes_is_refused(tmp_path, monkeypatch):
    genes = [Candidate("a", WyckoffGene.parse("225|Na:a|Cl:b"), Origin("seed"))]
    write_candidates(tmp_path / "candidates.jsonl", genes)
    monkeypatch.setattr(funnel, "LocalPool", lambda _: InProcess())
    (done,) = funnel.realise(1, tmp_path, 1)
    assert done.find("hull").verdict == "pass"
    lines = (tmp_path / "realised.jsonl").read_text()
    assert [one.to_dict() for one in funnel.realise(1, tmp_path, 1)] == [done.to_dict()]
    with monkeypatch.context() as patched:
        patched.setattr(funnel, "Relax", lambda seed: Relax(seed, DesignRelaxConfig(starts=1)))
        with pytest.raises(ConfigError, match=r"other settings .*\(stages\)"):
            funnel.realise(1, tmp_path, 1)
    write_candidates(tmp_path / "candidates.jsonl", [*genes, replace(genes[0], id="b")])
    with pytest.raises(ConfigError, match=r"other settings .*\(genes\)"):
        funnel.realise(1, tmp_path, 1)
    assert (tmp_path / "realised.jsonl").read_text() == lines
