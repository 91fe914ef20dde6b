"""What the gate lets through: twelve ways to speak to the AI, control events, and nothing that was not asked for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    POLICY_TYPE,
    Control,
    ControlWord,
    Dropped,
    Kind,
    Level,
    Mark,
    Member,
    Passed,
    Preset,
    Reason,
    RoomView,
    Weighed,
    classify,
    filter_event,
    preset,
    room_names,
    to_content,
    weigh,
)
from strategies import AI, DAY, events, marks, members, rooms

MEI, BOB = "@mei:home.example", "@bob:far.example"
CANARY = "canary"
VIEW = RoomView(
    ai=AI,
    now=10 * DAY,
    received_at=10 * DAY,
    room=(preset(Preset.ON_CALL),),
    names=room_names(),
    ghosts=re.compile(r"@_irc_.*"),
    bots=frozenset({"@bot:home.example"}),
    is_ai_event="$ai".__eq__,
    is_ai_thread="$called".__eq__,
)
WAITING = VIEW._replace(room=())
NOTEBOOK = VIEW._replace(room=(preset(Preset.NOTEBOOK),))


def _event(event_type: str = "m.room.message", sender: str = MEI, /, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": "$e",
        "room_id": "!r:home.example",
        "sender": sender,
        "type": event_type,
        "origin_server_ts": 10 * DAY,
        **fields,
    }


def _message(body: str = "summarise", sender: str = MEI, /, **content: Any) -> dict[str, Any]:
    return _event("m.room.message", sender, content={"msgtype": "m.text", "body": body, **content})


def _relates(**relation: Any) -> dict[str, Any]:
    return {"m.relates_to": relation}


FALLBACK = {"is_falling_back": True, "m.in_reply_to": {"event_id": "$ai"}}
PILL = f'<a href="https://matrix.to/#/{AI}">Circle</a>: summarise'


@pytest.mark.parametrize(
    ("event", "addressed"),
    [
        pytest.param(_message(**{"m.mentions": {"user_ids": [AI]}}), True, id="1 intentional mention"),
        pytest.param(_message("@Circle summarise", **{"m.mentions": {}}), True, id="2 typed without a pill"),
        pytest.param(_message("x", formatted_body=PILL), True, id="3 pill"),
        pytest.param(_message("!circle summarise"), True, id="4 command"),
        pytest.param(_message(**_relates(**{"m.in_reply_to": {"event_id": "$ai"}})), True, id="5 reply to it"),
        pytest.param(
            _message(**{"m.mentions": {}}, **_relates(rel_type="m.thread", event_id="$ai", **FALLBACK)),
            True,
            id="6 thread under its message",
        ),
        pytest.param(
            _message(**_relates(rel_type="m.thread", event_id="$called")), True, id="7 thread it was called into"
        ),
        pytest.param(
            _message(**_relates(rel_type="m.thread", event_id="$other", **FALLBACK)),
            False,
            id="8 the fallback of another thread",
        ),
        pytest.param(
            _message(
                "* @Circle x",
                **{"m.new_content": {"body": "@Circle x"}},
                **_relates(rel_type="m.replace", event_id="$old"),
            ),
            False,
            id="9 edit",
        ),
        pytest.param(_message("@Circle x", msgtype="m.notice"), False, id="10 notice"),
        pytest.param(_message("@Circle x", "@bot:home.example"), False, id="11 known bot"),
        pytest.param(_message("@Circle x", "@_irc_relay:home.example"), False, id="12 ghost"),
        pytest.param(_message("@Circle x", AI), False, id="the AI itself"),
        pytest.param(_message("good morning"), False, id="talk"),
        pytest.param(_message("ask Circle: later"), False, id="name in the middle"),
        pytest.param(
            _message("x", formatted_body=f"<mx-reply>{PILL}</mx-reply>thanks"), False, id="pill inside a quote"
        ),
        pytest.param(
            _message("x", formatted_body='<a href="https://matrix.to/#/@li:x">Li</a>'), False, id="other pill"
        ),
        pytest.param(
            _message("x", formatted_body=f"<mx-reply><mx-reply>x</mx-reply>{PILL}"),
            False,
            id="pill in an unclosed quote",
        ),
        pytest.param(
            _message("x", formatted_body='<a href="matrix:u/circle:home.example">C</a>'), True, id="matrix: link"
        ),
        pytest.param(
            _message("x", formatted_body='<a href="https://matrix.to/#/%40circle%3Ahome.example">C</a>'),
            True,
            id="escaped pill",
        ),
        pytest.param(_message(**_relates(**{"m.in_reply_to": {"event_id": "$x"}})), False, id="reply to somebody else"),
        pytest.param(_message("> <@a:b> @Circle x\n\nyes", **_relates(rel_type="m.x")), False, id="quoted address"),
        pytest.param(
            _event("m.poll.response", content=_relates(rel_type="m.reference", event_id="$ai")),
            True,
            id="vote in its poll",
        ),
        pytest.param(
            _event("m.room.encrypted", content=_relates(**{"m.in_reply_to": {"event_id": "$ai"}})),
            True,
            id="encrypted reply to it",
        ),
        pytest.param(_event("m.room.encrypted", content={"ciphertext": "…"}), False, id="other ciphertext"),
    ],
)
def test_the_shapes_of_speaking_to_it(event: dict[str, Any], addressed: bool) -> None:
    assert classify(event, VIEW).addressed is addressed


@pytest.mark.parametrize(
    ("event", "addressed"),
    [
        (_message("good morning"), True),
        (_event("m.room.encrypted", content={"ciphertext": "…"}), True),
        (_message("x", "@bot:home.example"), False),
        (_message("x", **_relates(rel_type="m.replace", event_id="$old")), False),
    ],
)
def test_a_direct_message_always_speaks_to_it(event: dict[str, Any], addressed: bool) -> None:
    assert classify(event, VIEW._replace(is_direct=True)).addressed is addressed


def test_an_edit_of_what_was_said_to_it_is_read_but_triggers_nothing() -> None:
    edit = _message(
        "* …", **{"m.new_content": {"body": "@Circle x"}}, **_relates(rel_type="m.replace", event_id="$old")
    )
    passed = filter_event(edit, VIEW)
    assert isinstance(passed, Passed)
    assert passed.classified.kind is Kind.EDIT
    assert passed.classified.edits == "$old"
    assert passed.read
    assert not passed.trigger


@pytest.mark.parametrize(
    ("member", "passes"), [(VIEW.member, True), (Member(level=Level.OUT), False), (Member(since=None), False)]
)
@pytest.mark.parametrize("event_type", ["m.room.message", "m.room.encrypted"])
def test_of_an_edit_of_talk_passes_that_it_was_edited_and_no_word(
    event_type: str, member: Member, passes: bool
) -> None:
    """Where a call may have shown the old words, for then an answer may rest on them; of no other edit anything."""
    content = {"body": CANARY, "ciphertext": CANARY, "m.new_content": {"body": CANARY}}
    edit = _event(event_type, content=content | _relates(rel_type="m.replace", event_id="$old", key=CANARY))
    weighed = weigh(edit, VIEW._replace(member=member))
    assert isinstance(weighed, Weighed)
    forwarded = weighed.forwarded(edit)
    assert (forwarded is not None) == passes
    if forwarded is not None:
        assert CANARY not in str(forwarded)
        again = filter_event(forwarded, VIEW)
        assert isinstance(again, Dropped)
        assert again.classified.edits == "$old"


def test_talk_passes_only_where_it_may_be_read_as_it_arrives() -> None:
    assert isinstance(filter_event(_message("good morning"), VIEW), Dropped)
    passed = filter_event(_message("good morning"), NOTEBOOK)
    assert isinstance(passed, Passed)
    assert passed.read
    assert passed.store
    assert not passed.trigger


def test_a_look_back_passes_what_may_be_read_and_nothing_else() -> None:
    back = VIEW._replace(called=True)
    assert isinstance(filter_event(_message("good morning"), back), Passed)
    agreed = back._replace(room=(preset(Preset.AGREED),))
    assert isinstance(filter_event(_message("@Circle hi"), agreed), Dropped)


def test_what_may_trigger_but_not_be_read_passes_and_says_so() -> None:
    passed = filter_event(_message("@Circle check in"), VIEW._replace(room=(preset(Preset.AGREED),)))
    assert isinstance(passed, Passed)
    assert passed.trigger
    assert passed.read.reasons == (Reason.NO_CONSENT,)


def test_off_the_record_it_is_answered_and_not_looked_at() -> None:
    passed = filter_event(_message("@Circle off the record: hm"), VIEW)
    assert isinstance(passed, Passed)
    assert passed.classified.off_record
    assert passed.trigger
    assert passed.read.reasons == (Reason.MARKED,)
    assert isinstance(filter_event(_message("别记：…"), NOTEBOOK), Dropped)
    assert isinstance(filter_event(_message("@Circle hm"), VIEW._replace(mark=Mark.HIDDEN)), Dropped)


def test_who_is_out_is_still_answered_and_who_said_not_at_all_is_not() -> None:
    assert isinstance(filter_event(_message("@Circle hi"), VIEW._replace(member=Member(level=Level.OUT))), Passed)
    assert isinstance(filter_event(_message("hi"), NOTEBOOK._replace(member=Member(level=Level.OUT))), Dropped)
    nothing = VIEW._replace(member=Member(level=Level.NOT_AT_ALL))
    assert isinstance(filter_event(_message("@Circle hi"), nothing), Dropped)


def test_its_own_messages_come_back_whole() -> None:
    passed = filter_event(_message("an answer", AI), WAITING)
    assert isinstance(passed, Passed)
    assert passed.classified.own
    assert not passed.trigger


def _state(event_type: str, state_key: str = "", /, **content: Any) -> dict[str, Any]:
    return _event(event_type, state_key=state_key, content=content)


POLICY = to_content(preset(Preset.NOTEBOOK))
CONTROLS = [
    pytest.param(
        _state("m.room.member", AI, membership="join", displayname=CANARY),
        Control.AI_MEMBERSHIP,
        {"membership": "join"},
        id="its own membership",
    ),
    pytest.param(
        _state("m.room.member", BOB, membership="leave", reason=CANARY, avatar_url=CANARY),
        Control.JOIN_LEAVE,
        {"membership": "leave"},
        id="a leave",
    ),
    pytest.param(
        _state("m.room.member", BOB, membership="knock", reason=CANARY),
        Control.MEMBER,
        {"membership": "knock"},
        id="a knock",
    ),
    pytest.param(
        _state("m.room.create", room_version="12", additional_creators=[MEI], x=CANARY),
        Control.CREATE,
        {"room_version": "12", "additional_creators": [MEI]},
        id="create",
    ),
    pytest.param(
        _state("m.room.power_levels", users={MEI: 50}, x=CANARY), Control.POWER, {"users": {MEI: 50}}, id="power"
    ),
    pytest.param(_state(POLICY_TYPE, **POLICY), Control.POLICY, POLICY, id="policy"),
    pytest.param(
        _state("m.room.encryption", algorithm="m.megolm", x=CANARY),
        Control.ENCRYPTION,
        {"algorithm": "m.megolm"},
        id="encryption",
    ),
    pytest.param(
        _state("m.room.tombstone", replacement_room="!n", body=CANARY),
        Control.TOMBSTONE,
        {"replacement_room": "!n"},
        id="tombstone",
    ),
    pytest.param(
        _state("m.room.server_acl", allow=["*"], deny=["evil.example"], x=CANARY),
        Control.SERVER_ACL,
        {"allow": ["*"], "deny": ["evil.example"]},
        id="server list",
    ),
    pytest.param(
        _state("m.room.retention", max_lifetime=86_400_000, min_lifetime=CANARY, x=CANARY),
        Control.RETENTION,
        {"max_lifetime": 86_400_000},
        id="retention",
    ),
    pytest.param(
        _state("m.room.retention", max_lifetime=CANARY),
        Control.RETENTION,
        {"max_lifetime": -1},
        id="retention, words",
    ),
    pytest.param(
        _event("m.room.redaction", redacts="$x", content={"reason": CANARY}),
        Control.REDACTION,
        {"redacts": "$x"},
        id="redaction, old form",
    ),
    pytest.param(
        _event("m.room.redaction", content={"redacts": "$x", "reason": CANARY}),
        Control.REDACTION,
        {"redacts": "$x"},
        id="redaction, new form",
    ),
    pytest.param(
        _event("m.reaction", content=_relates(rel_type="m.annotation", event_id="$ai", key="👍", x=CANARY)),
        Control.REACTION,
        _relates(rel_type="m.annotation", event_id="$ai", key="👍"),
        id="reaction to it",
    ),
    pytest.param(
        _event("m.reaction", content=_relates(rel_type="m.annotation", event_id="$x", key="🙈\ufe0f")),
        Control.REACTION,
        _relates(rel_type="m.annotation", event_id="$x", key="🙈\ufe0f"),
        id="hiding any message",
    ),
    pytest.param(
        _message("!circle out", formatted_body=CANARY, **{"m.mentions": {"user_ids": [BOB, 3]}}),
        Control.WORD,
        {"msgtype": "m.text", "body": "!circle out", "m.mentions": {"user_ids": [BOB]}},
        id="control word",
    ),
]


@pytest.mark.parametrize(("event", "control", "content"), CONTROLS)
@pytest.mark.parametrize("member", [Member(), Member(level=Level.NOT_AT_ALL)])
def test_control_events_pass_without_a_policy_and_reduced(
    event: dict[str, Any], control: Control, content: dict[str, Any], member: Member
) -> None:
    passed = filter_event(event, WAITING._replace(member=member))
    assert isinstance(passed, Passed)
    assert passed.classified.control is control
    assert passed.event["content"] == content
    assert passed.read.reasons == passed.store.reasons == (Reason.CONTROL,)
    assert CANARY not in json.dumps(passed.event)


def test_a_redaction_passes_in_both_forms() -> None:
    passed = filter_event(_event("m.room.redaction", content={"redacts": "$x"}), WAITING)
    assert isinstance(passed, Passed)
    assert passed.event["redacts"] == "$x"
    assert isinstance(filter_event(_event("m.room.redaction", content={}), WAITING), Passed)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(_state("m.room.topic", topic=CANARY), id="topic"),
        pytest.param(_state(POLICY_TYPE, "other", **POLICY), id="policy under a state key"),
        pytest.param(_message("@Circle summarise"), id="said to it"),
        pytest.param(
            _event("m.reaction", content=_relates(rel_type="m.annotation", event_id="$x", key="👍")),
            id="reaction to somebody else",
        ),
        pytest.param(
            _event("m.reaction", content=_relates(rel_type="m.annotation", event_id="$ai", key="x" * 65)),
            id="a reaction that is a text",
        ),
        pytest.param(_message("!circle out", "@bot:home.example"), id="control word of a bot"),
        pytest.param(
            _message("…", **{"m.new_content": {"body": "!circle in"}}, **_relates(rel_type="m.replace", event_id="$o")),
            id="control word in an edit",
        ),
        pytest.param(_event("com.example.unknown", content={"x": CANARY}), id="unknown type"),
    ],
)
def test_nothing_else_passes_without_a_policy(event: dict[str, Any]) -> None:
    assert isinstance(filter_event(event, WAITING), Dropped)


def test_other_reactions_are_dropped_under_every_policy() -> None:
    reaction = _event("m.reaction", content=_relates(rel_type="m.annotation", event_id="$x", key="👍"))
    assert filter_event(reaction, NOTEBOOK) == Dropped((Reason.NOT_ADDRESSED,), classify(reaction, NOTEBOOK))


def test_state_that_controls_nothing_passes_under_no_policy() -> None:
    """Nobody says a topic, so a policy that opens all talk does not open it, neither as it comes nor looking back."""
    topic = _state("m.room.topic", topic=CANARY)
    for view in (NOTEBOOK, NOTEBOOK._replace(called=True)):
        assert isinstance(filter_event(topic, view), Dropped)


def test_an_invite_says_what_kind_of_room_it_is_and_not_what_it_is_called() -> None:
    stripped = [
        {"type": "m.room.encryption", "state_key": "", "sender": MEI, "content": {"algorithm": "m.megolm"}},
        {"type": "m.room.name", "state_key": "", "sender": MEI, "content": {"name": CANARY}},
        {"type": "m.room.member", "state_key": MEI, "content": {"membership": "join", "displayname": CANARY}},
        CANARY,
    ]
    invite = _event(
        "m.room.member",
        state_key=AI,
        content={"membership": "invite", "is_direct": True, "reason": CANARY},
        unsigned={"invite_room_state": stripped, "prev_content": CANARY},
    )
    passed = filter_event(invite, WAITING)
    assert isinstance(passed, Passed)
    assert CANARY not in json.dumps(passed.event)
    assert passed.event["unsigned"] == {
        "invite_room_state": [
            {"type": "m.room.encryption", "state_key": "", "sender": MEI, "content": {"algorithm": "m.megolm"}},
            {"type": "m.room.member", "state_key": MEI, "content": {"membership": "join"}},
        ]
    }
    bare = filter_event(_event("m.room.member", state_key=AI, content={"membership": "invite"}), WAITING)
    assert isinstance(bare, Passed)
    assert bare.event["unsigned"] == {"invite_room_state": []}


def test_what_passes_is_rebuilt_without_other_peoples_text() -> None:
    event = _message(
        f"> <@out:x> {CANARY}\n\n@Circle yes",
        formatted_body=f"<mx-reply>{CANARY}</mx-reply>yes",
        **_relates(**{"m.in_reply_to": {"event_id": "$ai"}}),
    )
    event["unsigned"] = {"m.relations": CANARY, "redacted_because": CANARY, "prev_content": CANARY}
    event["prev_content"] = CANARY
    passed = filter_event(event, VIEW)
    assert isinstance(passed, Passed)
    assert CANARY not in json.dumps(passed.event)
    assert passed.event["content"]["body"] == "@Circle yes"  # type: ignore[index]
    assert passed.classified.reply_to == "$ai"


def test_an_edit_nested_in_itself_is_judged_without_an_error() -> None:
    content: dict[str, Any] = {"body": "@Circle x"}
    for _ in range(5000):
        content = {"body": "@Circle x", "m.new_content": content, **_relates(rel_type="m.replace", event_id="$old")}
    passed = filter_event(_event(content=content), NOTEBOOK)
    assert isinstance(passed, Passed)
    assert passed.event["content"]["m.new_content"].keys() == {"body", "m.relates_to"}  # type: ignore[index]


def test_of_ciphertext_only_what_decrypts_it_passes() -> None:
    content = {"algorithm": "m.megolm", "ciphertext": "…", "session_id": "s", "x": CANARY}
    passed = filter_event(_event("m.room.encrypted", content=content), VIEW._replace(is_direct=True))
    assert isinstance(passed, Passed)
    assert passed.classified.encrypted
    assert passed.event["content"] == {"algorithm": "m.megolm", "ciphertext": "…", "session_id": "s"}


@pytest.mark.parametrize(("origin", "at"), [(5, 5), (99 * DAY, 10 * DAY), (-1, 0), (True, 0), ("5", 0), (None, 0)])
def test_a_message_is_as_old_as_the_earlier_of_its_two_times(origin: object, at: int) -> None:
    assert classify(_event(origin_server_ts=origin), VIEW).at == at


def test_a_control_word_is_told_with_the_event() -> None:
    assert classify(_message("why", **_relates(**{"m.in_reply_to": {"event_id": "$ai"}})), VIEW).word is ControlWord.WHY


@given(events, rooms, members, marks, st.booleans(), st.booleans())
def test_any_json_is_judged_and_only_allowed_keys_pass(
    event: object, room: Any, member: Member, mark: Mark, is_direct: bool, called: bool
) -> None:
    view = VIEW._replace(room=room, member=member, mark=mark, is_direct=is_direct, called=called)
    result, weighed = filter_event(event, view), weigh(event, view)
    forwarded = weighed.forwarded(event) if isinstance(weighed, Weighed) else None
    if isinstance(result, Dropped):
        assert result.reasons
        edits = result.classified.edits
        assert forwarded is None or forwarded["content"] == {
            "m.relates_to": {"rel_type": "m.replace", "event_id": edits}
        }
        return
    assert forwarded == result.event
    allowed = {
        "event_id",
        "room_id",
        "sender",
        "type",
        "state_key",
        "origin_server_ts",
        "content",
        "redacts",
        "unsigned",
    }
    assert set(result.event) <= allowed
    assert set(result.event.get("unsigned", {})) <= {"invite_room_state"}  # type: ignore[call-overload]
    known = result.classified
    assert known.control is not None or known.own or result.read or (not called and (result.trigger or result.store))
    if known.control is not None:
        assert not result.read
        assert not result.store


@given(events)
def test_without_a_policy_only_control_and_its_own_events_pass(event: object) -> None:
    result = filter_event(event, WAITING)
    if isinstance(result, Passed):
        assert result.classified.control is not None or result.classified.own
