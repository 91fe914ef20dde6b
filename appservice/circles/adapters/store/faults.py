"""What the machine does to the database, as a trouble with a name, found in whatever driver or system raised."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
from collections.abc import Generator
from typing import Final

from sqlalchemy.exc import OperationalError

from circles.troubles import Trouble, Troubles

log = logging.getLogger(__name__)

_SQLITE: Final = {
    sqlite3.SQLITE_FULL: Trouble.DISK_FULL,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_BUSY: Trouble.LOCKED,
    sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
    sqlite3.SQLITE_CORRUPT: Trouble.CORRUPT,
    sqlite3.SQLITE_NOTADB: Trouble.CORRUPT,
}
_SYSTEM: Final = {
    errno.ENOSPC: Trouble.DISK_FULL,
    errno.EDQUOT: Trouble.DISK_FULL,
    errno.EFBIG: Trouble.DISK_FULL,
    errno.EROFS: Trouble.READ_ONLY,
    errno.EACCES: Trouble.READ_ONLY,
    errno.EPERM: Trouble.READ_ONLY,
    errno.EMFILE: Trouble.FILES,
    errno.ENFILE: Trouble.FILES,
}
_ENDS_WITH_A_COMMIT: Final = (Trouble.DISK_FULL, Trouble.READ_ONLY, Trouble.LOCKED, Trouble.DISK)
"""A damaged page is not healed by writing another one."""


def fault_of(error: BaseException) -> Trouble | None:
    """Return what the machine did, if it was the machine."""
    for each in _causes(error):
        if isinstance(each, sqlite3.Error) and (code := getattr(each, "sqlite_errorcode", None)) is not None:
            # The low byte is the error, the rest says which kind of it (SQLite, "Result and Error Codes").
            if (code & 0xFF) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
                return _of_the_system()
            return _SQLITE.get(code & 0xFF)
        if isinstance(each, OSError) and each.errno in _SYSTEM:
            return _SYSTEM[each.errno]
    return None


def is_the_machines(error: BaseException) -> bool:
    """Return whether the database failed, so that nothing is wrong with what was being written: it must come again."""
    return isinstance(error, OperationalError) or fault_of(error) is not None


def files_are_spent() -> bool:
    """Return whether this process may open nothing more."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


class Faults:
    """Notes the machine's faults among the troubles of this process, and when they end.

    Attributes:
        damaged: set for good once a damaged page was met. What its other pages say is not believed any more.
    """

    def __init__(self, troubles: Troubles) -> None:
        """Take where they are noted."""
        self._troubles = troubles
        self.damaged = asyncio.Event()

    def met(self, error: BaseException) -> None:
        """Note what was raised."""
        fault = fault_of(error)
        if fault is Trouble.CORRUPT:
            self.damaged.set()
        if fault is not None and self._troubles.begin(fault):
            log.error(
                "The machine fails us. Nothing is taken from the homeserver that is not stored: see `circles check`.",
                extra={"action": "machine_failed", "fault": fault.value},
            )

    def wrote(self) -> None:
        """Note that a unit of work was written."""
        ended = [fault.value for fault in _ENDS_WITH_A_COMMIT if self._troubles.end(fault)]
        if Trouble.FILES in self._troubles.standing and not files_are_spent():
            self._troubles.end(Trouble.FILES)
            ended.append(Trouble.FILES.value)
        if ended:
            log.info("The machine works again.", extra={"action": "machine_works", "fault": " ".join(ended)})


def _of_the_system() -> Trouble | None:
    """Return why a file could not be opened or written: SQLite keeps that to itself."""
    return Trouble.FILES if files_are_spent() else Trouble.DISK


def _causes(error: BaseException) -> Generator[BaseException]:
    """Go through what an error came from: SQLAlchemy keeps the driver's as `orig`, aiohttp the system's as cause."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__context__, each.__cause__, getattr(each, "orig", None)]
