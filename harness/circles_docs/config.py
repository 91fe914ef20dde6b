"""docs/reference/config.md: every key of the configuration, from the fields themselves."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path, PurePath
from typing import Any, cast

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from circles.config.loading import Config
from circles.config.problems import named_section_of, section_of
from circles_docs.markdown import code, head, sentence, table

_INTRO = """\
Three places, each winning over the one before: the default, the file, the environment.
`homeserver.url` in the environment is `CIRCLES_HOMESERVER__URL`; a list is written as JSON there.
A secret may stand in the file, in the environment, in the file its `_file` key names, or in `<data_dir>/secrets`.
[config.sample.yaml](config.sample.yaml) is the same as a file to start from; `circles config` writes it.

A mistake ends with exit code 78 and names the key and what to write instead, never the value.
A key marked *not obeyed yet* is read and checked, and nothing follows from it in this version."""


def page(root: Path) -> str:
    """Return the page."""
    text = head("Configuration", _INTRO)
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "appservice").rglob("*.py")))
    for name, field in Config.model_fields.items():
        if named_section_of(field) is not None:
            text += f"\n## {name}\n\n{sentence(field.description)}\n\n"
            text += "Each entry has the keys of `model`; "
            text += "`api_key` is read from no usual place, so name its file in `api_key_file`.\n"
            continue
        section = section_of(field)
        if section is None:
            continue
        text += f"\n## {name}\n\n{sentence(section.__doc__)}\n\n"
        rows = [
            (code(f"{name}.{key}"), _default(each), (each.description or "") + _not_yet(key, sources))
            for key, each in section.model_fields.items()
        ]
        text += table(("key", "default", "what it is"), rows)
    return text


def key_paths() -> list[str]:
    """Return every key path."""
    found: list[str] = []
    for name, field in Config.model_fields.items():
        section = section_of(field)
        if section is not None:
            found += [f"{name}.{key}" for key in section.model_fields]
    return found


def _not_yet(key: str, sources: str) -> str:
    if key.endswith("_file") or re.search(rf"\.{key}\b", sources):
        return ""
    return " *Not obeyed yet.*"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.get_default()
    if value is PydanticUndefined:
        return "from other keys" if field.examples is None else code(str(field.examples[0]))
    return "" if value is None or value == () else code(_plain(value))


def _plain(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case time():
            return f"{value:%H:%M}"
        case tuple():
            return ", ".join(str(each) for each in cast("tuple[object, ...]", value))
        case PurePath() | _:
            return str(value)
