from __future__ import annotations

import json
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest

from wyckforge.errors import MissingDependencyError, TableError
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.report.html import write_report
from wyckforge.report.load import Run
from wyckforge.report.terminal import align, summary
from wyckforge.report.view import cell_parameters, converged_energies, rank_rows, sites, stage_counts
from wyckforge.symmetry.gene import WyckoffGene


class Page(HTMLParser):
    """Collects what a page refers to, its identifiers and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.sources += [found[name] for name in ("src", "srcset", "data") if found.get(name)]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page(run_folder):
    return Page(write_report(run_folder).read_text(encoding="utf-8"))


def test_the_page_needs_nothing_from_elsewhere(page, run_folder):
    assert page.sources == []
    assert "link" not in page.tags
    text = (run_folder / "report.html").read_text()
    assert "http" not in text.replace("http-equiv", "")
    assert "@import" not in text


def test_every_link_inside_the_page_has_its_anchor(page):
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside
    assert inside <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


def test_only_cif_files_that_exist_are_linked(page):
    assert {link for link in page.links if not link.startswith("#")} == {"cifs/g000000_SrTiO3.cif"}


def test_every_candidate_has_a_row_and_a_card(page, candidates):
    rows = page.tags.count("article")
    assert rows == len(candidates)
    for candidate in candidates:
        assert str(candidate.gene) in page.text


def test_every_finding_is_shown_with_its_tool(page, candidates):
    for candidate in candidates:
        for found in candidate.evidence:
            assert found.reason in page.text
            assert found.tool in page.text


def test_the_target_is_named_as_it_was_asked_for(page):
    assert "radioactive, f-block" in page.text
    assert "143–230" in page.text
    assert "at most −0.5 eV/atom" in page.text


def test_markup_in_records_is_shown_not_obeyed(run_folder):
    text = write_report(run_folder).read_text()
    assert "<in 10 tries>" not in text
    assert "&lt;in 10 tries&gt;" in text


def set_status(folder, status):
    info = json.loads((folder / "run.json").read_text()) | {"status": status}
    (folder / "run.json").write_text(json.dumps(info))


@pytest.mark.parametrize("drawn", ["candidates.jsonl", "drawn.jsonl"])
def test_a_killed_run_says_so_and_shows_what_it_has(run_folder, candidates, drawn):
    """Genes are drawn, two are realised and the line of a third is cut short."""
    genes = [replace(one, crystal=None, evidence=one.evidence[:4]) for one in candidates]
    (run_folder / "candidates.jsonl").unlink()
    (run_folder / drawn).write_text("".join(json.dumps(one.to_dict()) + "\n" for one in genes))
    set_status(run_folder, "running")
    text = summary(run_folder)
    assert "pursued                                   0" in text
    (run_folder / "realised.jsonl").write_text("\n".join(json.dumps(one.to_dict()) for one in candidates[:3])[:-40])
    text, page = summary(run_folder), write_report(run_folder).read_text()
    assert "This run is not finished" in text
    assert "This run is not finished" in page
    assert "pursued                                   2" in text
    assert "relaxed to convergence                    2" in text
    assert "SrTiO₃" in text
    set_status(run_folder, "complete")
    if drawn == "candidates.jsonl":
        assert "not finished" not in summary(run_folder)


def test_what_nobody_asked_for_is_no_step(candidates):
    judged = [one.with_evidence(Evidence("formation_energy", "pass", -0.6)) for one in candidates]
    asked = Run((), {"target": {"formation_energy": ":-0.5"}})
    for run, shown in ((asked, True), (Run((), {"target": {"band_gap": "1:"}}), False), (Run((), {}), False)):
        labels = {label for label, *_ in stage_counts(rank_rows(judged), run)}
        assert ("kept the formation energy asked for" in labels) is shown


def test_a_run_without_candidates_says_where_they_were_lost(run_folder):
    (run_folder / "candidates.jsonl").write_text("")
    text = write_report(run_folder).read_text()
    assert "No candidate came through" in text
    assert "no neutral combination of oxidation states" in text
    assert "No candidate came through" in summary(run_folder)


def test_a_line_cut_short_by_a_kill_is_left_out_and_named(run_folder):
    whole = (run_folder / "candidates.jsonl").read_text()
    (run_folder / "candidates.jsonl").write_text(whole[:-40])
    run = Run.load(run_folder)
    assert len(run.candidates) == 4
    assert len(run.problems) == 1
    assert "line 5" in write_report(run_folder).read_text()


def test_a_foreign_file_is_refused(run_folder):
    (run_folder / "candidates.jsonl").write_text("no\nrecords\n")
    with pytest.raises(TableError, match="no readable candidate"):
        write_report(run_folder)
    (run_folder / "run.json").write_text("{")
    with pytest.raises(TableError, match="not JSON"):
        write_report(run_folder)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(MissingDependencyError, match=r"holds no run\.json"):
        write_report(tmp_path)


def test_a_run_stopped_before_it_had_candidates_is_told(run_folder):
    (run_folder / "candidates.jsonl").unlink()
    with pytest.raises(MissingDependencyError, match="stopped before it had candidates; repeat its command"):
        summary(run_folder)


def test_the_terminal_shows_what_was_pursued(run_folder):
    gene = WyckoffGene.parse("221|Cl:b|Cs:a")
    idle = Candidate("g000077", gene, Origin("seed"), {}, None, (Evidence("unique", "pass"),))
    with (run_folder / "candidates.jsonl").open("a") as file:
        file.write(json.dumps(idle.to_dict()) + "\n")
    text = summary(run_folder)
    assert "Cs₂Pt₃Se₇" in text
    assert "CsCl" not in text
    assert "… and 1 more in candidates.csv" in text


def test_expected_hits_warnings_and_the_front_are_shown(run_folder, candidates):
    info = json.loads((run_folder / "run.json").read_text()) | {
        "calibrated": True,
        "warnings": ["band_gap 40: lies outside the training labels"],
        "expected": {"n": 4, "rate": 0.612, "low": 0.25, "high": 1.0},
        "pareto": [
            {"property": "formation_energy", "goal": "min"},
            {"property": "band_gap", "goal": "middle", "middle": 1.25},
        ],
    }
    (run_folder / "run.json").write_text(json.dumps(info))
    best = candidates[0].with_evidence(Evidence("pareto", "pass", reason="none is better"))
    lines = [json.dumps(one.to_dict()) + "\n" for one in (best, *candidates[1:])]
    (run_folder / "candidates.jsonl").write_text("".join(lines))
    page, text = write_report(run_folder).read_text(), summary(run_folder)
    chart = page[page.index("<b>Pareto front.") :]
    chart = chart[: chart.index("</figure>")]
    assert chart.count('class="dot kept"') == 1
    assert chart.count('class="dot') == len(candidates)
    assert "near 1.25" in chart
    for shown in (page, " ".join(text.split())):
        assert "Warning: band_gap 40: lies outside the training labels." in shown
        assert "Of the 4 candidates handed over, 61% are expected to meet the property targets (25% to 100%" in shown
    assert "on target" in text
    assert "front" in text


def test_claims_that_are_not_calibrated_are_not_shown(run_folder):
    assert "On target" not in write_report(run_folder).read_text()
    assert "on target" not in summary(run_folder)


def test_a_property_of_the_users_own_has_its_columns(run_folder, candidates):
    taught = [
        replace(one, predictions=one.predictions | {"kappa": 0.25}).with_evidence(
            Evidence("judged_kappa", "pass", 0.75), Evidence("judged", "pass", 0.8)
        )
        for one in candidates
    ]
    (run_folder / "candidates.jsonl").write_text("".join(json.dumps(one.to_dict()) + "\n" for one in taught))
    head = next(line for line in summary(run_folder).splitlines() if line.startswith("rank"))
    assert head.index(" kappa") < head.index(" gap") < head.index("relaxed kappa")
    assert "0.25" in summary(run_folder)
    assert "0.75" in summary(run_folder)
    page = write_report(run_folder).read_text()
    assert "Kappa, gene" in page
    assert "Kappa, structure" in page
    assert 'data-key="0.75"' in page


def test_columns_are_aligned():
    lines = align([("rank", "name"), ("1", "x"), ("10", "long name")], right={0})
    assert lines == ["rank  name", "   1  x", "  10  long name"]


def test_stages_count_their_verdicts(candidates):
    counts = {label: (passed, lost) for label, passed, lost in stage_counts(rank_rows(candidates), Run((), {}))}
    assert counts["built in their group"] == (4, "1 failed")
    assert counts["relaxed to convergence"] == (3, "1 unknown")
    assert counts["within 0.1 eV/atom of the hull"] == (2, "1 failed, 1 unknown")
    assert counts["all of these"] == (2, "")


def test_an_unstable_mesh_is_seen_and_does_not_count_as_success(run_folder, candidates):
    tested = [
        one.with_evidence(Evidence("phonon_gamma", "pass", 3.0), Evidence("phonon_mesh", "fail", -53.6, "cm⁻¹"))
        for one in candidates
    ]
    counts = {label: (passed, lost) for label, passed, lost in stage_counts(rank_rows(tested), Run((), {}))}
    assert counts["no imaginary mode at Γ"] == (5, "")
    assert counts["no imaginary mode anywhere"] == (0, "5 failed")
    assert counts["all of these"] == (0, "")
    (run_folder / "candidates.jsonl").write_text("".join(json.dumps(one.to_dict()) + "\n" for one in tested))
    assert "lowest mode" in summary(run_folder)
    assert "−54" in summary(run_folder)
    assert 'data-key="-53.6"' in write_report(run_folder).read_text()


def test_energies_without_convergence_do_not_enter_the_figures(candidates):
    assert converged_energies(rank_rows(candidates)) == [-0.004, 0.052]


def test_sites_show_the_symmetry_the_crystal_has(candidates):
    perovskite = sites(candidates[0])
    assert [(s.element, s.site_symmetry) for s in perovskite] == [("O", "4/mm.m"), ("Sr", "m-3m"), ("Ti", "m-3m")]
    assert sum(int(s.position[:-1]) for s in perovskite) == 5
    chloroplatinate = sites(candidates[3])
    assert [s.position for s in chloroplatinate] == ["24e", "8c", "4a"]
    assert sorted(min(x, 1 - x) for x in chloroplatinate[0].coordinates) == pytest.approx([0, 0, 0.24])


def test_sites_without_a_crystal_come_from_the_gene(candidates):
    found = sites(candidates[4])
    assert [s.position for s in found] == ["3b", "18h", "6c", "9e"]
    assert all(s.coordinates is None for s in found)


def test_cell_parameters_of_a_right_angled_cell(candidates):
    assert cell_parameters(candidates[2].crystal) == pytest.approx((5.78, 5.78, 11.62, 90, 90, 90))


def test_the_outcome_is_that_of_the_last_word_of_each_stage():
    unsure, doubt, removed = (Evidence("stable", verdict) for verdict in ("unknown", "fail", "pass"))
    gene = WyckoffGene.parse("225|Na:a|Cl:b")
    histories = ((doubt, removed), (unsure, removed), (removed, doubt), (doubt, unsure))
    rows = rank_rows([Candidate("c", gene, Origin("seed"), evidence=some) for some in histories])
    assert [row.outcome for row in rows] == [None, None, doubt, unsure]


def test_cards_link_to_calculations_from_first_principles_that_exist(run_folder, candidates):
    place = run_folder / "dft" / candidates[1].id
    place.mkdir(parents=True)
    (place / "page.html").write_text("")
    gap = Evidence("dft_band_gap", "pass", 1.53, "eV", "indirect <Γ → X>", "Quantum ESPRESSO 6.7")
    for record in ("{", json.dumps({"status": "running"}), json.dumps({"evidence": [asdict(gap)]})):
        (place / "run.json").write_text(record)
        page = Page(write_report(run_folder).read_text(encoding="utf-8"))
        assert [link for link in page.links if link.startswith("dft/")] == [f"dft/{candidates[1].id}/page.html"]
        assert ("DFT band gap" in page.text) == ("indirect" in record)
    assert "indirect <Γ → X>" in page.text
