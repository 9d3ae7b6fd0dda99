"""The configuration of a design run: the sum of the rooms' own settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig, TargetConfig
from wyckforge.errors import ConfigError
from wyckforge.realise.config import BuildConfig, HullConfig, RelaxConfig

Stop = Literal["genes", "funnel", "build", "relax", "hull"]
STOPS: tuple[Stop, ...] = get_args(Stop)


class ExecutionConfig(BaseModel):
    """Where the realisation runs. Nothing here changes a result, unless a time limit is met."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(2, ge=1, description="processes that build and relax, one thread each")


class RunConfig(BaseModel):
    """Everything a design run depends on.

    Raises:
        ConfigError: from the class methods, where the file is unreadable, a key unknown or a value out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: TargetConfig = TargetConfig()
    sampling: SamplingConfig = SamplingConfig()
    funnel: FunnelConfig = FunnelConfig()
    ranking: RankingConfig = RankingConfig()
    build: BuildConfig = BuildConfig()
    relax: RelaxConfig = RelaxConfig()
    hull: HullConfig = HullConfig()
    execution: ExecutionConfig = ExecutionConfig()
    seed: int = Field(0, ge=0, description="the one seed of the run")
    count: int = Field(20, ge=1, description="candidates wanted at the last step; of genes, at least as many")
    attempts_per_candidate: float = Field(
        2.0, ge=1, description="genes tried for one candidate wanted before the run gives up"
    )
    checkpoint: str = Field("", description="checkpoint folder; empty takes the bundled one")
    reference: str = Field("", description="gene table of the seeds; empty takes the embedded one")
    stop_after: Stop = Field("hull", description="last step to run")

    @classmethod
    def load(cls, path: Path | None, overrides: Mapping[str, Any]) -> Self:
        """Read a TOML file, if one is given, and put other settings over it.

        Args:
            path: the file.
            overrides: nested like the file, ``{"target": {"space_group": "143:"}}``.
        """
        return cls.from_dict(_merge(_read_toml(path) if path else {}, overrides), source=str(path or "command line"))

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file."""
        return cls.load(path, {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str = "configuration") -> Self:
        """Check settings; keys left out take their defaults."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the whole"
            problem = f"{first['msg']}, got {first['input']!r}"
            if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
                problem = f"unknown key; known are {', '.join(_keys_beside(cls, first['loc']))}"
            raise ConfigError(f"{source}: {key}: {problem}; see docs/concepts/design.md") from None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form with every default written out; :meth:`from_dict` reads it back."""
        return self.model_dump(mode="json")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML ({error}); give the path of a run configuration") from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged


def _keys_beside(model: type[Any], location: tuple[int | str, ...]) -> list[str]:
    for name in location[:-1]:
        model = get_type_hints(model)[str(name)]
    return list(get_type_hints(model))
