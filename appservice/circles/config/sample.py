"""The commented sample file, made from the descriptions of the keys. Pure."""

from __future__ import annotations

import textwrap
from datetime import time
from pathlib import PurePath
from typing import Any, Final, cast

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from circles.config.loading import Config
from circles.config.problems import named_section_of, section_of

CHANGE_ME: Final = "CHANGE_ME"

_HEAD: Final = """\
Circles: the configuration.

What stands behind # is the default: take the # and the space after it away to change it.
CHANGE_ME must be changed. Every key can also be set in the environment, which wins over this file:
homeserver.url is CIRCLES_HOMESERVER__URL; lists are written as JSON there.
A secret may stand here, in the environment, or in a file that its _file key names.
`circles check` says what is still missing."""


def sample() -> str:
    """Return the sample: required keys say CHANGE_ME, all others stand as comments with their defaults."""
    parts = [_comment(_HEAD, "")]
    for name, field in Config.model_fields.items():
        section = section_of(field)
        if section is not None:
            parts.append(_section(name, section, required=field.is_required()))
        elif (named := named_section_of(field)) is not None:
            parts.append(_named(name, field, named))
    return "\n".join(parts)


def _section(name: str, section: type[BaseModel], *, required: bool) -> str:
    lines = [_comment((section.__doc__ or "").strip(), ""), f"{name}:\n"]
    for key, field in section.model_fields.items():
        lines.append(_comment(field.description or "", "  "))
        if field.is_required() and required:
            lines.append(f"  {key}: {CHANGE_ME}\n")
        else:
            lines.append("".join(f"  # {line}\n" for line in _value(key, field).splitlines()))
    return "".join(lines)


def _named(name: str, field: FieldInfo, section: type[BaseModel]) -> str:
    """Return a section of entries with names: one example with what an entry must say; the rest is as above."""
    lines = [_comment(field.description or "", ""), f"{name}:\n", "  # house:\n"]
    for key, each in section.model_fields.items():
        if each.is_required():
            lines.append(f"  #   {_value(key, each)}\n")
    return "".join(lines)


def _value(key: str, field: FieldInfo) -> str:
    default = field.examples[0] if field.examples else field.get_default()
    if default is None or default is PydanticUndefined:
        return f"{key}:"
    return yaml.safe_dump({key: _plain(default)}, allow_unicode=True, width=1000, indent=2).rstrip("\n")


def _plain(value: Any) -> Any:
    match value:
        case time():
            return value.strftime("%H:%M")
        case PurePath():
            return str(value)
        case tuple():
            return list(cast(tuple[object, ...], value))
        case _:
            return value


def _comment(text: str, indent: str) -> str:
    wrapped = (textwrap.wrap(line, 110 - len(indent)) or [""] for line in text.splitlines())
    return "".join(f"{indent}# {line}".rstrip() + "\n" for lines in wrapped for line in lines)
