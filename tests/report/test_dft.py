from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from wyckforge.errors import MissingDependencyError, TableError
from wyckforge.report.dft import write_dft_page


class Page(HTMLParser):
    """Identifiers, links and text of a page."""

    def __init__(self, folder) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.source = write_dft_page(folder).read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        assert not {"src", "srcset", "data"} & found.keys()

    def handle_data(self, data):
        self.text += data


def change(folder, record: str, /, **changes) -> None:
    path = folder / record
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


SECTIONS = ["structure", "bands", "masses", "valleys", "thermoelectric", "phonon", "evidence", "files", "provenance"]


def test_a_whole_run_has_all_sections_and_needs_nothing_from_elsewhere(calculation):
    page = Page(calculation)
    assert [one for one in page.ids if one in SECTIONS] == SECTIONS
    assert "link" not in page.tags
    assert "http" not in page.source
    assert "@import" not in page.source
    assert len(set(page.ids)) == len(page.ids)


def test_the_top_says_what_it_is_and_what_was_found(calculation):
    page = Page(calculation)
    assert re.search(r"<h1>AlP .*F<span class=\"bar\">4</span>3m .*216", page.source)
    for words in ("Quantum ESPRESSO 6.7", "eV, indirect gap, Γ → X", "1.62", "✗ Gamma modes", "✓ Gap"):
        assert words in page.text
    assert "m₀, hole, Γ → X" in page.text


def test_files_of_the_engine_are_linked_and_its_scratch_is_not(calculation):
    page = Page(calculation)
    assert {"scf/scf.in", "scf/magnetic/scf%201.out", "phonon/result.json"} < set(page.links)
    assert not any("density" in link or link.endswith(".done") for link in page.links)


def test_all_evidence_is_shown_with_reason_and_tool(calculation):
    text = Page(calculation).text
    for words in ("indirect <Γ → X>", "one imaginary mode", "−31 cm⁻¹", '"cutoff_ev": 480.0'):
        assert words in text


def test_valleys_and_what_ranks_the_crystal_are_shown_as_described(calculation, bands_summary):
    text = re.sub(r"\s+", " ", Page(calculation).text)
    assert [one["printed"] for one in bands_summary["valleys"]] == ["1×3 (2)", "3×1 (2)"]
    for words in ("1 × 3", "3 × 1", "lattice conductivity", "Lattice conductivity: a handbook <of lattices>."):
        assert words in text
    assert Page(calculation).source.count("dot edge") >= 2


def test_hostile_names_are_shown_and_not_obeyed(calculation):
    hostile = "<script>alert(1)</script>"
    label = 'X" onload="alert(2)'
    change(calculation, "run.json", name=hostile, config={"engine": hostile}, inputs={hostile: hostile})
    bands = json.loads((calculation / "bands" / "result.json").read_text())
    bands["path"][0]["labels"] = [hostile, label]
    (calculation / "bands" / "result.json").write_text(json.dumps(bands))
    summary = (calculation / "summary.json").read_text().replace('"GAMMA"', json.dumps(hostile))
    (calculation / "summary.json").write_text(summary)
    (calculation / "scf" / "a&quot;.in").write_text("")
    (calculation / "scf" / '"><img onerror=x>.in').write_text("")
    page = Page(calculation)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert hostile in page.text
    assert 'onload="' not in page.source


@pytest.mark.parametrize(
    ("step", "lost"),
    [("phonon", {"phonon"}), ("relax", set()), ("mass", set())],
)
def test_an_absent_step_leaves_out_what_it_gives_and_no_more(calculation, step, lost):
    for path in (calculation / step).iterdir():
        path.unlink()
    page = Page(calculation)
    assert set(SECTIONS) - set(page.ids) == lost


def test_bands_or_states_may_be_alone(calculation):
    (calculation / "dos" / "result.json").unlink()
    page = Page(calculation)
    assert 'class="bands"' in page.source
    assert 'class="dos"' not in page.source


def test_a_run_that_has_only_begun_says_so(calculation):
    change(calculation, "run.json", status="running", evidence=[])
    (calculation / "summary.json").unlink()
    for path in calculation.glob("*/result.json"):
        path.unlink()
    page = Page(calculation)
    assert "was not finished" in page.text
    assert "None was recorded" in page.text
    assert not {"structure", "bands", "masses", "phonon"} & set(page.ids)


def test_without_a_summary_energies_count_from_the_fermi_energy(calculation):
    (calculation / "summary.json").unlink()
    page = Page(calculation)
    assert "energy above the Fermi energy (eV)" in page.text
    assert "was not determined" in page.text
    assert "dot edge" not in page.source


def test_a_metal_says_why_it_is_one(calculation):
    metal = {"gap": None, "channels": [None], "metal": "3 electrons fill no whole number of bands"}
    change(calculation, "summary.json", **metal, valleys=[], masses=[], transport=[], score=None)
    change(calculation / "phonon", "result.json", born_charges=None, dielectric=None, longitudinal_per_cm=None)
    page = Page(calculation)
    assert page.text.count("3 electrons fill no whole number of bands") == 2
    assert "energy above the Fermi energy (eV)" in page.text
    assert not {"masses", "valleys", "thermoelectric"} & set(page.ids)
    assert "Born charges" not in page.text
    assert "longitudinal along" not in page.text


def test_what_is_not_a_run_is_refused(calculation, tmp_path):
    with pytest.raises(MissingDependencyError, match=r"holds no run\.json"):
        write_dft_page(tmp_path)
    (calculation / "bands" / "result.json").write_text('{"crystal": {}}')
    with pytest.raises(TableError, match="cannot be read"):
        write_dft_page(calculation)
    (calculation / "bands" / "result.json").write_text("{")
    with pytest.raises(TableError, match="is not JSON"):
        write_dft_page(calculation)
    (calculation / "bands" / "result.json").unlink()
    change(calculation, "run.json", evidence=[{"stage": "gap"}])
    with pytest.raises(TableError, match="cannot be read"):
        write_dft_page(calculation)


def test_each_spin_channel_has_its_own_gap(calculation):
    bands, summary = (json.loads((calculation / name).read_text()) for name in ("bands/result.json", "summary.json"))
    change(calculation / "bands", "result.json", energies=bands["energies"] * 2, electrons=[4.0, 4.0])
    change(calculation, "summary.json", channels=[summary["gap"], None])
    text = Page(calculation).text
    assert "spin up: gap 1.62 eV" in text
    assert "spin down: no gap" in text
