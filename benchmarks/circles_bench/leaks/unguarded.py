"""`python -m circles_bench.leaks.unguarded GUARD run …`: the service with one guard off, which the proof must find.

The program knows nothing of this, and no setting of it does it: its functions are replaced here, from outside, before
it starts.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as changed
from typing import Any, Final

import orjson
from sqlalchemy import Connection, select

from circles import __main__, dialects, logs
from circles.adapters.ai.clearance import SendClearance
from circles.adapters.ai.openai_client import ModelPort
from circles.adapters.matrix import talk
from circles.adapters.store import journal, kept, tables
from circles.entrypoints.intake import Intake
from circles.entrypoints.keeping import Keeping
from circles.entrypoints.performing import Performer
from circles.facts.tables import posts
from circles.metrics import Metrics
from circles_bench.leaks.taken_off import Replace, replace
from circles_policies.decision import Decision, Verdict
from circles_policies.gate import Passed, filter_event

Json = Mapping[str, Any]
ALLOWED: Final = Decision(Verdict.ALLOW)


def _journal(replace: Replace) -> None:
    """The journal keeps the payload of what needs no work, and of what was handled."""
    add = journal.add

    def keeps_it(connection: Connection, event: Json, **named: Any) -> None:
        add(connection, event, **named)
        row = tables.journal.update().where(tables.journal.c.event_id == event["event_id"])
        connection.execute(row.values(payload=orjson.dumps(event)))

    def one_by_one(_keeping: Keeping, _connection: Connection, _events: Sequence[Json], _now: int) -> tuple[int, int]:
        return 0, 1

    replace(journal, "add", keeps_it)
    replace(Keeping, "take", one_by_one)


def _index(replace: Replace) -> None:
    """The index keeps the words of messages that are deleted."""

    def stays(*_: object) -> None:
        return None

    replace(type(dialects.SQLITE), "unindex", stays)


def _posts(replace: Replace, *, private: bool) -> None:
    """What is said stays though its source is taken back: in private, or where everybody sees it."""
    name = "_say_again"
    real = getattr(Performer, name)

    def stays(self: Performer, connection: Connection, ids: Sequence[str], *rest: Any) -> None:
        query = select(posts.c.effect_id, posts.c.room_id, posts.c.about).where(posts.c.effect_id.in_(ids))
        spoken = {each for each, stands_in, about in connection.execute(query) if (stands_in != about) is private}
        real(self, connection, [each for each in ids if each not in spoken], *rest)

    replace(Performer, name, stays)


def _receipt(replace: Replace) -> None:
    """The row of a request holds what was in it."""
    name = "_depart"
    real = getattr(ModelPort, name)

    async def tells(self: ModelPort, sendable: Any, *rest: Any) -> int:
        sent = " ".join(message.content for message in sendable.messages)
        departure = changed(sendable.departure, model=sent)
        row: int = await real(self, changed(sendable, departure=departure), *rest)
        return row

    replace(ModelPort, name, tells)


def _log(replace: Replace) -> None:
    """The log says what it is given: a line quotes what came, and its arguments are put in."""
    accept = Intake.accept

    async def tells(self: Any, txn_id: str | None, events: Sequence[Json]) -> None:
        logging.getLogger("circles").info("came: %s", events)
        await accept(self, txn_id, events)

    replace(Intake, "accept", tells)
    replace(logs, "_message", logging.LogRecord.getMessage)


def _metrics(replace: Replace) -> None:
    """A label is whatever was said."""
    accept = Intake.accept

    async def counts_it(self: Any, txn_id: str | None, events: Sequence[Json]) -> None:
        for event in events:
            self._metrics.event("came", str(event["content"].get("body")))
        await accept(self, txn_id, events)

    def whatever(_metrics: Metrics, _label: str, value: str) -> str:
        return value

    replace(Intake, "accept", counts_it)
    replace(Metrics, "_bounded", whatever)


def _media(replace: Replace) -> None:
    """An export holds everybody's words."""

    def everybodys(connection: Connection, *_: object) -> tuple[tuple[int, str], ...]:
        rows = connection.execute(select(tables.messages.c.at, tables.messages.c.text))
        return tuple((at, words) for at, words in rows)

    replace(kept, "words_from", everybodys)


def _look_back(replace: Replace) -> None:
    """A look back sees everything, and everything may be sent."""

    def sees(event: Json, view: Any) -> Any:
        found = filter_event(event, view)
        if found.classified.control is not None:
            return found
        return Passed(dict(event), found.classified, ALLOWED, ALLOWED, ALLOWED)

    def sends(*_: object) -> Decision:
        return ALLOWED

    replace(talk, "filter_event", sees)
    replace(SendClearance, "_may_send", sends)


GUARDS: Final[Mapping[str, Callable[[Replace], None]]] = {
    "journal": _journal,
    "index": _index,
    "board": lambda replace: _posts(replace, private=False),
    "dm": lambda replace: _posts(replace, private=True),
    "receipt": _receipt,
    "log": _log,
    "metrics": _metrics,
    "media": _media,
    "look_back": _look_back,
}
"""Each guard of the service that can be off, and what takes it off by putting something else in its place."""


def main() -> int:
    """Take one guard off and run the program."""
    GUARDS[sys.argv.pop(1)](replace)
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
