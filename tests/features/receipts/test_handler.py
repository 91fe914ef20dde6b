"""Receipts from rows: which post is meant, and what is known of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from circles.adapters.store import egress
from circles.adapters.store.egress import Departure, Outcome
from circles.core.effects import Effect, Post, Private
from circles.core.ids import EventID, RoomID, UserID
from circles.facts import rooms
from circles.facts.tables import policies, posts, sources
from circles.features.receipts.decide import days_meant
from circles.features.receipts.handler import receipts as receipts_file
from circles.features.receipts.handler import why
from circles.ports import Ports
from circles.testing import NOON, ROOM, FakeTalk, a_call, a_room, some_ports
from circles_policies import Preset, preset, to_content

MUM = UserID("@mum:home.example")
LI = UserID("@li:far.example")
AT = int(NOON.timestamp() * 1000)
DM = RoomID("!dm")


async def world(talk: FakeTalk | None = None) -> Ports:
    """Make ports with one room in which a policy is in force."""
    ports = some_ports(talk=talk or FakeTalk())

    def write(connection: Connection) -> None:
        rooms.save_room(connection, ROOM, membership="join", filled=True)
        rooms.save_room(connection, DM, membership="join", filled=True, direct=True)
        rooms.save_member(connection, ROOM, MUM, membership="join")
        connection.execute(
            policies.insert().values(
                room_id=ROOM, content=to_content(preset(Preset.ON_CALL)), state="in_force", asked_at=1, starts_at=1
            )
        )

    await ports.database.write(write)
    return ports


async def say(ports: Ports, key: str, *rests_on: tuple[str, str], **changes: Any) -> None:
    """Write a post of the AI's: an answer to Mum, just now."""
    row = {
        "effect_id": key,
        "room_id": ROOM,
        "about": ROOM,
        "event_id": f"${key}",
        "kind": "answer",
        "feature": "ask",
        "asker": MUM,
        "answers": "$question",
        "state": "final",
        "at": AT,
        **changes,
    }

    def write(connection: Connection) -> None:
        connection.execute(posts.insert().values(row))
        for event_id, sender in rests_on:
            connection.execute(sources.insert().values(effect_id=key, event_id=event_id, sender=sender))

    await ports.database.write(write)


async def send(ports: Ports, *events: str, asker: UserID = MUM, purpose: str = "ask", at: int = AT - 2000) -> None:
    """Write a request to a model."""
    departure = Departure(
        at=at,
        room_id=ROOM,
        asker=asker,
        purpose=purpose,
        host="api.example.com",
        model="gpt-x",
        size=1,
        policy_id=1,
        generation=0,
        events={EventID(event_id): LI for event_id in events},
    )

    def write(connection: Connection) -> None:
        egress.settle(connection, egress.record(connection, departure), Outcome.ANSWERED)

    await ports.database.write(write)


def body(effects: tuple[Effect, ...]) -> str:
    """Return what the one post says."""
    (post,) = [each.post if isinstance(each, Private) else each for each in effects if isinstance(each, Post | Private)]
    assert post.sources == ()
    return post.words.body


async def test_without_a_reply_the_latest_answer_to_the_asker_is_meant() -> None:
    """Not one to someone else, nor one in another thread."""
    talk = FakeTalk()
    event_id = talk.say(LI, "the secret plan")
    ports = await world(talk)
    await say(ports, "old", at=AT - 5000, answers="$earlier")
    await say(ports, "mine", (event_id, LI))
    await say(ports, "others", at=AT + 1, asker=LI, answers="$other")
    await say(ports, "thread", at=AT + 1, thread="$root", answers="$there")
    await say(ports, "excuse", at=AT + 1, kind="excuse", feature="help", answers="$else")
    await say(ports, "list", at=AT + 1, kind="me", feature="mine", answers="$list")

    words = body(await why(a_call("why", asker=MUM), ports))

    assert f"/{event_id}" in words
    assert "13:00" in words
    assert "secret" not in words


async def test_a_reply_says_which_one_is_meant() -> None:
    """Of another room's post nothing is told here."""
    ports = await world()
    await say(ports, "first", ("$one", LI))
    await say(ports, "elsewhere", ("$two", LI), room_id=DM, answers="$there")

    assert "$one" in body(await why(a_call("why", asker=LI, reply_to=EventID("$first")), ports))
    assert "isn't mine" in body(await why(a_call("why", asker=LI, reply_to=EventID("$elsewhere")), ports))
    assert "isn't mine" in body(await why(a_call("why", asker=LI, reply_to=EventID("$unknown")), ports))


async def test_with_nothing_to_tell_of() -> None:
    """A sentence says how to ask."""
    assert "Reply" in body(await why(a_call("why"), await world()))


async def test_a_models_answer_tells_where_text_went() -> None:
    """The room learns of the model, and not of each message it was shown; the asker alone does."""
    ports = await world()
    await send(ports, "$question", "$one", "$two")
    await say(ports, "mine", ("$one", LI), ("$two", LI))

    in_room = body(await why(a_call("why", asker=MUM), ports))
    alone = body(await why(a_call("why", asker=MUM, private=True), ports))
    other_alone = body(await why(a_call("why", asker=LI, private=True, reply_to=EventID("$mine")), ports))

    assert "gpt-x at api.example.com" in in_room
    assert "$one" not in in_room
    assert "$one" in alone
    assert "$two" in alone
    assert "$one" not in other_alone


async def test_requests_of_other_answers_are_not_counted_in() -> None:
    """Those of other people, purposes, times, and of the asker's answer before."""
    ports = await world()
    await send(ports, "$question", at=AT - 3_600_000)
    await send(ports, "$x", asker=LI)
    await send(ports, "$x", purpose="summary")
    await send(ports, "$before", at=AT - 8000)
    await say(ports, "before", at=AT - 7000, answers="$before")
    await say(ports, "mine", ("$one", LI))

    assert "No AI model was used" in body(await why(a_call("why", asker=MUM), ports))


async def test_a_digest_nobody_asked_for_has_a_receipt_too() -> None:
    """Found by its purpose."""
    ports = await world()
    await send(ports, "$one", purpose="digest")
    await say(ports, "digest", ("$one", LI), asker=None, answers=None, feature="digest", kind="digest")

    assert "gpt-x" in body(await why(a_call("why", asker=LI, reply_to=EventID("$digest")), ports))


async def test_an_answer_made_again() -> None:
    """The new one says so, the old one leads to it."""
    ports = await world()
    await say(ports, "old", ("$one", LI), state="gone", at=AT - 9000)
    await say(ports, "new", ("$two", MUM))

    assert body(await why(a_call("why", asker=MUM), ports)).startswith("Posted again")
    assert "$new" in body(await why(a_call("why", asker=MUM, reply_to=EventID("$old")), ports))


async def test_receipts_of_some_days_are_a_file_for_the_asker_alone() -> None:
    """Every answer of theirs with all it rests on and where text went; nobody else's, and nothing older."""
    ports = await world()
    await say(ports, "mine", ("$one", LI), ("$two", MUM))
    await send(ports, "$one", "$two", "$question")
    await say(ports, "older", ("$three", LI), at=AT - 8 * 86_400_000, answers="$earlier")
    await say(ports, "others", ("$four", LI), asker=LI, answers="$other")

    (private,) = await receipts_file(a_call("receipts", asker=MUM), ports)
    assert isinstance(private, Private)
    assert private.user_id == MUM
    assert private.post.attachment is not None
    written = private.post.attachment.data.decode()

    assert "7 days back: 1." in private.post.words.body
    assert written.startswith("# What my answers to you rest on\n\n## [Answer · 13:00](https://matrix.to/#/")
    assert written.count("- [") == 2
    assert "gpt-x at api.example.com" in written
    for other in ("$three", "$four"):
        assert other not in written
    (longer,) = await receipts_file(a_call("receipts", "30 days", asker=MUM), ports)
    assert isinstance(longer, Private)
    assert "30 days back: 2." in longer.post.words.body


@pytest.mark.parametrize(
    ("words", "days"),
    [
        *(("", 7), ("7", 7), ("30 days", 30), ("last 3 days", 3), ("last week", 7), ("最近30天", 30), ("上个月", 31)),
        *(("一年", 366), ("0", None), ("9999", None), ("the dumplings", None)),
    ],
)
def test_how_far_back_is_meant(words: str, days: int | None) -> None:
    """A week where nothing is said; what is not understood is asked."""
    assert days_meant(words) == days


async def test_without_an_answer_there_is_no_file() -> None:
    """It is said in words, as is what to say instead of nonsense."""
    ports = await world()
    assert body(await receipts_file(a_call("receipts", asker=MUM), ports)) == "I gave you no answer in the last 7 days."
    assert "receipts 30 days" in body(await receipts_file(a_call("receipts", "of plenty", asker=MUM), ports))


async def test_the_private_form_goes_to_the_asker() -> None:
    """And in a direct message the answer stands there."""
    ports = await world()
    await say(ports, "mine", ("$one", LI))
    await say(ports, "dm", ("$two", LI), room_id=DM, answers="$asked in private")
    room = a_room(room_id=DM, direct=True)

    (private,) = await why(a_call("why", asker=MUM, private=True), ports)
    (post,) = await why(a_call("why", asker=MUM, private=True, room=room, place=DM), ports)

    assert isinstance(private, Private)
    assert isinstance(post, Post)
    assert post.room_id == DM
    assert "/!family/$two" in post.words.body
    assert "Looks back when called" in post.words.body


async def test_many_sources_are_looked_up_in_one_walk() -> None:
    """Their hours are those of the messages that may be looked at now."""
    talk = FakeTalk()
    events = [(talk.say(LI, f"line {number}"), str(LI)) for number in range(12)]
    ports = await world(talk)
    await say(ports, "mine", *events)

    assert body(await why(a_call("why", asker=MUM), ports)).count("13:00") == 12
