from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import genes

from wyckforge.errors import TargetError
from wyckforge.evaluate.hits import JOINT, JOINT_NEW, PROPERTIES, Attempts, hit_rates, met
from wyckforge.evaluate.metrics import Rate, calibration, rate_ratio
from wyckforge.models.representation import Rejection
from wyckforge.records import Interval, Target
from wyckforge.symmetry.gene import WyckoffGene

PAPER = Target(
    properties={"band_gap": Interval(0.5, 2.0), "formation_energy": Interval(high=-0.5)},
    space_groups=frozenset(range(143, 231)),
)
CUBIC, TRICLINIC, NONE = WyckoffGene.parse("225|Na:a|Cl:b"), WyckoffGene.parse("1|Na:a|Cl:a"), Rejection("no site")
NAN = float("nan")
values = st.one_of(st.just(NAN), st.floats(-3, 3))
targets = st.builds(
    Target,
    properties=st.dictionaries(
        st.sampled_from(["band_gap", "formation_energy"]),
        st.tuples(st.floats(-3, 3), st.floats(-3, 3)).map(lambda pair: Interval(*sorted(pair))),
    ),
    space_groups=st.one_of(
        st.just(frozenset(range(1, 231))), st.frozensets(st.integers(1, 230), min_size=60, max_size=200)
    ),
    exclude=st.frozensets(st.integers(1, 40)),
    n_atoms=st.sampled_from([Interval(), Interval(high=8), Interval(2, 40)]),
)


@st.composite
def attempts(draw: st.DrawFn) -> Attempts:
    made = draw(st.lists(st.one_of(genes(max_orbits=3), st.just(NONE)), max_size=10))
    column = st.lists(values, min_size=len(made), max_size=len(made))
    return Attempts(made, {name: np.array(draw(column)) for name in ("band_gap", "formation_energy")})


def sample(
    *rows: tuple[WyckoffGene | Rejection, float, float], claims: list[float] | None = None, new=None
) -> Attempts:
    made, gaps, energies = zip(*rows, strict=True)
    claimed = {} if claims is None else {PROPERTIES: np.array(claims), "band_gap": np.array(claims)}
    judged = {"band_gap": np.array(gaps), "formation_energy": np.array(energies)}
    return Attempts(list(made), judged, claimed, None if new is None else np.array(new))


AIMED = sample(
    (CUBIC, 1.0, -1.0), (CUBIC, 1.0, 0.0), (TRICLINIC, 1.0, -1.0), (NONE, NAN, NAN), (CUBIC, NAN, -1.0),
    claims=[0.9, 0.4, 0.8, NAN, 0.1], new=[False, True, True, False, True],
)  # fmt: skip
FREE = sample((CUBIC, 1.0, -1.0), (CUBIC, 3.0, -1.0), (TRICLINIC, 0.0, 0.0), (NONE, NAN, NAN))


def rates_of(target: Target, aimed: Attempts = AIMED, free: Attempts = FREE):
    return hit_rates(target, aimed, free, judge="forest", rng=np.random.default_rng(0))


@given(targets, attempts())
def test_hits_are_those_of_one_gene_at_a_time(target, made):
    found = met(target, made)
    for i, draw in enumerate(made.draws):
        inside = {
            name: isinstance(draw, WyckoffGene) and interval.contains(made.judged[name][i])
            for name, interval in target.properties.items()
        }
        allowed = isinstance(draw, WyckoffGene) and target.rejects(draw) is None
        assert {name: bool(found[name][i]) for name in inside} == inside
        assert found[JOINT][i] == (allowed and all(inside.values()))
        if inside:
            assert found[PROPERTIES][i] == all(inside.values())
        hard = [hits[i] for name, hits in found.items() if name not in {*inside, PROPERTIES, JOINT}]
        assert (isinstance(draw, WyckoffGene) and all(hard)) == allowed


@given(targets, attempts())
def test_only_what_the_target_restricts_is_a_part(target, made):
    hard = set(met(target, made)) - {*target.properties, PROPERTIES, JOINT}
    assert hard == set(target.to_dict()) - set(target.properties)


def test_rates_are_over_all_attempted_and_stand_beside_the_unconditional_ones():
    found = rates_of(PAPER).rates
    assert {name: (rate.achieved, rate.unconditional) for name, rate in found.items()} == {
        "band_gap": (Rate(3, 5), Rate(1, 4)),
        "formation_energy": (Rate(3, 5), Rate(2, 4)),
        PROPERTIES: (Rate(2, 5), Rate(1, 4)),
        "space_groups": (Rate(3, 5), Rate(2, 4)),
        JOINT: (Rate(1, 5), Rate(1, 4)),
    }
    for rate in found.values():
        assert rate.enrichment == rate_ratio(rate.achieved, rate.unconditional)


def test_a_gene_without_a_judgement_is_a_miss_and_counted():
    assert rates_of(PAPER).unjudged == 1
    assert rates_of(Target(properties={"formation_energy": Interval(high=-0.5)})).unjudged == 0
    assert rates_of(Target()).unjudged == 0


def test_claims_count_for_what_was_attempted():
    found = rates_of(PAPER).rates
    assert found["band_gap"].predicted == found[PROPERTIES].predicted == pytest.approx((0.9 + 0.4 + 0.8 + 0.1) / 5)
    assert found[JOINT].predicted == pytest.approx((0.9 + 0.4 + 0.1) / 5)
    low, high = found[JOINT].predicted_interval
    assert low < found[JOINT].predicted < high
    assert found["formation_energy"].predicted is found["space_groups"].predicted is None


def test_calibration_compares_claims_with_the_properties_of_genes():
    found = rates_of(PAPER).calibration
    assert found == calibration(np.array([0.9, 0.4, 0.8]), np.array([True, False, True]))  # the last is not judged
    assert rates_of(PAPER, FREE).calibration is None
    assert rates_of(Target()).calibration is None


def test_new_hits_are_counted_where_novelty_is_known_of_both():
    assert JOINT_NEW not in rates_of(PAPER).rates
    free = sample(*((CUBIC, 1.0, -1.0), (CUBIC, 1.0, -1.0)), new=[True, False])
    found = rates_of(PAPER, free=free).rates[JOINT_NEW]
    assert (found.achieved, found.unconditional) == (Rate(0, 5), Rate(1, 2))


def test_without_a_target_every_gene_is_a_hit():
    found = rates_of(Target()).rates
    assert {name: rate.achieved for name, rate in found.items()} == {JOINT: Rate(4, 5)}


def test_the_output_is_ready_for_json_and_names_the_judge():
    data = rates_of(PAPER).to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["judge"] == "forest"
    assert data["rates"][JOINT]["achieved"]["n"] == 5
    assert data["rates"]["space_groups"]["predicted"] is None
    assert data["calibration"]["n"] == 3


def test_what_the_judge_cannot_tell_is_refused():
    with pytest.raises(TargetError, match="asks for bulk_modulus, but the judge forest tells band_gap, formation_en"):
        rates_of(Target(properties={"bulk_modulus": Interval(low=100)}))


@pytest.mark.parametrize(
    "wrong",
    [{"judged": {"band_gap": np.zeros(1)}}, {"claimed": {PROPERTIES: np.zeros(3)}}, {"new": np.zeros((2, 1), bool)}],
)
def test_arrays_of_another_length_are_refused(wrong):
    with pytest.raises(ValueError, match="given for 2 attempts; give one each"):
        Attempts([CUBIC, NONE], **({"judged": {}} | wrong))
