"""The configuration of a design run: the sum of the rooms' own settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig
from wyckforge.realise.config import (
    BuildConfig,
    DesignRelaxConfig,
    HullConfig,
    JudgeConfig,
    RefineConfig,
    ScreeningPhononConfig,
)
from wyckforge.settings import Configuration, Settings
from wyckforge.targets import TargetConfig

Stop = Literal["genes", "funnel", "build", "relax", "hull", "phonon"]


class ExecutionConfig(Settings):
    """Where the realisation runs. Nothing here changes a result, unless a time limit is met."""

    engine: Literal["in_process", "local", "parsl"] = Field(
        "local", description="this process alone, worker processes beside it, or the workers of a cluster"
    )
    workers: int = Field(2, ge=1, description="processes of the engine local that build and relax, one thread each")
    parsl_config: str = Field("", description="TOML file of the engine parsl: which cluster, how many workers")

    @model_validator(mode="after")
    def _with_a_cluster(self) -> Self:
        if (self.engine == "parsl") != bool(self.parsl_config):
            raise ValueError(
                f"engine {self.engine!r} and parsl_config {self.parsl_config!r} given; "
                "the engine parsl, and no other, needs parsl_config (--parsl-config), a file as in configs/parsl/"
            )
        return self


class RunConfig(Configuration):
    """Everything a design run depends on.

    Raises:
        ConfigError: from the class methods, where the file is unreadable, a key unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/design.md"

    target: TargetConfig = TargetConfig()
    sampling: SamplingConfig = SamplingConfig()
    funnel: FunnelConfig = FunnelConfig()
    ranking: RankingConfig = RankingConfig()
    build: BuildConfig = BuildConfig()
    relax: DesignRelaxConfig = DesignRelaxConfig()
    hull: HullConfig = HullConfig()
    refine: RefineConfig = RefineConfig()
    judge: JudgeConfig = JudgeConfig()
    phonon: ScreeningPhononConfig = ScreeningPhononConfig()
    execution: ExecutionConfig = ExecutionConfig()
    seed: int = Field(0, ge=0, description="the one seed of the run")
    count: int = Field(20, ge=1, description="candidates wanted at the last step; of genes, at least as many")
    attempts_per_candidate: float = Field(
        2.0, ge=1, description="genes tried for one candidate wanted before the run gives up"
    )
    checkpoint: str = Field("", description="checkpoint folder, or a bundled one by name; empty: the default")
    reference: str = Field("", description="gene table of the known crystals; empty takes the embedded one")
    pareto: str = Field("", description="criteria of the front, 'formation_energy:min,band_gap:max'; empty: by target")
    stop_after: Stop = Field("hull", description="last step to run")

    @model_validator(mode="after")
    def _alike_for_all_that_passes(self) -> Self:
        limits = {}
        if self.relax.starts > 1:
            limits["relax.further_within_ev_per_atom"] = self.relax.further_within_ev_per_atom
        if self.refine.wanted:
            limits["refine.within_ev_per_atom"] = self.refine.within_ev_per_atom
        passes = self.hull.threshold_ev_per_atom
        for name, limit in limits.items():
            if limit < passes:
                raise ValueError(
                    f"{name} {limit:g} lies below hull.threshold_ev_per_atom {passes:g}, so that some of what passes "
                    "would be looked at less closely than the rest; let it lie no lower"
                )
        return self

    @classmethod
    def load(cls, path: Path | None, overrides: Mapping[str, Any]) -> Self:
        """Read a TOML file, if one is given, and put other settings over it.

        Args:
            path: the file.
            overrides: nested like the file, ``{"target": {"space_group": "143:"}}``.
        """
        return cls.from_dict(_merge(cls.read_toml(path) if path else {}, overrides), source=str(path or "command line"))


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged
