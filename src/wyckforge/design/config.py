"""Settings of the design room. Every rule of the funnel is a setting; unknown keys are errors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wyckforge.neutrality import OxidationStates
from wyckforge.settings import Settings

Method = Literal["auto", "prior", "seeds", "search"]


class SearchConfig(Settings):
    """The search in the latent."""

    generations: int = Field(31, ge=1, description="generations bred from the first one, which the prior makes")
    steps: int = Field(8, ge=0, description="gradient steps from a parent to where its child is decoded; 0: none")
    noise_level: float = Field(0.94, gt=0, lt=1, description="noise with which a child is decoded")
    reach: float = Field(0.5, gt=0, description="how far the steps may lead, in lengths of that noise")
    novelty: float = Field(1.0, ge=0, description="weight of the repulsion from crystals that are known or found")
    greed: float = Field(6.0, ge=0, description="parents are drawn by this power of their claimed probability")
    guidance: float = Field(2.0, ge=0, description="extra weight of the properties asked for, of children")


class SamplingConfig(Settings):
    """How genes are drawn. The defaults of the perturbation with the paper's model are the published ones."""

    method: Method = Field("auto", description="prior, seeds or search; auto: the prior where the model has one")
    unconditional: bool = Field(False, description="aim at nothing: ask for no property, perturb any known crystal")
    per_seed: int = Field(20, ge=1, description="decodes around each seed in one pass over the seeds")
    scale: float = Field(1.4, gt=0, description="seeds, MPVAE: factor on the standard normal noise of the latent")
    noise_level: float = Field(
        0.95, gt=0, lt=1, description="seeds, OrbitVAE: how little of a seed the decoder is told"
    )
    temperature: float = Field(1.05, gt=0, description="OrbitVAE: of its choices; below 1 the likely becomes likelier")
    guidance: float = Field(
        1.0, ge=0, description="OrbitVAE: extra weight of the properties asked for; children of a search have their own"
    )
    per_pass: int = Field(4000, ge=1, description="decodes in one pass of the prior or the search")
    search: SearchConfig = SearchConfig()
    max_draws: int = Field(60_000, ge=1, description="decodes after which a run stops looking for more")
    min_seeds: int = Field(20, ge=1, description="below this the element constraints on seeds are relaxed step by step")


class FunnelConfig(Settings):
    """Which rules a gene has to pass, in this order."""

    unique: bool = Field(True, description="first of its class among the drawn, by canonical gene of either hand")
    novel: bool = Field(True, description="neither gene nor mirror image in the training set or the seed table")
    target: Literal["strict", "widened", "off"] = Field(
        "strict", description="predictions inside the interval, or inside it widened by the model's error"
    )
    charge_neutrality: bool = Field(True, description="some oxidation states of the elements add up to zero")
    oxidation_states: OxidationStates = Field("icsd24", description="SMACT's set of oxidation states")
    pauling: bool = Field(True, description="in the neutral combination cations are the more electropositive")
    alloys: bool | Literal["auto"] = Field(
        "auto", description="compounds of metals only count as neutral; auto: unless a band gap above zero is asked for"
    )
    anions: bool = Field(True, description="no two of O, S, Se, Te, F, Cl, Br, I")
    radioactive: bool = Field(True, description="no radioactive element")
    f_block: bool = Field(True, description="no f-block element")
    max_sites: int = Field(50, ge=1, description="atoms in the conventional cell")
    synthesizability: bool = Field(True, description="score of being like crystals known to experiment high enough")
    synthesizability_above: float = Field(0.4, ge=0, lt=1, description="the score has to lie above it")
    metallic: bool | Literal["auto"] = Field(
        "auto", description="score of being a metal low enough; auto: where a band gap above zero is asked for"
    )
    metallic_below: float = Field(0.5, gt=0, le=1, description="the score has to lie below it")


class RankingConfig(Settings):
    """In which order genes are realised."""

    per_formula: int = Field(1, ge=1, description="genes kept of one formula: those of the highest score")
    new_prototype_weight: float = Field(
        0.5, ge=0, le=1, description="factor on the score of a gene whose prototype no known crystal has"
    )
    near_hull_ev_per_atom: float = Field(
        0.1, ge=0, description="predicted distance from the reference hull that counts as near; 0 leaves the hull out"
    )
    choice: int = Field(
        5, ge=1, description="genes to choose from for every one wanted, if a quarter of max_draws finds so many"
    )
