from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from wyckforge.errors import InvalidGeneError
from wyckforge.models.geometry.model import GeometryModel
from wyckforge.models.geometry.network import GeometryNetwork, NetworkSizes
from wyckforge.models.geometry.sequence import Layout
from wyckforge.models.geometry.surroundings import Placed
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.lattice import full_cell, lattice_matrix
from wyckforge.train.geometry.examples import Tensors
from wyckforge.train.geometry.loop import densities
from wyckforge.train.geometry.prepare import prepare

ELEMENTS = (8, 11, 17, 20, 22, 26)
GENES = (
    "225|Na:a|Cl:b",
    "136|Ti:a|O:f",
    "62|Ca:c|Ti:a|O:cd",
    "1|Na:aa|Cl:aa",
    "14|Ca:e|Ti:a|O:ee",
    "166|Na:c|Fe:b|O:h",
    "216|Fe:a|O:ce",
)


@pytest.fixture(scope="module")
def model() -> GeometryModel:
    torch.manual_seed(0)
    network = GeometryNetwork(NetworkSizes(len(ELEMENTS), 4, width=32, heads=2, gene_layers=1, layers=2))
    network.embedding.describe_elements(np.random.default_rng(0).normal(size=(len(ELEMENTS), 4)).astype(np.float32))
    contacts = np.full((119, 119), 1.6, np.float32)
    return GeometryModel(network.eval().requires_grad_(False), ELEMENTS, contacts)


@pytest.mark.parametrize("text", GENES)
def test_drawn_number_by_number_or_seen_at_once_a_crystal_has_one_density(model: GeometryModel, text: str) -> None:
    gene = WyckoffGene.parse(text).canonical()
    layout = Layout(gene)
    drafts = model.draw(gene, 4, np.random.default_rng(1))
    parameters = [layout.parameters(numbers) for numbers in drafts.numbers]
    features = model.network.embedding.element_features.numpy()
    examples = prepare(parameters, np.zeros(4, np.uint8), model.contacts, ELEMENTS, features)
    batch = Tensors(examples, torch.device("cpu")).batch(torch.arange(4))
    with torch.no_grad():
        found = densities(model.network, batch)[1].sum(1)
    possible = np.isfinite(drafts.log_density)
    assert possible.any()
    # distances and room are kept in half precision and in hundredths
    np.testing.assert_allclose(found[possible], drafts.log_density[possible], atol=0.05, rtol=0.01)


@pytest.mark.parametrize("text", GENES)
def test_tries_have_the_gene_differ_and_keep_their_distance(model: GeometryModel, text: str) -> None:
    gene = WyckoffGene.parse(text)
    tries = list(itertools.islice(model.tries(gene, seed=3), 6))
    assert tries
    for parameters in tries:
        assert parameters.gene == gene.canonical()
        number = gene.space_group
        placed = Placed(lattice_matrix(full_cell(number, parameters.cell))[None], number, model.contacts)
        for (z, letter), values in zip(parameters.gene.sites, parameters.coordinates, strict=True):
            assert placed.room(z, letter, values[None, None])[0, 0] >= model.drawing.least_room - 1e-3
            placed.put(z, letter, values[None])
    for one, other in itertools.combinations(tries, 2):
        same = np.allclose(one.cell, other.cell, rtol=0.01) and all(
            np.allclose(a, b, atol=0.01) for a, b in zip(one.coordinates, other.coordinates, strict=True)
        )
        assert not same


def test_the_same_seed_gives_the_same_tries(model: GeometryModel) -> None:
    gene = WyckoffGene.parse("62|Ca:c|Ti:a|O:cd")
    one, other = ([p.cell.tolist() for p in itertools.islice(model.tries(gene, seed=s), 3)] for s in (5, 5))
    assert one == other
    assert one != [p.cell.tolist() for p in itertools.islice(model.tries(gene, seed=6), 3)]


def test_what_it_never_saw_it_does_not_draw(model: GeometryModel) -> None:
    with pytest.raises(InvalidGeneError, match="Xe"):
        model.draw(WyckoffGene.parse("225|Xe:a|Cl:b"), 1, np.random.default_rng(0))
    with pytest.raises(InvalidGeneError, match="more than it draws"):
        next(model.tries(WyckoffGene.parse("1|O:" + 60 * "a"), seed=0))
