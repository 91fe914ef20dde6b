"""Deliveries of the homeserver: when none is on its way, and whether they wait for what was said before them.

Owns no event.  The door passes each delivery through here, and the catching up asks and holds.  After a while in which
this process did not run they wait too: the homeserver may have ended meanwhile and be back, with something forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

log = logging.getLogger(__name__)

HOLD_SECONDS: Final = 20
"""The homeserver gives a delivery up after 60 s (Synapse) and then counts us as down."""
QUIET_SECONDS: Final = 1
"""Synapse sends the next transaction at once: with none on its way for so long, it holds nothing in memory."""
PULSE_SECONDS: Final = 0.25
FROZEN_SECONDS: Final = 0.75
"""After a longer while without a pulse this process did not run, and what came meanwhile lies unread in a socket."""


def uptime() -> float:
    """Return the seconds since some instant, those in which the machine was suspended among them if the system knows.

    Linux counts them in CLOCK_BOOTTIME and not in CLOCK_MONOTONIC (clock_gettime(2)).
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Deliveries:
    """Counts deliveries, and holds them back for a while.

    Attributes:
        count: how many came in.
        woken: set when this process did not run for a while. From then on deliveries are held; whoever releases them
            clears it first.
    """

    def __init__(
        self, *, held: bool = False, hold_seconds: float = HOLD_SECONDS, now: Callable[[], float] = uptime
    ) -> None:
        """Begin with nothing on its way. `held`: the first ones wait until they are released; `now` never goes back."""
        self.count = 0
        self.woken = asyncio.Event()
        self._hold_seconds = hold_seconds
        self.now = now
        self._on_their_way = 0
        self._quiet = (now(), now())
        self._quiet_from = now()
        self._pulse: float | None = None
        self._free = asyncio.Event()
        if not held:
            self._free.set()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Notice for ever that this process runs: a pause in which it did not is no quiet moment."""
        while True:
            self._note_quiet()
            self._pulse = self.now()
            await sleep(PULSE_SECONDS)

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Take one delivery in, once it need not wait any more."""
        self._note_quiet()
        self._on_their_way += 1
        try:
            await self._wait()
            yield
            self.count += 1
        finally:
            self._on_their_way -= 1
            self._quiet_from = self.now()

    def hold(self) -> None:
        """Let deliveries wait: something said before them may still have to be read."""
        self._free.clear()

    def release(self) -> None:
        """Let them in."""
        self._free.set()

    def were_quiet_after(self, instant: float) -> bool:
        """Return whether there was a quiet moment after an instant: all that was said before it has reached us."""
        self._note_quiet()
        begin, end = self._quiet
        return end - max(begin, instant) >= QUIET_SECONDS

    def _note_quiet(self) -> None:
        """Remember the present pause, if it is one."""
        now = self.now()
        if self._pulse is not None and now - self._pulse > FROZEN_SECONDS:
            self._pulse = self._quiet_from = now
            self.hold()
            self.woken.set()
        if self._on_their_way == 0 and now - self._quiet_from >= QUIET_SECONDS:
            self._quiet = (self._quiet_from, now)

    async def _wait(self) -> None:
        """Wait to be released. The first one whose patience ends releases all: late is better than never."""
        if self._free.is_set():
            return
        try:
            async with asyncio.timeout(self._hold_seconds):
                await self._free.wait()
        except TimeoutError:
            log.warning("Deliveries did not wait for what may be missing.", extra={"action": "hold_ended"})
            self._free.set()
