from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from wyckforge.evaluate.metrics import calibration
from wyckforge.report.reliability import reliability_diagrams

RNG = np.random.default_rng(0)
CLAIMS = RNG.random(500)
RIGHT = calibration(CLAIMS, RNG.random(500) < CLAIMS).to_dict()
NOTHING = calibration(np.zeros(0), np.zeros(0, bool)).to_dict()


def test_every_bin_of_every_target_is_drawn_where_it_belongs():
    drawn = reliability_diagrams({"one": RIGHT, "<two>": RIGHT, "nothing": NOTHING})
    circles = [e for e in ElementTree.fromstring(drawn).iter() if e.tag.endswith("circle")]
    assert len(circles) == 2 * len(RIGHT["bins"])
    for circle, one in zip(circles, RIGHT["bins"] * 2, strict=True):
        assert float(circle.get("cx")) == round(220 * one["claimed"], 1)
        assert abs(float(circle.get("cy")) - 220 * (1 - one["achieved"]["value"])) < 0.06
        assert f"{one['achieved']['hits']} of {one['achieved']['n']}" in circle[0].text


def test_it_is_one_file_that_needs_nothing_else():
    drawn = reliability_diagrams({"<two>": RIGHT})
    assert "&lt;two&gt;, off by 0.0" in drawn
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", drawn)
