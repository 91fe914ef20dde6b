"""How much it says that nobody asked for."""

import secrets
import time

from circles_harness import Person, Service
from walks import NOTEBOOK, admitted, ask, body, kind, messages, push, settled


async def test_five_hundred_messages_bring_no_word_that_nobody_asked_for(
    service: Service, mei: Person, li: Person
) -> None:
    """With a notebook, a note, a reminder and a digest set; questions, plans, decisions and to-dos are talk."""
    room = await admitted(mei, service, li, option=NOTEBOOK)
    for words in (
        "room zone Berlin",
        "keep the tent is green",
        "remind us tomorrow at 9 to call",
        "digest daily at 20:00",
    ):
        await ask(mei, room, f"!circle {words}", service)
    assert "at most once a day" in await ask(mei, room, "!circle voice", service)
    before = len(messages(mei, room, service))
    lines = (
        "Who brings the grill?",
        "Let's meet on Saturday at ten, agreed?",
        "谁去买菜？",
        "I will call the hall tomorrow",
        "Happy birthday, Li!",
        "We decided on the blue tent",
        "Please don't wait for me",
    )
    now = int(time.time() * 1000)
    said = [
        {
            "type": "m.room.message",
            "event_id": f"$talk-{secrets.token_hex(12)}",
            "room_id": room,
            "sender": (mei, li)[number % 2].user_id,
            "origin_server_ts": now,
            "content": {"msgtype": "m.text", "body": f"{lines[number % len(lines)]} ({number})"},
        }
        for number in range(500)
    ]

    for start in range(0, len(said), 100):
        await push(service, *said[start : start + 100])

    await settled(mei, room, service)
    new = messages(mei, room, service)[before:]
    assert [kind(event) for event in new] == ["help"], [body(event) for event in new]
