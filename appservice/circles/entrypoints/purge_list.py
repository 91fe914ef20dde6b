"""The purge list as a file beside the database, so that it outlives the database. Ids only, readable by us alone.

A segment begins with a line that names the database it is of and the number behind which it goes on; each further
line is one change.  A database that was restored has a new name, so its changes begin a new segment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from circles.adapters.store import purges
from circles.adapters.store.purges import Change
from circles.errors import NotFound
from circles.ports import Database, TellsTime

log = logging.getLogger(__name__)

FILE: Final = "purged.jsonl"
BATCH: Final = 1_000
LISTEN_SECONDS: Final = 1
LOOK_SECONDS: Final = 30
"""So often it looks without being told, for another process may have changed something."""


@dataclass
class Segment:
    """The changes of one database, those behind the number `behind`."""

    database: str
    behind: int
    changes: list[Change] = field(default_factory=list[Change])

    @property
    def last(self) -> int:
        """The number of the newest change."""
        return self.changes[-1].seq if self.changes else self.behind


def read(path: Path) -> list[Segment]:
    """Read a list; a last line that broke off is left out."""
    segments: list[Segment] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            given: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if "database" in given:
            segments.append(Segment(given["database"], given["behind"]))
        elif segments:
            segments[-1].changes.append(Change(**given))
    return segments


def since(lists: Iterable[Sequence[Segment]], database: str, seq: int) -> list[Change]:
    """Return what was changed after a backup: after a number in its database, and in every database that came later.

    Args:
        lists: one a host; each host has all changes, up to the moment it last looked.
        database: the backup's.
        seq: the number of the newest change that the backup knows.

    Raises:
        NotFound: no list reaches back to the backup.
    """
    names: list[str] = []
    found: dict[tuple[str, int], Change] = {}
    reaches = False
    for segments in lists:
        begun = False
        for segment in segments:
            begun = begun or segment.database == database
            reaches = reaches or (segment.database == database and segment.behind <= seq)
            if not begun:
                continue
            if segment.database not in names:
                names.append(segment.database)
            found |= {(segment.database, change.seq): change for change in segment.changes}
    if not reaches:
        raise NotFound("The purge list does not reach back to this backup.")
    wanted = [(name, number) for name, number in found if name != database or number > seq]
    return [found[each] for each in sorted(wanted, key=lambda each: (names.index(each[0]), each[1]))]


class PurgeList:
    """Copies the changes from the database to the file."""

    def __init__(self, database: Database, clock: TellsTime, path: Path) -> None:
        """Take where they are and where they go."""
        self._database = database
        self._clock = clock
        self._path = path
        self._changed = asyncio.Event()
        self._known: tuple[str, int] | None = None

    def look(self) -> None:
        """Say that something was committed."""
        self._changed.set()

    async def run(self) -> None:
        """Copy for ever, soon after each commit."""
        while True:
            try:
                await self.copy()
            except Exception as error:  # noqa: BLE001  # a full disk must not end it for good
                log.error(  # noqa: TRY400  # the traceback may carry ids
                    "The purge list could not be written.",
                    extra={"action": "purge_list_failed", "error": type(error).__name__},
                )
            self._changed.clear()
            await asyncio.sleep(LISTEN_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def copy(self) -> None:
        """Copy what is not copied yet, and be sure that it is on the disk."""
        if self._known is None:
            self._known = await self._begin()
        name, seq = self._known
        while changes := await self._database.read(partial(purges.after, seq=seq, most=BATCH)):
            await asyncio.to_thread(self._append, [asdict(change) for change in changes])
            seq = changes[-1].seq
            self._known = (name, seq)

    async def _begin(self) -> tuple[str, int]:
        """Find where the file ends; begin a segment if it is not of this database. Old lines go."""
        name = await self._database.write(purges.identity)
        oldest = int(self._clock.now().timestamp() * 1000) - purges.KEEP_DAYS * 86_400_000
        segments = await asyncio.to_thread(read, self._path)
        kept = [_newer(segment, oldest) for segment in segments]
        kept = [segment for segment in kept if segment.changes or segment.database == name]
        if not kept or kept[-1].database != name:
            first = await self._database.read(partial(purges.after, seq=0, most=1))
            kept.append(Segment(name, first[0].seq - 1 if first else await self._database.read(purges.last)))
        await asyncio.to_thread(write, self._path, kept)
        return name, kept[-1].last

    def _append(self, lines: list[dict[str, Any]]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())


def _newer(segment: Segment, oldest: int) -> Segment:
    """Return a segment without the lines of before an instant (ms)."""
    old = [change.seq for change in segment.changes if change.at < oldest]
    behind = max([segment.behind, *old])
    return Segment(segment.database, behind, [change for change in segment.changes if change.seq > behind])


def write(path: Path, segments: Iterable[Segment]) -> None:
    """Write a list in the place of the one that was there, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        for segment in segments:
            file.write(json.dumps({"database": segment.database, "behind": segment.behind}) + "\n")
            file.writelines(json.dumps(asdict(change)) + "\n" for change in segment.changes)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
