"""The homeserver's module with one half of its gate open, so that the proof must find what then comes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from circles_bench.leaks.taken_off import replace
from circles_plugin import CirclesModule
from circles_plugin.gate.judge import Judge


async def _all_of_them(_judge: Judge, events: Sequence[object], **_: object) -> list[dict[str, object]]:
    return [dict(cast("dict[str, object]", event)) for event in events]


class OpenOut(CirclesModule):
    """Everything is delivered."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        replace(Judge, "arriving", _all_of_them)


class OpenBack(CirclesModule):
    """Everything that is fetched is shown."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        replace(Judge, "looked_at", _all_of_them)
