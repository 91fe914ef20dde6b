"""Leading: of several processes on one database one works, and the others stand by until it ends (docs/decisions/0024).

A SQLite file is one process's: a second one ends at once.  On PostgreSQL the others listen to nobody, look twice a
second whether the lead is free, and keep the purge list of their own host up to date meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final, TypeVar

from sqlalchemy.exc import OperationalError

from circles.adapters.store import positions
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.errors import NotAlone
from circles.ports import TellsTime

T = TypeVar("T")

log = logging.getLogger(__name__)

PAUSES: Final = (0.5, 1, 1, 2, 2, 5, 5, 10, 30)
"""Between attempts to reach a database that may still be starting itself, in seconds."""
LOOK_SECONDS: Final = 0.5
KEEP_SECONDS: Final = 2
"""Well within `lead.SILENCE`."""


class Leading:
    """Takes the lead, and keeps it."""

    def __init__(
        self, database: SqlDatabase, clock: TellsTime, meanwhile: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        """Take the database, and what a process does that stands by."""
        self._database = database
        self._clock = clock
        self._meanwhile = meanwhile
        self.stands_by = False

    def claim(self) -> None:
        """Take a file at once, before anything else is begun.

        Raises:
            NotAlone: another process has it.
        """
        if self._database.is_file and not self._database.lead.take():
            raise NotAlone(
                "Another Circles runs on this database. Stop it first, or give this one "
                "another storage.data_dir. Only PostgreSQL can be shared."
            )

    async def take(self) -> None:
        """Wait until the lead is ours, and bring the database to the newest schema."""
        if not await self._try():
            log.info("Another process leads: this one stands by.", extra={"action": "standby"})
            self.stands_by = True
            meanwhile = asyncio.create_task(self._meanwhile(), name="while standing by")
            try:
                while True:
                    await asyncio.sleep(LOOK_SECONDS)
                    if await self._try():
                        break
            finally:
                meanwhile.cancel()
                await asyncio.gather(meanwhile, return_exceptions=True)
            log.info("This process leads now.", extra={"action": "took_lead"})
        await _patiently(self._database, partial(migrate, self._database))
        term = uuid.uuid4().hex
        self._database.lead.begin(term)
        await self._database.write(partial(positions.note, name=positions.LEAD, token=term, at=self._now()))
        self.stands_by = False

    async def keep(self) -> None:
        """Show for ever that we are alive.

        Raises:
            LeadLost: another process leads now.
        """
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                await self._database.keep_lead()
            except OperationalError:
                continue  # while the server is away nobody can take it; whoever writes says what is wrong

    async def _try(self) -> bool:
        return await _patiently(self._database, self._database.lead.take)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


async def _patiently(database: SqlDatabase, work: Callable[[], T]) -> T:
    """Do it in a thread, again and again while a server does not answer: it may still be starting itself."""
    for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
        try:
            return await asyncio.to_thread(work)
        except OperationalError:
            if database.is_file:
                raise
            log.warning(  # the error may name the server and the user
                "The database is not ready for us.", extra={"action": "database_waits", "seconds": pause}
            )
            await asyncio.sleep(pause)
    raise AssertionError  # the pauses have no end
