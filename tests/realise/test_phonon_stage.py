from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from tests.salts import crystal

from wyckforge.potential.catalogue import load_potential
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.record import record_of
from wyckforge.realise.phonon.stability import study
from wyckforge.realise.phonon.stage import Phonons
from wyckforge.records import Candidate, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

GAMMA_ONLY = PhononConfig(mesh=False)
UNSTABLE = Crystal(
    4.03 * np.eye(3),
    np.array([56, 22, 8, 8, 8]),
    np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
)


def candidate(structure: Crystal | None) -> Candidate:
    gene = WyckoffGene.parse("225|Na:a|Cl:b") if structure is None else detect(structure).gene
    return Candidate("one", gene, Origin("seed"), crystal=structure)


def test_a_stable_crystal_passes_with_its_lowest_frequency_and_what_it_took() -> None:
    rock_salt = crystal("Na", "Cl", "rocksalt")
    found = Phonons()(candidate(rock_salt))
    gamma, mesh, cost = (found.find(stage) for stage in ("phonon_gamma", "phonon_mesh", "phonon_cost"))
    assert gamma is not None
    assert mesh is not None
    assert cost is not None
    assert (gamma.verdict, gamma.unit, mesh.verdict) == ("pass", "cm⁻¹", "pass")
    assert 80 < (gamma.value or 0) < 200
    assert "THz at Γ, exact in the primitive cell; tolerance 10 cm⁻¹" in gamma.reason
    assert "converged to" in mesh.reason
    assert gamma.tool.startswith("phonopy ")
    assert "SevenNet 0" in gamma.tool
    assert (cost.value or 0) > 5
    assert found.crystal is rock_salt


def test_an_unstable_crystal_fails_and_what_its_mode_leads_to_is_told() -> None:
    found = Phonons(GAMMA_ONLY.model_copy(update={"follow": True}))(candidate(UNSTABLE))
    gamma, followed = found.find("phonon_gamma"), found.find("phonon_follow")
    assert gamma is not None
    assert gamma.verdict == "fail"
    assert (gamma.value or 0) < -100
    assert found.rejected_by is gamma
    assert found.find("phonon_mesh") is None
    assert followed is not None
    assert followed.unit == "eV/atom"
    assert (followed.value or 0) > 0.005
    assert followed.reason.startswith("221|O:c|Ti:b|Ba:a → ")


def test_what_cannot_be_judged_is_unknown_with_the_reason() -> None:
    lonely = Crystal(20 * np.eye(3), np.array([29]), np.zeros((1, 3)))
    for structure, reason in ((None, "there is no structure"), (lonely, "isolated")):
        found = Phonons()(candidate(structure))
        for stage in ("phonon_gamma", "phonon_mesh"):
            evidence = found.find(stage)
            assert evidence is not None
            assert evidence.verdict == "unknown"
            assert evidence.value is None
            assert reason in evidence.reason


def test_a_record_is_json_and_holds_what_was_found() -> None:
    found = study(UNSTABLE, GAMMA_ONLY, load_potential())
    record = json.loads(json.dumps(record_of(found, GAMMA_ONLY)))
    assert record["mesh"] is None
    assert record["gamma"]["stability"] == "unstable"
    assert record["gamma"]["lowest_per_cm"] == pytest.approx(min(record["optical_per_cm"]))
    assert record["gamma"]["lowest_thz"] == pytest.approx(record["gamma"]["lowest_per_cm"] / 33.35641)
    assert record["supercells"][0]["repeats"] == [1, 1, 1]
    assert record["displacements"] == sum(one["displacements"] for one in record["supercells"])
    assert len(Crystal.from_dict(record["primitive"])) == 5
    assert record["dispersion"] == []


def test_the_stage_travels_between_processes() -> None:
    stage = Phonons(GAMMA_ONLY)
    assert pickle.loads(pickle.dumps(stage)) == stage
