from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wyckforge.realise import starts as module
from wyckforge.realise.build import BuildFailure
from wyckforge.realise.config import BuildConfig
from wyckforge.realise.starts import GEOMETRY_MODEL, geometry_model, nth_start, starts
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

PEROVSKITE = WyckoffGene.parse("62|Ca:c|Ti:a|O:cd")


@pytest.mark.parametrize("text", ["136|Ti:a|O:f", "62|Ca:c|Ti:a|O:cd", "166|Bi:c|Te:ac", "14|Zr:e|O:ee"])
def test_starts_have_the_gene_and_differ(text: str) -> None:
    gene = WyckoffGene.parse(text)
    found = list(starts(gene, seed=7, n=4))
    assert len(found) == 4
    for start in found:
        assert detect(start.crystal).gene.canonical() == gene.canonical()
        assert len(start.crystal) == gene.n_atoms
    assert found[0].tool == GEOMETRY_MODEL
    contents = {start.crystal.content() for start in found}
    assert len(contents) == 4


def test_rutile_is_drawn_as_it_is() -> None:
    first = next(starts(WyckoffGene.parse("136|Ti:a|O:f"), seed=7, n=1))
    assert first.crystal.volume == pytest.approx(62.4, rel=0.15)


def test_the_seed_decides() -> None:
    one, again, other = ([s.crystal.content() for s in starts(PEROVSKITE, seed=k, n=3)] for k in (1, 1, 2))
    assert one == again
    assert one != other


def test_pyxtal_steps_in_where_the_model_knows_an_element_not(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = replace(geometry_model(), elements=(8, 22))
    monkeypatch.setattr(module, "geometry_model", lambda: narrow)
    gene = WyckoffGene.parse("225|Na:a|Cl:b")
    found = list(starts(gene, seed=3, n=2, config=BuildConfig(tries=5)))
    assert [start.tool.split()[0] for start in found] == ["PyXtal", "PyXtal"]
    assert detect(found[0].crystal).gene.canonical() == gene.canonical()


@pytest.mark.parametrize("config", [BuildConfig(), BuildConfig(source="pyxtal")])
def test_one_start_by_its_number_is_that_of_them_all(config: BuildConfig) -> None:
    several = list(starts(PEROVSKITE, seed=7, n=3, config=config))
    for number, expected in enumerate(several, start=1):
        found = nth_start(PEROVSKITE, seed=7, number=number, config=config)
        assert (found.crystal.content(), found.tool) == (expected.crystal.content(), expected.tool)


@pytest.mark.parametrize("text", ["216|C:ac", "225|Og:a|Cl:b"])
def test_what_nobody_can_build_fails_with_a_reason(text: str) -> None:
    with pytest.raises(BuildFailure, match=r"was not built|no atomic volume"):
        next(starts(WyckoffGene.parse(text), seed=1, n=2, config=BuildConfig(tries=2)))


def test_expected_volumes_scale_with_the_crystal() -> None:
    model = geometry_model()
    salts = [model.expected_volume(WyckoffGene.parse(f"225|{a}:a|Cl:b")) for a in ("Li", "Na", "K", "Rb")]
    assert (np.diff(salts) > 0).all()
