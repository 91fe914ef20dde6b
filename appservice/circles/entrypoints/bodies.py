"""The body of a transaction, read so that one event nobody can read holds up no other. Pure: bytes in, values out.

A body that is refused comes again for ever, and every room behind it waits.  So what no parser takes as a whole is
taken apart at its brackets, and each event is read by itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final, cast

import orjson

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
"""What JSON's structure is made of: strings whole, so that a bracket inside one is none. Numbers and words between."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element of the list that is no JSON to us. Its bytes are not kept; `digest` (SHA-256, hex) tells a repeat."""

    digest: str
    size: int


def events_of(body: bytes) -> list[object] | None:
    """Return the list `events` of a transaction (spec "PUT /_matrix/app/v1/transactions/{txnId}").

    An element that cannot be read is an `Unreadable`.  None: the body is not JSON at all, or holds no such list.
    """
    try:
        found = _parsed(body)
    except (ValueError, RecursionError):
        return _apart(body)
    events = cast("dict[str, object]", found).get("events") if isinstance(found, dict) else None
    return cast("list[object]", events) if isinstance(events, list) else None


def _parsed(text: bytes) -> object:
    """Read JSON. What the fast parser refuses (half a surrogate pair in a string) the standard library's may take."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _apart(body: bytes) -> list[object] | None:
    elements = _elements(body)
    return None if elements is None else [_one(element) for element in elements]


def _one(element: bytes) -> object:
    try:
        return _parsed(element)
    except (ValueError, RecursionError):
        return Unreadable(hashlib.sha256(element).hexdigest(), len(element))


def _elements(body: bytes) -> list[bytes] | None:
    """Return the text of each element of the outermost object's list `events`; None where there is none that ends."""
    if not body.lstrip().startswith(b"{"):
        return None
    elements: list[bytes] = []
    depth, start, last, inside = 0, 0, b"", False
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text in (b"[", b"{"):
            depth += 1
            if depth == 2 and text == b"[" and last == b'"events"':
                inside, start = True, token.end()
        elif text in (b"]", b"}"):
            depth -= 1
            if inside and depth == 1:
                return [each for each in (*elements, body[start : token.start()].strip()) if each]
        elif text == b"," and inside and depth == 2:
            elements.append(body[start : token.start()].strip())
            start = token.end()
        if depth == 1:
            last = text
    return None
