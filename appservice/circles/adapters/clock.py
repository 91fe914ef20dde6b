"""The real clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Implements `ports.TellsTime`."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)
