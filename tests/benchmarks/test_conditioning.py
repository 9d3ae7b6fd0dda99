from __future__ import annotations

import numpy as np
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

import conditioning
from conditioning import Score, judge_worth, table_of
from wyckforge.data.embedded import load_embedded
from wyckforge.evaluate.metrics import Rate
from wyckforge.evaluate.targets_file import read_targets
from wyckforge.records import Interval, Target

JUDGE = tiny_orbit_checkpoint(load_embedded().genes[::30])


def test_a_judge_is_held_against_the_labels_of_crystals_it_has_not_seen():
    table = load_embedded().select(np.arange(0, len(load_embedded()), 7))
    bound = float(np.median(JUDGE.predict(load_embedded().genes[::30])["formation_energy"]))
    asked = {"formation_energy": Interval(high=bound), "band_gap": Interval(0, 4)}
    target = Target(asked, space_groups=frozenset(range(143, 231)))
    found = judge_worth(JUDGE, table, target)
    unseen = [row for row, gene in enumerate(table.genes) if not JUDGE.is_known_formula(gene)]
    unseen = [row for row in unseen if JUDGE.problem(table.genes[row]) is None]
    energy, gap = (table.label(name)[unseen] for name in ("formation_energy", "band_gap"))
    high = np.array([table.genes[row].space_group >= 143 for row in unseen])
    said = JUDGE.predict([table.genes[row] for row in unseen])
    by_label = high & (energy <= bound) & (gap <= 4)
    by_judge = high & (said["formation_energy"] <= bound) & (said["band_gap"] <= 4)
    assert found.n == len(unseen) < len(table)
    assert found.precision == Rate((by_label & by_judge).sum(), by_judge.sum())
    assert found.recall == Rate((by_label & by_judge).sum(), by_label.sum())
    assert 0 < found.precision.hits < found.precision.n


def test_every_way_is_compared_with_its_own_model_aimed_at_nothing():
    whole = Rate(100, 100)
    ways = {
        "unconditional": Score(Rate(10, 100), Rate(10, 100), Rate(8, 100), None, 0.1, whole, whole, whole),
        "paper": Score(Rate(20, 100), Rate(5, 100), Rate(8, 100), 0.4, 0.3, whole, whole, whole),
        "prior": Score(Rate(20, 100), Rate(10, 100), Rate(8, 100), 0.4, 0.3, whole, whole, whole),
    }
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table_of(ways).splitlines()[2:]]
    times = [row[conditioning.HEADINGS.index("times unconditional")].split()[0] for row in cells]
    assert times == ["1", "4.0", "2.0"]


def test_the_page_has_every_target_and_way():
    targets = read_targets(conditioning.ROOT / "configs" / "targets.toml")
    model = tiny_orbit_checkpoint(CRYSTALS)
    whole = Rate(1, 1)
    scores = {
        (name, way): Score(*[whole] * 3, None, 0.1, *[whole] * 3) for name in targets for way in conditioning.WAYS
    }
    worth = {name: conditioning.Worth(whole, Rate(0, 0), 3) for name in targets}
    text = conditioning.page_of(scores, worth, {"prior": 2.0}, targets, model, JUDGE, 10, [0])
    assert all(f"## `{name}`" in text for name in targets)
    assert all(text.count(f"| {way} |") == len(targets) for way in conditioning.WAYS.values())
