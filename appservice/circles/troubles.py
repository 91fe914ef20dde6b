"""What stands wrong just now between us and the homeserver, by a code: one log line when it begins, not one a request.

Whoever meets a trouble writes the line; this says when one is due.  Seen at `/health`, and by `circles check`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from circles.ports import TellsTime

AGAIN: Final = timedelta(minutes=10)
"""A trouble that goes on is worth a line so often."""


class Trouble(StrEnum):
    """What an operator can do something about. The advice for each stands in `circles check`."""

    AS_TOKEN = "as_token_refused"  # noqa: S105  # a code
    HS_TOKEN = "hs_token_refused"  # noqa: S105  # a code
    DELIVERY = "delivery_refused"
    DATABASE = "database_refused"
    DISK_FULL = "disk_full"
    READ_ONLY = "database_read_only"
    LOCKED = "database_locked"
    CORRUPT = "database_corrupt"
    DISK = "disk_failing"
    FILES = "files_exhausted"


ADVICE: Final = {
    Trouble.AS_TOKEN: "the homeserver does not know its as_token: restart it if the registration was made anew, "
    "and see the token's line",
    Trouble.HS_TOKEN: "someone knocks at it with another hs_token: restart Synapse and Circles, so that both "
    "have read the same registration",
    Trouble.DELIVERY: "it refuses a delivery, and all others wait behind it: the log's last delivery_refused "
    "says why; too_large: raise limits.transaction_bytes and restart",
    Trouble.DATABASE: "its database takes nothing in: look at the disk, and at transaction_failed in the log",
    Trouble.DISK_FULL: "the disk is full: make room where storage.data_dir is; it goes on by itself",
    Trouble.READ_ONLY: "the database cannot be written: let the disk be mounted writable, and storage.data_dir belong "
    "to the user that runs Circles; it goes on by itself",
    Trouble.LOCKED: "another program holds the database: end it (a backup tool, an open sqlite3); it goes on by itself",
    Trouble.CORRUPT: "the database is damaged: stop Circles, keep a copy of storage.data_dir, and put the last backup "
    "back with `circles restore`; what was said since is read from the rooms",
    Trouble.DISK: "the database's files cannot be opened or written: look at the disk, and at the kernel's log",
    Trouble.FILES: "it may open no more files: raise LimitNOFILE (systemd) or ulimit -n, and look who holds so many "
    "connections to its ports; it goes on by itself",
}
"""What to do about each."""


def advice_on(code: str) -> str:
    """Return what to do about a trouble of a running service, which may be of another version."""
    return next((advice for trouble, advice in ADVICE.items() if trouble.value == code), f"its log says {code}")


class Troubles:
    """The troubles of one process. Each ends when the same thing works again."""

    def __init__(self, clock: TellsTime) -> None:
        """Take the clock that says when a line is due again."""
        self._clock = clock
        self._said: dict[Trouble, datetime] = {}

    def begin(self, trouble: Trouble) -> bool:
        """Note a trouble; return whether it is worth a line in the log."""
        now = self._clock.now()
        said = self._said.get(trouble)
        if said is not None and now - said < AGAIN:
            return False
        self._said[trouble] = now
        return True

    def end(self, trouble: Trouble) -> bool:
        """Note that something works; return whether it did not before."""
        return self._said.pop(trouble, None) is not None

    @property
    def standing(self) -> tuple[str, ...]:
        """The codes of what stands wrong, sorted."""
        return tuple(sorted(self._said))
