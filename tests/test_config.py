"""One configuration for a design run: TOML in, resolved JSON out, nothing unknown."""

from __future__ import annotations

import json
import math
import re
from typing import get_args

import pytest

from wyckforge.cli.design import STAGES
from wyckforge.config import RunConfig
from wyckforge.errors import ConfigError


def test_toml_in_resolved_json_out(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        """
        seed = 7
        stop_after = "funnel"
        [target]
        space_group = "143:"
        properties = { band_gap = "0.5:2.0" }
        [funnel]
        anions = false
        [relax]
        smax_gpa = 1.5
        starts = 2
        """
    )
    config = RunConfig.from_toml(path)
    assert (config.seed, config.stop_after, config.funnel.anions) == (7, "funnel", False)
    assert config.target.properties == {"band_gap": "0.5:2"}
    assert (config.relax.smax_gpa, config.relax.starts) == (1.5, 2)
    resolved = json.loads(json.dumps(config.to_dict()))
    assert resolved["sampling"]["scale"] == 1.4
    assert RunConfig.from_dict(resolved) == config


def test_options_go_over_the_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'seed = 7\n[target]\nspace_group = "143:"\nproperties = { band_gap = "1:2", formation_energy = ":0" }'
    )
    config = RunConfig.load(path, {"seed": 8, "target": {"properties": {"band_gap": "3:"}}})
    assert config.seed == 8
    assert config.target.space_group == "143:"
    assert config.target.properties == {"band_gap": "3:", "formation_energy": ":0"}
    assert RunConfig.load(None, {}) == RunConfig()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"sed": 1}, r"sed: unknown key; known are target, sampling"),
        ({"funnel": {"anion": True}}, r"funnel.anion: unknown key; known are unique, novel"),
        ({"relax": {"fmax": 0.1}}, r"relax.fmax: unknown key; known are potential, fmax_ev_per_angstrom"),
        ({"phonon": {"relax": {"starts": 2}}}, r"phonon.relax.starts: unknown key; known are potential, fmax_ev"),
        ({"phonon": {"relax": {"enough_ev_per_atom": 0}}}, r"phonon.relax.enough_ev_per_atom: unknown key"),
        ({"count": 0}, "count: .*greater than or equal to 1"),
        ({"seed": -1}, "seed: "),
        ({"stop_after": "phonons"}, "stop_after: .*'hull'"),
        ({"funnel": {"oxidation_states": ""}}, "oxidation_states: .*'icsd24'"),
        ({"relax": {"further_within_ev_per_atom": math.nan}}, r"relax.further_within_ev_per_atom: .*finite number"),
        ({"relax": {"max_seconds": math.inf}}, r"relax.max_seconds: .*finite number"),
        ({"target": {"weights": {"band_gap": math.inf}}}, r"target.weights.band_gap: .*finite number"),
        ({"hull": {"threshold_ev_per_atom": 50}}, r"hull.threshold_ev_per_atom: .*less than or equal to 10"),
        ({"refine": {"within_ev_per_atom": 150}}, r"refine.within_ev_per_atom: .*less than or equal to 10"),
        ({"sampling": {"scale": 0}}, r"sampling.scale: .*greater than 0"),
        ({"target": {"elements": ["Na"]}}, "target.elements: .*string"),
        ({"relax": {"enough_ev_per_atom": 0.2}}, r"relax: enough_ev_per_atom 0\.2 lies above further_within"),
        ({"hull": {"threshold_ev_per_atom": 0.2}}, r"relax\.further_within_ev_per_atom 0\.15 lies below hull\."),
        (
            {"hull": {"threshold_ev_per_atom": 0.2}, "relax": {"starts": 1}},
            r"refine\.within_ev_per_atom 0\.15 lies below hull\.threshold_ev_per_atom 0\.2,",
        ),
    ],
)
def test_mistakes_are_named(data, said):
    with pytest.raises(ConfigError, match=said):
        RunConfig.from_dict(data)


def test_limits_bind_only_what_is_asked_for() -> None:
    once = {"starts": 1, "enough_ev_per_atom": 0.2}
    config = RunConfig.load(
        None, {"hull": {"threshold_ev_per_atom": 0.3}, "relax": once, "refine": {"potential": "none"}}
    )
    assert config.hull.threshold_ev_per_atom == 0.3


def test_command_line_and_configuration_know_the_same_steps():
    assert get_args(RunConfig.model_fields["stop_after"].annotation) == STAGES


def test_unreadable_files(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = ")
    for path in (broken, tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read( as TOML|: No such file|: Is a directory)"):
            RunConfig.from_toml(path)


@pytest.mark.parametrize(
    "setting",
    [{"follow": True}, {"tolerance_per_cm": 5.0}, {"relax": {"max_seconds": 600.0}}],
    ids=lambda setting: next(iter(setting)),
)
def test_one_setting_of_the_phonons_leaves_the_others_as_they_are(setting) -> None:
    plain, changed = (RunConfig.load(None, {"phonon": given}).phonon.model_dump() for given in ({}, setting))
    assert plain["mesh"] is False
    assert plain["relax"]["potential"] == "sevennet-0"
    assert plain["relax"]["fmax_ev_per_angstrom"] == 1e-4
    (key, value), *_ = setting.items()
    expected = plain | {key: plain[key] | value if isinstance(value, dict) else value}
    assert changed == expected


def test_mistakes_are_told_in_our_words():
    for data, words in (
        ({"seed": "x"}, "seed: 'x' given; it should be a valid integer; see docs"),
        ({"relax": {"max_steps": 1.5}}, "relax.max_steps: 1.5 given; it should be"),
        ({"execution": {"engine": "parsl"}}, "needs parsl_config (--parsl-config), a file as in configs/"),
    ):
        with pytest.raises(ConfigError, match=re.escape(words)):
            RunConfig.from_dict(data)


def test_an_interval_is_the_same_setting_however_it_is_written():
    first, *others = (RunConfig.from_dict({"target": {"properties": {"gap": text}}}) for text in ("0.5:2", "0.50:2.0"))
    assert others == [first]
