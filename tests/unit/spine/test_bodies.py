"""Reading a delivery: whatever one event is, the others are read as they were sent."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.entrypoints.bodies import Unreadable, events_of

WORDS = st.text() | st.sampled_from(['"events": [', "]}", "\\", '"', '\\"', "},{", "😀", "\x00"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
POISON = ("{,}", "[1 2]", "nul", '{"a" 1}', "1" + "0" * 5_000, "[" * 9_000 + "]" * 9_000, '{"a": "\x01"}')


def body_of(elements: list[str], before: dict[str, Any], after: dict[str, Any]) -> bytes:
    """Write a transaction around elements that are text already."""
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in before.items()]
    parts.append(f'"events": [{", ".join(elements)}]')
    parts += [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in after.items()]
    return ("{" + ",".join(parts) + "}").encode()


@given(st.lists(JSON, max_size=4))
def test_a_good_delivery_is_its_list(events: list[object]) -> None:
    """However it is spaced."""
    assert events_of(json.dumps({"events": events}, indent=1).encode()) == events


@given(
    st.lists(st.tuples(JSON, st.none() | st.sampled_from(POISON)), min_size=1, max_size=5),
    st.dictionaries(WORDS.filter(lambda key: key != "events"), JSON, max_size=2),
    st.dictionaries(WORDS.filter(lambda key: key != "events"), JSON, max_size=2),
)
def test_what_cannot_be_read_holds_up_nothing_else(
    events: list[tuple[object, str | None]], before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Every other element is what it was; the poison is told by its digest, the same each time."""
    elements = [json.dumps(event) if poison is None else poison for event, poison in events]
    body = body_of(elements, before, after)
    found = events_of(body)

    assert found is not None
    assert len(found) == len(events)
    for (event, poison), one in zip(events, found, strict=True):
        if poison is None:
            assert one == event
        else:
            assert isinstance(one, Unreadable)
            assert one.size == len(poison)
    assert events_of(body) == found


@given(st.binary(max_size=60) | JSON.map(orjson.dumps))
def test_reading_never_raises(body: bytes) -> None:
    """A list, or none."""
    assert isinstance(events_of(body), list | None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[{}]",
        b'{"events": {}}',
        b'{"events": [',
        b'{"events": [{"a": "',
        b'{"a": {"events": [1 2]}}',
        b"{,}",
    ],
)
def test_what_is_no_transaction_is_none(body: bytes) -> None:
    """Neither is one that breaks off: what is missing would be lost."""
    assert events_of(body) is None


def test_events_of_something_else_are_not_taken() -> None:
    """Only the outermost list counts."""
    found = events_of(b'{"a": {"events": [7]}, "b": "events", "events": [8, {,}]}')

    assert found is not None
    assert (found[0], len(found)) == (8, 2)
