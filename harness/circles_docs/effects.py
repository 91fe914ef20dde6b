"""docs/reference/effects.md: what a feature can ask for, and what is remembered of a feature."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from circles.core import effects
from circles.feature import Feature
from circles.registry import FEATURES
from circles_docs.markdown import code, codes, head, sentence, table

_INTRO = """\
A feature decides and does nothing itself: it returns effects, frozen values that are committed in one unit of work
with what settles their cause.
Visible ones become outbox rows and are sent from there; the others are rows.
This page is for people who write a feature: [CONTRIBUTING](../../CONTRIBUTING.md) says where it goes."""


def shared() -> list[type[effects.Effect]]:
    """Return the effects every feature may use."""
    return [each for each in vars(effects).values() if _is_effect(each)]


def page() -> str:
    """Return the page."""
    text = head("Effects", _INTRO) + "\n## For every feature\n\n" + _table(shared())
    for feature in FEATURES:
        own = [kind for kind in feature.writers if _is_effect(kind)]
        if own:
            text += f"\n## Rows of {feature.name}\n\n" + _table(own)
    text += "\n## What the registry knows of a feature\n\n"
    text += "The fields of `Feature`. All but the first two may be left out.\n\n"
    described = inspect.getdoc(Feature) or ""
    rows: list[tuple[str, str, str]] = []
    for field in dataclasses.fields(Feature):
        used = [feature.name for feature in FEATURES if getattr(feature, field.name)]
        rows.append((code(field.name), _attribute(described, field.name), codes(used)))
    return text + table(("field", "what it is", "used by"), rows)


def _is_effect(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, effects.Effect) and value is not effects.Effect


def _table(kinds: list[type[effects.Effect]]) -> str:
    rows = [(code(kind.__name__), sentence(kind.__doc__), codes(_fields(kind))) for kind in kinds]
    return table(("effect", "what happens", "with"), rows)


def _fields(kind: type[effects.Effect]) -> list[str]:
    # Effect itself is a mere mark, and each that is used is a dataclass; types cannot say so.
    described: Any = kind
    return [field.name for field in dataclasses.fields(described)]


def _attribute(docstring: str, name: str) -> str:
    """Return what a class's docstring says of an attribute; one line may be about several."""
    for line in docstring.splitlines():
        names, colon, meaning = line.strip().partition(": ")
        if colon and name in names.split(", "):
            return meaning
    return ""
