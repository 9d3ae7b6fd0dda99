from __future__ import annotations

import numpy as np

from wyckforge.models.orbitvae.nearest import nearest_genes
from wyckforge.symmetry.gene import WyckoffGene

SALTS = [WyckoffGene(225, ((z, "a"), (17, "b"))).canonical() for z in (3, 11, 19, 37, 55)]


def encode(genes):
    return np.array([[gene.sites[0][0] + gene.sites[1][0], 1.0] for gene in genes], np.float32)


def as_it_is(_z, gene):
    return gene


class Decoder:
    """Takes the salt at the first chance, and thinks that the first of them is always the likeliest."""

    def __init__(self):
        self.asked = []

    def __call__(self, z, chances, _temperature):
        self.asked.append(len(z))
        if chances is None:
            return [SALTS[0]] * len(z)
        return [SALTS[int(len(SALTS) * row[0])] for row in chances]


def test_a_gene_that_leads_back_is_found_where_the_likeliest_does_not():
    assert nearest_genes(encode(SALTS), Decoder(), encode, as_it_is, 2) == SALTS


def test_what_leads_back_at_once_is_not_tried_again():
    decoder = Decoder()
    assert nearest_genes(encode([SALTS[0]] * 3), decoder, encode, as_it_is, 2) == [SALTS[0]] * 3
    assert decoder.asked == [3]


def test_the_nearest_is_kept_where_none_leads_back():
    z = encode([SALTS[2]]) + np.float32(0.4)
    assert nearest_genes(z, Decoder(), encode, as_it_is, 2) == [SALTS[2]]


def test_a_latent_does_not_depend_on_the_others():
    together = nearest_genes(encode(SALTS) + np.float32(0.3), Decoder(), encode, as_it_is, 2)
    alone = [nearest_genes(encode([salt]) + np.float32(0.3), Decoder(), encode, as_it_is, 2)[0] for salt in SALTS]
    assert together == alone


def test_nothing_is_decoded_from_nothing():
    assert nearest_genes(np.zeros((0, 2), np.float32), lambda *_: [], encode, as_it_is, 2) == []


def test_what_does_not_lead_back_is_improved_before_anything_is_drawn():
    decoder, wanted = Decoder(), SALTS[3]
    assert nearest_genes(encode([wanted]), decoder, encode, lambda _z, _gene: wanted, 2) == [wanted]
    assert decoder.asked == [1]


def test_an_improvement_that_leads_away_is_not_taken():
    assert nearest_genes(encode([SALTS[1]]) - np.float32(0.2), Decoder(), encode, lambda *_: SALTS[4], 2) == [SALTS[1]]
