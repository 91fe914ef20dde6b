"""What came back, read without trust: the words, the tokens, and the object where one was asked for. Pure.

No error here repeats a word of the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from circles.errors import ModelBadAnswer, ModelError, ModelRefused

_THOUGHT: Final = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
"""Reasoning models of local servers put it before the answer."""
_FENCED: Final = re.compile(r"\A```[A-Za-z]*[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
_KNOWN_KEYWORDS: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "minItems", "maxItems"}
    | {"minimum", "maximum", "maxLength", "description", "title"}
)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said.

    Attributes:
        text: its words; '' where there is a problem.
        tokens: what the endpoint counted for the whole request, None if it did not say.
        problem: why it cannot be used.
    """

    text: str = field(repr=False)
    tokens: int | None
    problem: ModelError | None = None


def read(body: str) -> Answer:
    """Read the body of a chat completion, whatever it is."""
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        return Answer("", None, ModelBadAnswer("The model's server did not answer as such a server does."))
    tokens = _of(_of(answer, "usage"), "total_tokens")
    counted = tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None
    choices = _of(answer, "choices")
    first = cast("list[object]", choices)[0] if isinstance(choices, list) and choices else None
    message, finish = _of(first, "message"), _of(first, "finish_reason")
    if finish == "content_filter" or _of(message, "refusal"):
        return Answer("", counted, ModelRefused())
    if finish == "length":
        return Answer("", counted, ModelBadAnswer("The model's answer was cut off."))
    content = _of(message, "content")
    text = _THOUGHT.sub("", content).strip() if isinstance(content, str) else ""
    return Answer(text, counted, None if text else ModelBadAnswer("The model's answer was empty."))


def as_object(text: str, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the JSON object that `text` is, a code fence around it forgiven; None if it does not fit `schema`."""
    fenced = _FENCED.match(text.strip())
    try:
        value: object = json.loads(fenced[1] if fenced else text, parse_constant=_no_constant)
        fits = _fits(value, schema)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if fits and isinstance(value, dict) else None


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise ValueError for a schema that says more than `as_object` checks, or does not describe an object."""
    if schema.get("type") != "object":
        raise ValueError("An answer's schema must describe an object.")
    for part in _parts(schema):
        unknown = part.keys() - _KNOWN_KEYWORDS
        if unknown:
            raise ValueError(f"The check of answers does not know {', '.join(sorted(unknown))}.")


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema meets the rules of strict structured outputs: every property required, no other allowed."""
    return all(
        part.get("additionalProperties") is False and set(part.get("required", ())) == part.get("properties", {}).keys()
        for part in _parts(schema)
        if part.get("type") == "object"
    )


def _parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = [schema]
    for inner in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        parts += _parts(inner)
    return parts


def _fits(value: object, schema: Mapping[str, Any]) -> bool:
    if "type" in schema and not _has_type(value, schema["type"]):
        return False
    if "enum" in schema and not any(value == option and type(value) is type(option) for option in schema["enum"]):
        return False
    if isinstance(value, dict):
        return _object_fits(cast("dict[str, object]", value), schema)
    if isinstance(value, list):
        items = cast("list[object]", value)
        if not schema.get("minItems", 0) <= len(items) <= schema.get("maxItems", len(items)):
            return False
        return "items" not in schema or all(_fits(item, schema["items"]) for item in items)
    if isinstance(value, str):
        return "maxLength" not in schema or len(value) <= int(schema["maxLength"])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _object_fits(value: Mapping[str, object], schema: Mapping[str, Any]) -> bool:
    properties: Mapping[str, Any] = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", ())):
        return False
    if schema.get("additionalProperties") is False and value.keys() - properties.keys():
        return False
    return all(_fits(inner, properties[name]) for name, inner in value.items() if name in properties)


def _has_type(value: object, wanted: str | Sequence[str]) -> bool:
    names = (wanted,) if isinstance(wanted, str) else wanted
    if isinstance(value, bool):  # which Python counts among the integers
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def _of(value: object, key: str) -> object:
    return cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None


def _no_constant(_name: str) -> None:
    raise ValueError
