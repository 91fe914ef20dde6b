"""The main job with the rows in PostgreSQL: what people see is the same."""

import asyncio

from sqlalchemy import Connection

from circles.adapters.store.database import SqlDatabase
from circles_harness import Person, Service
from rows import every_value
from walks import NOTEBOOK, admitted, answer, ask, body, chat, kind, let_in

AGAIN = "Posted again: something in it was taken back or changed."


async def in_the_database(service: Service) -> bytes:
    """Return every value that stands in the service's database."""
    database = SqlDatabase(service.config["storage"]["url"])
    found = await database.read(every_value)
    await database.close()
    return found


async def test_a_summary_a_reminder_a_digest_and_taking_back(away: Service, mei: Person, li: Person) -> None:
    """Asked, answered with links, told again at its hour, gathered, and gone from every row once it is taken back."""
    room = await admitted(mei, away, li, option=NOTEBOOK)
    canary = "zebraumbrella"
    message, *_ = await chat(
        room,
        [
            (li, f"I will bring the {canary} on Saturday at 9"),
            (mei, "We meet at the station on Saturday"),
            (li, "Who has the boat keys?"),
            (mei, "I have the boat keys, nul\0 and all"),
            (li, "I'll bring the bread"),
            (li, "And Tom will bring the tent on Sunday"),
        ],
    )

    summary = await answer(mei, room, await mei.say(room, "!circle summary"), away)
    assert canary in body(summary)
    assert canary.encode() in await in_the_database(away), "kept, for the policy keeps"

    await mei.say(room, "!circle zone Berlin")
    await ask(li, room, "!circle keep the keys are with Mei", away)
    set_for = await ask(mei, room, "!circle remind me in 2 seconds to water the plants", away)
    assert "water the plants" in set_for
    told = await mei.wait_for(
        room,
        lambda event: event["sender"] == away.user_id and kind(event) == "reminder" and "water" in body(event),
        what="the reminder",
    )
    assert told["content"]["m.mentions"] == {"user_ids": [mei.user_id]}

    digest = await ask(mei, room, "!circle digest now", away)
    assert "boat" in digest or "Saturday" in digest, digest
    await mei.say(room, "!circle me")
    private = await let_in(mei, away)
    held = await mei.wait_for_text(private, "reminder", sender=away.user_id)
    assert held

    await li.redact(room, message)
    await mei.wait_for_redaction(room, summary["event_id"])
    again = await mei.wait_for_text(room, AGAIN, sender=away.user_id)
    assert canary not in body(again)
    async with asyncio.timeout(60):
        while canary.encode() in await in_the_database(away):
            await asyncio.to_thread(lambda: None)


async def test_what_waits_survives_a_kill(away: Service, mei: Person) -> None:
    """A command that comes while the service is down is answered once it is back; what was set is still set."""
    room = await admitted(mei, away)
    await mei.say(room, "!circle zone Berlin")
    await ask(mei, room, "!circle remind me tomorrow at 9 to call the plumber", away)
    await away.kill()
    question = await mei.say(room, "!circle reminders")
    await away.start()

    assert "plumber" in body(await answer(mei, room, question, away))


async def test_every_instant_is_one_of_a_database_that_keeps_up(away: Service) -> None:
    """Words that were removed are vacuumed, and the index holds no dead ones."""
    database = SqlDatabase(away.config["storage"]["url"])

    def dead(connection: Connection) -> int:
        query = "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE relname IN ('messages', 'outbox')"
        return int(connection.exec_driver_sql(query).scalar() or 0)

    async with asyncio.timeout(60):
        while await database.read(dead):
            await asyncio.to_thread(lambda: None)
    await database.close()
