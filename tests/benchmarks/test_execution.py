from __future__ import annotations

import json

import execution
from execution import Cost, Figures, Memory, Pass
from execution_work import Emt
from wyckforge.execute.executors import InProcess


def figures(two_s: float, got: float) -> Figures:
    """One worker takes 10 s and gets half a processor; two get what is given."""
    return Figures(
        pairs=[(Pass(10.0, 5.0, 0.99), Pass(two_s, two_s * got, 0.98))] * 3,
        overheads_ms={"in_process": [1.0, 2.0, 3.0], "local": [2.0, 4.0, 30.0], "parsl": [25.0, 25.0, 25.0]},
        memory={
            name: [Memory(1000 * step, 100 + 0.1 * step, 200.0) for step in range(1, 11)] for name in ("local", "parsl")
        },
        cost=Cost(20, 50.0, 3.6, 4000.0, 2e-5, 100.0),
        load=1.0,
    )


def test_the_page_judges_by_medians_and_reckons_a_million():
    page = execution.page_of(figures(5.0, 1.9))
    assert "2.00 × as fast" in page
    assert "the goal of 1.8 × is met" in page
    assert "others wanted them" not in page
    assert "| `local` | 4.0 | 2.0 | 30.0 | met |" in page
    assert "| `parsl` | 25.0 | 25.0 | 25.0 | missed |" in page
    assert "| `local` | 1,000 | 100.1 | 200.0 |" in page
    assert "| `parsl` | 10,000 | 101.0 | 200.0 |" in page
    assert "grows by 100 bytes per record" in page
    assert "1,000 core-hours" in page  # 3.6 s each
    assert "| 4.0 GB |" in page
    assert "| 0.2 GB |" in page  # 100 MB and 100 bytes for each of a million
    assert "gives out 40 candidates a second, work for 144" in page


def test_a_missed_goal_is_said_with_the_processors_that_there_were():
    page = execution.page_of(figures(8.0, 1.1))
    assert "1.25 × as fast" in page
    assert "the goal of 1.8 × is missed" in page
    assert "The workers got 1.10 processors of this machine, not two" in page


def test_a_pass_is_busy_for_a_part_of_its_time():
    found = execution.passed(InProcess(), 1, 2, Emt(1))
    assert 0 < found.busy <= 1


def test_a_resumed_journal_is_measured_on_lines_like_those_of_the_run():
    line = json.dumps(execution.candidates(1)[0].to_dict())
    seconds, size = execution.resumption([line], count=2000)
    assert 0 < seconds < 0.1
    assert 50 < size < 400  # a short text and its place in a set
