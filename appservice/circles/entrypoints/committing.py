"""Committing: the spine's own units of work, and what each leaves for the running parts to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.entrypoints.performing import Aftermath, Performer
from circles.ports import Database, TellsTime

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Commits:
    """Reads and writes rows, and tells the running parts once something stands.

    Attributes:
        after: told what they must look at.
    """

    database: Database
    performer: Performer
    clock: TellsTime
    after: Callable[[Aftermath], None]

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()

    @property
    def now_ms(self) -> int:
        """The present instant, in ms."""
        return int(self.now.timestamp() * 1000)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read in one unit of work."""
        return await self.database.read(work)

    async def write(self, work: Callable[[Connection], Aftermath]) -> None:
        """Write in one commit."""
        self.after(await self.database.write(work))

    async def perform(self, *effects: fx.Effect) -> None:
        """Carry effects into rows, in one commit."""
        await self.write(lambda connection: self.carry(connection, *effects))

    def carry(self, connection: Connection, *effects: fx.Effect) -> Aftermath:
        """Carry effects into rows, in a unit of work that does more."""
        return self.performer.perform(connection, effects, self.now_ms)
