"""The root of the configuration, and how it is put together: file, environment over it, secrets from files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, cast

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from circles.config import sections
from circles.config.problems import Problem, named_section_of, problems_of, section_of, unknown_key
from circles.errors import ConfigurationError
from circles_policies.model import Reach

_PREFIX: Final = "CIRCLES_"
_BETWEEN: Final = "__"
_FILE: Final = "_file"

Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two secrets between the homeserver and us."""

    as_token: str = field(repr=False)
    hs_token: str = field(repr=False)


class Config(BaseSettings):
    """All of the configuration, checked. `Config.load` reads it; the constructor takes sections and reads nothing."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=_PREFIX,
        env_nested_delimiter=_BETWEEN,
    )

    homeserver: sections.Homeserver
    appservice: sections.Appservice = Field(default_factory=sections.Appservice)
    member: sections.Member = sections.Member()
    invites: sections.Invites = sections.Invites()
    ceiling: sections.CeilingSection = sections.CeilingSection()
    model: sections.Model | None = None
    models: dict[sections.ModelName, sections.Model] = Field(
        default_factory=dict,
        description="More models, each under a name of your own; a circle's admins choose one by it: "
        "`!circle policy with house`. Circles that choose none use `model`.",
    )
    limits: sections.Limits = sections.Limits()
    voice: sections.Voice = sections.Voice()
    storage: sections.Storage = Field(default_factory=sections.Storage)
    health: sections.Health = sections.Health()
    log: sections.Log = sections.Log()
    timing: sections.Timing = sections.Timing()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what the constructor is given and nothing else: `load` has merged the sources, with their rules."""
        return (init_settings,)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read the YAML file if there is one, the environment over it, and the secrets.

        Raises ConfigurationError with every problem found, each with its key path and what to write instead.
        """
        folder = Path.cwd() if path is None else path.absolute().parent
        values, problems = _only_sections(cls, {} if path is None else _from_file(path))
        problems += _check_environment(cls)
        _absolute_paths(values, folder)
        _merge(values, _from_environment(cls))
        values.setdefault("storage", {}).setdefault("data_dir", str(folder / "data"))
        problems += _left_to_change(values) + _read_secrets(cls, values)
        told = {key for key, _ in problems}
        try:
            config = cls(**cast(dict[str, Any], values))
        except ValidationError as error:
            problems += [
                (key, advice) for key, advice in problems_of(error, cls) if not told & {key, key.partition(".")[0]}
            ]
        else:
            if not problems:
                return config
        raise ConfigurationError(sorted(problems))

    @property
    def bot_user_id(self) -> str:
        """The AI's user ID."""
        return self.user_id(self.appservice.bot_localpart)

    def user_id(self, localpart: str) -> str:
        """Return the user ID of a localpart on this homeserver."""
        return f"@{localpart}:{self.homeserver.server_name}"

    @property
    def reach(self) -> Reach:
        """How far text goes where a room chose no model."""
        return Reach.NONE if self.model is None else self.model.reach

    @property
    def tokens(self) -> Tokens:
        """The two tokens. Raises ConfigurationError where `circles registration` has not been run."""
        found = {"as_token": self.appservice.as_token, "hs_token": self.appservice.hs_token}
        missing = [f"appservice.{key}" for key, token in found.items() if token is None]
        if missing:
            advice = "is missing: run `circles registration`, which makes and stores it"
            raise ConfigurationError([(key, advice) for key in missing])
        return Tokens(**{key: token.get_secret_value() for key, token in found.items() if token is not None})


def _from_file(path: Path) -> Mapping[object, object]:
    try:
        read: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        advice = "this file cannot be read: name another, or write one with `circles config --output FILE`"
        raise ConfigurationError([("--config", advice)]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "one place"
        advice = f"this is not YAML at {where}: check indentation (spaces, no tabs), colons and quotes there"
        raise ConfigurationError([("--config", advice)]) from None
    except yaml.YAMLError:
        raise ConfigurationError([("--config", "this is not YAML: write it as plain UTF-8 text")]) from None
    if read is None:
        return {}
    if not isinstance(read, dict):
        advice = "this file must hold sections such as `homeserver:`; see `circles config`"
        raise ConfigurationError([("--config", advice)])
    return cast(Mapping[object, object], read)


def _from_environment(root: type[Config]) -> Sections:
    try:
        return {name: section for name, section in EnvSettingsSource(root)().items() if isinstance(section, dict)}
    except SettingsError:
        advice = f"a list in a {_PREFIX}… variable is written as JSON, a section as one variable for each key"
        raise ConfigurationError([("environment", advice)]) from None


def _only_sections(root: type[Config], read: Mapping[object, object]) -> tuple[Sections, list[Problem]]:
    """Keep what is a section of ours, so that it can be checked whatever else is in the file.

    A section whose keys are all comments reads as null, and so does a key with nothing behind it: the default is meant.
    """
    sections: Sections = {}
    problems: list[Problem] = []
    for name, section in ((str(name), section) for name, section in read.items()):
        if name not in root.model_fields:
            problems.append((name, unknown_key(name, root.model_fields)))
        elif isinstance(section, dict):
            sections[name] = _written(cast(Mapping[object, object], section))
            if named_section_of(root.model_fields[name]) is not None:
                entries = cast(Mapping[object, Any], section).items()
                sections[name] = {
                    str(key): _written(cast(Mapping[object, object], entry)) if isinstance(entry, dict) else entry
                    for key, entry in entries
                }
        elif section is not None:
            problems.append((name, "write the keys of this section below it, indented by two spaces"))
    return sections, problems


def _written(keys: Mapping[object, object]) -> dict[str, Any]:
    return {str(key): value for key, value in keys.items() if value is not None}


def _each(values: Sections) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the path and the keys of each section, and of each entry of a section of named ones."""
    for name, section in values.items():
        yield name, section
        for key, entry in section.items():
            if isinstance(entry, dict):
                yield f"{name}.{key}", cast(dict[str, Any], entry)


def _check_environment(root: type[Config]) -> list[Problem]:
    """Find variables whose section is misspelt: pydantic passes over them in silence."""
    problems: list[Problem] = []
    for variable in os.environ:
        section, between, _ = variable.upper().removeprefix(_PREFIX).partition(_BETWEEN)
        if variable.upper().startswith(_PREFIX) and between and section.lower() not in root.model_fields:
            problems.append((variable, unknown_key(section.lower(), root.model_fields)))
    return problems


def _absolute_paths(values: Sections, folder: Path) -> None:
    """Let paths of the file start at the file's folder; those of the environment start where we were started."""
    for _, section in _each(values):
        for key, value in section.items():
            if isinstance(value, str) and (key == "data_dir" or key.endswith(_FILE)):
                section[key] = str(folder / value)


def _merge(under: Sections, over: Sections) -> None:
    """Put `over` on top, key by key. A secret set on top also hides the other way to set it below."""
    for name, section in over.items():
        below = under.setdefault(name, {})
        for key, value in section.items():
            if isinstance(value, dict):
                _merge(below, {key: cast(dict[str, Any], value)})
                continue
            below.pop(key.removesuffix(_FILE) if key.endswith(_FILE) else key + _FILE, None)
            below[key] = value


def _left_to_change(values: Sections) -> list[Problem]:
    return [
        (f"{name}.{key}", "still says CHANGE_ME: write your own")
        for name, section in _each(values)
        for key, value in section.items()
        if value == "CHANGE_ME"
    ]


def _read_secrets(root: type[Config], values: Sections) -> list[Problem]:
    """Put the content of secret files where the secrets belong; with no file named, look in <data_dir>/secrets."""
    problems: list[Problem] = []
    usual = Path(values["storage"]["data_dir"]) / "secrets"
    for name, info in root.model_fields.items():
        named = named_section_of(info)
        if named is not None:
            # The usual place is one file: an entry that names none must not get the key of another endpoint.
            for key, entry in values.get(name, {}).items():
                if isinstance(entry, dict):
                    problems += _read_named(cast(dict[str, Any], entry), named, f"{name}.{key}", None)
            continue
        section = section_of(info)
        if section is None or (name not in values and info.default is None):
            continue
        problems += _read_named(values.setdefault(name, {}), section, name, usual)
    return problems


def _read_named(given: dict[str, Any], section: type[BaseModel], name: str, usual: Path | None) -> list[Problem]:
    problems: list[Problem] = []
    for key in section.model_fields:
        if key + _FILE not in section.model_fields:
            continue
        file = given.get(key + _FILE)
        if file and given.get(key) is not None:
            problems.append((f"{name}.{key}", f"write {key} or {key}{_FILE}, not both"))
        elif file:
            problems += _read_secret(given, key, Path(file), f"{name}.{key}{_FILE}")
        elif given.get(key) is None and key != "url" and usual is not None and (usual / key).exists():
            problems += _read_secret(given, key, usual / key, f"{name}.{key}")
    return problems


def _read_secret(given: dict[str, Any], key: str, file: Path, path: str) -> list[Problem]:
    try:
        content = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return [(path, "the secret's file cannot be read: check that it exists and that Circles' user may read it")]
    if not content:
        return [(path, "the secret's file is empty: write the secret into it")]
    given[key] = content
    return []
