"""Talk is taken in many messages at a time; what is written is what one event after the other would have written."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from circles.adapters.store import kept
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.adapters.store.tables import journal, messages
from circles.core.ids import RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake
from circles.entrypoints.keeping import Keeping
from circles.facts import rooms
from circles.facts.tables import marks, off_record, policies, threads
from circles.metrics import Metrics
from circles.testing import AI, FakeClock
from circles_harness.postgresql import PostgreSQL
from circles_policies.content import to_content
from circles_policies.model import Level, Member, Preset, preset
from rows import LI, MEI, NOW, Rows, a_post, message, opened

DAY = 86_400_000
SU, XI, BOT = UserID("@su:home.example"), UserID("@xi:far.example"), UserID("@circle_bot:home.example")
KEEPS, ON_CALL, RESTS, CHANGED, DIRECT, UNKNOWN = (
    RoomID(f"!{name}") for name in ("keeps", "oncall", "rests", "changed", "direct", "unknown")
)
PLACES = (KEEPS, KEEPS, KEEPS, ON_CALL, RESTS, CHANGED, DIRECT, UNKNOWN)
WORDS = (
    "good morning",
    "见面吧 在老地方",
    "off the record: hush",
    "[off] psst",
    "!circle help",
    "Circle: hello",
    "> <@li:far.example> quoted\n\nmy answer",
    "a\0b",
    "half \ud800 of a pair",
    "don't forget the plates",
    "",
)


@pytest.fixture(params=["sqlite", "postgresql"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Rows, Rows]]:
    """Two databases of one kind, with the same rooms in them."""
    async with AsyncExitStack() as stack:
        found: list[Rows] = []
        for name in ("together", "singly"):
            url: str | None = None
            if request.param == "postgresql":
                server: PostgreSQL = request.getfixturevalue("postgresql_server")
                url = server.create(migrate=_migrate)
                stack.callback(server.drop, url)
            folder = tmp_path / name
            folder.mkdir()
            rows = await stack.enter_async_context(opened(folder, url=url))
            await rows.post(a_post("an answer of ours", id="ours"))
            await rows.do(_rooms)
            found.append(rows)
        yield found[0], found[1]


def _migrate(url: str) -> None:
    database = SqlDatabase(url)
    migrate(database)
    database.writer.dispose()


def _rooms(connection: Connection) -> None:
    def policy(room_id: RoomID, key: Preset, starts_at: int, ends_at: int | None = None) -> None:
        values = {"content": to_content(preset(key)), "state": "ended" if ends_at else "in_force", "written": False}
        connection.execute(
            policies.insert().values(room_id=room_id, asked_at=0, starts_at=starts_at, ends_at=ends_at, **values)
        )

    for room_id in (KEEPS, ON_CALL, RESTS, CHANGED, DIRECT):
        rooms.save_room(connection, room_id, membership="join", filled=True, direct=room_id == DIRECT, names=["Zirkel"])
        for user_id in (MEI, SU):
            rooms.save_choice(connection, room_id, user_id, Member(since=0))
        rooms.save_choice(connection, room_id, LI, Member(level=Level.OUT, since=0))
    policy(KEEPS, Preset.NOTEBOOK, 0)
    policy(ON_CALL, Preset.ON_CALL, 0)
    policy(RESTS, Preset.RESTING, 0)
    policy(CHANGED, Preset.ON_CALL, 0, NOW - DAY)
    policy(CHANGED, Preset.NOTEBOOK, NOW - DAY)
    connection.execute(marks.insert().values(room_id=KEEPS, event_id="$5", by=MEI, kind="hidden", at=NOW))
    connection.execute(threads.insert().values(room_id=KEEPS, root="$called"))
    stretch = {"event_id": "$stretch", "room_id": CHANGED, "by": MEI, "since": NOW - 1_000, "until": NOW}
    connection.execute(off_record.insert().values(stretch))


def _event(rng: random.Random, number: int) -> dict[str, Any]:
    words = rng.choice(WORDS) if rng.random() < 0.98 else "off the record for an hour"
    event = message(words, sender=rng.choice((MEI, MEI, SU, LI, XI, BOT, AI)), event_id=f"${number}")
    event["room_id"] = rng.choice(PLACES)
    event["origin_server_ts"] = rng.choice((NOW, NOW - 500, NOW - 2 * DAY, NOW + DAY, NOW - 60 * DAY, True, "late"))
    content: dict[str, Any] = event["content"]
    match rng.randrange(16):
        case 0:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": rng.choice(("$eours", "$3", 7))}}
        case 1:
            root = rng.choice(("$called", "$4", None))
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True}
        case 2:
            content["m.relates_to"] = {"rel_type": "m.replace", "event_id": f"${rng.randrange(number + 1)}"}
            content["m.new_content"] = {"body": "said anew"}
        case 3:
            content["m.mentions"] = {"user_ids": [AI]}
        case 4:
            content |= {
                "format": "org.matrix.custom.html",
                "formatted_body": "<a href='https://matrix.to/#/@x:y'>x</a>",
            }
        case 5:
            relation = {"rel_type": "m.annotation", "event_id": rng.choice(("$eours", "$6")), "key": "👍"}
            event |= {"type": "m.reaction", "content": {"m.relates_to": relation}}
        case 6:
            event |= {"type": "m.room.redaction", "redacts": f"${rng.randrange(number + 1)}", "content": {}}
        case 7:
            event |= {"type": "m.room.topic", "state_key": "", "content": {"topic": "plates"}}
        case 9:
            lifetime = rng.choice((DAY, 7 * DAY, 90 * DAY, "a week", None))
            event |= {"type": "m.room.retention", "state_key": "", "content": {"max_lifetime": lifetime}}
        case 8:
            event |= {"type": rng.choice(("m.sticker", "m.room.encrypted", "com.example.unknown"))}
        case _:
            pass
    return event


def _transactions() -> list[list[dict[str, Any]]]:
    rng = random.Random(0)  # noqa: S311  # the same numbers every time are wanted
    found: list[list[dict[str, Any]]] = []
    ever: list[dict[str, Any]] = []
    for _ in range(25):
        events: list[dict[str, Any]] = []
        for _ in range(rng.randrange(1, 14)):
            again = ever and rng.random() < 0.05
            events.append(rng.choice(ever) if again else _event(rng, len(ever)))
            ever.append(events[-1])
        found.append(events)
    return found


async def _take_in(rows: Rows, transactions: Sequence[Sequence[object]]) -> tuple[Any, ...]:
    metrics, settings = Metrics(), Settings(ai=AI, server_name="home.example")
    ghosts = re.compile(r"@circle_.*:home\.example")
    intake = Intake(rows.database, rows.performer, settings, FakeClock(), metrics, lambda _: None, ghosts)
    for number, events in enumerate(transactions):
        await intake.accept(str(number), events)
    noted = [c for c in journal.c if c.name not in ("seq", "received_at", "reference")]
    keeps = [c for c in messages.c if c.name != "seq"]
    counted = [line for line in metrics.text().decode().splitlines() if line.startswith(("circles_ev", "circles_dec"))]

    def read(connection: Connection) -> tuple[Any, ...]:
        words = ("morning", "老地方", "plate", "said anew")
        ids = {row.seq: row.event_id for row in connection.execute(select(messages.c.seq, messages.c.event_id))}
        return (
            connection.execute(select(*noted).order_by(journal.c.seq)).all(),
            connection.execute(select(*keeps).order_by(messages.c.seq)).all(),
            [[ids[seq] for seq in kept.matching(connection, each)] for each in words],
            sorted(line for line in counted if "_created" not in line),
        )

    return await rows.do(read)


def _nothing(_self: Keeping, _connection: Connection, events: Sequence[object], _now: int) -> tuple[int, int]:
    return 0, len(events)


async def test_many_together_are_taken_in_as_one_by_one(
    both: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are and in whatever order: the same rows, the same words found, the same counts."""
    transactions = _transactions()
    together = await _take_in(both[0], transactions)
    monkeypatch.setattr(Keeping, "take", _nothing)
    singly = await _take_in(both[1], transactions)

    assert together == singly
    assert len(together[0]) > 25
    assert len(together[1]) > 2


async def test_what_is_only_talk_does_not_go_one_by_one(
    both: tuple[Rows, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all of this would be for nothing."""
    monkeypatch.setattr(Intake, "_one", None)
    events = [message(f"line {number}") | {"room_id": KEEPS} for number in range(300)]
    noted, keeps, *_ = await _take_in(both[0], [events[:250], events[250:]])

    assert len(noted) == len(keeps) == 300
