from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk
from safetensors.numpy import load_file
from tests.salts import crystal

from wyckforge.data.embedded import load_embedded
from wyckforge.data.material import Material
from wyckforge.data.table import GeneTable
from wyckforge.potential import cache
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.artefact import bundled as bundled_folder
from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint
from wyckforge.train.forward.model import ForwardModel

BARIUM_ZIRCONATE = WyckoffGene.parse("221|O:c|Zr:b|Ba:a")


@pytest.fixture(scope="module")
def bundled() -> Checkpoint:
    return Checkpoint.load(bundled_checkpoint())


@pytest.fixture(scope="module")
def known(bundled) -> GeneTable:
    """Every tenth crystal of the embedded set; about half of them were in the table of the model."""
    table = load_embedded()
    return table.select([row for row in range(0, len(table), 10) if bundled.represents(table.genes[row])])


@pytest.fixture(scope="module")
def genes(known) -> tuple[WyckoffGene, ...]:
    return known.genes


def test_the_folder_is_small_and_holds_nothing_that_runs():
    files = list(bundled_checkpoint().iterdir())
    assert sum(file.stat().st_size for file in files) <= 15e6
    assert {file.name for file in files} == {
        "README.md", "checkpoint.json", "known.safetensors", "weights.safetensors",
    }  # fmt: skip
    assert {array.dtype for array in load_file(bundled_checkpoint() / "weights.safetensors").values()} <= {
        np.dtype(np.float16),
        np.dtype(np.int64),
    }


def test_it_predicts_the_two_properties_of_a_design(bundled):
    assert bundled.targets == ("formation_energy", "band_gap")
    assert 0 < bundled.errors["formation_energy"] < 0.2
    assert 0 < bundled.errors["band_gap"] < 0.8


def test_it_tells_metals_from_wide_gaps(bundled, known):
    gap, predicted = known.label("band_gap"), bundled.predict(known.genes)["band_gap"]
    assert np.mean(predicted[gap == 0] < 0.5) > 0.9
    assert np.mean(predicted[gap > 2] > 1.0) > 0.8


def test_its_formation_energies_follow_the_labels(bundled, known):
    energy, predicted = known.label("formation_energy"), bundled.predict(known.genes)["formation_energy"]
    assert np.abs(predicted - energy).mean() < 0.15
    assert np.corrcoef(predicted, energy)[0, 1] > 0.97


def test_it_reconstructs_real_crystals(bundled, genes):
    decoded = bundled.decode(bundled.encode(genes))
    assert np.mean([found == gene for found, gene in zip(decoded, genes, strict=True)]) > 0.85


def test_it_knows_what_it_has_seen(bundled, genes):
    assert bundled.is_known_gene(BARIUM_ZIRCONATE)
    assert 0.3 < np.mean([bundled.is_known_gene(gene) for gene in genes]) < 0.9
    unheard_of = WyckoffGene.parse("1|He:a|Xe:aaaaa|Pu:aaaaaaa")
    assert not bundled.is_known_gene(unheard_of)
    assert not bundled.is_known_formula(unheard_of)


def test_the_neighbourhood_of_crystals_decodes_to_new_genes(bundled, genes):
    z = bundled.encode(genes)
    noise = np.random.default_rng(0).standard_normal(z.shape).astype(np.float32)
    decoded = [gene for gene in bundled.decode(z + 1.4 * noise) if isinstance(gene, WyckoffGene)]
    new = {gene.canonical() for gene in decoded if not bundled.is_known_gene(gene)}
    assert len(new) > 0.1 * len(genes)


def test_the_card_states_the_figures_of_the_index(bundled):
    index = json.loads((bundled_checkpoint() / "checkpoint.json").read_text())
    assert f"{index['errors']['formation_energy']:.3f} eV/atom" in bundled.card
    for words in ("## Credits", "CC BY 4.0", "## Test part", "## Limits"):
        assert words in bundled.card


def test_the_judge_tells_a_metal_from_a_salt(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.LOCATION, str(tmp_path))
    judge = ForwardModel.load(bundled_folder("judge"))
    assert judge.targets == ("formation_energy", "band_gap")
    assert judge.needs_structure
    salt = Material.of_crystal(crystal("Na", "Cl", "rocksalt"))
    alloy = bulk("NiAl", "cesiumchloride", a=2.89)
    metal = Material.of_crystal(Crystal(alloy.cell.array, alloy.numbers, alloy.get_scaled_positions()))
    found = judge.distributions([salt, metal])
    np.testing.assert_allclose(found["formation_energy"].value(), [-2.1, -0.66], atol=0.15)
    assert found["band_gap"].zero[0] < 0.1
    assert found["band_gap"].zero[1] > 0.95
    assert 4 < found["band_gap"].value()[0] < 6


def test_the_judge_is_small_and_says_what_it_is_worth():
    folder = bundled_folder("judge")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 15e6
    card = (folder / "README.md").read_text()
    assert "CHGNet 0.3.0" in card
    assert "Credits" in card
