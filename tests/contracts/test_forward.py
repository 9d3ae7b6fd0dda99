"""What every forward model promises, published or ours."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from tests.salts import crystal, material, salts_task

from wyckforge.data.material import Material
from wyckforge.errors import CheckpointError, TableError
from wyckforge.models.forward.architecture import Pace
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.models.forward.environments import EnvironmentTransformer
from wyckforge.models.forward.regressor import Regressor
from wyckforge.potential import cache
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.forward import finetuned
from wyckforge.train.forward.method import Task
from wyckforge.train.forward.methods import RECIPES
from wyckforge.train.forward.model import ForwardModel, fit_model
from wyckforge.train.orbitvae.finetune_predictor import PredictorTuning

POTENTIAL = ("structures", "embeddings", "environments")
"""Models that ask the potential."""


def gas() -> Material:
    """Sodium and chlorine so far apart that CHGNet finds no neighbours."""
    far = crystal("Na", "Cl", "rocksalt")
    return Material.of_crystal(Crystal(5 * far.lattice, far.numbers, far.frac_coords))


@pytest.fixture(scope="module")
def task() -> Task:
    """The salts, and one crystal to learn from that the potential cannot describe."""
    salts = salts_task()
    labels = {name: np.append(values, 1.0) for name, values in salts.labels.items()}
    rows = np.append(salts.train, len(salts.materials))
    return Task([*salts.materials, gas()], labels, rows, salts.val, seed=salts.seed)


@pytest.fixture(scope="module")
def model_of(task: Task, tmp_path_factory: pytest.TempPathFactory):
    """Models by name, each fitted once, briefly."""
    patch = pytest.MonkeyPatch()
    patch.setenv(cache.LOCATION, str(tmp_path_factory.mktemp("cache")))
    for architecture in {type(one) for one in PUBLISHED.values()} | {Regressor, EnvironmentTransformer}:
        patch.setattr(architecture, "pace", Pace(epochs=2, learning_rate=1e-3, batch_size=32))
    patch.setattr(finetuned, "TUNING", PredictorTuning(folds=5, head_epochs=1, epochs=1))
    fitted: dict[str, ForwardModel] = {}

    def make(name: str, *, anew: bool = False) -> ForwardModel:
        if name not in fitted or anew:
            fitted[name] = fit_model(name, task)
        return fitted[name]

    yield make
    patch.undo()


@pytest.fixture(params=list(RECIPES))
def model(request: pytest.FixtureRequest, model_of) -> ForwardModel:
    return model_of(request.param)


def test_it_says_how_sure_it_is(model: ForwardModel, task: Task) -> None:
    assert model.targets == ("stiffness", "gap")
    assert all(0 < error < 100 for error in model.errors.values())
    for name, distribution in model.distributions(task.materials[:7]).items():
        low, high = model.calibrations[name].interval(distribution)
        value = distribution.value()
        assert value.shape == (7,)
        assert (distribution.scale > 0).all()
        assert (low <= value).all()
        assert (value <= high).all()
    assert (model.predict(task.materials[:-1])["stiffness"] >= 0).all()


def test_it_comes_back_from_its_folder(model: ForwardModel, task: Task, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = ForwardModel.load(tmp_path)
    assert again.name == model.name
    assert again.needs_structure == model.needs_structure
    assert again.errors == model.errors
    for name, values in model.predict(task.materials[:9]).items():
        np.testing.assert_allclose(again.predict(task.materials[:9])[name], values, rtol=1e-5)


def test_the_same_seed_gives_the_same_model(model: ForwardModel, model_of, task: Task) -> None:
    name = next(name for name in RECIPES if model_of(name) is model)
    before = model.predict(task.materials[:5])
    after = model_of(name, anew=True).predict(task.materials[:5])
    for one in before:
        np.testing.assert_allclose(before[one], after[one], rtol=1e-6)


def test_one_crystal_at_a_time_gives_what_many_give(model: ForwardModel, task: Task) -> None:
    together = model.predict(task.materials[:4])
    for row in range(4):
        for name, values in model.predict([task.materials[row]]).items():
            assert values[0] == pytest.approx(together[name][row], rel=1e-4, abs=1e-5)


def test_about_a_crystal_that_the_potential_cannot_describe_it_is_silent(model: ForwardModel, model_of) -> None:
    asks = any(model_of(name) is model for name in POTENTIAL)
    salt = material("Na", "Cl", "rocksalt")
    alone = model.predict([salt])
    for name, values in model.predict([gas(), salt]).items():
        assert np.isnan(values[0]) == asks
        assert values[1] == pytest.approx(alone[name][0], rel=1e-4, abs=1e-5)


def test_a_folder_that_states_other_sizes_is_refused(model: ForwardModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    path = tmp_path / "checkpoint.json"
    index = json.loads(path.read_text())
    for part in (index["method"], index["method"].get("genes", {})):
        for name in ("outputs", "width", "layers", "perceptrons", "networks"):
            if name in part:
                forged = deepcopy(index)
                at = forged["method"] if part is index["method"] else forged["method"]["genes"]
                at[name] = 4000 if name == "width" else part[name] + 1
                path.write_text(json.dumps(forged))
                with pytest.raises(CheckpointError, match="not a usable model"):
                    ForwardModel.load(tmp_path)
    index["scales"] = index["scales"][:1]
    path.write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="not a usable model"):
        ForwardModel.load(tmp_path)


def test_about_nothing_it_says_nothing(model: ForwardModel) -> None:
    assert {name: values.shape for name, values in model.predict([]).items()} == {"stiffness": (0,), "gap": (0,)}


def test_what_it_cannot_be_asked_is_told_in_words(model: ForwardModel) -> None:
    gene = WyckoffGene.parse("225|Na:a|Cl:b").canonical()
    if model.needs_structure:
        with pytest.raises(TableError, match="it needs a structure"):
            model.predict([Material(gene)])
    else:
        assert len(model.predict([Material(gene)])["gap"]) == 1
    unknown = material("Na", "Cl", "rocksalt")
    heavy = WyckoffGene.parse("225|Lr:a|Cl:b").canonical()
    with pytest.raises(TableError, match="Lr"):
        model.predict([Material(heavy, unknown.structure)])


def test_a_damaged_folder_is_refused(model: ForwardModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    arrays = tmp_path / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="truncated"):
        ForwardModel.load(tmp_path)
    (tmp_path / "checkpoint.json").write_text('{"format": "wyckforge-forward", "version": 1}')
    with pytest.raises(CheckpointError, match="not a usable model"):
        ForwardModel.load(tmp_path)


def test_a_name_that_is_no_model_is_answered_with_those_that_are(task: Task) -> None:
    with pytest.raises(TableError, match="choose one of structures, embeddings, environments, genes, elemnet"):
        fit_model("rooster", task)
