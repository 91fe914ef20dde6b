"""An alarm on a real homeserver: whose taps count, and what ends it."""

import contextlib
import sqlite3

from circles_harness import Person, Service
from walks import admitted, ask, body, settled


def alarms(service: Service, room: str) -> list[tuple[int, int | None]]:
    """Return how often each alarm of a room has rung, and when it rings next."""
    with contextlib.closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as database:
        return database.execute("SELECT rings, again FROM reminders WHERE room_id = ? AND alarm", (room,)).fetchall()


async def test_only_its_owner_ends_an_alarm_and_a_double_tap_ends_it_once(
    service: Service, mei: Person, li: Person
) -> None:
    """A stranger's two taps get one kind line; the owner's two taps one answer, and nothing of it stays."""
    room = await admitted(mei, service, li)
    await ask(mei, room, "!circle alarm in 1 second: tea", service)
    ring = await li.wait_for_text(room, "⏰", sender=service.user_id)
    assert "tea" in body(ring)
    for key in ("🔕", "✅"):
        await li.react(room, ring["event_id"], key)
    await li.wait_for_text(room, "someone else's", sender=service.user_id)
    assert [rings for rings, again in alarms(service, room) if again] == [1]

    for key in ("🔕", "✅"):
        await mei.react(room, ring["event_id"], key)
    await mei.wait_for_text(room, "Quiet now: tea", sender=service.user_id)
    said = await settled(mei, room, service)

    assert len([text for text in said if "someone else's" in text]) == 1
    assert len([text for text in said if "Quiet now" in text]) == 1
    assert alarms(service, room) == []


async def test_stop_silences_an_alarm_under_every_policy(service: Service, mei: Person) -> None:
    """It is a control word: also while the AI rests."""
    room = await admitted(mei, service)
    await ask(mei, room, "!circle alarm in 1 second: tea", service)
    ring = await mei.wait_for_text(room, "⏰", sender=service.user_id)
    await ask(mei, room, "!circle off", service)
    await mei.say(room, "stop", relates_to={"m.in_reply_to": {"event_id": ring["event_id"]}})
    await settled(mei, room, service)

    assert alarms(service, room) == []
