"""What is wrong with a configuration, in words: the key path and what to write instead, never the value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Problem = tuple[str, str]

_NAME_ITSELF: Final = "[key]"
"""How pydantic's path ends where the name of an entry is meant, and not what stands behind it."""

_ADVICE: Final = {
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "string_type": "write text, in quotes if it looks like a number",
    "path_type": "write a path",
    "tuple_type": "write a list, one entry a line after a dash",
    "string_pattern_mismatch": "write it in this form",
    "model_type": "write the keys of this section below it, indented by two spaces",
    "dict_type": "write the keys of this section below it, indented by two spaces",
}


def problems_of(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Say what pydantic found, in the operator's words."""
    return [
        (_key(found["loc"]), _advice(found["type"], found["loc"], found.get("ctx", {}), root))
        for found in error.errors(include_url=False, include_input=False)
        if found["type"] != "default_factory_not_called"  # follows from another problem, which is listed
    ]


def _key(loc: tuple[int | str, ...]) -> str:
    """Return the path as an operator would say it: entries of a list are counted from 1."""
    return "".join(
        f" (entry {part + 1})" if isinstance(part, int) else f".{part}" for part in loc if part != _NAME_ITSELF
    ).lstrip(".")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that there is no such key, and which may have been meant."""
    known = sorted(known)
    near = get_close_matches(key, known, n=1, cutoff=0.6)
    return (
        f"there is no such key; did you mean {near[0]}?"
        if near
        else f"there is no such key; remove it, or write one of: {', '.join(known)}"
    )


def named_section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a field of the root holds several of, each under a name the operator gave it."""
    return _section_in(get_args(field.annotation)) if get_origin(field.annotation) is dict else None


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section a field of the root holds, also where it may be absent."""
    if get_origin(field.annotation) is dict:
        return None
    return _section_in((field.annotation, *get_args(field.annotation)))


def _section_in(candidates: Iterable[object]) -> type[BaseModel] | None:
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _advice(kind: str, loc: tuple[int | str, ...], context: Mapping[str, Any], root: type[BaseModel]) -> str:
    holder, field = _find(loc, root)
    if kind == "extra_forbidden":
        return unknown_key(str(loc[-1]), holder.model_fields)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    if kind == "missing":
        return f"add this key{meaning}"
    return _instead(kind, context) + meaning


def _instead(kind: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"write one of: {context['expected']}"
        case "greater_than_equal":
            return f"write a number of at least {context['ge']}"
        case "greater_than":
            return f"write a number above {context['gt']}"
        case "less_than_equal":
            return f"write a number of at most {context['le']}"
        case "string_too_short" | "too_short":
            return f"write at least {context['min_length']} characters"
        case "string_too_long" | "too_long":
            return f"write at most {context['max_length']} characters"
        case _:
            return _ADVICE.get(kind, "write it as the sample of `circles config` shows")


def _find(loc: tuple[int | str, ...], root: type[BaseModel]) -> tuple[type[BaseModel], FieldInfo | None]:
    """Return the section that a path ends in, and the field itself where it is one of ours."""
    holder, field = root, None
    for part in loc:
        if field is not None and (named := named_section_of(field)) is not None:
            holder, field = named, None  # this part is the name of an entry
            continue
        if field is not None and (section := section_of(field)) is not None:
            holder = section
        found = holder.model_fields.get(str(part))
        if found is None and (field is None or section_of(field) is None):
            break  # a list index, or an unknown key of the root
        field = found
    return holder, field
