"""Erasing: what is left of a person's kept messages goes, a batch a commit, and others write in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import Connection

from circles.adapters.store import erasures, outbox
from circles.entrypoints.performing import Aftermath
from circles.ports import Database

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 5
"""How long after a failure, such as a full disk, it is tried again."""


class Erasing:
    """Deletes what the rows say is still to go; after a start, too."""

    def __init__(
        self,
        database: Database,
        after: Callable[[Aftermath], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the database, and who is told once something is finished: the word of it may be said then."""
        self._database = database
        self._after = after
        self._sleep = sleep
        self._asked = asyncio.Event()

    def look(self) -> None:
        """Something is to go."""
        self._asked.set()

    async def run(self) -> None:
        """Do it for ever."""
        while True:
            self._asked.clear()
            try:
                await self.finish()
            except Exception as error:  # noqa: BLE001  # a full disk must not end it for good
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "What was forgotten could not all be deleted yet.",
                    extra={"action": "erase_failed", "error": type(error).__name__},
                )
                await self._sleep(PAUSE_SECONDS)
            else:
                await self._asked.wait()

    async def finish(self) -> None:
        """Delete all that is still to go."""
        while (aftermath := await self._database.write(_step)) is not None:
            self._after(aftermath)


def _step(connection: Connection) -> Aftermath | None:
    finished = erasures.step(connection)
    if finished is None:
        return None
    return Aftermath(lanes=set(outbox.lanes_waiting(connection))) if finished else Aftermath()
