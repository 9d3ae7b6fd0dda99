"""What runs read: a mistake is told before anything is made, and other inputs make another run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.packages import MetalsPackage

from wyckforge.config import RunConfig
from wyckforge.errors import ConfigError, MissingDependencyError, TableError, TargetError
from wyckforge.execute.inputs import Inputs, hash_of, potentials_used, prediction_inputs
from wyckforge.realise.csp.config import PredictionConfig
from wyckforge.train.artefact import bundled

UNKNOWN = r"potential 'chgnett' given; allowed are chgnet, sevennet-0"


def config(**settings: Any) -> RunConfig:
    return RunConfig.load(None, settings)


def prediction(**settings: Any) -> PredictionConfig:
    return PredictionConfig.from_dict({"formula": "Cu3Au", **settings})


def table(path: Path, tool: str, copper: float = -0.007) -> Path:
    path.write_text(f"formula,energy_per_atom,potential\nCu,{copper},{tool}\nAu,0.002,{tool}\n")
    return path


def test_a_run_asks_the_potentials_of_its_steps() -> None:
    used = {stop: list(potentials_used(config(stop_after=stop))) for stop in ("build", "relax", "hull", "phonon")}
    assert used["build"] == []
    assert used["relax"] == ["relax.potential"]
    assert used["hull"] == ["relax.potential", "refine.potential"]
    assert used["phonon"] == ["relax.potential", "refine.potential", "phonon.relax.potential"]
    assert list(potentials_used(config(refine={"potential": "none"}))) == ["relax.potential"]


@pytest.mark.parametrize(
    "settings",
    [
        {"stop_after": "relax", "relax": {"potential": "chgnett"}},
        {"stop_after": "hull", "refine": {"potential": "chgnett"}},
        {"stop_after": "phonon", "phonon": {"relax": {"potential": "chgnett"}}},
    ],
)
def test_unknown_potentials_of_a_design_run_are_told(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=UNKNOWN):
        Inputs.load(config(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"stop_after": "relax", "relax": {"potential": "metals"}},
        {"stop_after": "phonon", "phonon": {"relax": {"potential": "metals"}}},
    ],
)
def test_a_potential_that_a_design_run_cannot_load_is_told(settings: dict[str, Any], metals: MetalsPackage) -> None:
    metals.install("raise OSError('no weights')")
    with pytest.raises(MissingDependencyError, match=r"'metals' of metals 1.5 cannot be loaded: no weights"):
        Inputs.load(config(**settings))


def test_a_design_run_that_relaxes_needs_a_table_of_its_potential_if_any(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    asked = {"stop_after": "relax", "relax": {"potential": "metals"}}
    found = Inputs.load(config(**asked)).description
    assert found["relax.potential"] == {"name": "metals", "tool": "metals (metals 1.5)"}
    with pytest.raises(TableError, match="cannot be compared"):
        Inputs.load(config(**asked, hull={"reference": str(table(tmp_path / "other.csv", "another"))}))
    own = {"reference": str(table(tmp_path / "own.csv", "metals (metals 1.5)"))}
    assert Inputs.load(config(**asked, hull=own)).description["hull own"]["name"] == "own.csv"


def test_mistakes_of_a_prediction_are_told(metals: MetalsPackage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=UNKNOWN):
        prediction_inputs(prediction(relax={"potential": "chgnett"}))
    metals.install()
    for reference, words in (
        (tmp_path / "absent.csv", "cannot be read"),
        (table(tmp_path / "other.csv", "another"), "cannot be compared"),
        (table(tmp_path / "broken.csv", "metals (metals 1.5)", float("nan")), "energy of Cu is nan"),
    ):
        asked = prediction(relax={"potential": "metals"}, hull={"reference": str(reference)})
        with pytest.raises(TableError, match=words):
            prediction_inputs(asked)
    metals.install("raise OSError('no weights')")
    with pytest.raises(MissingDependencyError, match="no weights"):
        prediction_inputs(prediction(relax={"potential": "metals"}))


def test_a_run_is_known_by_all_that_decides_its_result() -> None:
    found = Inputs.load(config(refine={"potential": "none"}, judge={"models": ["none"]})).description
    assert {"geometry", "stability", "hull", "relax.potential"} <= set(found)
    assert found["geometry"] == prediction_inputs(prediction())["geometry"]
    assert found["geometry"]["sha256"] == hash_of(bundled("geometry"))
    assert "geometry" not in Inputs.load(config(stop_after="build", build={"source": "pyxtal"})).description
    assert "geometry" not in Inputs.load(config(stop_after="funnel")).description


def test_a_prediction_is_known_by_its_potential_and_its_table(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    asked = prediction(relax={"potential": "metals"})
    found = prediction_inputs(asked)
    assert set(found) == {"relax.potential", "geometry", "positions"}
    assert found["relax.potential"] == {"name": "metals", "tool": "metals (metals 1.5)"}
    reference = tmp_path / "own.csv"
    asked = prediction(relax={"potential": "metals"}, hull={"reference": str(reference)})
    hulls = []
    for copper in (-0.007, -0.1):
        table(reference, "metals (metals 1.5)", copper)
        hulls.append(prediction_inputs(asked)["hull"])
    one, other = hulls
    assert one["name"] == other["name"] == "own.csv"
    assert one["sha256"] != other["sha256"]
    bundled = prediction_inputs(prediction())
    assert bundled["hull"]["name"] == "chgnet.parquet"
    assert bundled["relax.potential"] == {"name": "chgnet", "tool": "CHGNet 0.3.0"}


def test_elements_unknown_to_the_potential_are_told_before_anything_is_tried(metals: MetalsPackage) -> None:
    metals.install(
        "from wyckforge.potential.ase_bridge import AsePotential; "
        "return AsePotential(EMT(), name='metals', tool='metals 1.5', elements=frozenset({29, 79}))"
    )
    asked = {"relax": {"potential": "metals"}, "space_group": "225", "z": "4"}
    with pytest.raises(TargetError, match=r"formula 'CuAg' given; metals 1\.5 does not know Ag"):
        prediction_inputs(PredictionConfig.from_dict({"formula": "CuAg", **asked}))
    assert prediction_inputs(PredictionConfig.from_dict({"formula": "CuAu", **asked}))
