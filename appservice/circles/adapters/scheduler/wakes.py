"""APScheduler as the one trigger for the next due wake. It holds no job but that one, and nothing of it is stored.

Its grace time is off: the default of one second drops whatever the machine slept through (measured), and lateness is
ours to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

_JOB: Final = "next-wake"
FURTHEST: Final = timedelta(minutes=1)
"""No timer lies further away; it is armed again then. The event loop's clock stands still while the machine sleeps and
does not follow when the wall clock is set, so a timer for tomorrow may be hours off: this one is a minute off at most.
"""


class ApschedulerWakes:
    """Implements `ports.SchedulesWakes`."""

    def __init__(self) -> None:
        """Prepare; `start` inside a running event loop."""
        # APScheduler has no types; here is the only place that touches it.
        self._scheduler: Any = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin to keep time."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop keeping time."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def arm(self, due: datetime | None, look: Callable[[], None]) -> None:
        """Call `look` when it is `due`, instead of whatever was armed before; None: nothing is due."""
        if due is None:
            self.disarm()
            return
        at = min(due, datetime.now(UTC) + FURTHEST)
        self._scheduler.add_job(
            look, DateTrigger(at), id=_JOB, replace_existing=True, misfire_grace_time=None, coalesce=True
        )

    def disarm(self) -> None:
        """Forget what was armed."""
        if self._scheduler.get_job(_JOB) is not None:
            self._scheduler.remove_job(_JOB)
