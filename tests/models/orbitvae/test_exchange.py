"""Exchanging orbits leads back to the gene that was encoded, never away from it, and never to what is no gene."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wyckforge.errors import InvalidGeneError
from wyckforge.models.orbitvae.exchange import Exchange
from wyckforge.models.orbitvae.vocabulary import Vocabulary
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import space_group


@pytest.fixture(scope="module")
def exchange(small) -> Exchange:
    return Exchange(small.autoencoder, small.vocabulary, small.autoencoder.embedding())


def encoded(small, genes: list[WyckoffGene]) -> np.ndarray:
    with torch.inference_mode():
        return small.autoencoder.encode(small.vocabulary.as_given(genes)).numpy()


def spoiled(gene: WyckoffGene, n: int, elements: tuple[int, ...], rng: np.random.Generator) -> WyckoffGene:
    """The gene with n of its orbits replaced by any others that can be."""
    letters = space_group(gene.space_group).letters
    while True:
        sites = list(gene.sites)
        for place in rng.permutation(len(sites))[:n]:
            sites[place] = int(rng.choice(elements)), str(rng.choice(list(letters)))
        try:
            found = WyckoffGene(gene.space_group, tuple(sites))
        except InvalidGeneError:
            continue
        if found != gene:
            return found


@pytest.mark.parametrize("n", [1, 2])
def test_wrong_orbits_are_put_right(small, exchange, n):
    rng = np.random.default_rng(n)
    genes = [gene.canonical() for gene in small.genes]
    for gene, z in zip(genes, encoded(small, genes), strict=True):
        for _ in range(4):
            assert exchange(z, spoiled(gene, n, small.vocabulary.elements, rng)) == gene


def test_an_orbit_too_many_goes_and_one_too_few_comes(small, exchange):
    one, two, three = (WyckoffGene.parse(f"225|{sites}") for sites in ("Na:a", "Na:a|Cl:b", "Na:a|Cl:b|Zn:c"))
    z = encoded(small, [two])[0]
    assert exchange(z, one) == exchange(z, three) == two


def test_what_is_found_is_nearer_and_a_gene_in_the_same_group(small, exchange):
    rng = np.random.default_rng(0)
    genes = [gene.canonical() for gene in small.genes]
    points = encoded(small, genes) + rng.normal(0, 1, (len(genes), 16)).astype(np.float32)
    found = [exchange(z, gene) for z, gene in zip(points, genes, strict=True)]
    before, after = (np.linalg.norm(points - encoded(small, which), axis=1) for which in (genes, found))
    assert (after <= before * (1 + 1e-5)).all()
    assert (after < before).sum() > len(genes) / 2
    assert [gene.space_group for gene in found] == [gene.space_group for gene in genes]


def test_the_limits_of_the_model_hold(small):
    z = encoded(small, [WyckoffGene.parse("1|O:aaaa|Si:aa")])[0]
    start, tables = WyckoffGene.parse("1|O:aa"), small.autoencoder.embedding()
    for sites, elements in ((3, 8), (24, 1)):
        limits = Vocabulary(small.vocabulary.elements, max_sites=sites, max_elements=elements)
        found = Exchange(small.autoencoder, limits, tables)(z, start)
        assert limits.problem(found) is None
        apart = np.linalg.norm(encoded(small, [start, found]) - z, axis=1)
        assert apart[1] < apart[0]
        free = Exchange(small.autoencoder, small.vocabulary, tables)(z, start)
        assert limits.problem(free) is not None
