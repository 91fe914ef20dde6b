"""The crash campaign's judge: it finds each fault that is planted, and none where there is none."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from circles_bench.audit import MARK, WAITS, Act, Fault, Kind, audit, audit_sealed

AI, MEI, ROOM = "@circle:home.example", "@mei:home.example", "!family"
Events = list[dict[str, Any]]


def event(
    event_id: str,
    sender: str = AI,
    *,
    text: str = "words",
    kind: str = "answer",
    relation: Mapping[str, Any] | None = None,
    type_: str = "m.room.message",
) -> dict[str, Any]:
    content: dict[str, Any] = {"body": text} if type_ == "m.room.message" else {}
    if sender == AI:
        content[MARK] = {"kind": kind}
    if relation is not None:
        content["m.relates_to"] = relation
    return {"event_id": event_id, "sender": sender, "type": type_, "origin_server_ts": 0, "content": content}


def reply(event_id: str, to: str, text: str = "words", kind: str = "answer") -> dict[str, Any]:
    return event(event_id, text=text, kind=kind, relation={"m.in_reply_to": {"event_id": to}})


def edit(event_id: str, of: str, text: str = "words") -> dict[str, Any]:
    edited = event(event_id, relation={"rel_type": "m.replace", "event_id": of})
    edited["content"]["m.new_content"] = {"body": text, MARK: {"kind": "answer"}}
    return edited


def sign(event_id: str, on: str) -> dict[str, Any]:
    relation = {"rel_type": "m.annotation", "event_id": on, "key": WAITS}
    return event(event_id, relation=relation, type_="m.reaction")


def sound() -> tuple[list[Act], Events]:
    """Return one of each kind of act, and a room in which all is well."""
    acts = [
        Act(1, Kind.COMMAND, ROOM, "$q1"),
        Act(1, Kind.KEEP, ROOM, "$q2", "bcd"),
        Act(1, Kind.REMIND, ROOM, "$q3", "fgh"),
        Act(1, Kind.ASK, ROOM, "$q4"),
        Act(1, Kind.DIGEST, ROOM, "$q5", due=10),
        Act(1, Kind.REDACT, ROOM, "$q6"),
        Act(1, Kind.HIDE, ROOM, "$q7", "jkl is"),
    ]
    room: Events = [event(f"$q{n}", MEI) for n in range(1, 8)]
    room += [
        reply("$a1", "$q1"),
        reply("$a4", "$q4"),
        reply("$a2", "$q2", kind="kept"),
        reply("$a3", "$q3", kind="reminder-set"),
        {**sign("$s4", "$q4"), "content": {}},  # it was taken away
        reply("$a5", "$q5"),
        reply("$r3", "$q3", text="water the fgh", kind="reminder"),
        event("$d5", kind="digest"),
        reply("$a7", "$q7"),
        event("$n", text="Notes: the bcd", kind="notes"),
    ]
    return acts, room


def test_a_room_in_which_all_is_well_has_no_fault() -> None:
    acts, room = sound()

    assert audit(acts, {ROOM: room}, AI) == []


def without(event_id: str) -> Callable[[Events], Events]:
    return lambda room: [each for each in room if each["event_id"] != event_id]


def again(event_id: str) -> Callable[[Events], Events]:
    return lambda room: [*room, *({**each, "event_id": "$x"} for each in room if each["event_id"] == event_id)]


def and_also(more: dict[str, Any]) -> Callable[[Events], Events]:
    return lambda room: [*room, more]


def swapped(one: str, other: str) -> Callable[[Events], Events]:
    def change(room: Events) -> Events:
        by_id = {each["event_id"]: each for each in room}
        turned = {one: by_id[other], other: by_id[one]}
        return [turned.get(each["event_id"], each) for each in room]

    return change


@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        pytest.param(without("$a1"), Kind.COMMAND, "lost", id="a command without an answer"),
        pytest.param(again("$a1"), Kind.COMMAND, "doubled", id="an answer twice"),
        pytest.param(swapped("$a1", "$a2"), Kind.KEEP, "out_of_order", id="answers in the wrong order"),
        pytest.param(without("$r3"), Kind.REMIND, "lost", id="a reminder that never came"),
        pytest.param(again("$r3"), Kind.REMIND, "doubled", id="a reminder twice"),
        pytest.param(and_also(sign("$x", "$q4")), Kind.ASK, "lost", id="a sign that stands for ever"),
        pytest.param(and_also(edit("$x", "$a4")), Kind.ASK, "doubled", id="an answer that was edited"),
        pytest.param(without("$d5"), Kind.DIGEST, "lost", id="a digest that never came"),
        pytest.param(again("$d5"), Kind.DIGEST, "doubled", id="a digest twice"),
        pytest.param(and_also(reply("$x", "$q6")), Kind.REDACT, "lost", id="an answer to what was redacted"),
        pytest.param(and_also(edit("$x", "$a7", "the jkl is there")), Kind.HIDE, "lost", id="what was hidden stands"),
        pytest.param(without("$a7"), Kind.HIDE, "lost", id="a question that lost its answer with the message"),
        pytest.param(and_also(event("$x", text="Notes: nothing", kind="notes")), Kind.KEEP, "lost", id="a note gone"),
        pytest.param(
            and_also(event("$x", text="Notes: bcd, bcd", kind="notes")),
            Kind.KEEP,
            "doubled",
            id="a note twice",
        ),
    ],
)
def test_it_finds_what_is_wrong(change: Callable[[Events], Events], kind: Kind, what: str) -> None:
    """Of the right kind, and on no other act."""
    acts, room = sound()

    faults = audit(acts, {ROOM: change(room)}, AI)

    assert what in [fault.what for fault in faults]
    assert {fault.act.kind for fault in faults} == {kind}


def test_a_digest_that_was_confirmed_too_late_need_not_come() -> None:
    """Whoever sets one for a minute that has passed gets it tomorrow."""
    acts, room = sound()
    late = [{**each, "origin_server_ts": 11} if each["event_id"] == "$a5" else each for each in room]

    assert audit(acts, {ROOM: without("$d5")(late)}, AI) == []


@pytest.mark.parametrize(
    ("wire", "more", "what"),
    [
        pytest.param("m.room.message", {}, ["in_the_clear"], id="words that the server can read"),
        pytest.param("m.room.encrypted", {"failure": "no key came"}, ["unreadable"], id="words that nobody can read"),
        pytest.param("m.room.encrypted", {}, [], id="words as they should be"),
        pytest.param("m.reaction", {}, [], id="a reaction"),
        pytest.param("m.room.message", {"sender": MEI}, [], id="a person's own"),
        pytest.param("m.room.name", {"state_key": ""}, [], id="state"),
    ],
)
def test_it_finds_what_the_server_or_nobody_can_read(wire: str, more: Mapping[str, Any], what: list[str]) -> None:
    """In encrypted rooms, of what the AI sent."""
    sent = {**event("$x"), "wire": {"type": wire, "content": {"any": "thing"}}, **more}
    redacted: dict[str, Any] = {**event("$y"), "wire": {"type": "m.room.message", "content": {}}}

    faults: list[Fault] = audit_sealed({ROOM: [sent, redacted]}, AI)

    assert [(fault.what, fault.act.question) for fault in faults] == [(each, "$x") for each in what]
