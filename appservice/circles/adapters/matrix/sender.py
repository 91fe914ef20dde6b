"""The sender: carries out the outbox, in order within a lane (a room, or a person's direct message), lanes side by
side.

A row's id is its transaction ID, so carrying a row out twice has one effect: the homeserver remembers it for a day,
and after
that the event is looked for by the id in its mark.  What the homeserver refuses for good is given up and logged; what
fails otherwise is tried again, for ever, with growing pauses that end as soon as the homeserver is heard of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.adapters.matrix.direct import DirectRooms
from circles.adapters.store import outbox
from circles.core import compose
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.errors import (
    MatrixBadRequest,
    MatrixError,
    MatrixForbidden,
    MatrixNotFound,
    MatrixRateLimited,
    MatrixUnknownToken,
)
from circles.facts import rooms as facts
from circles.ports import Database, TellsTime

log = logging.getLogger(__name__)

BACKOFF_SECONDS: Final = (1, 2, 4, 8, 15, 30, 60)
UNSURE_MS: Final = 20 * 3_600_000
"""The homeserver forgets transaction IDs after 24 h; a row older than this is looked for before it is sent again."""
UNREACHABLE_MS: Final = 24 * 3_600_000
"""What fails for so long at a homeserver that does answer is given up: a direct message that cannot be made."""
MOST_FAULTS: Final = 5
"""After so many attempts, a row that breaks ourselves is given up."""
MOST_JOINS: Final = 5
"""So many attempts, some 15 s: an invite over federation reaches us before the inviting homeserver has stored it itself
(measured, Synapse 1.163), and until then that one refuses our join.
"""
LOOK_BACK: Final = 50
"""Pages of the timeline in which an event of ours is looked for."""


class Sender:
    """Runs one task a lane while the lane has rows."""

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        direct: DirectRooms,
        sealing: Sealing,
        clock: TellsTime,
        sent: Callable[[Connection, EffectID, int], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        counted: Callable[[str, str], None] = lambda _kind, _outcome: None,
        before: Callable[[], Awaitable[None]] | None = None,
        gone: Callable[[RoomID], Awaitable[bool]] | None = None,
        replaced_at: Callable[[], int] = lambda: 0,
    ) -> None:
        """Prepare; nothing is sent before `start`. `sent` is told of each post in the commit that notes it.

        `counted` is told each outcome: the row's kind, and sent, refused or retried. `before` is awaited before each
        row: what has to be known elsewhere before anything is said; while it fails as the homeserver fails, rows wait.
        `gone` is asked of a room where we were forbidden to speak whether we are in it no longer.
        `replaced_at` is when our device was replaced, in ms: the homeserver knows no transaction ID of the old one.
        """
        self._before = before
        self._counted = counted
        self._gone = gone
        self._database = database
        self._client = client
        self._direct = direct
        self._sealing = sealing
        self._replaced_at = replaced_at
        self._clock = clock
        self._sent = sent
        self._sleep = sleep
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._heard = asyncio.Event()
        self._open = False

    async def start(self) -> None:
        """Carry out what an earlier run left, and whatever is kicked from now on."""
        self._open = True
        await self.kick_all()

    async def kick_all(self) -> None:
        """Look at every lane that has rows."""
        for lane in await self._database.read(outbox.lanes_waiting):
            self.kick(lane)

    def kick(self, lane: str) -> None:
        """Say that a lane may have rows."""
        if not self._open:
            return
        if lane in self._lanes:
            self._again.add(lane)
            return
        task = asyncio.create_task(self._drain(lane), name=f"outbox {lane}")
        self._lanes[lane] = task
        task.add_done_callback(lambda _: self._ended(lane))

    def heard(self) -> None:
        """Say that the homeserver is there: whoever waits for it to come back tries now."""
        self._heard.set()
        self._heard = asyncio.Event()

    def _ended(self, lane: str) -> None:
        self._lanes.pop(lane, None)
        if lane in self._again:
            self._again.discard(lane)
            self.kick(lane)

    async def drain(self, seconds: float) -> None:
        """Wait until everything is sent, but no longer than so."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._lanes and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(list(self._lanes.values()), timeout=left)

    async def stop(self) -> None:
        """Let go; what is not sent stays in its rows."""
        self._open = False
        self._again.clear()
        tasks = list(self._lanes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, lane: str) -> None:
        try:
            await self._carry_out_all(lane)
        except Exception as error:  # noqa: BLE001  # a full disk must not end the lane for good
            log.error(  # noqa: TRY400  # the traceback may carry text
                "A lane broke off.", extra={"action": "outbox_failed", "lane": lane, "error": type(error).__name__}
            )
            await self._sleep(BACKOFF_SECONDS[-1])
            self._again.add(lane)

    async def _carry_out_all(self, lane: str) -> None:
        while (found := await self._database.read(partial(_next_of, lane=lane))) is not None:
            row, stands = found
            try:
                if self._before is not None:
                    await self._before()
            except MatrixError as error:
                await self._wait(row, error)  # Whatever is wrong there, it is nothing of this row.
                continue
            try:
                room_id, event_id = stands or await self._carry_out(row)
            except (MatrixForbidden, MatrixBadRequest, MatrixNotFound) as error:
                if row.kind == "join" and isinstance(error, MatrixForbidden) and row.attempts + 1 < MOST_JOINS:
                    await self._wait(row, error)
                    continue
                try:
                    gone = await self._is_gone(row, error)
                except MatrixError as unknown:
                    await self._wait(row, unknown)
                    continue
                if not gone:
                    await self._give_up(row, error.errcode)
                elif not lane.startswith("@"):
                    return  # What waits for a room we have lost waits until it is found, or given up.
                continue
            except MatrixError as error:
                if self._is_unreachable(row, error):
                    await self._give_up(row, error.errcode)
                else:
                    await self._wait(row, error)
                continue
            except Exception as error:  # noqa: BLE001  # one row that breaks us must not hold up its room
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "An effect could not be carried out.",
                    extra={"action": "outbox_broken", "kind": row.kind, "error": type(error).__name__},
                )
                if row.attempts + 1 >= MOST_FAULTS:
                    await self._give_up(row, "")
                else:
                    await self._wait(row, None)
                continue
            if row.attempts:
                self.heard()
            now = self._now()
            await self._database.write(partial(self._note, row=row, room_id=room_id, event_id=event_id, now=now))
            self._counted(row.kind, "sent")

    async def _is_gone(self, row: outbox.Row, refusal: MatrixError) -> bool:
        """Return whether a row was refused because we are not in its room any more: then it is not the row's fault."""
        if self._gone is None or not isinstance(refusal, MatrixForbidden) or row.kind in ("join", "leave"):
            return False
        room_id: RoomID | None = RoomID(row.lane)
        if row.lane.startswith("@"):
            room_id = (await self._database.read(lambda c: facts.person(c, UserID(row.lane)))).direct_room
        return room_id is not None and await self._gone(room_id)

    async def _give_up(self, row: outbox.Row, errcode: str) -> None:
        log.warning(
            "An effect was given up.",
            extra={"action": "outbox_refused", "kind": row.kind, "lane": row.lane, "errcode": errcode},
        )
        await self._database.write(partial(outbox.refused, row=row))
        self._counted(row.kind, "refused")

    async def _wait(self, row: outbox.Row, error: MatrixError | None) -> None:
        await self._database.write(partial(outbox.retried, row=row))
        self._counted(row.kind, "retried")
        pause: float = BACKOFF_SECONDS[min(row.attempts, len(BACKOFF_SECONDS) - 1)]
        limited = isinstance(error, MatrixRateLimited)
        if error is not None and error.retry_after is not None:
            pause = max(error.retry_after.total_seconds(), 0.1)
        log.info(
            "An effect waits.",
            extra={
                "action": "outbox_waits",
                "kind": row.kind,
                "seconds": pause,
                "limited": limited,
                "errcode": error.errcode if error is not None else "",
                "status": error.status if error is not None else 0,
            },
        )
        if limited or error is None:
            await self._sleep(pause)
            return
        # Being heard of cuts the pause short, but never below the first step: it may be busy and not gone.
        await self._sleep(min(pause, BACKOFF_SECONDS[0]))
        sleeping = asyncio.ensure_future(self._sleep(pause - BACKOFF_SECONDS[0]))
        hearing = asyncio.ensure_future(self._heard.wait())
        try:
            if pause > BACKOFF_SECONDS[0]:
                await asyncio.wait({sleeping, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            hearing.cancel()

    def _is_unreachable(self, row: outbox.Row, error: MatrixError) -> bool:
        """Return whether a homeserver that does answer has failed at this row for a day: others wait behind it."""
        if isinstance(error, MatrixRateLimited | MatrixUnknownToken):
            return False  # It is not the row that is wrong.
        answered = error.status == 500 or (row.lane.startswith("@") and error.status > 0)
        return answered and self._now() - row.created_at > UNREACHABLE_MS

    def _note(
        self, connection: Connection, *, row: outbox.Row, room_id: RoomID, event_id: EventID | None, now: int
    ) -> None:
        outbox.sent(connection, row, room_id, event_id, now)
        if row.kind == "post":
            self._sent(connection, row.id, now)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _carry_out(self, row: outbox.Row) -> tuple[RoomID, EventID | None]:
        """Do what a row says; return the room and the event it became, if it became one."""
        room_id = RoomID(row.lane)
        if row.lane.startswith("@"):
            secret = await self._sealing.is_secret(row.target or row.id)
            room_id = await self._direct.room_for(UserID(row.lane), secret=secret)
        payload = row.payload
        target: EventID | None = None
        if row.target is not None:
            found = await self._database.read(lambda c: outbox.event_of(c, row.target) if row.target else None)
            if found is None:
                raise MatrixNotFound("What this effect refers to was never sent.")
            room_id, target = found
        forgotten = self._now() - row.created_at > UNSURE_MS or row.created_at < self._replaced_at()
        if row.kind in ("post", "edit", "react") and forgotten:
            earlier = await self._look_for(room_id, row)
            if earlier is not None:
                return room_id, earlier
        match row.kind:
            case "post":
                return room_id, await self._post(room_id, row)
            case "edit" if target is not None:
                encrypted = await self._sealing.is_encrypted(room_id)
                content = compose.edit(payload, target, row.id, encrypted=encrypted)
                return room_id, await self._sealing.send(room_id, content, row.id, encrypted=encrypted)
            case "react":
                event_id = target or EventID(payload["event_id"])
                content = compose.reaction(event_id, payload["key"], row.id, payload.get("kind", "button"))
                return room_id, await self._react(room_id, content, row.id)
            case "redact":
                return room_id, await self._client.redact(room_id, EventID(payload["event_id"]), row.id)
            case "state":
                await self._client.put_state(room_id, payload["type"], payload["state_key"], payload["content"])
            case "event":
                return room_id, await self._client.send(room_id, payload["type"], payload["content"], row.id)
            case "name":
                content = {"membership": "join", "displayname": payload["name"]}
                await self._client.put_state(room_id, "m.room.member", self._client.user_id, content)
            case "pin" if target is not None:
                await self._pin(room_id, target)
            case "invite":
                await self._room_post(room_id, "invite", {"user_id": payload["user_id"]})
            case "join":
                await self._room_post(room_id, "join", {})
            case "leave":
                await self._room_post(room_id, "leave", {"reason": payload["reason"]})
            case _:
                raise MatrixBadRequest(f"An outbox row of kind {row.kind} cannot be carried out.")
        return room_id, None

    async def _post(self, room_id: RoomID, row: outbox.Row) -> EventID:
        attachment = row.payload.get("attachment")
        encrypted = await self._sealing.is_encrypted(room_id)
        media = await self._sealing.upload(attachment, encrypted=encrypted) if attachment else None
        content = compose.message(row.payload, row.id, media, encrypted=encrypted)
        return await self._sealing.send(room_id, content, row.id, encrypted=encrypted)

    async def _look_for(self, room_id: RoomID, row: outbox.Row) -> EventID | None:
        """Return the event that a row became in an attempt we know nothing of, by the effect id in its mark."""
        start: str | None = None
        for _ in range(LOOK_BACK):
            page = await self._client.messages(room_id, start, 100)
            for event in page.get("chunk", []):
                if event.get("sender") == self._client.user_id and compose.effect_of(event.get("content")) == row.id:
                    return EventID(str(event["event_id"]))
                if event.get("origin_server_ts", 0) < row.created_at - UNSURE_MS:
                    return None
            start = page.get("end")
            if not start:
                return None
        return None

    async def _react(self, room_id: RoomID, content: Mapping[str, Any], txn_id: str) -> EventID | None:
        try:
            return await self._client.send(room_id, "m.reaction", content, txn_id)
        except MatrixBadRequest as error:
            if error.errcode == "M_DUPLICATE_ANNOTATION":
                return None  # It is there already, which is what was wanted.
            raise

    async def _pin(self, room_id: RoomID, event_id: EventID) -> None:
        try:
            pinned = list((await self._client.state_event(room_id, "m.room.pinned_events")).get("pinned", []))
        except MatrixNotFound:
            pinned = []
        if event_id not in pinned:
            # Appended: other people's pins keep their order (MATRIX.md part C).
            await self._client.put_state(room_id, "m.room.pinned_events", "", {"pinned": [*pinned, event_id]})

    async def _room_post(self, room_id: RoomID, verb: str, body: dict[str, Any]) -> None:
        await self._client.request("POST", f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/{verb}", body)


def _next_of(connection: Connection, lane: str) -> tuple[outbox.Row, tuple[RoomID, EventID] | None] | None:
    """Return a lane's oldest row, and where its event stands already, if it is known to."""
    row = outbox.next_of(connection, lane)
    return (row, outbox.standing(connection, row)) if row is not None else None
