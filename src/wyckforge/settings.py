"""What all settings have in common: unknown keys are errors, nothing changes afterwards, mistakes are told in words."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from wyckforge.errors import ConfigError


class Settings(BaseModel):
    """A group of settings. Numbers are finite: ``nan`` equals nothing, so that no run would be known again by it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Configuration(Settings):
    """All settings of a run: TOML in, resolved JSON out.

    Attributes:
        PAGE: where the settings are explained.

    Raises:
        ConfigError: from the class methods, where the file is unreadable, a key unknown or a value out of range.
    """

    PAGE: ClassVar[str]

    @classmethod
    def from_toml(cls, path: Path | str) -> Self:
        """Read a TOML file."""
        return cls.from_dict(cls.read_toml(path), source=str(path))

    @classmethod
    def read_toml(cls, path: Path | str) -> dict[str, Any]:
        """The content of a TOML file, unchecked."""
        try:
            return tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read: {error.strerror}; give the path of a configuration, see {cls.PAGE}"
            ) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"{path} cannot be read as TOML ({error}); give the path of a configuration, see {cls.PAGE}"
            ) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str = "configuration") -> Self:
        """Check settings; keys left out take their defaults."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the whole"
            wanted = first["msg"].partition(", unable to parse")[0].replace("Input should", "it should")
            problem = f"{first['input']!r} given; {wanted}"
            if first["type"] == "value_error":  # our own words, which name what was given
                problem = str(first["ctx"]["error"])
            if first["type"] == "extra_forbidden":
                problem = f"unknown key; known are {', '.join(_keys_beside(cls, first['loc']))}"
            raise ConfigError(f"{source}: {key}: {problem}; see {cls.PAGE}") from None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form with every default written out; :meth:`from_dict` reads it back."""
        return self.model_dump(mode="json")


def _keys_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Known keys of the group that holds the last key of a location."""
    for name in location[:-1]:
        annotation = model.model_fields[str(name)].annotation
        kinds = (annotation, *get_args(annotation))
        model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
