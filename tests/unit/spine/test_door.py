"""The door: who may knock, what is durable before 200, and that nothing the homeserver sends can stop the rest."""

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from circles.adapters.store.tables import journal, messages
from circles.core import compose
from circles.core import effects as fx
from circles.facts import posts
from circles.testing import AI, ROOM
from knocks import PATH, TOKEN, Knocks
from rows import LI, MEI, NOW, a_post, message

# --- who may knock ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", "hs-token", f"bearer {TOKEN}", "Bearer \udcff"])
async def test_a_wrong_token_is_refused(knocks: Knocks, header: str | None) -> None:
    """On every path, also the ones that do not exist."""
    headers = {"Authorization": header.encode("utf-8", "surrogateescape").decode("latin-1")} if header else {}
    for method, path in (
        ("PUT", PATH + "1"),
        ("POST", "/_matrix/app/v1/ping"),
        ("GET", "/"),
        ("GET", "/_matrix/app/v1/users/@x:y"),
    ):
        answer = await knocks.client.request(method, path, headers=headers, json={"events": [message()]})

        assert (answer.status, (await answer.json())["errcode"]) == (403, "M_FORBIDDEN")
    assert await knocks.states() == []


@pytest.mark.parametrize(
    "path", ["/_matrix/app/v1/users/@nobody:home.example", "/_matrix/app/v1/rooms/%23none:home.example"]
)
async def test_nobody_is_made_on_demand(knocks: Knocks, path: str) -> None:
    """Unknown users and aliases are 404, with the spec's errcode."""
    answer = await knocks.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    assert (answer.status, (await answer.json())["errcode"]) == (404, "M_NOT_FOUND")


async def test_a_ping_is_answered(knocks: Knocks) -> None:
    """With an empty object."""
    answer = await knocks.client.post("/_matrix/app/v1/ping", headers={"Authorization": f"Bearer {TOKEN}"}, json={})

    assert (answer.status, await answer.json()) == (200, {})


# --- what is accepted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1, 2", b"\xff\xfe", b'"events"', b"[]", b"{}", b'{"events": {}}', b'{"events": null}']
)
async def test_what_is_no_transaction_is_refused(knocks: Knocks, body: bytes) -> None:
    """400, with an errcode; nothing is written."""
    answer = await knocks.put_raw("1", body)

    assert answer.status == 400
    assert (await answer.json())["errcode"] in ("M_NOT_JSON", "M_BAD_JSON")
    assert await knocks.states() == []


async def test_a_body_of_six_megabytes_is_taken(knocks: Knocks) -> None:
    """100 events of the largest size; refused, it would come again for ever."""
    events = [message(f"circle: {number} {'x' * 60_000}") for number in range(100)]
    answer = await knocks.put("big", *events)

    assert answer.status == 200
    assert len(await knocks.states()) == 100


async def test_an_event_is_durable_and_the_parts_are_told_before_the_answer(knocks: Knocks) -> None:
    """The commit first, then the worker is kicked, then 200."""
    answer = await knocks.put("1", message("!circle help"))

    assert (answer.status, await answer.json()) == (200, {})
    assert await knocks.states() == ["pending"]
    assert [after.rooms for after in knocks.told] == [{ROOM}]
    assert len(knocks.heard) == 1


async def test_what_is_said_to_others_is_not_written(knocks: Knocks) -> None:
    """Kept where the policy keeps it, but nothing of it is work."""
    await knocks.put("1", message("good morning all"))

    assert await knocks.states() == ["settled"]
    assert await knocks.rows.do(lambda c: c.execute(select(messages.c.text)).scalar()) == "good morning all"


async def test_an_hour_off_the_record_is_never_written(knocks: Knocks) -> None:
    """From the word on, in the very transaction that brings it; what is said to the AI is work as always."""
    word = message("off record for an hour", sender=LI)
    await knocks.put("1", message("before", at=NOW - 1), word, message("the secret"), message("!circle help"))

    assert await knocks.rows.do(lambda c: list(c.execute(select(messages.c.text)).scalars())) == ["before"]
    assert await knocks.states() == ["settled", "pending", "pending"]
    assert b"the secret" not in await knocks.rows.bytes()


# --- once ---------------------------------------------------------------------------------------------------------


async def test_one_event_has_one_effect_however_often_it_comes(knocks: Knocks) -> None:
    """The same transaction at once and again; the same event in another; reordered; the same id with other events."""
    one, two, three = message("!circle help"), message("!circle help"), message("!circle help")
    answers = await asyncio.gather(*(knocks.put("1", one, two) for _ in range(8)))
    answers += [
        await knocks.put("1", one, two),
        await knocks.put("2", two, one),
        await knocks.put("3", one),
        await knocks.put("1", three),
    ]

    assert {answer.status for answer in answers} == {200}
    assert await knocks.states() == ["pending"] * 3
    assert sum(len(after.rooms) for after in knocks.told) == 2


async def test_transactions_at_once_are_all_taken_in(knocks: Knocks) -> None:
    """None lost, none doubled."""
    events = [message("!circle help") for _ in range(40)]
    answers = await asyncio.gather(*(knocks.put(f"t{number}", event) for number, event in enumerate(events)))

    assert {answer.status for answer in answers} == {200}
    assert len(await knocks.states()) == 40


# --- poison -------------------------------------------------------------------------------------------------------


def poison_of(kind: str, content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    state = {} if kind == "message" else {"state_key": MEI if kind == "member" else ""}
    return {**message(event_id="$p"), "type": f"m.room.{kind}", **state, "content": content, **changes}


POISON = [
    poison_of("message", {"body": "circle: \ud800 \udfff"}),
    poison_of("message", {"body": "circle: hi"}, event_id="$p\ud800"),
    poison_of("message", {"body": "circle: hi"}, room_id="!\udcff"),
    poison_of("power_levels", {"users": {MEI: 10**400}}),
    poison_of("create", {"room_version": {"a": 1}}),
    poison_of("member", {"membership": ["join"]}),
    poison_of("message", {"body": "circle: hi"}, origin_server_ts=10**30),
    poison_of("message", {"body": 7}, origin_server_ts=-(10**30)),
    poison_of("tombstone", {"replacement_room": {"no": "room"}}),
]


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_a_poison_event_does_not_stop_the_rest(knocks: Knocks, poison: dict[str, Any]) -> None:
    """Taken, dropped or quarantined, never answered with 5xx; what comes before and after it is taken in."""
    before, after = message("!circle help"), message("!circle help")
    answer = await knocks.put("1", before, poison, after)
    again = await knocks.put("1", before, poison, after)

    assert (answer.status, again.status) == (200, 200)
    for event in (before, after):
        assert (await knocks.rows.journal_of(event["event_id"]) or ("",))[0] == "pending"


async def test_an_event_that_breaks_us_is_noted_by_its_id(knocks: Knocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quarantined without its words, with the reference that stands in the log; and it is not tried again."""

    def breaks(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("circles.facts.events.created", breaks)
    poison = {
        "event_id": "$poison", "room_id": ROOM, "sender": MEI, "type": "m.room.create", "state_key": "",
        "origin_server_ts": NOW, "content": {"room_version": "12"},
    }  # fmt: skip
    answer = await knocks.put("1", poison, message("!circle help"))
    again = await knocks.put("2", poison)

    assert (answer.status, again.status) == (200, 200)
    assert await knocks.rows.journal_of("$poison") == ("quarantined", None)
    assert await knocks.states() == ["quarantined", "pending"]
    reference = select(journal.c.reference).where(journal.c.event_id == "$poison")
    assert re.fullmatch("[0-9a-f]{8}", await knocks.rows.do(lambda c: c.execute(reference).scalar()) or "")


async def test_what_is_no_event_is_passed_over(knocks: Knocks) -> None:
    """Junk in the list is junk."""
    answer = await knocks.put("1", None, 7, "x", [], {}, {"event_id": 7}, message("!circle help"))

    assert answer.status == 200
    assert await knocks.states() == ["pending"]


async def test_without_a_commit_there_is_no_200(knocks: Knocks) -> None:
    """The disk is full: the homeserver keeps it and tries again, and then it is taken in."""
    knocks.database.full = True
    refused = await knocks.put("1", message("!circle help", event_id="$full"))
    knocks.database.full = False
    taken = await knocks.put("1", message("!circle help", event_id="$full"))

    assert (refused.status, taken.status) == (503, 200)
    assert await knocks.states() == ["pending"]


async def test_a_database_that_breaks_inside_an_event_is_no_poison(
    knocks: Knocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is wrong with the event: it must come again, not be quarantined."""

    def full(*_arguments: object, **_named: object) -> None:
        raise OperationalError("INSERT", None, Exception("disk I/O error"))

    with monkeypatch.context() as patch:
        patch.setattr("circles.adapters.store.journal.add", full)
        refused = await knocks.put("1", message("!circle help"))
    assert refused.status == 503
    assert await knocks.states() == []


# --- our own echo -------------------------------------------------------------------------------------------------


async def test_our_own_echo_tells_where_a_post_stands(knocks: Knocks) -> None:
    """A tap that follows it in the same delivery is one on a post of ours, though nobody told us that it was sent."""
    await knocks.rows.perform(a_post("said"))
    (row,) = await knocks.rows.waiting()
    content = compose.message(row.payload, row.id)
    echo = {**message(sender=AI, event_id="$echo"), "content": content}
    relation = {"rel_type": "m.annotation", "event_id": "$echo", "key": "✅"}
    tap = {**message(event_id="$tap"), "type": "m.reaction", "content": {"m.relates_to": relation}}
    await knocks.put("1", echo, tap)

    assert await knocks.rows.do(lambda c: posts.is_ours(c, "$echo"))
    assert (await knocks.rows.journal_of("$tap") or ("",))[0] == "pending"
    assert await knocks.rows.journal_of("$echo") is None


async def test_an_echo_of_what_was_withdrawn_is_redacted(knocks: Knocks) -> None:
    """It had been taken by the homeserver after all."""
    await knocks.rows.perform(a_post("said"))
    (row,) = await knocks.rows.waiting()
    await knocks.rows.perform(fx.Withdraw(row.id))
    await knocks.put("1", {**message(sender=AI, event_id="$echo"), "content": compose.message(row.payload, row.id)})

    assert await knocks.rows.redacted() == {"$echo"}
    assert knocks.told[-1].lanes == {ROOM}


async def test_nobody_else_can_speak_of_our_effects(knocks: Knocks) -> None:
    """A mark in somebody's message is only content."""
    await knocks.rows.perform(a_post("said"))
    (row,) = await knocks.rows.waiting()
    await knocks.put("1", {**message(event_id="$forged"), "content": compose.message(row.payload, row.id)})

    assert not await knocks.rows.do(lambda c: posts.is_ours(c, "$forged"))


async def test_the_wrong_token_is_not_told_apart_by_time_or_words(knocks: Knocks) -> None:
    """One sentence for all."""
    answers = [await knocks.put("1", token=token) for token in ("", "h", "hs-toke", "hs-tokens")]

    assert len({await answer.text() for answer in answers}) == 1
    assert await knocks.rows.do(lambda c: c.execute(select(func.count()).select_from(journal)).scalar()) == 0
