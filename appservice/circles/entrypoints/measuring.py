"""Measuring: what the gauges of `/metrics` say, looked up when somebody looks."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from circles.adapters.store import backlog
from circles.metrics import Metrics
from circles.ports import Database, TellsTime
from circles.troubles import Trouble

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 5
"""However often somebody looks, the database is asked no more often."""
PATIENCE_SECONDS: Final = 5
"""A database that does not answer for so long is down as far as `/metrics` is concerned, which answers all the same."""


class Measuring:
    """Sets the gauges."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        clock: TellsTime,
        data_dir: Path,
        ready: Callable[[], bool],
        troubles: Callable[[], tuple[str, ...]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where to look; `ready` says whether the service does its work, `troubles` what stands wrong."""
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._data_dir = data_dir
        self._ready = ready
        self._troubles = troubles
        self._monotonic = monotonic
        self._looked: float | None = None

    async def look(self) -> None:
        """Bring every gauge up to now. Raises nothing: what cannot be read keeps its last value."""
        metrics = self._metrics
        metrics.ready.set(self._ready())
        standing = self._troubles()
        for trouble in Trouble:
            metrics.trouble(trouble.value, stands=trouble.value in standing)
        if self._looked is not None and self._monotonic() - self._looked < FRESH_SECONDS:
            return
        self._looked = self._monotonic()
        await asyncio.to_thread(self._disk)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._backlog()
        except Exception as error:  # noqa: BLE001  # whatever the driver raises, the page is still wanted
            metrics.database_up.set(0)
            log.warning(
                "The backlog could not be read.", extra={"action": "measure_failed", "error": type(error).__name__}
            )
        else:
            metrics.database_up.set(1)

    async def _backlog(self) -> None:
        now = self._clock.now()
        ms, day = int(now.timestamp() * 1000), now.date().isoformat()
        found = await self._database.read(partial(backlog.look, now=ms, day=day))
        metrics = self._metrics
        size = await self._database.read(backlog.server_bytes)
        if size is not None:
            metrics.database_bytes.set(size)
        metrics.journal_pending.set(found.journal.count)
        metrics.journal_oldest_seconds.set(found.journal.oldest_seconds)
        metrics.journal_parked.set(found.parked)
        metrics.quarantined.set(found.quarantined)
        metrics.outbox_pending.set(found.outbox.count)
        metrics.outbox_oldest_seconds.set(found.outbox.oldest_seconds)
        metrics.wakes_pending.set(found.wakes)
        metrics.wakes_due.set(found.due.count)
        metrics.wakes_oldest_seconds.set(found.due.oldest_seconds)
        metrics.rooms.set(found.rooms)
        metrics.rooms_lost.set(found.lost)
        metrics.rooms_shut_out.set(found.shut_out)
        metrics.answers_today.set(found.answers)
        metrics.model_calls_today.set(found.calls)
        metrics.model_tokens_today.set(found.tokens)

    def _disk(self) -> None:
        try:
            self._metrics.disk_free_bytes.set(shutil.disk_usage(self._data_dir).free)
            files = [path.stat().st_size for path in self._data_dir.glob("circles.db*")]
            if files:
                self._metrics.database_bytes.set(sum(files))
        except OSError:
            return
