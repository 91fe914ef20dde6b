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
