"""Steps that people take with the AI in the tests on a homeserver: taps and typed words, as Element sends them."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from circles_harness import Event, Person, Service

ADDRESSED, ON_CALL, NOTEBOOK, REFUSE = "1️⃣", "2️⃣", "3️⃣", "❌"


async def circle(host: Person, service: Service, *members: Person, name: str = "Garden", **options: object) -> str:
    """Make a room, invite the AI and the members, who join. Returns when the AI has joined too."""
    invited = [service.user_id, *(member.user_id for member in members)]
    room = await host.create_room(name, invite=invited, **options)  # type: ignore[arg-type]  # passed on as they are
    for member in members:
        await member.join(room)
    await host.wait_for_member(room, service.user_id, "join")
    return room


async def admission(person: Person, room: str, service: Service, *, after: str | None = None) -> Event:
    """Wait for the AI's question."""
    return await person.wait_for_text(room, "Hello, I'm Circle", sender=service.user_id, after=after)


async def banner(person: Person, room: str, service: Service, *, after: str | None = None) -> Event:
    """Wait for the AI's banner, new or edited."""

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and kind(event) == "banner"

    return await person.wait_for(room, holds, after=after, what="the banner")


async def admitted(
    host: Person, service: Service, *members: Person, option: str = ON_CALL, name: str = "Garden", **options: object
) -> str:
    """Make a circle whose admin has chosen, and wait for the banner."""
    room = await circle(host, service, *members, name=name, **options)
    question = await admission(host, room, service)
    await host.react(room, question["event_id"], option)
    await banner(host, room, service)
    return room


async def private_room(person: Person, service: Service) -> str:
    """Open a direct message with the AI and wait until it is there."""
    room = await person.start_dm(service.user_id)
    await person.wait_for_member(room, service.user_id, "join")
    return room


async def let_in(person: Person, service: Service) -> str:
    """Accept the AI's invite to a direct message."""
    room = await person.wait_for_invite(sender=service.user_id)
    await person.join(room)
    return room


async def answer(person: Person, room: str, question: str, service: Service) -> Event:
    """Wait for the AI's reply to an event."""

    def holds(event: Event) -> bool:
        relation = event["content"].get("m.relates_to", {})
        replied = relation.get("m.in_reply_to", {}).get("event_id") == question
        return bool(event["sender"] == service.user_id and event["type"] == "m.room.message" and replied)

    return await person.wait_for(room, holds, what=f"the AI's answer to {question}")


async def placeholder(person: Person, room: str, question: str, service: Service) -> Event:
    """Wait for the sign on a question that its answer takes a while."""
    return await person.wait_for_reaction(room, question, "⏳", sender=service.user_id)


async def ask(person: Person, room: str, words: str, service: Service) -> str:
    """Say something to the AI and return what it answers."""
    return body(await answer(person, room, await person.say(room, words), service))


async def look(person: Person, room: str, about: str, service: Service) -> str:
    """Ask the AI about something and return what it found."""
    return await ask(person, room, f"!circle ask {about}", service)


async def settled(person: Person, room: str, service: Service) -> list[str]:
    """Return all that the AI said here, once it has answered one more word: what came before is handled by then."""
    await ask(person, room, "!circle help", service)
    return [said for said in spoken(person, room, service) if not said.startswith("What you can say")]


def spoken(person: Person, room: str, service: Service) -> list[str]:
    """Return the AI's messages that a person has received, edits by their new text."""
    return [body(event) for event in messages(person, room, service)]


def messages(person: Person, room: str, service: Service) -> list[Event]:
    """Return the AI's messages that a person has received, edits among them."""
    timeline = person.timeline(room)
    return [event for event in timeline if event["sender"] == service.user_id and "body" in event["content"]]


def body(event: Event) -> str:
    """Return a message's plain text, an edit's new one."""
    return str(event["content"].get("m.new_content", event["content"]).get("body", ""))


def kind(event: Event) -> str:
    """Return what a post of the AI's is, by its mark."""
    content = event["content"].get("m.new_content", event["content"])
    return str(content.get("io.github.matrix_circles.ai", {}).get("kind", ""))


async def chat(room: str, lines: Sequence[tuple[Person, str]]) -> list[str]:
    """Let people talk; returns the event ids."""
    return [await person.say(room, text) for person, text in lines]


def on_disk(service: Service) -> bytes:
    """Return every byte the service has written: database, write-ahead log, log, whatever lies in its folder."""
    found = [path.read_bytes() for path in sorted(service.directory.rglob("*")) if path.is_file()]
    return b"\n".join(found) + service.log().encode()


async def push(service: Service, *events: Mapping[str, Any]) -> None:
    """Hand events to the service as the homeserver does."""
    url = f"{service.url}/_matrix/app/v1/transactions/{secrets.token_hex(8)}"
    headers = {"Authorization": f"Bearer {service.registration['hs_token']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.put(url, json={"events": list(events)}, headers=headers) as sent,
    ):
        assert sent.status == 200
