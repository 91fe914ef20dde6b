"""A campaign of crashes: people talk, ask and wait in several rooms while the service and its homeserver are killed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from circles_bench.audit import Act, Event, Fault, Kind, audit, audit_sealed, mark_kind
from circles_harness import ElementClients, ElementPerson, Homeserver, ModelServer, Person, Service
from circles_harness.client import Refused
from circles_harness.model import Delay

SERVICE, HOMESERVER, BOTH = "service", "homeserver", "both"
LOAD_SECONDS: Final = 2.0
"""How long people act in a round; the kill falls somewhere into it."""
ACTS: Final = 4
"""How much each of them does in it."""
DUE_SECONDS: Final = 45
"""After how long a reminder is due: longer than any restart here."""
SETTLE_SECONDS: Final = 150
AFTER_SECONDS: Final = 3
"""A second one of what fell due would be there by then."""
ROTATE: Final = 0.3
"""How often a client that encrypts begins a new session with a message."""
_QUICK: Final = ("help", "policy", "reminders", "notes")
_OPTIONS: Final = ("2️⃣", "3️⃣", "1️⃣")

CONFIG: Final = {
    "invites": {"allow": ["*"]},
    "member": {"operator_name": "Anna"},
    "limits": {
        "commands_per_person_per_minute": 100_000,
        "calls_per_person_per_day": 1_000_000,
        "calls_per_room_per_day": 1_000_000,
        "model_tokens_per_room_per_day": 1_000_000_000,
        "marks_per_person_per_day": 1_000_000,
    },
    "timing": {"checkpoint_seconds": 1, "newcomers_seconds": 1, "placeholder_after_seconds": 0.2},
    "model": {"timeout_seconds": 5},
    "log": {"level": "DEBUG"},
}


class Client:
    """A plain client of one person that does not give up: a repeat carries the same transaction id."""

    def __init__(self, person: Person) -> None:
        self.user_id = person.user_id
        self._base = f"{person.base_url}/_matrix/client/v3"
        self._headers = {"Authorization": f"Bearer {person.access_token}"}
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def send(self, room: str, event_type: str, content: Event) -> str:
        """Send an event, however long that takes; returns its id."""
        path = f"/rooms/{quote(room, safe='')}/send/{event_type}/{secrets.token_hex(8)}"
        return str((await self._until_done("PUT", path, content))["event_id"])

    async def say(self, room: str, text: str) -> str:
        """Say something."""
        return await self.send(room, "m.room.message", {"msgtype": "m.text", "body": text, "m.mentions": {}})

    async def react(self, room: str, event_id: str, key: str) -> str:
        """Put a reaction on an event."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.send(room, "m.reaction", {"m.relates_to": relation})

    async def redact(self, room: str, event_id: str) -> str:
        """Take an event back."""
        path = f"/rooms/{quote(room, safe='')}/redact/{quote(event_id, safe='')}/{secrets.token_hex(8)}"
        return str((await self._until_done("PUT", path, {}))["event_id"])

    async def timeline(self, room: str) -> list[Event]:
        """A room's whole timeline as it stands, oldest first."""
        found: list[Event] = []
        start = ""
        while True:
            path = f"/rooms/{quote(room, safe='')}/messages?dir=f&limit=500{start}"
            page = await self._until_done("GET", path)
            found += page["chunk"]
            if not page.get("end") or not page["chunk"]:
                return found
            start = f"&from={page['end']}"

    async def _until_done(self, method: str, path: str, body: Event | None = None) -> dict[str, Any]:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.request(method, self._base + path, json=body, headers=self._headers) as answer:
                    if answer.status == 200:
                        found: dict[str, Any] = await answer.json()
                        return found
                    if answer.status < 500:
                        raise RuntimeError(f"{method} {path.split('?')[0]}: {answer.status} {await answer.text()}")
            await asyncio.sleep(0.1)


class SealedClient(Client):
    """The same over Element's own encryption; now and then it begins a new session, as a client that was restarted.

    A message is encrypted once and repeated as it is.
    """

    def __init__(self, person: ElementPerson, dice: random.Random) -> None:
        super().__init__(person)
        self._person = person
        self._dice = dice
        self._opened: dict[str, Event] = {}

    async def close(self) -> None:
        """End the client too."""
        await super().close()
        await self._person.close()

    async def send(self, room: str, event_type: str, content: Event) -> str:
        """Send an event, however long that takes; returns its id."""
        if event_type == "m.reaction":  # no client encrypts them
            return await super().send(room, event_type, content)
        while True:
            try:
                if self._dice.random() < ROTATE:
                    await self._person.do("rotate", room=room)
                sealed = await self._person.do("encrypt", room=room, type=event_type, content=content)
            except Refused:  # its devices' keys cannot be asked for while the homeserver is away
                await asyncio.sleep(0.1)
            else:
                return await super().send(room, "m.room.encrypted", sealed)

    async def timeline(self, room: str) -> list[Event]:
        """A room's whole timeline as this client can read it, oldest first; `wire` is what the server has."""
        stand = await super().timeline(room)
        # What was opened once is opened; what was redacted has nothing to open.
        sealed = [event for event in stand if "ciphertext" in event["content"]]
        closed = [event for event in sealed if event["event_id"] not in self._opened]
        for event in await self._person.do("decrypt", events=closed) if closed else ():
            if "failure" not in event:
                self._opened[event["event_id"]] = event
        found: list[Event] = []
        for event in stand:
            wire = {"type": event["type"], "content": event["content"]}
            clear: Event = self._opened.get(event["event_id"], {"failure": "no key came"}) if event in sealed else {}
            found.append({**event, **clear, "wire": wire})
        return found


@dataclass
class Stage:
    """What the campaign is played on.

    Attributes:
        due_seconds: after how long reminders are due.
        sets_digests: whether digests are among what people do: one takes two minutes to come.
        clients: where the clients of people who encrypt run; without it all rooms are plain.
        people: who acts; the last one only reads.
        rooms: where they act, by who acts there and who reads it.
        acts: what was done.
        kills: how often each was killed.
    """

    homeserver: Homeserver
    service: Service
    model: ModelServer
    seed: int
    due_seconds: int = DUE_SECONDS
    sets_digests: bool = True
    clients: ElementClients | None = None
    people: list[Client] = field(default_factory=list[Client])
    rooms: dict[str, tuple[tuple[Client, ...], Client]] = field(
        default_factory=dict[str, tuple[tuple[Client, ...], Client]]
    )
    acts: list[Act] = field(default_factory=list[Act])
    kills: dict[str, int] = field(default_factory=lambda: {SERVICE: 0, HOMESERVER: 0, BOTH: 0})
    round: int = 0
    digests: set[str] = field(default_factory=set[str])

    async def timelines(self) -> dict[str, list[Event]]:
        """Every room's timeline, by its independent reader."""
        return {room: await reader.timeline(room) for room, (_, reader) in self.rooms.items()}

    async def faults(self) -> list[Fault]:
        """What is wrong now."""
        timelines = await self.timelines()
        faults = audit(self.acts, timelines, self.service.user_id)
        return faults if self.clients is None else faults + audit_sealed(timelines, self.service.user_id)


@asynccontextmanager
async def staged(seed: int, *, encrypted: bool = False) -> AsyncGenerator[Stage]:
    """Boot everything and make the rooms, all of them encrypted or none."""
    homeserver, model = Homeserver(), ModelServer()
    service = Service(homeserver, model=model, config=CONFIG)
    with model:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(homeserver)
            await stack.enter_async_context(service)
            clients = await stack.enter_async_context(ElementClients()) if encrypted else None
            bare = Stage(homeserver, service, model, seed, clients=clients)
            yield await stack.enter_async_context(peopled(bare))


@asynccontextmanager
async def peopled(stage: Stage) -> AsyncGenerator[Stage]:
    """Fill a stage: four people, three circles, a direct message, and a model that takes half a second."""
    answer = {"found": True, "answer": "It is in the message.", "messages": [1]}
    stage.model.reset().always((Delay(0.5), answer))
    people: list[Person] = []
    for name in ("mei", "li", "noor", "reader"):
        account = await stage.homeserver.person(name, unique=True)
        if stage.clients is None:
            people.append(account)
            stage.people.append(Client(account))
        else:
            person = await stage.clients.start(account)
            people.append(person)
            stage.people.append(SealedClient(person, random.Random(f"{stage.seed} {name}")))
    try:
        for option in _OPTIONS:
            await _circle(stage, people, option)
        await _direct_message(stage, people[0])
        yield stage
    finally:
        for client in stage.people:
            await client.close()


async def _circle(stage: Stage, people: list[Person], option: str) -> None:
    """Make a circle with everybody in it whose admin chose a policy."""
    host, service, encrypted = people[0], stage.service, stage.clients is not None
    invited = [service.user_id, *(person.user_id for person in people[1:])]
    room = await host.create_room("Garden", invite=invited, encrypted=encrypted)
    for person in people[1:]:
        await person.join(room)
    asked = await host.wait_for_text(room, "Hello, I'm Circle", sender=service.user_id)
    await host.react(room, asked["event_id"], option)
    for person in people:
        await person.wait_for(room, lambda event: mark_kind(event) == "banner", what="the banner")
    await host.say(room, "!circle room zone UTC")
    stage.rooms[room] = (tuple(stage.people[:-1]), stage.people[-1])


async def _direct_message(stage: Stage, person: Person) -> None:
    room = await person.start_dm(stage.service.user_id, encrypted=stage.clients is not None)
    await person.wait_for_member(room, stage.service.user_id, "join")
    # No third person may come into it: its own person reads it, with the same client.
    stage.rooms[room] = ((stage.people[0],), stage.people[0])


# --- what people do ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """What someone does in one room: where, who, and the dice they throw."""

    stage: Stage
    room: str
    who: Client
    dice: random.Random

    async def say(self, text: str) -> str:
        """Say something there."""
        return await self.who.say(self.room, text)

    def note(self, kind: Kind, question: str, token: str = "", due: int = 0) -> None:
        """Write down what was done."""
        self.stage.acts.append(Act(self.stage.round, kind, self.room, question, token, due))

    def token(self) -> str:
        """A word that is said once."""
        return "".join(self.dice.choice("bcdfghjklmnpqrstvwxz") for _ in range(9))


async def _command(turn: Turn) -> None:
    turn.note(Kind.COMMAND, await turn.say(f"!circle {turn.dice.choice(_QUICK)}"))


async def _keep(turn: Turn) -> None:
    token = turn.token()
    turn.note(Kind.KEEP, await turn.say(f"!circle keep the {token} is in the shed"), token)


async def _remind(turn: Turn) -> None:
    token = turn.token()
    seconds = turn.stage.due_seconds
    question = await turn.say(f"!circle remind us in {seconds} seconds to water the {token}")
    turn.note(Kind.REMIND, question, token, _now() + seconds * 1000)


async def _ask(turn: Turn) -> None:
    await turn.say(f"The ladder is behind the {turn.token()}")
    turn.note(Kind.ASK, await turn.say("!circle ask where is the ladder?"))


async def _redact(turn: Turn) -> None:
    question = await turn.say("!circle help")
    await asyncio.sleep(turn.dice.random() * 0.3)
    await turn.who.redact(turn.room, question)
    turn.note(Kind.REDACT, question)


async def _hide(turn: Turn) -> None:
    token = turn.token()
    said = await turn.say(f"The {token} is under the stairs")
    question = await turn.say(f"!circle ask where is the {token}?")
    await asyncio.sleep(turn.dice.random() * 1.5)
    await turn.who.react(turn.room, said, "🙈")
    turn.note(Kind.HIDE, question, f"{token} is")


async def _digest(turn: Turn) -> None:
    """Once a room: something to tell, and the digest two minutes from now."""
    if turn.room in turn.stage.digests or not turn.stage.sets_digests:
        return
    turn.stage.digests.add(turn.room)
    due = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
    question = await turn.say(f"!circle digest daily at {due:%H:%M}")
    turn.note(Kind.DIGEST, question, due=int(due.timestamp() * 1000))
    # A date before the next digest is news whenever either is handled.
    turn.note(Kind.COMMAND, await turn.say(f"!circle remind us in 20 hours to water the {turn.token()}"))


Doing = Callable[[Turn], Awaitable[None]]
_DOINGS: Final[tuple[tuple[Doing, int], ...]] = (
    (_command, 6),
    (_keep, 2),
    (_remind, 2),
    (_ask, 3),
    (_redact, 1),
    (_hide, 1),
    (_digest, 1),
)


async def act(turn: Turn) -> None:
    """Do a few things in one room, one after the other."""
    doings, weights = zip(*_DOINGS, strict=True)
    for doing in turn.dice.choices(doings, weights, k=ACTS):
        actors = turn.stage.rooms[turn.room][0]
        # In private nobody hides anything from anyone, and there is no digest.
        chosen = _command if len(actors) == 1 and doing in (_hide, _digest) else doing
        await asyncio.sleep(turn.dice.random() * LOAD_SECONDS / ACTS / 2)
        # Only whoever decides may set a digest.
        await chosen(replace(turn, who=actors[0]) if chosen is _digest else turn)


# --- rounds -----------------------------------------------------------------------------------------------------------


async def play_round(stage: Stage) -> str:
    """Let people act in every room, kill somebody in the midst of it, and start them again; returns who it was."""
    stage.round += 1
    dice = random.Random(f"{stage.seed} {stage.round}")
    victim = dice.choice((SERVICE, HOMESERVER, BOTH))
    load = [
        asyncio.create_task(act(Turn(stage, room, dice.choice(actors), random.Random(dice.random()))))
        for room, (actors, _) in stage.rooms.items()
    ]
    await asyncio.sleep(dice.random() * LOAD_SECONDS)
    stage.kills[victim] += 1
    killed: dict[str, tuple[Service | Homeserver, ...]] = {
        SERVICE: (stage.service,),
        HOMESERVER: (stage.homeserver,),
        BOTH: (stage.service, stage.homeserver),
    }
    await asyncio.gather(*(each.kill() for each in killed[victim]))
    await asyncio.sleep(dice.random())
    await asyncio.gather(*(each.start() for each in killed[victim]))
    await asyncio.gather(*load)
    return victim


async def settle(stage: Stage) -> list[Fault]:
    """Wait until nothing is missing any more, or long enough after the last thing was due; returns what is wrong."""
    for room, (actors, _) in stage.rooms.items():
        stage.acts.append(Act(stage.round, Kind.COMMAND, room, await actors[0].say(room, "!circle notes")))
    last = max((act.due for act in stage.acts), default=0) / 1000
    deadline = time.monotonic() + max(0, last - time.time()) + SETTLE_SECONDS
    while True:
        faults = await stage.faults()
        # A client may be told of a key a moment after the event that it opens.
        waiting = any(fault.what in ("lost", "unreadable") for fault in faults) or time.time() < last + AFTER_SECONDS
        if not waiting or time.monotonic() > deadline:
            return faults
        await asyncio.sleep(1)


def _now() -> int:
    return int(time.time() * 1000)
