from __future__ import annotations

import numpy as np
import pytest
import torch

from wyckforge.data.material import Material
from wyckforge.models.forward.architecture import Architecture, Encoded, element_vectors
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.symmetry.gene import WyckoffGene

GENES = [WyckoffGene.parse(text) for text in ("225|Na:a|Cl:b", "221|O:c|Ti:b|Sr:a", "225|Cu:a", "62|O:cd|Ti:b|Ca:c")]
OF_COMPOSITION = ("elemnet", "roost", "crabnet")


def answer(architecture: Architecture, genes: list[WyckoffGene]) -> np.ndarray:
    torch.manual_seed(0)
    network = architecture.network(2).eval()
    encoded = Encoded.of(architecture, [Material(gene) for gene in genes], all_descriptions=False)
    with torch.no_grad():
        return torch.stack(network(encoded.tensors).heads).numpy()


@pytest.mark.parametrize("name", OF_COMPOSITION)
def test_polymorphs_are_one_to_a_network_of_compositions(name: str) -> None:
    salt, other = answer(PUBLISHED[name], [GENES[0], WyckoffGene.parse("221|Cs:a|Cl:b")]).transpose(1, 0, 2)
    assert not np.allclose(salt, other)
    one, two = answer(PUBLISHED[name], [GENES[0], WyckoffGene.parse("221|Na:a|Cl:b")]).transpose(1, 0, 2)
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("name", OF_COMPOSITION)
def test_what_else_is_in_the_batch_changes_nothing(name: str) -> None:
    together = answer(PUBLISHED[name], GENES)
    for row, gene in enumerate(GENES):
        np.testing.assert_allclose(answer(PUBLISHED[name], [gene])[:, 0], together[:, row], atol=1e-5)


@pytest.mark.parametrize("name", ["roost", "crabnet"])
def test_the_order_of_the_elements_changes_nothing(name: str) -> None:
    architecture = PUBLISHED[name]
    torch.manual_seed(0)
    network = architecture.network(1).eval()
    tensors = Encoded.of(architecture, [Material(GENES[3])], all_descriptions=False).tensors
    turned = {key: tensor[:, [2, 0, 1, *range(3, tensor.shape[1])]] for key, tensor in tensors.items()}
    with torch.no_grad():
        np.testing.assert_allclose(network(tensors).heads.location, network(turned).heads.location, atol=1e-5)


def test_too_many_elements_are_told_in_words() -> None:
    crowd = "|".join(f"{name}:i" for name in ("Li", "Na", "K", "Rb", "Cs", "Be", "Mg", "Ca", "Sr", "Ba", "O"))
    problem = PUBLISHED["roost"].problem(Material(WyckoffGene.parse(f"2|{crowd}")))
    assert problem == "it has 11 elements, at most 10 are allowed"


@pytest.mark.parametrize("normalised", [True, False])
def test_vectors_of_like_elements_are_alike(*, normalised: bool) -> None:
    vectors = element_vectors(normalised=normalised)
    lengths = vectors[1:].norm(dim=1)
    assert torch.allclose(lengths, torch.ones(94)) == normalised
    assert vectors.shape == (95, 200)
    assert not vectors[0].any()
    unit = vectors[1:] / vectors[1:].norm(dim=1, keepdim=True)
    alike = unit @ unit.T
    assert alike[18, 36] > alike[18, 7]  # potassium is nearer to rubidium than to oxygen
    assert alike[56, 57] > alike[56, 16]  # lanthanum is nearer to cerium than to chlorine
