"""`circles check`: the machine and its rows. Room on its disk, its clock, what waits that should not, lost rooms."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import aiohttp

from circles.config import Config
from circles.entrypoints.checks import TIMEOUT_SECONDS, Finding

if TYPE_CHECKING:  # the checks start without a database
    from circles.adapters.store.backlog import Backlog

LEAST_BYTES: Final = 500 * 1024**2
"""SQLite's write-ahead log and a backup need room, and a full disk stops intake."""
MOST_APART: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=10)


async def disk(config: Config) -> Finding:
    """Check that there is room where the data is."""
    name = "disk (storage.data_dir)"
    try:
        usage = await asyncio.to_thread(shutil.disk_usage, config.storage.data_dir)
    except OSError:
        return Finding(ok=False, text=name, advice="it cannot be looked at: does the data folder exist?")
    free = f"{usage.free / 1024**3:.1f} GB free"
    if usage.free < LEAST_BYTES:
        return Finding(ok=False, text=name, advice=f"{free}: make room, or nothing can be taken in soon")
    return Finding(ok=True, text=f"{name}: {free}")


async def clock(config: Config) -> Finding:
    """Check that our clock and the homeserver's agree: what reaches us hours late is not carried out."""
    name = "clock"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{config.homeserver.url}/_matrix/client/versions", allow_redirects=False) as response,
        ):
            said = response.headers.get("Date", "")
            apart = abs(datetime.now(UTC) - parsedate_to_datetime(said))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError):
        return Finding(ok=True, text=f"{name}: not compared, for the homeserver does not tell the time")
    if apart > MOST_APART:
        advice = f"{round(apart.total_seconds())} s apart from the homeserver's: let both be set by NTP"
        return Finding(ok=False, text=name, advice=advice)
    return Finding(ok=True, text=f"{name}: agrees with the homeserver's")


def backlog(found: Backlog) -> Finding:
    """Judge what waits: little is as it should be, long is not."""
    name = "backlog"
    waits = (
        ("an event", found.journal, "does the service run? see handler_waits and worker_failed in its log"),
        ("something to be said", found.outbox, "see outbox_waits in the log"),
        ("a reminder or digest", found.due, "see wake_waits and wake_failed in the log"),
    )
    late = [
        f"{what} has waited {round(waiting.oldest_seconds / 60)} minutes: {advice}"
        for what, waiting, advice in waits
        if waiting.oldest_seconds > LONGEST_WAIT.total_seconds()
    ]
    if late:
        return Finding(ok=False, text=name, advice="; ".join(late))
    return Finding(ok=True, text=f"{name}: {found.journal.count + found.outbox.count + found.due.count} things wait")


def rooms(found: Backlog) -> Finding:
    """Judge where the AI is: a lost room may be mended, one that shuts our server out is for its moderators to say."""
    name = f"rooms: in {found.rooms}"
    if found.shut_out:
        name += f", {found.shut_out} of them deny this server (server_shut_out in the log), so nothing is said there"
    if found.lost:
        advice = (
            f"the homeserver knows nothing of {found.lost} more (room_lost in the log): if homeserver.url names "
            "another one, or its database is an old one, put that right and restart Circles; if it was made anew, "
            "invite the AI to new rooms: what is held for a lost one is deleted after seven days"
        )
        return Finding(ok=False, text=name, advice=advice)
    return Finding(ok=True, text=name)


def quarantine(waiting: int) -> Finding:
    """Judge how many events were set aside because they broke us: none is as it should be."""
    if waiting:
        return Finding(ok=False, text=f"quarantine: {waiting} events", advice="see them with `circles quarantine list`")
    return Finding(ok=True, text="quarantine: empty")
