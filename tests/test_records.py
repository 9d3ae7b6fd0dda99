from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import genes
from wyckforge.errors import TargetError
from wyckforge.records import Candidate, Evidence, Interval, Origin, Target
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import atomic_number
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS

CS2PT3SE7 = WyckoffGene.parse("166|Se:bh|Cs:c|Pt:e")
finite = st.floats(allow_nan=False, allow_infinity=False)


def numbers(*symbols: str) -> frozenset[int]:
    return frozenset(map(atomic_number, symbols))


CS_PT_SE = numbers("Cs", "Pt", "Se")


class TestInterval:
    @pytest.mark.parametrize(
        ("text", "low", "high"),
        [
            ("0.5:2.0", 0.5, 2.0),
            (":-0.5", -math.inf, -0.5),
            ("143:", 143.0, math.inf),
            (" 225 ", 225.0, 225.0),
            ("-1e-3:1e3", -0.001, 1000.0),
            ("-inf:0", -math.inf, 0.0),
        ],
    )
    def test_forms(self, text: str, low: float, high: float) -> None:
        assert Interval.parse(text) == Interval(low, high)

    @pytest.mark.parametrize("text", ["", ":", "a:b", "1:2:3", "nan", "nan:1", "2:1", "1..2"])
    def test_what_is_no_interval_is_refused(self, text: str) -> None:
        with pytest.raises(TargetError, match="interval"):
            Interval.parse(text)

    @given(finite, finite)
    def test_text_form_round_trips(self, one: float, other: float) -> None:
        interval = Interval(min(one, other), max(one, other))
        assert Interval.parse(str(interval)) == interval

    @given(finite, finite, finite)
    def test_contains(self, one: float, other: float, value: float) -> None:
        low, high = min(one, other), max(one, other)
        assert Interval(low, high).contains(value) == (low <= value <= high)
        assert not Interval(low, high).contains(math.nan)

    def test_open_ends(self) -> None:
        assert Interval().contains(1e300)
        assert str(Interval()) == ":"
        assert Interval(1, 2).widened(0.5) == Interval(0.5, 2.5)
        assert Interval(high=2).widened(1) == Interval(high=3)


class TestTarget:
    @given(genes())
    def test_an_empty_target_rejects_nothing(self, gene: WyckoffGene) -> None:
        assert Target().rejects(gene) is None

    @pytest.mark.parametrize(
        ("constraints", "reason"),
        [
            ({"space_groups": frozenset([225])}, "space group 166 (trigonal) not asked for"),
            ({"elements": numbers("Cs", "Pt", "S")}, "Se not among the allowed elements"),
            ({"must_contain": numbers("Cs", "O", "F")}, "O, F missing"),
            ({"exclude": numbers("Pt", "U")}, "Pt excluded"),
            ({"n_elements": Interval(4, 5)}, "3 elements, asked for 4:5"),
            ({"n_atoms": Interval(high=20)}, "36 atoms in the conventional cell, asked for :20"),
            ({"stoichiometry": (1, 1, 3)}, "stoichiometry of Cs2Pt3Se7 not 1:1:3"),
        ],
    )
    def test_each_constraint_rejects_with_its_reason(self, constraints: dict[str, Any], reason: str) -> None:
        assert Target(**constraints).rejects(CS2PT3SE7) == reason

    def test_a_gene_that_satisfies_everything_passes(self) -> None:
        target = Target(
            space_groups=frozenset(CRYSTAL_SYSTEMS["trigonal"]),
            elements=numbers("Cs", "Pt", "Se", "O"),
            must_contain=numbers("Cs"),
            exclude=numbers("O"),
            stoichiometry=(14, 4, 6),
            n_elements=Interval(3, 3),
            n_atoms=Interval(high=50),
        )
        assert target.stoichiometry == (2, 3, 7)
        assert target.rejects(CS2PT3SE7) is None

    @given(genes())
    def test_the_target_made_from_a_gene_accepts_its_whole_orbit(self, gene: WyckoffGene) -> None:
        target = Target(
            space_groups=frozenset([gene.space_group]),
            elements=frozenset(gene.elements),
            must_contain=frozenset(gene.elements),
            stoichiometry=tuple(gene.reduced_composition.values()),
            n_elements=Interval(len(gene.elements), len(gene.elements)),
            n_atoms=Interval(gene.n_atoms, gene.n_atoms),
        )
        assert [target.rejects(image) for image in gene.orbit()] == [None] * len(gene.orbit())

    @pytest.mark.parametrize(
        ("constraints", "message"),
        [
            ({"space_groups": frozenset()}, "no space group is left"),
            ({"space_groups": frozenset([0, 231])}, "space group 0 given; allowed are 1 to 230"),
            ({"must_contain": numbers("O"), "exclude": numbers("O")}, "O must be contained and is excluded"),
            ({"must_contain": numbers("O"), "elements": numbers("S")}, "O must be contained but is not among"),
            ({"elements": numbers("S"), "exclude": numbers("S")}, "all allowed elements S are excluded"),
            ({"stoichiometry": ()}, "stoichiometry () given; allowed are positive whole numbers"),
            ({"stoichiometry": (1, 0)}, "stoichiometry (1, 0) given"),
            ({"stoichiometry": (1, 1), "n_elements": Interval(3, 3)}, "a stoichiometry of 2 elements with 3 elements"),
            (
                {"must_contain": numbers("Cs", "Pt", "Se"), "n_elements": Interval(2, 2)},
                "Se, Cs, Pt must be contained with 2",
            ),
            (
                {"must_contain": numbers("Cs", "Pt", "Se"), "stoichiometry": (1, 1)},
                "Se, Cs, Pt must be contained with 2",
            ),
            (
                {"elements": numbers("Cs", "Pt"), "n_elements": Interval(3, 3)},
                "only Cs, Pt allowed with 3",
            ),
            ({"elements": numbers("Cs", "Pt"), "stoichiometry": (1, 1, 3)}, "only Cs, Pt allowed with 3"),
            ({"elements": frozenset()}, "no element is left"),
            ({"elements": frozenset([0])}, "atomic number 0 given"),
            ({"exclude": frozenset([119])}, "atomic number 119 given"),
            ({"n_elements": Interval(high=0)}, "at least one positive integer"),
            ({"n_atoms": Interval(high=0.5)}, "at least one positive integer"),
            ({"n_atoms": Interval(2.2, 2.8)}, "at least one positive integer"),
        ],
    )
    def test_contradictions_are_refused(self, constraints: dict[str, Any], message: str) -> None:
        with pytest.raises(TargetError, match=re.escape(message)):
            Target(**constraints)

    def test_summary_names_what_restricts(self) -> None:
        assert Target().to_dict() == {}
        target = Target(
            properties={"band_gap": Interval(0.5, 2.0)},
            space_groups=frozenset([225, 166]),
            must_contain=numbers("O"),
            exclude=numbers("U", "Pu"),
            stoichiometry=(3, 1),
            n_atoms=Interval(high=50),
        )
        assert json.loads(json.dumps(target.to_dict())) == {
            "band_gap": "0.5:2",
            "space_groups": [166, 225],
            "must_contain": ["O"],
            "exclude": ["U", "Pu"],
            "stoichiometry": [1, 3],
            "n_atoms": ":50",
        }


class TestCandidate:
    @given(genes())
    def test_json_round_trips(self, gene: WyckoffGene) -> None:
        candidate = Candidate(
            "c-1",
            gene,
            Origin("seed", "mp-22862", "NaCl"),
            {"band_gap": 1.5},
            evidence=(Evidence("hull", "unknown", reason="no reference", tool="x 1.0"),),
        )
        data = json.loads(json.dumps(candidate.to_dict()))
        assert Candidate.from_dict(data) == candidate
        assert (data["formula"], data["n_atoms"]) == (gene.formula, gene.n_atoms)

    def test_a_structure_travels_along(self) -> None:
        crystal = Crystal(4 * np.eye(3), np.array([11]), np.array([[0.1, 0.2, 0.3]]))
        candidate = Candidate("c", CS2PT3SE7, Origin("unconditional"), crystal=crystal)
        again = Candidate.from_dict(json.loads(json.dumps(candidate.to_dict()))).crystal
        assert again is not None
        assert again.to_dict() == crystal.to_dict()

    def test_evidence_is_added_to_a_copy(self) -> None:
        start = Candidate("c", CS2PT3SE7, Origin("unconditional"))
        crystal = Crystal(4 * np.eye(3), np.array([11]), np.zeros((1, 3)))
        built = start.with_evidence(Evidence("build", "pass"), crystal=crystal)
        relaxed = built.with_evidence(Evidence("relax", "unknown", 0.2, "eV/Å"), Evidence("relax", "fail", 0.3, "eV/Å"))
        assert start.evidence == ()
        assert start.crystal is None
        assert relaxed.crystal is crystal
        assert [found.stage for found in relaxed.evidence] == ["build", "relax", "relax"]
        assert relaxed.find("relax") == Evidence("relax", "fail", 0.3, "eV/Å")
        assert relaxed.find("hull") is None
        assert built.rejected_by is None
        assert relaxed.rejected_by == relaxed.find("relax")

    def test_a_later_finding_of_a_stage_takes_the_place_of_the_earlier(self) -> None:
        hull, first, second = Evidence("hull", "pass", 0.05), Evidence("stable", "fail"), Evidence("stable", "pass")
        once = Candidate("c", CS2PT3SE7, Origin("unconditional"), evidence=(first, hull))
        twice = once.with_evidence(second)
        assert (once.findings, once.rejected_by) == ((first, hull), first)
        assert (twice.findings, twice.rejected_by) == ((hull, second), None)
        assert twice.evidence == (first, hull, second)
