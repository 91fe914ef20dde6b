"""Catching up: what was said in our rooms and never delivered is read from the rooms themselves.

Synapse holds an event in memory for a moment before it is part of a transaction, and forgets it when it ends in that
moment, killed or stopped gently (measured); an application service is never told.  So contact is watched by requests
over one connection, and whenever that broke off, and at every start, the rooms with news are read back to the newest
event that had reached us before.  What is found takes the way of a delivery: the same gate, the same journal, one
commit a room.  Deliveries wait meanwhile, so that a room's events keep their order.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.contact import Contact
from circles.adapters.store import journal, positions
from circles.core.ids import RoomID, server_of
from circles.core.settings import Settings
from circles.entrypoints.deliveries import Deliveries
from circles.entrypoints.intake import Intake
from circles.errors import MatrixBadRequest, MatrixError, MatrixForbidden, MatrixNotFound, MatrixUnavailable
from circles.facts import rooms
from circles.logs import place_of
from circles.ports import Database, TellsTime
from circles_policies.events import mapping

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
POLL_SECONDS: Final = 20
LEAST_SECONDS: Final = 1
"""No request is followed by the next one sooner, though what is of no interest here may end it at once."""
ASK_SECONDS: Final = 5
"""How often a homeserver is asked whether it is there if it keeps no request open for us."""
PAUSES: Final = (0.5, 1, 2, 5)
VERSIONS: Final = "/_matrix/client/versions"
PAGE: Final = 100
PAGES: Final = 50
"""So much of one room is read at most: what is older comes by deliveries or not at all."""
PAGES_RESTORED: Final = 2_000
"""The same once, when a backup was restored."""
FIRST_PAGES: Final = 5
"""The same where there is no position yet, as after an upgrade."""
AT_ONCE: Final = 4
_NOTHING: Final[Json] = {"types": []}
_NO_ROOMS: Final[Json] = {"room": {"rooms": []}, "presence": _NOTHING, "account_data": _NOTHING}
_NEWS: Final[Json] = {
    "room": {"timeline": {"limit": 1}, "state": _NOTHING, "ephemeral": _NOTHING, "account_data": _NOTHING},
    "presence": _NOTHING,
    "account_data": _NOTHING,
}


@dataclass(frozen=True, slots=True)
class _News:
    """Where something happened since a token.

    Attributes:
        token: where this answer stands.
        rooms: rooms of ours to read.
        invites: the stripped state of rooms we are invited to, by room.
        departures: events with which we left rooms, or were made to.
    """

    token: str | None
    rooms: tuple[RoomID, ...]
    invites: Mapping[RoomID, Sequence[Json]]
    departures: tuple[Json, ...] = ()


class _WasAsleep(MatrixUnavailable):
    """This process did not run for a while: what became of contact meanwhile is not known."""


class CatchingUp:
    """Watches contact with the homeserver, and reads what was missed whenever it broke off."""

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        contact: Contact,
        intake: Intake,
        deliveries: Deliveries,
        settings: Settings,
        clock: TellsTime,
        back: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        meet: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Take what the composition root wires. `back` is called each time contact stands and nothing is missing.

        `meet` is called before anything is read after contact broke off: the homeserver may be one made anew.
        """
        self._database = database
        self._client = client
        self._contact = contact
        self._intake = intake
        self._deliveries = deliveries
        self._settings = settings
        self._clock = clock
        self._back = back
        self._sleep = sleep
        self._meet = meet
        self._candidate: tuple[str, float, int] | None = None
        self._counted = -1
        self._polls = True
        self._pages = PAGES
        self._reached_seq: int | None = None

    async def first(self) -> None:
        """Catch up once, however long it takes: what happened since the backup that was restored is read first."""
        self._pages = PAGES_RESTORED
        self._deliveries.hold()
        await self._note_break()
        for failures in itertools.count():
            try:
                await self._catch_up()
            except MatrixError:
                await self._sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            else:
                self._pages = PAGES
                return

    async def run(self) -> None:
        """Watch for ever. Deliveries are held until the first catching up is done."""
        token: str | None = None
        is_behind = True
        was_there = False
        failures = 0
        self._deliveries.hold()
        await self._note_break()
        while True:
            try:
                if is_behind:
                    if self._meet is not None and was_there:
                        await self._meet()
                    was_there = True
                    self._deliveries.woken.clear()
                    await self._make_contact()
                    token = await self._while_awake(self._catch_up())
                    self._reached_seq = await self._database.read(journal.last_seq)
                    is_behind, failures = False, 0
                    self._deliveries.release()
                    await self._back()
                token = await self._while_awake(self._watch(token))
            except Exception as error:  # noqa: BLE001  # a full disk must not end the watch for good
                if isinstance(error, _WasAsleep):
                    log.info("This process did not run for a while.", extra={"action": "was_asleep"})
                elif not isinstance(error, MatrixError):
                    log.error(  # noqa: TRY400  # the traceback may carry text
                        "Catching up failed.",
                        extra={"action": "catch_up_failed", "error": type(error).__name__, "place": place_of(error)},
                    )
                elif not is_behind:
                    log.warning(
                        "Contact with the homeserver broke off.",
                        extra={"action": "homeserver_lost", "errcode": error.errcode, "status": error.status},
                    )
                if not is_behind:
                    is_behind = True
                    self._deliveries.hold()
                    await self._note_break()
                if not isinstance(error, _WasAsleep):
                    await self._sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                    failures += 1

    # --- contact ----------------------------------------------------------------------------------------------------

    async def _make_contact(self) -> None:
        """Open the connection that is watched from here on, so that no absence after this goes unnoticed."""
        await self._contact.request("GET", VERSIONS)
        self._contact.anew.clear()

    async def _while_awake(self, work: Coroutine[Any, Any, str | None]) -> str | None:
        """Return what comes of it, if this process runs all the while and the homeserver is there.

        Raises:
            MatrixError: contact broke off, or may have.
        """
        task = asyncio.ensure_future(work)
        signs = [asyncio.ensure_future(sign.wait()) for sign in (self._deliveries.woken, self._contact.anew)]
        try:
            await asyncio.wait({task, *signs}, return_when=asyncio.FIRST_COMPLETED)
            if self._deliveries.woken.is_set():
                raise _WasAsleep("What came meanwhile is not known.")
            if self._contact.anew.is_set():
                # It was away, for however short: a restart, or all that time in which this process did not run.
                raise MatrixUnavailable("The homeserver was away in between.")
            return task.result()
        finally:
            for each in (task, *signs):
                each.cancel()
            await asyncio.gather(task, *signs, return_exceptions=True)

    async def _watch(self, token: str | None) -> str | None:
        """Keep one request open, and return the token it ends with.

        Raises:
            MatrixError: contact broke off.
        """
        # What had reached us when the request began is whole if its answer shows that contact stood until then.
        reached = await self._database.read(journal.last_seq)
        answered = await self._ask(token)
        self._reached_seq = reached
        if answered is None:
            return token
        begun, taken = answered
        await self._consider(taken)
        await self._sleep(max(0, LEAST_SECONDS - (self._deliveries.now() - begun)))
        return taken

    async def _ask(self, token: str | None) -> tuple[float, str] | None:
        """Make a request over the watched connection; returns when it began and the token that it ended with."""
        if self._polls:
            begun = self._deliveries.now()
            try:
                answer = await self._contact.sync(token, _NO_ROOMS, POLL_SECONDS * 1000 if token else 0)
            except (MatrixForbidden, MatrixBadRequest, MatrixNotFound):
                answer = {}
            if taken := str(answer.get("next_batch", "")):
                return begun, taken
            log.info("Contact is watched by asking.", extra={"action": "watch_asks"})
            self._polls = False
            return None
        await self._sleep(ASK_SECONDS)
        await self._contact.request("GET", VERSIONS)
        return None

    async def _consider(self, token: str) -> None:
        """Make an earlier token our position once all that stood before it must have reached us.

        Nothing is written where nothing was delivered since: the older position is as good.
        """
        if self._candidate is None:
            self._candidate = (token, self._deliveries.now(), self._now())
            return
        earlier, taken, at = self._candidate
        if not self._deliveries.were_quiet_after(taken):
            return
        if self._deliveries.count != self._counted:
            self._counted = self._deliveries.count
            await self._database.write(partial(positions.save, token=earlier, at=at))
        self._candidate = (token, self._deliveries.now(), self._now())

    async def _note_break(self) -> None:
        """Note behind which row contact broke off, so that a restart before it is made good knows it too.

        It is a row that had come while contact stood for certain: what came after it may have something before it
        that was lost, so the rooms are read back past it.
        """
        self._candidate, reached = None, self._reached_seq

        def note(connection: Connection) -> None:
            positions.broke(connection, reached if reached is not None else journal.last_seq(connection))

        try:
            await self._database.write(note)
        except Exception as error:  # noqa: BLE001  # then nothing else is written either, and no row comes to be newer
            log.error(  # noqa: TRY400  # the traceback may carry text
                "Catching up failed.",
                extra={"action": "catch_up_failed", "error": type(error).__name__, "place": place_of(error)},
            )

    # --- catching up ------------------------------------------------------------------------------------------------

    async def _catch_up(self) -> str | None:
        """Read what was missed, and return the token up to which nothing is missing now.

        Raises:
            MatrixError: the homeserver did not answer; to be done again, which changes nothing that was done.
        """
        begun = time.monotonic()
        position, last = await self._database.read(lambda c: (positions.load(c), journal.last_seq(c)))
        before = position.broken_seq if position.broken_seq is not None else last
        at = self._now()
        news = await self._news(position)
        found = await self._read_rooms(news.rooms, position.token, before)
        found += await self._take_departures(news.departures)
        for room_id, state in news.invites.items():
            found += await self._take_invite(room_id, state, position)
        if news.token != position.token or position.broken_seq is not None:
            await self._database.write(partial(positions.save, token=news.token, at=at))
        log.info(
            "Caught up with the rooms.",
            extra={
                "action": "caught_up",
                "rooms": len(news.rooms),
                "events": found,
                "seconds": round(time.monotonic() - begun, 3),
            },
        )
        return news.token

    async def _news(self, position: positions.Position) -> _News:
        """Find the rooms with news: by one request since our position, else every room of ours."""
        # Synapse repeats an answer for two minutes to the same request, and the time to wait is part of what it is.
        wait = random.randrange(500)  # noqa: S311  # to differ, not to be secret
        if self._polls and position.token is not None and not self._settings.gated:
            try:
                answer = await self._client.sync(position.token, _NEWS, wait)
            except (MatrixForbidden, MatrixBadRequest, MatrixNotFound):
                pass
            else:
                return await self._listed(answer)
        token: str | None = None
        if self._polls:
            try:
                token = str((await self._client.sync(None, _NO_ROOMS, wait)).get("next_batch", "")) or None
            except (MatrixForbidden, MatrixBadRequest, MatrixNotFound):
                self._polls = False
        return _News(token, await self._database.read(rooms.joined_rooms), {})

    async def _listed(self, answer: Json) -> _News:
        found = mapping(answer.get("rooms"))
        joined = {RoomID(room_id): mapping(room) for room_id, room in mapping(found.get("join")).items()}
        timelines = {room_id: mapping(room.get("timeline")) for room_id, room in joined.items()}
        newest = [str(event.get("event_id")) for timeline in timelines.values() for event in _events(timeline)]
        known = await self._database.read(lambda c: journal.seqs(c, newest))
        wanted = [room_id for room_id, timeline in timelines.items() if not self._is_all_known(timeline, known)]
        left = [
            {**event, "room_id": room_id}
            for room_id, room in mapping(found.get("leave")).items()
            for event in _events(mapping(mapping(room).get("timeline")))
        ]
        invites = {
            RoomID(room_id): _events(mapping(mapping(room).get("invite_state")))
            for room_id, room in mapping(found.get("invite")).items()
        }
        return _News(str(answer.get("next_batch", "")) or None, tuple(wanted), invites, tuple(left))

    def _is_all_known(self, timeline: Json, known: Mapping[str, int]) -> bool:
        """Return whether nothing else is new in a room than what we have, or said ourselves."""
        if timeline.get("limited"):
            return False
        events = _events(timeline)
        return all(event.get("sender") == self._settings.ai or str(event.get("event_id")) in known for event in events)

    # --- one room ---------------------------------------------------------------------------------------------------

    async def _read_rooms(self, room_ids: Sequence[RoomID], to: str | None, before: int) -> int:
        """Take in what was missed in each room, a few rooms at a time; return how many events that were."""
        waiting = iter(room_ids)

        async def work() -> int:
            return sum([await self._read_room(room_id, to, before) for room_id in waiting])

        tasks = [asyncio.ensure_future(work()) for _ in range(AT_ONCE)]
        try:
            return sum(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _read_room(self, room_id: RoomID, to: str | None, before: int) -> int:
        """Take in what was missed in a room, in one commit, and return how many events that were."""
        try:
            missed = await self._missed(room_id, to, before)
        except (MatrixForbidden, MatrixNotFound):
            return 0  # We are not in it any more.
        if missed:
            await self._intake.catch_up(missed)
        return sum(event.get("sender") != self._settings.ai for event in missed)

    async def _missed(self, room_id: RoomID, to: str | None, before: int) -> list[Json]:
        """Return a room's events since a token or since the newest that had reached us, oldest first.

        An event's time is never later than that of the next one whose time our own homeserver set: what a forged clock
        says must not lift a message over the start of a looser policy.
        """
        found: list[Json] = []
        ceiling = self._now()
        start: str | None = None
        for _ in range(self._pages if to is not None else max(FIRST_PAGES, self._pages - PAGES)):
            page = await self._client.messages(room_id, start, PAGE, to=to)
            chunk = _events(page, "chunk")
            ids = [str(event.get("event_id")) for event in chunk]
            known = await self._database.read(partial(journal.seqs, event_ids=ids))
            for event in chunk:
                if server_of(str(event.get("sender"))) == self._settings.server_name:
                    ceiling = min(ceiling, _ts(event))
                seq = known.get(str(event.get("event_id")))
                if seq is not None and seq <= before:
                    return self._of_our_time(found)
                if seq is None:
                    found.append({**event, "room_id": room_id, "origin_server_ts": min(_ts(event), ceiling)})
            start = page.get("end")
            if not start:  # An empty page is no end: behind a gate it may be one of which nothing passed.
                return self._of_our_time(found)
        log.warning("More was said than is read.", extra={"action": "catch_up_cut", "room_id": room_id})
        return self._of_our_time(found)

    def _of_our_time(self, newest_first: list[Json]) -> list[Json]:
        """Turn around what was found, without what was said before we came: only how we came and went stays of that."""
        for index, event in enumerate(newest_first):
            if self._is_own_membership(event) and _comes_in(event):
                before = [each for each in newest_first[index + 1 :] if self._is_own_membership(each)]
                return [*reversed(before), *reversed(newest_first[: index + 1])]
        return newest_first[::-1]

    def _is_own_membership(self, event: Json) -> bool:
        return event.get("type") == "m.room.member" and event.get("state_key") == self._settings.ai

    async def _take_departures(self, events: Sequence[Json]) -> int:
        own = [event for event in events if self._is_own_membership(event)]
        known = await self._database.read(lambda c: journal.seqs(c, [str(event.get("event_id")) for event in own]))
        missed = [event for event in own if str(event.get("event_id")) not in known]
        for event in missed:
            await self._intake.catch_up([event])
        return len(missed)

    async def _take_invite(self, room_id: RoomID, state: Sequence[Json], position: positions.Position) -> int:
        """Take in an open invite that was never delivered.

        The homeserver shows it without its id and time, so it gets an id made from the position it is newer than, and
        that position's time: what was said to us from then on is read once we have joined.
        """
        facts = await self._database.read(lambda c: rooms.room_facts(c, room_id))
        own = next((event for event in state if self._is_own_membership(event)), None)
        if own is None or (facts is not None and facts.membership == "invite"):
            return 0
        if facts is not None and facts.membership == "join" and room_id in await self._client.joined_rooms():
            return 0  # It was delivered and accepted since we asked.
        name = hashlib.sha256(f"{room_id} {own.get('sender')} {position.token}".encode()).hexdigest()[:40]
        shown = {**own, "room_id": room_id, "origin_server_ts": position.at}
        stripped = {"invite_room_state": [event for event in state if event is not own]}
        events: list[Json] = [{**shown, "event_id": f"$invite-{name}", "unsigned": stripped}]
        if facts is not None and facts.membership == "join":
            # We were put out before, which was not delivered either: nothing that was agreed there holds any more.
            events.insert(0, {**shown, "event_id": f"$leave-{name}", "content": {"membership": "leave"}})
        await self._intake.catch_up(events)
        return len(events)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _comes_in(event: Json) -> bool:
    """Return whether a membership event is a join from outside, not a new name inside."""
    earlier = mapping(mapping(event.get("unsigned")).get("prev_content")).get("membership")
    return mapping(event.get("content")).get("membership") == "join" and earlier != "join"


def _ts(event: Json) -> int:
    value = event.get("origin_server_ts")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _events(holder: Json, key: str = "events") -> list[Json]:
    value = holder.get(key)
    return [mapping(each) for each in cast("list[object]", value)] if isinstance(value, list) else []
