"""Plays the table, and looks for every word wherever it could be, after every moment."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from circles_bench.leaks.canary import Canary
from circles_bench.leaks.oracle import may_be
from circles_bench.leaks.stage import Stage
from circles_bench.leaks.table import POLICIES, SPEAKING, Cell, Kind, Moment, Place, Rules, Selection, Standing, course
from circles_bench.measure import say
from circles_harness import Event, Person
from circles_harness.client import Refused
from circles_harness.model import Fail

POLICY = "io.github.matrix_circles.policy"
MARK = "io.github.matrix_circles.ai"
GONE_WITHIN_SECONDS = 60.0
"""So long may what was taken back still be found (G7)."""
_POWER = {"m.room.topic": 0, "m.room.power_levels": 100, "m.room.history_visibility": 100, POLICY: 50}


@dataclass(frozen=True, slots=True)
class Leak:
    """A word where it must not be."""

    cell: Cell
    place: Place
    now: Moment

    def __str__(self) -> str:
        mode = ("gated" if self.cell.gated else "direct") + (", encrypted" if self.cell.encrypted else "")
        said = f"{self.cell.kind} of {self.cell.standing}, said {self.cell.moment}"
        return f"{self.place}: {said}, found {self.now} ({self.cell.rules}, {mode})"


@dataclass
class Outcome:
    """What a run found: each leak once, and how many words were where they may be, for a proof that it looks."""

    leaks: list[Leak] = field(default_factory=list[Leak])
    seen: Counter[Place] = field(default_factory=Counter[Place])
    answers: int = 0


async def play(
    stage: Stage,
    selection: Selection,
    *,
    patience: float = GONE_WITHIN_SECONDS,
    moments: Iterable[Moment] = tuple(Moment),
) -> Outcome:
    """Play the moments in every room. `patience`: how long what must go may take (s)."""
    outcome = Outcome()
    await open_rooms(stage, selection)
    watched = _Watched(stage, patience)
    for moment in moments:
        begun = time.monotonic()
        await _turn(stage, selection, moment)
        outcome.answers += await _look(stage, selection, moment)
        for canary, place in await watched.look(moment):
            cell = stage.cell(canary)
            if may_be(cell, place, moment):
                outcome.seen[place] += 1
            else:
                leak = Leak(cell, place, moment)
                outcome.leaks.append(leak)
                say(f"leak: {leak}")
        say(f"{moment}: {len(outcome.leaks)} leaks so far, {time.monotonic() - begun:.0f} s")
    return outcome


# --- what people do -------------------------------------------------------------------------------------------------


async def open_rooms(stage: Stage, selection: Selection) -> None:
    """Make a room for each of the rules, with everybody but the newcomer in it, and the AI."""

    async def open_one(rules: Rules) -> None:
        members = [person for standing, person in stage.people.items() if standing is not Standing.NEWCOMER]
        invited = [stage.service.user_id, *(person.user_id for person in members)]
        power = {"events": _POWER, "users_default": 0, "state_default": 50}
        room = await stage.host.create_room(
            "Garden", invite=invited, encrypted=stage.encrypted, power_level_content_override=power
        )
        stage.rooms[rules] = room
        via = [stage.service.homeserver.server_name]
        for person in members:
            await _patiently(functools.partial(person.join, room, via=via))
        question = await stage.host.wait_for_text(room, "Hello, I'm Circle", sender=stage.service.user_id)
        stage.questions[room] = question["event_id"]

    await asyncio.gather(*map(open_one, selection.rooms))


async def _turn(stage: Stage, selection: Selection, moment: Moment) -> None:
    """Let a moment come, and let everybody speak in it."""
    match moment:
        case Moment.IN_FORCE:
            await _set_policies(stage, moment)
            await _choose(stage, {Standing.CONSENTING: "in", Standing.OUT: "out"})
            await _newcomers(stage)
        case Moment.CHOSEN:
            # First, for an answer that is said again because of the other choice looks at what stands by then.
            await _keep_out(stage)
            await _settle(stage)
            await _choose(stage, {Standing.NOT_AT_ALL: "not at all"})
        case Moment.DOWN:
            await stage.service.stop()
        case Moment.TIGHTENED | Moment.LOOSENED:
            await _set_policies(stage, moment)
        case _:
            pass
    if moment in SPEAKING:
        await asyncio.gather(*(_speak(stage, rules, pairs, moment) for rules, pairs in selection.rooms.items()))
    if moment is Moment.DOWN:
        await stage.service.start()
    if not (stage.gated and stage.encrypted and moment is Moment.BEFORE):
        # There the gate, which cannot see a word in ciphertext, delivers nothing before somebody has tapped.
        await _settle(stage)


async def _set_policies(stage: Stage, moment: Moment) -> None:
    """Write what is in force from now on as the room's state, and wait until the AI has said so."""
    order = list(Moment)
    before = order[order.index(moment) - 1]

    async def write(rules: Rules, room: str) -> None:
        new = course(rules)[moment]
        if new is None or new == course(rules)[before]:
            return
        written = await stage.host.set_state(room, POLICY, POLICIES[new])

        def is_banner(event: Event) -> bool:
            content = event["content"].get("m.new_content", event["content"])
            said = content.get(MARK, {}).get("kind") == "banner"
            return bool(event["sender"] == stage.service.user_id and said)

        await stage.host.wait_for(room, is_banner, after=written, what=f"a banner for {new}")

    await asyncio.gather(*(write(rules, room) for rules, room in stage.rooms.items()))


async def _choose(stage: Stage, words: dict[Standing, str]) -> None:
    """Let people say in private how they want it, for every circle; the host says yes with those who do."""
    chosen = [(stage.people[standing], word) for standing, word in words.items() if standing in stage.people]
    if Standing.CONSENTING in words:
        chosen.append((stage.host, words[Standing.CONSENTING]))
    for person, word in chosen:
        if (room := stage.private.get(person)) is None:
            room = stage.private[person] = await person.start_dm(stage.service.user_id)
            await person.wait_for_member(room, stage.service.user_id, "join")
        await _answered(stage, room, await person.say(room, word), by=person)


async def _keep_out(stage: Stage) -> None:
    """Let the host keep somebody out of every room."""
    kept = stage.people.get(Standing.KEPT_OUT)
    if kept is None:
        return
    for room in stage.rooms.values():
        await _call(stage, room, f"keep out {kept.user_id}", kept.user_id)


async def _newcomers(stage: Stage) -> None:
    person = stage.people.get(Standing.NEWCOMER)
    if person is None:
        return
    for room in stage.rooms.values():
        await stage.host.invite(room, person.user_id)
        await person.join(room)


async def _speak(stage: Stage, rules: Rules, pairs: Iterable[tuple[Standing, Kind]], moment: Moment) -> None:
    room = stage.rooms[rules]
    for standing, kind in pairs:
        if standing is Standing.NEWCOMER and moment is Moment.BEFORE:
            continue  # not there yet
        word = stage.word(rules, kind, standing, moment)
        await _say(stage, standing, room, kind, word)


async def _say(stage: Stage, standing: Standing, room: str, kind: Kind, word: str) -> None:
    """Put a word into a room in one way."""
    person, text = stage.people[standing], f"The ladder is with {word} now."
    match kind:
        case Kind.TEXT:
            await person.say(room, text)
        case Kind.EDIT:
            await person.edit(room, await person.say(room, "The ladder is somewhere."), text)
        case Kind.QUOTED:
            said = await person.say(room, text)
            await stage.host.say(
                room,
                f"> <{person.user_id}> {text}\n\nThank you all.",
                html=f"<mx-reply><blockquote>{text}</blockquote></mx-reply>Thank you all.",
                relates_to={"m.in_reply_to": {"event_id": said}},
            )
        case Kind.THREAD:
            await person.in_thread(room, await person.say(room, "Who has the ladder?"), text)
        case Kind.CAPTION:
            content = {"msgtype": "m.image", "body": text, "filename": "photo.png", "url": "mxc://here/photo"}
            await person.send(room, "m.room.message", content)
        case Kind.FILE_NAME:
            content = {"msgtype": "m.file", "body": f"{word}.pdf", "filename": f"{word}.pdf", "url": "mxc://here/file"}
            await person.send(room, "m.room.message", content)
        case Kind.POLL:
            question: dict[str, Any] = {
                "question": {"org.matrix.msc1767.text": text},
                "answers": [],
                "max_selections": 1,
            }
            await person.send(room, "org.matrix.msc3381.poll.start", {"org.matrix.msc3381.poll.start": question})
        case Kind.DISPLAY_NAME:
            await person.set_room_name(room, word)
        case Kind.TOPIC:
            await person.set_state(room, "m.room.topic", {"topic": text})
        case Kind.STICKER:
            await person.send(room, "m.sticker", {"body": text, "url": "mxc://here/sticker", "info": {}})


# --- looking ----------------------------------------------------------------------------------------------------------


async def _look(stage: Stage, selection: Selection, moment: Moment) -> int:
    """Ask the AI in every room, by a model and by its own picking; returns how many answers came."""
    rooms: list[str] = []
    for rules in selection.rooms:
        in_force = course(rules)[moment]
        if in_force is not None and POLICIES[in_force]["trigger"]:
            rooms.append(stage.rooms[rules])
    await _all_ask(stage, rooms, "summary")
    stage.model.always(Fail(401))  # What a model does not answer is picked, and quoted word by word.
    await _all_ask(stage, rooms, "summary")
    await _all_ask(stage, rooms, "ask where is the ladder?")
    return 3 * len(rooms) + await _ask_in_private(stage, rooms)


async def _ask_in_private(stage: Stage, rooms: Sequence[str]) -> int:
    """Have the host told in private what each circle said, and handed over their receipts and what is held of them."""
    private = stage.private.get(stage.host)
    if private is None:
        return 0  # Nobody has chosen anything yet.
    for room in rooms:
        await _call(stage, room, "summary, only for me")
    await _all_ask(stage, rooms, "help")
    for words in ("receipts", "export me"):
        await stage.host.say(private, words)
    await _answered(stage, private, await stage.host.say(private, "help"))
    return len(rooms)


async def _settle(stage: Stage) -> None:
    """Wait until the AI has answered one more word in every room: what came before is handled by then."""
    await _all_ask(stage, stage.rooms.values(), "help")


async def _all_ask(stage: Stage, rooms: Iterable[str], words: str) -> None:
    async def ask(room: str) -> None:
        await _answered(stage, room, await _call(stage, room, words))

    await asyncio.gather(*map(ask, rooms))


async def _call(stage: Stage, room: str, words: str, *mentions: str) -> str:
    """Say something to the AI. In an encrypted room it hears everybody only where they reply to it."""
    replies = {"m.in_reply_to": {"event_id": stage.questions[room]}} if stage.encrypted else None
    return await stage.host.say(room, f"!circle {words}", mentions=mentions, relates_to=replies)


async def _answered(stage: Stage, room: str, question: str, *, by: Any = None) -> None:
    def holds(event: Event) -> bool:
        relation = event["content"].get("m.relates_to", {})
        replied = relation.get("m.in_reply_to", {}).get("event_id") == question
        return bool(event["sender"] == stage.service.user_id and event["type"] == "m.room.message" and replied)

    await (by or stage.host).wait_for(room, holds, what=f"the AI's answer to {question}")


async def _patiently(do: Callable[[], Awaitable[object]]) -> None:
    """Do what another homeserver may not know of yet."""
    deadline = time.monotonic() + GONE_WITHIN_SECONDS
    while True:
        try:
            await do()
        except Refused:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            return


class _Watched:
    """All places, and how far each of them was looked at."""

    def __init__(self, stage: Stage, patience: float) -> None:
        self._stage = stage
        self._patience = patience
        self._requests: list[dict[str, Any]] = []
        self._passed = [0, 0]
        self._said: dict[str, set[str]] = {}
        self._files: dict[str, bytes] = {}

    async def look(self, now: Moment) -> list[tuple[Canary, Place]]:
        """Return what is where. What must go may take its time: those places are looked at until it has gone."""
        flock = self._stage.flock
        found = [(canary, Place.MODEL) for canary in flock.found_in(self._sent_to_model())]
        found += [(canary, Place.SOCKET) for canary in flock.found_in(self._passed_the_gate())]
        lasting: tuple[tuple[Place, Callable[[], Awaitable[bytes]]], ...] = (
            (Place.DISK, self._disk),
            (Place.ROOM, functools.partial(self._said_in, self._circles)),
            (Place.PRIVATE, functools.partial(self._said_in, self._direct_messages)),
            (Place.MEDIA, self._media),
            (Place.LOG, self._log),
            (Place.METRICS, self._metrics),
        )
        deadline = time.monotonic() + self._patience
        for place, read in lasting:
            while True:
                there = flock.found_in(await read())
                if self._is_clean(there, place, now) or time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.5)
            found += [(canary, place) for canary in there]
        return found

    def _is_clean(self, there: Collection[Canary], place: Place, now: Moment) -> bool:
        return all(may_be(self._stage.cell(canary), place, now) for canary in there)

    def _sent_to_model(self) -> bytes:
        sent = json.dumps(self._stage.model.requests(), ensure_ascii=False).encode()
        self._stage.model.reset()
        return sent

    def _passed_the_gate(self) -> bytes:
        passed = b""
        for number, wire in enumerate(self._stage.wires):
            # Delivered is what comes with a request, fetched is what comes with an answer.
            bodies = [request.body for request in wire.requests] if number == 0 else wire.answers
            passed += b"\n".join(bodies[self._passed[number] :])
            self._passed[number] = len(bodies)
        return passed

    async def _disk(self) -> bytes:
        files = [path for path in sorted(self._stage.service.data_dir.rglob("*")) if path.is_file()]
        return b"\n".join([str(files).encode(), *(path.read_bytes() for path in files)])

    async def _log(self) -> bytes:
        return self._stage.service.log().encode()

    async def _metrics(self) -> bytes:
        url = f"{self._stage.service.health_url}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.read()

    async def _said_in(self, where: Callable[[], list[tuple[str, Person]]]) -> bytes:
        """Return all that the AI said there, as the history shows it now and as each event is when asked for."""
        shown = list[Event]()
        for room, reader in where():
            history = [e for e in await reader.all_messages(room) if e["sender"] == self._stage.service.user_id]
            known = self._said.setdefault(room, set())
            known |= {event["event_id"] for event in history}
            shown += history
            now = [await reader.event(room, event_id) for event_id in sorted(known)]
            # What is encrypted reads as the reader's client made it readable.
            clear = {event["event_id"]: event for event in reader.timeline(room)}
            shown += [
                clear.get(event["event_id"], event) if "ciphertext" in event["content"] else event for event in now
            ]
        return json.dumps(shown, ensure_ascii=False).encode()

    def _circles(self) -> list[tuple[str, Person]]:
        return [(room, self._stage.host) for room in self._stage.rooms.values()]

    def _direct_messages(self) -> list[tuple[str, Person]]:
        return [(room, person) for person, room in self._stage.private.items()]

    async def _media(self) -> bytes:
        """Return every file that the AI ever handed over, whether or not its message still stands."""
        for room, reader in (*self._circles(), *self._direct_messages()):
            for event in reader.timeline(room):
                url = event["content"].get("url")
                if event["sender"] == self._stage.service.user_id and url and url not in self._files:
                    self._files[url] = await reader.download(url)
        return b"\n".join(self._files.values())
