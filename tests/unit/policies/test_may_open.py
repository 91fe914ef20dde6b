"""Whose ciphertext may be decrypted, asked of its envelope: nobody's whom the policy keeps from the AI."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies.events import RoomView
from circles_policies.gate import Passed, filter_event, may_open
from circles_policies.model import Level, Mark, Member, Preset, preset
from strategies import AI, DAY, events

MEI = "@mei:home.example"
VIEW = RoomView(
    ai=AI,
    now=10 * DAY,
    received_at=10 * DAY,
    room=(preset(Preset.ON_CALL),),
    member=Member(since=0),
    ghosts=re.compile(r"@_irc_.*"),
    is_ai_event="$ai".__eq__,
    is_ai_thread="$called".__eq__,
)
REPLY = {"m.in_reply_to": {"event_id": "$ai"}}
THREAD = {"rel_type": "m.thread", "event_id": "$called", "is_falling_back": True, "m.in_reply_to": {"event_id": "$ai"}}


def ciphertext(relation: dict[str, Any] | None = None, sender: str = MEI) -> dict[str, Any]:
    content = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…", "session_id": "s"}
    return {
        "event_id": "$e",
        "room_id": "!r",
        "sender": sender,
        "type": "m.room.encrypted",
        "origin_server_ts": 10 * DAY,
        "content": content | ({"m.relates_to": relation} if relation else {}),
    }


@pytest.mark.parametrize("key", [Preset.ADDRESSED, Preset.ON_CALL, Preset.NOTEBOOK])
def test_where_members_may_speak_to_it_their_messages_are_opened(key: Preset) -> None:
    """Only inside it says whether they do."""
    assert may_open(ciphertext(), VIEW._replace(room=(preset(key),)))


CLOSED = [
    pytest.param({"room": ()}, id="nobody has chosen"),
    pytest.param({"room": (preset(Preset.RESTING),)}, id="resting"),
    pytest.param({"room": (preset(Preset.ON_CALL), preset(Preset.RESTING))}, id="resting meanwhile"),
    pytest.param({"room": (preset(Preset.AGREED),)}, id="no yes"),
    pytest.param({"member": Member(since=0, level=Level.OUT)}, id="out"),
    pytest.param({"member": Member(since=0, level=Level.NOT_AT_ALL)}, id="not at all"),
    pytest.param({"member": Member(since=0, kept_out=True)}, id="kept out"),
]


@pytest.mark.parametrize("change", CLOSED)
@pytest.mark.parametrize("called", [False, True])
def test_what_the_policy_keeps_from_it_stays_closed(change: dict[str, Any], *, called: bool) -> None:
    """As it arrives and when looking back."""
    assert not may_open(ciphertext(), VIEW._replace(called=called, **change))


def test_what_arrives_days_late_is_opened_and_what_is_looked_back_for_is_not() -> None:
    """A choice said while nobody listened must count; a look back goes as far as the policy says."""
    late = VIEW._replace(now=13 * DAY, received_at=13 * DAY)
    assert may_open(ciphertext(), late)
    assert not may_open(ciphertext(), late._replace(called=True))


@pytest.mark.parametrize("change", CLOSED)
def test_a_reply_to_it_and_a_direct_message_are_opened(change: dict[str, Any]) -> None:
    """A control word may stand in them, which is everyone's under every policy."""
    assert may_open(ciphertext(REPLY), VIEW._replace(**change))
    assert may_open(ciphertext(), VIEW._replace(is_direct=True, **change))


def test_a_thread_of_its_is_for_it_unless_its_sender_wants_nothing() -> None:
    """`out` speaks of talk to others; in a thread with the AI one speaks to the AI."""
    assert may_open(ciphertext(THREAD | {"m.in_reply_to": {}}), VIEW._replace(member=Member(since=0, level=Level.OUT)))
    nothing = VIEW._replace(member=Member(since=0, level=Level.NOT_AT_ALL))
    assert not may_open(ciphertext(THREAD), nothing)


def test_hidden_own_and_plain_events_are_never_opened() -> None:
    assert not may_open(ciphertext(REPLY), VIEW._replace(mark=Mark.HIDDEN))
    assert not may_open(ciphertext(REPLY, AI), VIEW)
    assert not may_open({**ciphertext(REPLY), "type": "m.room.message"}, VIEW)


@given(events)
def test_garbage_opens_nothing_and_breaks_nothing(event: object) -> None:
    """Total; and only what is encrypted is ever opened."""
    if may_open(event, VIEW):
        assert isinstance(event, dict)
        assert event["type"] == "m.room.encrypted"


@given(
    st.sampled_from([None, REPLY, THREAD]),
    st.sampled_from(list(Level)),
    st.booleans(),
    st.sampled_from(list(Preset)),
    st.booleans(),
)
def test_what_may_be_looked_at_by_its_envelope_may_be_opened(
    relation: dict[str, Any] | None, level: Level, kept_out: bool, key: Preset, called: bool
) -> None:
    """The first decision is never stricter than the second would be."""
    member = Member(since=0, level=level, kept_out=kept_out, consented_since=0)
    view = VIEW._replace(member=member, room=(preset(key),), called=called)
    passed = filter_event(ciphertext(relation), view)

    if isinstance(passed, Passed) and (passed.read or passed.trigger):
        assert may_open(ciphertext(relation), view)
