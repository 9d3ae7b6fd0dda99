"""Settings of the design room. Every rule of the funnel is a setting; unknown keys are errors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wyckforge.neutrality import OxidationStates
from wyckforge.settings import Settings


class SamplingConfig(Settings):
    """How latent points are drawn. The defaults are the published ones; the budgets are ours."""

    unconditional: bool = Field(False, description="perturb crystals of the whole table, not those inside the target")
    per_seed: int = Field(20, ge=1, description="draws around each seed in one pass over the seeds")
    scale: float = Field(1.4, gt=0, description="factor on the standard normal noise of the latent")
    max_draws: int = Field(60_000, ge=1, description="draws after which a run stops looking for more")
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


class RankingConfig(Settings):
    """In which order genes are realised."""

    per_formula: int = Field(1, ge=1, description="genes kept of one formula: those of the highest score")
    new_prototype_weight: float = Field(
        0.5, ge=0, le=1, description="factor on the score of a gene whose prototype no known crystal has"
    )
    near_hull_ev_per_atom: float = Field(
        0.1, ge=0, description="predicted distance from the reference hull that counts as near; 0 leaves the hull out"
    )
    pool: int = Field(400, ge=1, description="genes compared with the hull, those likeliest to meet the target")
