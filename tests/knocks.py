"""The door on a loopback socket over a real database, for tests of what comes in."""

import io
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from circles.adapters.store.tables import journal
from circles.core.ids import RoomID
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.transactions import door
from circles.facts import rooms
from circles.facts.tables import policies
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock
from circles.troubles import Troubles
from circles_policies.content import to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Member, Preset, preset
from rows import MEI, Rows, opened

T = TypeVar("T")
TOKEN = "hs-token"
PATH = "/_matrix/app/v1/transactions/"
MOST_BYTES = 64 * 1024 * 1024


class Full:
    """A database that is full as long as it is told so."""

    def __init__(self, rows: Rows) -> None:
        """Take the real one."""
        self._rows = rows
        self.full = False

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read."""
        return await self._rows.database.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Write, if it is not full."""
        if self.full:
            raise OperationalError("COMMIT", None, Exception("database or disk is full"))
        return await self._rows.database.write(work)


@dataclass
class Knocks:
    """The door, what stands behind it, and what the running parts were told."""

    client: TestClient[Any, Any]
    rows: Rows
    database: Full
    intake: Intake
    metrics: Metrics
    troubles: Troubles
    clock: FakeClock
    heard: list[None] = field(default_factory=list[None])
    told: list[Aftermath] = field(default_factory=list[Aftermath])

    async def put(self, txn_id: str, *events: object, token: str = TOKEN) -> ClientResponse:
        """Deliver events."""
        return await self.put_raw(txn_id, json.dumps({"events": events}).encode(), token=token)

    async def put_raw(self, txn_id: str, body: bytes, *, token: str = TOKEN) -> ClientResponse:
        """Deliver a body as it is."""
        return await self.client.put(PATH + txn_id, data=io.BytesIO(body), headers={"Authorization": f"Bearer {token}"})

    async def states(self) -> list[str]:
        """Return the states of the journal's rows, in their order."""
        query = select(journal.c.state).order_by(journal.c.seq)
        return await self.rows.do(lambda c: list(c.execute(query).scalars()))

    @property
    def port(self) -> int:
        """The port the door listens on."""
        return int(self.client.port or 0)


def in_force(connection: Connection, room_id: RoomID = ROOM) -> None:
    """Let Mei's talk be kept in a room."""
    connection.execute(
        policies.insert().values(
            room_id=room_id,
            content=to_content(preset(Preset.NOTEBOOK)),
            state="in_force",
            asked_at=0,
            starts_at=0,
            written=False,
        )
    )
    rooms.save_choice(connection, room_id, MEI, fold_choice(Member(since=None), Choice.TOLD, 0))


@asynccontextmanager
async def knocking(
    folder: Path, *, most_bytes: int = MOST_BYTES, read_seconds: float = 120, policy: bool = True, **facts: Any
) -> AsyncGenerator[Knocks]:
    """Open the door; `facts` are fields of the settings."""
    async with opened(folder) as rows:
        if policy:
            await rows.do(in_force)
        metrics, settings, clock = Metrics(), Settings(ai=AI, server_name="home.example", **facts), FakeClock()
        troubles, database = Troubles(clock), Full(rows)
        told: list[Aftermath] = []
        ghosts = re.compile(r"@circle_.*:home\.example")
        intake = Intake(database, rows.performer, settings, clock, metrics, told.append, ghosts)
        heard: list[None] = []
        app = door(
            intake, TOKEN, metrics, most_bytes, troubles, heard=lambda: heard.append(None), read_seconds=read_seconds
        )
        async with TestClient(TestServer(app)) as client:
            yield Knocks(client, rows, database, intake, metrics, troubles, clock, heard, told)
