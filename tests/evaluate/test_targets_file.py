from __future__ import annotations

from pathlib import Path

import pytest

from wyckforge.errors import ConfigError, TargetError
from wyckforge.evaluate.targets_file import read_targets
from wyckforge.records import Interval, Target

EXAMPLE = Path(__file__).parents[2] / "configs" / "targets.toml"


def test_the_committed_targets_are_those_of_the_paper():
    def asked(gap: Interval, energy: float, first_group: int) -> Target:
        properties = {"band_gap": gap, "formation_energy": Interval(high=energy)}
        return Target(properties, frozenset(range(first_group, 231)), n_elements=Interval(3, 3))

    assert read_targets(EXAMPLE) == {
        "design": asked(Interval(0.5, 2.0), -0.5, 143),
        "condition_1": asked(Interval(1.0, 2.0), -1.5, 195),
        "condition_2": asked(Interval(3.5, 4.5), -2.5, 143),
    }


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", TargetError, "holds no target; write one table"),
        ("space_group = '143:'", TargetError, "space_group = '143:' stands outside a table; write it below"),
        (
            "[a]\nspace_gruop = '143:'",
            ConfigError,
            r"\[a\]: space_gruop: unknown key; known are properties, .*space_group",
        ),
        ("[a]\nproperties = { band_gap = 1 }", ConfigError, r"\[a\]: properties.band_gap: 1 given; it should be"),
        ("[a]\nproperties = { x = '1:' }\nweights = { x = 2.0 }", TargetError, r"\[a\]: weights given"),
        ("[a]\nspace_group = '231'", TargetError, r"\[a\]: space group '231' given"),
        ("[a]\natoms = ':8'\n[b]\nelements = 'Xx'", TargetError, r"\[b\]: element 'Xx' given"),
        ("[a", ConfigError, "cannot be read as TOML"),
    ],
)
def test_mistakes_are_told_with_the_name_of_the_target(tmp_path, text, error, message):
    path = tmp_path / "targets.toml"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_targets(path)
