"""Answers of the homeserver that are not answers, as errors of ours. The one table errcode -> class."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from circles.errors import (
    MatrixBadRequest,
    MatrixError,
    MatrixForbidden,
    MatrixNotFound,
    MatrixRateLimited,
    MatrixUnavailable,
    MatrixUnknownToken,
)
from circles_policies.events import mapping

BY_ERRCODE: Final[Mapping[str, type[MatrixError]]] = {
    "M_FORBIDDEN": MatrixForbidden,
    "M_GUEST_ACCESS_FORBIDDEN": MatrixForbidden,
    "M_LIMIT_EXCEEDED": MatrixRateLimited,
    "M_MISSING_TOKEN": MatrixUnknownToken,
    "M_NOT_FOUND": MatrixNotFound,
    "M_UNKNOWN_DEVICE": MatrixUnavailable,  # Ours was deleted: there will be another in a moment.
    "M_UNKNOWN_TOKEN": MatrixUnknownToken,
    "M_USER_DEACTIVATED": MatrixForbidden,
}


def raise_for(status: int, body: object, retry_after: str | None = None) -> None:
    """Raise what a response means; return where it is a success.

    The homeserver's own sentence is kept out of the message: it may quote what we sent.
    """
    if status < 400:
        return
    content = mapping(body)
    errcode = str(content.get("errcode", ""))
    kind = BY_ERRCODE.get(errcode)
    if kind is None:
        kind = _by_status(status, errcode)
    raise kind(
        f"The homeserver answered {status} {errcode}".rstrip() + ".",
        retry_after=_delay(content, retry_after),
        errcode=errcode,
        status=status,
    )


def _by_status(status: int, errcode: str) -> type[MatrixError]:
    """Return what a status means by itself. Without an errcode it is a proxy that speaks, not the homeserver."""
    if status == 429:
        return MatrixRateLimited
    if status >= 500 or (not errcode and status != 413):
        return MatrixUnavailable
    return MatrixForbidden if status == 403 else MatrixBadRequest


LONGEST_DELAY: Final = timedelta(minutes=15)
"""Nobody makes us wait longer than this without being asked again: a mistaken number would hold a room for ever."""


def _delay(content: Mapping[str, object], header: str | None) -> timedelta | None:
    """Read how long to wait: the Retry-After header in seconds, else the older `retry_after_ms` (spec "Rate
    limiting"). A date in the header is not read: whose clock is right is not ours to say.
    """
    longest = LONGEST_DELAY.total_seconds()
    if header and header.isascii() and header.isdigit():
        return timedelta(seconds=min(int(header[:9]), longest))
    milliseconds = content.get("retry_after_ms")
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or not milliseconds >= 0:
        return None
    return timedelta(seconds=min(milliseconds, longest * 1000) / 1000)
