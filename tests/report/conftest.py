"""A small run folder with four well-known crystals, a gene without a crystal, and every kind of verdict."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from wyckforge.dft.chain import Findings
from wyckforge.dft.config import DftConfig
from wyckforge.dft.descriptors import Lattice, describe
from wyckforge.dft.results import Bands
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

FACE = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
BODY = [(0, 0, 0), (0.5, 0.5, 0.5)]


def cell(lengths, centring, atoms) -> Crystal:
    """Crystal of a right-angled cell: ``atoms`` are (number, position) pairs, repeated by the centring."""
    numbers = [z for z, _ in atoms for _ in centring]
    coords = [np.add(at, shift) % 1 for _, at in atoms for shift in centring]
    return Crystal(np.diag(lengths), np.array(numbers), np.array(coords))


HALF_HEUSLER = cell((6.02,) * 3, FACE, [(3, (0.5, 0.5, 0.5)), (12, (0.25, 0.25, 0.25)), (15, (0, 0, 0))])
PEROVSKITE = cell((3.95,) * 3, [(0, 0, 0)], [(38, (0.5, 0.5, 0.5)), (22, (0, 0, 0)), *((8, p) for p in np.eye(3) / 2)])
CHALCOPYRITE = cell(
    (5.78, 5.78, 11.62),
    BODY,
    [
        (29, (0, 0, 0)),
        (29, (0, 0.5, 0.25)),
        (49, (0, 0, 0.5)),
        (49, (0, 0.5, 0.75)),
        *((34, p) for p in [(0.226, 0.25, 0.125), (0.774, 0.75, 0.125), (0.75, 0.226, 0.875), (0.25, 0.774, 0.875)]),
    ],
)
CHLOROPLATINATE = cell(
    (9.74,) * 3,
    FACE,
    [
        (78, (0, 0, 0)),
        (19, (0.25, 0.25, 0.25)),
        (19, (0.75, 0.75, 0.75)),
        *((17, p) for p in [(0.24, 0, 0), (0.76, 0, 0), (0, 0.24, 0), (0, 0.76, 0), (0, 0, 0.24), (0, 0, 0.76)]),
    ],
)


def _screened(reason: str) -> tuple[Evidence, ...]:
    return (
        Evidence("unique", "pass", reason="first of its class"),
        Evidence("novel", "pass", reason=reason),
        Evidence("target", "pass", 0.61),
        Evidence("charge_neutrality", "pass", reason="neutral", tool="SMACT 4.0.2, icsd24"),
    )


def _realised(converged: str, kept: str, e_hull: float | None) -> tuple[Evidence, ...]:
    hull = Evidence("hull", "unknown", None, "eV/atom", "no reference for one element", "CHGNet 0.3.0")
    if e_hull is not None:
        hull = Evidence("hull", "pass" if e_hull <= 0.1 else "fail", e_hull, "eV/atom", "of SrO + TiO2", "CHGNet 0.3.0")
    return (
        Evidence("build", "pass", 1, "tries", "detected in its group", "PyXtal 1.1.5"),
        Evidence("relax", converged, 0.031, "eV/Å", "128 calls", "CHGNet 0.3.0"),
        Evidence("symmetry", kept, 216, "", "group as asked for", "moyopy 0.21.0"),
        hull,
    )


@pytest.fixture
def candidates() -> list[Candidate]:
    seed = Origin("seed", "mp-1234", "KMgF3")
    specs = [
        ("221|O:c|Ti:a|Sr:b", PEROVSKITE, 1.8, -3.4, "pass", "pass", -0.004, "new gene, known formula"),
        ("216|Li:b|Mg:c|P:a", HALF_HEUSLER, 1.52, -0.71, "pass", "pass", 0.052, "new gene, new formula"),
        ("122|Cu:a|Se:d|In:b", CHALCOPYRITE, 0.64, -0.52, "unknown", "pass", 0.148, "new gene, new formula"),
        ("225|Cl:e|K:c|Pt:a", CHLOROPLATINATE, 1.99, -1.4, "pass", "fail", None, "new gene, new formula"),
    ]
    made = [
        Candidate(
            f"g{i:06d}", WyckoffGene.parse(gene), seed, {"band_gap": gap, "formation_energy": energy}, crystal
        ).with_evidence(*_screened(novelty), *_realised(converged, kept, e_hull))
        for i, (gene, crystal, gap, energy, converged, kept, e_hull, novelty) in enumerate(specs)
    ]
    unbuilt = Candidate(
        "g000009", WyckoffGene.parse("166|Se:bh|Cs:c|Pt:e"), seed, {"band_gap": 0.9, "formation_energy": -0.6}
    )
    failed = Evidence("build", "fail", 10, "tries", "no distances above the limit <in 10 tries>", "PyXtal 1.1.5")
    return [*made, unbuilt.with_evidence(*_screened("new gene, new formula"), failed)]


@pytest.fixture
def run_folder(tmp_path: Path, candidates: list[Candidate]) -> Path:
    funnel = [
        {
            "step": "valid",
            "entered": 4000,
            "passed": 3120,
            "reasons": {"no element in any column": 600, "point position used twice": 280},
        },
        {
            "step": "constraints",
            "entered": 3120,
            "passed": 1490,
            "reasons": {"space group 62 (orthorhombic) not asked for": 1630},
        },
        {"step": "unique", "entered": 1490, "passed": 820, "reasons": {"drawn before": 670}},
        {"step": "novel", "entered": 820, "passed": 604, "reasons": {"known crystal": 216}},
        {
            "step": "charge_neutrality",
            "entered": 604,
            "passed": 5,
            "reasons": {"no neutral combination of oxidation states": 599},
        },
    ]
    info = {
        "target": {
            "band_gap": "0.5:2",
            "formation_energy": ":-0.5",
            "space_groups": list(range(143, 231)),
            "exclude": ["Tc", "Pm"],
        },
        "funnel": funnel,
        "config": {"seed": 7, "count": 5, "target": {"exclude": "radioactive,f-block"}},
        "inputs": {"checkpoint": {"name": "mpvae", "sha256": "0a1b"}},
        "versions": {"wyckforge": "0.1.0", "torch": "2.13.0"},
        "timings_s": {"sample": 2.1, "realise": 184.0},
        "status": "complete",
        "message": "3 of 5 candidates reached the hull.",
    }
    (tmp_path / "run.json").write_text(json.dumps(info))
    (tmp_path / "candidates.jsonl").write_text("".join(json.dumps(c.to_dict()) + "\n" for c in candidates))
    (tmp_path / "cifs").mkdir()
    (tmp_path / "cifs" / "g000000_SrTiO3.cif").write_text("data_SrTiO3\n")
    return tmp_path


@pytest.fixture
def records() -> dict[str, dict]:
    """The results of a small run on AlP, by step: Quantum ESPRESSO, 480 eV, mesh of 5 × 5 × 5, seven bands kept."""
    return json.loads((Path(__file__).parent / "data" / "alp.json").read_text())


@pytest.fixture
def bands_summary(records) -> dict:
    found = Findings(bands=Bands.from_dict(records["bands"]), dense=Bands.from_dict(records["mass"]))
    return json.loads(json.dumps(describe("AlP", found, DftConfig(), Lattice(24.0, "a handbook <of lattices>"))))


@pytest.fixture
def calculation(tmp_path: Path, records, bands_summary) -> Path:
    """The folder that such a run leaves, with two files of the engine."""
    folder = tmp_path / "dft" / "g000001"
    for step, result in records.items():
        (folder / step).mkdir(parents=True)
        (folder / step / "result.json").write_text(json.dumps(result))
    (folder / "scf" / "scf.in").write_text("&control\n")
    (folder / "scf" / "scf.done").write_text("0a1b\n")
    (folder / "scf" / "magnetic").mkdir()
    (folder / "scf" / "magnetic" / "scf 1.out").write_text("JOB DONE.\n")
    (folder / "scf" / "out").mkdir()
    (folder / "scf" / "out" / "density.out").write_text("binary\n")
    (folder / "summary.json").write_text(json.dumps(bands_summary))
    evidence = [
        Evidence("gap", "pass", 1.62, "eV", "indirect <Γ → X>", "Quantum ESPRESSO 6.7"),
        Evidence("gamma_modes", "fail", -31.0, "cm⁻¹", "one imaginary mode", "Quantum ESPRESSO 6.7"),
    ]
    info = {
        "name": "AlP.cif",
        "structure": {"sha256": "0a1b"},
        "config": {"engine": "qe", "cutoff_ev": 480.0},
        "inputs": {"engine": "Quantum ESPRESSO 6.7"},
        "versions": {"wyckforge": "0.1.0"},
        "status": "complete",
        "evidence": [asdict(one) for one in evidence],
    }
    (folder / "run.json").write_text(json.dumps(info))
    return folder
