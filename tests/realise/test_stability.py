from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyckforge.potential.chgnet import TOOL
from wyckforge.realise.reference import bundled_tables
from wyckforge.realise.stability import LIMITS, Stability, bundled, features, judge

SEVENNET = "SevenNet 0 (sevenn 0.13.0) + MP2020"
PAIR = frozenset({TOOL, SEVENNET})


def test_the_log_odds_are_what_they_are_said_to_be() -> None:
    fit = Stability(("one", "two"), {0.1: (1.0, -2.0, -3.0, -4.0, -5.0, -0.5, -1.5)})
    above = np.array([[-0.2, 0.1], [9.0, -9.0]])
    np.testing.assert_allclose(features(above), [[-0.2, 0, 0, 0.1, -1, 1], [0, -0.3, 0.5, 0, 1, -1]], atol=1e-3)
    odds = [1 + 0.4 - 0.5 + 0.5 - 1.5, 1 + 0.9 - 2.0 - 0.5 + 1.5]
    np.testing.assert_allclose(fit.probability(above, 0.1), 1 / (1 + np.exp(-np.array(odds))), atol=1e-3)
    assert Stability.from_dict(json.loads(json.dumps(fit.to_dict()))) == fit


def test_the_package_has_fits_for_its_potentials() -> None:
    assert {frozenset({tool}) for tool in bundled_tables()} | {PAIR} == set(bundled())
    assert "WBM" in (files("wyckforge.realise") / "stability.json").read_text()


@pytest.mark.parametrize("tools", bundled(), ids=lambda tools: " and ".join(sorted(tools)))
@given(energies=st.tuples(st.floats(-0.2, 0.4), st.floats(-0.2, 0.4)), rise=st.floats(0, 0.1), which=st.integers(0, 1))
def test_what_lies_higher_is_never_more_probably_stable(tools, energies, rise, which) -> None:
    fit = bundled()[tools]
    low = np.array([energies[: len(tools)]])
    high = low + rise * (np.arange(len(tools)) == which % len(tools))
    for limit in LIMITS:
        assert fit.probability(high, limit)[0] <= fit.probability(low, limit)[0] + 1e-12
    evidence = judge(dict(zip(fit.tools, low[0].tolist(), strict=True)), converged=True)
    assert float(evidence.reason.rsplit(maxsplit=1)[-1]) <= evidence.value + 0.005


def test_far_above_the_hull_is_less_probably_stable_than_on_it() -> None:
    for tools, fit in bundled().items():
        on, far = np.zeros((1, len(tools))), np.full((1, len(tools)), 0.3)
        assert all(fit.probability(on, limit) > 3 * fit.probability(far, limit) for limit in LIMITS)


def test_the_probability_as_evidence() -> None:
    low, high = (judge({TOOL: energy}, converged=True) for energy in (0.0, 0.4))
    assert (low.stage, low.verdict, high.verdict) == ("stable", "pass", "fail")
    assert 0 < high.value < 0.5 < low.value < 1
    assert low.tool == TOOL
    assert f"{TOOL} (+0.000)" in low.reason
    assert low.reason.count(TOOL) == 1  # it is not said twice whose energy both figures are by
    assert judge({TOOL: 0.0}, converged=False).verdict == "unknown"
    assert judge({"LJ 1.0": 0.0}, converged=True) is None


def test_the_evidence_names_those_alone_who_have_a_say() -> None:
    """Beside SevenNet-0 CHGNet has no weight at 0.1 eV/atom, as the fit found; on the hull it has one."""
    fit = bundled()[PAIR]
    assert fit.heard(0.1) == (SEVENNET,)
    assert set(fit.heard(0.0)) == PAIR
    one, other = (judge({TOOL: energy, SEVENNET: 0.02}, converged=True) for energy in (0.0, 0.1))
    assert one.value == other.value
    assert one.tool == SEVENNET
    near, on = one.reason.split("; ")
    assert near.endswith(f"by {SEVENNET} (+0.020)")
    assert on.startswith(f"of being on it, by {TOOL} (+0.000) and {SEVENNET} (+0.020), 0.")
