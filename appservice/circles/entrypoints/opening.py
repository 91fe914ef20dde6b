"""Opening: parked ciphertext becomes events, once the policy allows it and the key is here.

The rows are the truth: they are tried at the start, when a key comes, and dropped when the policy closes them, when
they are redacted, or after seven days.  What waits holds up nothing behind it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from circles.adapters.matrix.crypto.machine import NO_OLM, Received, Session, Trouble, Withheld
from circles.adapters.store import journal
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath, Performer
from circles.errors import MatrixError
from circles.facts import rooms
from circles.features.encryption.decide import NAME, notice_id
from circles.ports import Database, KnownKeys, TellsTime, Unread
from circles_policies.events import RoomView, classify
from circles_policies.gate import may_open

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=7)
RETRY_SECONDS: Final = 10
MOST_JUDGED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a row that was tried waits: for which key, by whom."""

    session: Session
    sender: UserID
    trouble: Trouble
    seq: int = field(compare=False)


class Decrypts(Protocol):
    """The keys of the AI's device."""

    caught_up: asyncio.Event

    async def decrypt(self, event: Any) -> dict[str, Any] | Trouble:
        """Return an event in the clear, or why it cannot be read."""
        ...


class ShowsDevice(Protocol):
    """The AI's device, as clients show it."""

    async def shown(self) -> tuple[str, str, bool]:
        """Return its id, its fingerprint and whether our identity vouches for it."""
        ...


class Keys:
    """Implements `ports.KnowsKeys`."""

    def __init__(self, database: Database, device: ShowsDevice, tried: Mapping[EventID, Wait]) -> None:
        """Take where what is parked stands, whose keys they are, and what came of trying."""
        self._database = database
        self._device = device
        self._tried = tried

    async def about(self, room_id: RoomID) -> KnownKeys:
        """Return what can be said in a room."""

        def read(connection: Connection) -> tuple[bool, tuple[Unread, ...]]:
            facts = rooms.room_facts(connection, room_id)
            waiting = journal.parked_in(connection, room_id)
            unread = (self._unread(connection, Session(room_id, key), count) for key, count in waiting.items())
            return facts is not None and facts.encrypted, tuple(unread)

        encrypted, unread = await self._database.read(read)
        device_id, fingerprint, signed = await self._device.shown()
        return KnownKeys(encrypted, device_id, fingerprint, signed, unread)

    async def unread(self, room_id: RoomID, session: str) -> Unread | None:
        """Return what still waits for one key, None where nothing does."""

        def read(connection: Connection) -> Unread | None:
            count = journal.parked_in(connection, room_id).get(session, 0)
            return self._unread(connection, Session(room_id, session), count) if count else None

        return await self._database.read(read)

    def _unread(self, connection: Connection, session: Session, count: int) -> Unread:
        code = journal.why_withheld(connection, session.room_id, session.session_id)
        found = next((wait.trouble.value for wait in tuple(self._tried.values()) if wait.session == session), "")
        return Unread(count, code, found)


def _note_withheld(connection: Connection, refused: Withheld, now: int) -> None:
    """Note why a key is missing; what somebody says of a key that is another's counts for nothing."""
    if refused.session is None:
        for room_id, session_id in journal.parked_by(connection, refused.sender):
            journal.note_withheld(connection, room_id, session_id, refused.code, now)
        return
    room_id, session_id = refused.session.room_id, refused.session.session_id
    writers = journal.parked_with(connection, room_id, session_id)
    if refused.sender in writers or (not writers and rooms.is_joined(connection, room_id, refused.sender)):
        journal.note_withheld(connection, room_id, session_id, refused.code, now)


class Opener:
    """Opens what is parked, in one task."""

    def __init__(
        self,
        database: Database,
        crypto: Decrypts,
        intake: Intake,
        performer: Performer,
        clock: TellsTime,
        after: Callable[[Aftermath], None],
        unreadable_after: timedelta,
        tried: dict[EventID, Wait],
    ) -> None:
        """Take what the composition root wires.

        Args:
            unreadable_after: how long a key may take before a room is told.
            tried: where this notes what was tried and is parked still.
        """
        self._database = database
        self._crypto = crypto
        self._intake = intake
        self._performer = performer
        self._clock = clock
        self._after = after
        self._unreadable_after = unreadable_after
        self._look = asyncio.Event()
        self._waiting = tried
        self._without_olm: set[UserID] = set()
        """Whose devices could not write to us: the keys of what comes from them next may be missing too."""
        self._armed: dict[Session, int] = {}
        """When (ms) a room is told of a key: so long after the first of what waits for it, not after the last."""
        self._from: int | None = 0
        """After which row there may be something to open."""
        self._judge_again = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Try everything once the keys that came while we were away are here, so that it is opened in its order."""
        self._task = asyncio.create_task(self._run(), name="opener")
        self._look.set()

    async def stop(self) -> None:
        """Let go; what is parked stays in its rows."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Say that something was parked."""
        self._look.set()

    def judge_again(self) -> None:
        """Say that something got stricter: what may not be opened any more is dropped."""
        self._judge_again = True
        self._look.set()

    async def received(self, received: Received) -> None:
        """Take note of keys that came, and of keys refused."""
        now = self._now()
        if received.withheld:
            refused = tuple(received.withheld)
            self._without_olm |= {each.sender for each in refused if each.session is None}

            def note(connection: Connection) -> None:
                for each in refused:
                    _note_withheld(connection, each, now)

            await self._database.write(note)
        self._without_olm -= {wait.sender for wait in self._waiting.values() if wait.session in received.keys}
        strange = Trouble.UNKNOWN_DEVICE if received.devices else None
        for event_id, wait in list(self._waiting.items()):
            if wait.session in received.keys or wait.trouble is strange:
                self._look_from(self._waiting.pop(event_id).seq)
                self._look.set()

    def _look_from(self, seq: int) -> None:
        self._from = seq - 1 if self._from is None else min(self._from, seq - 1)

    async def _run(self) -> None:
        await self._crypto.caught_up.wait()
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                await self._drop()
                await self._open_all()
            except MatrixError as error:
                log.info("Opening waits.", extra={"action": "opening_waits", "errcode": error.errcode})
                await asyncio.sleep(RETRY_SECONDS)
                self._look.set()
            except Exception as error:  # noqa: BLE001  # a full disk must not end it for good
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "Opening broke off.", extra={"action": "opening_failed", "error": type(error).__name__}
                )
                await asyncio.sleep(RETRY_SECONDS)
                self._look.set()

    async def _drop(self) -> None:
        """Drop what is too old, and after a tightening what may not be opened any more."""
        now = self._now()
        self._armed = {session: due for session, due in self._armed.items() if due > now}
        before = now - int(KEPT.total_seconds() * 1000)
        await self._database.write(partial(journal.drop_parked, before=before))
        if self._judge_again:
            self._judge_again = False
            await self._database.write(self._drop_closed)
        if self._waiting:
            parked = await self._database.read(journal.parked_events)
            for event_id in self._waiting.keys() - parked:
                # Its number may be a new row's.
                self._look_from(self._waiting.pop(event_id).seq)

    def _drop_closed(self, connection: Connection) -> None:
        now = self._now()
        for row in journal.parked(connection, most=MOST_JUDGED):
            if not self._may_open(connection, row, now):
                journal.drop(connection, [row.event_id])

    def _may_open(self, connection: Connection, row: journal.Parked, now: int) -> bool:
        return may_open(row.event, self._view(connection, row, now))

    def _is_control(self, connection: Connection, row: journal.Parked, clear: dict[str, Any], now: int) -> bool:
        return classify(clear, self._view(connection, row, now)).control is not None

    def _view(self, connection: Connection, row: journal.Parked, now: int) -> RoomView:
        return self._intake.view(connection, row.room_id, UserID(str(row.event["sender"])), row.event, now)

    async def _open_all(self) -> None:
        """Try what was not tried yet, and what a key came for, all in the order in which it arrived."""
        cursor, self._from = self._from or 0, None
        try:
            while rows := await self._database.read(partial(journal.parked, after=cursor)):
                await self._open([row for row in rows if row.event_id not in self._waiting])
                cursor = rows[-1].seq
        except BaseException:
            self._from = 0
            raise
        if self._from is None:
            self._from = max((wait.seq for wait in self._waiting.values()), default=0)

    async def _open(self, rows: list[journal.Parked]) -> None:
        """Open what can be opened, in its order.

        In one commit, but for what may close what comes after it: it counts before the next is opened.
        """
        opened: list[tuple[int, dict[str, Any]]] = []
        keys: set[Session] = set()
        strangers = {wait for wait in self._waiting.values() if wait.trouble is Trouble.UNKNOWN_DEVICE}
        for row in rows:
            if not await self._database.read(partial(self._may_open, row=row, now=self._now())):
                await self._database.write(partial(journal.drop, event_ids=[row.event_id]))
                continue
            session, sender = Session(row.room_id, row.session), UserID(str(row.event["sender"]))
            stranger = Wait(session, sender, Trouble.UNKNOWN_DEVICE, row.seq)
            # A device that was asked for and is not there is not asked for again with each of its messages.
            clear = stranger.trouble if stranger in strangers else await self._crypto.decrypt(row.event)
            if not isinstance(clear, Trouble):
                opened.append((row.seq, clear))
                keys.add(session)
                if await self._database.read(partial(self._is_control, row=row, clear=clear, now=self._now())):
                    await self._intake.opened(opened)
                    opened = []
                continue
            if clear is Trouble.UNKNOWN_DEVICE:
                strangers.add(stranger)
            await self._put_off(row, Wait(session, sender, clear, row.seq))
        if keys:
            keys -= {wait.session for wait in self._waiting.values()}
            settled = tuple(fx.Withdraw(notice_id(key.room_id, key.session_id)) for key in keys)
            await self._intake.opened(opened, settled)

    async def _put_off(self, row: journal.Parked, wait: Wait) -> None:
        """Leave a row parked, and have the room told if it stays so."""
        self._waiting[row.event_id] = wait  # First of all: its key may come while this is written.
        log.info(
            "An event stays parked.",
            extra={
                "action": "event_parked",
                "room_id": row.room_id,
                "event_id": row.event_id,
                "reason": wait.trouble.value,
            },
        )
        now = self._now()
        if self._armed.get(wait.session, 0) <= now:
            try:
                await self._arm(row, wait, now)
            except BaseException:
                self._waiting.pop(row.event_id, None)
                raise

    async def _arm(self, row: journal.Parked, wait: Wait, now: int) -> None:
        """Have the room told, once, if the key does not come."""
        due = datetime.fromtimestamp(now / 1000, UTC) + self._unreadable_after
        payload = {"event": row.event_id, "session": row.session, "reason": wait.trouble.value}
        wake = fx.WakeAt(NAME, f"unread:{row.room_id}:{row.session}", row.room_id, due, payload)

        def perform(connection: Connection) -> Aftermath:
            if wait.sender in self._without_olm and wait.trouble is Trouble.NO_KEY:
                _note_withheld(connection, Withheld(wait.sender, wait.session, NO_OLM), now)
            return self._performer.perform(connection, (wake,), now)

        self._after(await self._database.write(perform))
        self._armed[wait.session] = int(due.timestamp() * 1000)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
