from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

from hypothesis import assume, given
from hypothesis import strategies as st

from wyckforge.report import svg
from wyckforge.report.axes import CHART

finite = st.floats(-1e4, 1e4, allow_nan=False)


@given(low=finite, span=st.floats(1e-3, 1e5))
def test_ticks_are_few_round_and_inside(low, span):
    ticks = CHART.across(low, low + span).ticks
    assert 3 <= len(ticks) <= 11
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in ticks)
    step = ticks[1] - ticks[0]
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


@given(st.lists(st.tuples(finite, finite), max_size=20))
def test_a_scatter_plot_holds_every_point_inside_its_frame(pairs):
    points = [svg.Point(x, y, "<&>", link="a", kept=bool(i % 2)) for i, (x, y) in enumerate(pairs)]
    root = ET.fromstring(svg.scatter(points, "x", "y", ((-math.inf, 1.0), (0.0, math.inf))))
    dots = root.findall(".//circle")
    assert len(dots) == len(pairs)
    assert all(0 <= float(dot.get("cx")) <= 460 and 0 <= float(dot.get("cy")) <= 300 for dot in dots)


@given(st.lists(st.floats(-2, 5), min_size=1, max_size=60))
def test_a_histogram_counts_every_value_once(values):
    assume(max(values) == min(values) or max(values) - min(values) > 1e-6)
    root = ET.fromstring(svg.histogram(values, "x", mark=0.1))
    counts = [int(re.search(r": (\d+)$", title.text).group(1)) for title in root.findall(".//rect/title")]
    assert sum(counts) == len(values)


def test_bars_are_in_proportion_to_their_counts():
    root = ET.fromstring(svg.bars([svg.Bar("all", 400), svg.Bar("some", 100, "25%"), svg.Bar("none", 0)]))
    widths = [float(bar.get("width")) for bar in root.findall("rect")]
    assert widths[0] / widths[1] == 4
    assert widths[2] == 1.0
