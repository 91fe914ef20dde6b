"""`python -m circles_harness.trapped FILE run …`: the service, with traps. It dies by kill -9 at the point FILE names.

The program knows nothing of this: its functions are wrapped here, from outside, before it starts.  A point is
`<when> <what> of <cause>`, such as `before commit of reminder`; an empty or missing file lets everything pass.

What: `commit` is the unit of work that writes what came of the cause; `send` is the request to the homeserver that
makes it visible; `acknowledgement` is the 200 for a delivery (cause `intake`), else the unit of work that notes what
the homeserver answered.  Cause: see `CAUSES`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web_protocol

from circles import __main__
from circles.adapters.clock import SystemClock
from circles.adapters.matrix.client import MatrixClient
from circles.adapters.store import outbox
from circles.adapters.store.database import SqlDatabase
from circles.core import effects as fx
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Performer
from circles_policies.events import mapping

CAUSES = ("intake", "answer", "reminder", "digest", "take-back", "placeholder")
"""A delivery with a message; the answer to a command; a reminder or a digest that falls due; a redaction, whose
visible effect is the AI's own; a placeholder.
"""
_MARK = "io.github.matrix_circles.ai"
_BY_KIND = {"help": "answer", "reminder": "reminder", "digest": "digest", "placeholder": "placeholder"}


class Traps:
    """The one trap that is set, and what the present unit of work is about."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._here = threading.local()

    def pass_by(self, point: str) -> None:
        """Die if the trap is set here."""
        try:
            named = self._path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return
        if named == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(self) -> None:
        """Begin a unit of work, in its thread."""
        self._here.about = set[str]()

    def about(self, what: str) -> None:
        """Say what the present unit of work is about: `<what> of <cause>`."""
        about: set[str] | None = getattr(self._here, "about", None)
        if about is not None:
            about.add(what)

    def end(self) -> tuple[str, ...]:
        """Return what it was about."""
        about: set[str] = self._here.about
        return tuple(sorted(about))


def lay(traps: Traps) -> None:
    """Wrap the program's functions."""
    _wrap_units_of_work(traps)
    _wrap_causes(traps)
    _wrap_sends(traps)
    _wrap_answers_to_deliveries(traps)


def _wrap_units_of_work(traps: Traps) -> None:
    real: Callable[..., Awaitable[Any]] = SqlDatabase.write

    async def write(self: SqlDatabase, work: Callable[[Any], Any]) -> Any:
        about: list[str] = []

        def watched(connection: Any) -> Any:
            traps.begin()
            result = work(connection)
            about.extend(traps.end())
            for each in about:
                traps.pass_by(f"before {each}")
            return result

        result = await real(self, watched)
        for each in about:
            traps.pass_by(f"after {each}")
        return result

    SqlDatabase.write = write  # type: ignore[method-assign]


def _wrap_causes(traps: Traps) -> None:
    def before(owner: Any, name: str, notice: Callable[..., str | None]) -> None:
        real = getattr(owner, name)

        def wrapped(*given: Any, **named: Any) -> Any:
            what = notice(*given, **named)
            if what is not None:
                traps.about(what)
            return real(*given, **named)

        setattr(owner, name, wrapped)

    def performed(
        _self: Performer, _connection: Any, effects: Iterable[fx.Effect], *_rest: Any, **_named: Any
    ) -> str | None:
        posts = [each for each in effects if isinstance(each, fx.Post)]
        cause = next((_BY_KIND[post.kind] for post in posts if post.kind in _BY_KIND), None)
        return f"commit of {cause}" if cause is not None else None

    def taken_in(_self: Intake, _connection: Any, _txn: str | None, events: Iterable[Any], *_rest: Any) -> str | None:
        said = any(mapping(event).get("type") == "m.room.message" for event in events)
        return "commit of intake" if said else None

    def noted(_connection: Any, row: outbox.Row, *_rest: Any, **_named: Any) -> str | None:
        cause = "take-back" if row.kind == "redact" else _BY_KIND.get(str(row.payload.get("kind")))
        return f"acknowledgement of {cause}" if cause is not None else None

    before(Performer, "perform", performed)
    before(Performer, "_take_back", lambda *_, **__: "commit of take-back")
    before(Performer, "placeholder", lambda *_, **__: "commit of placeholder")
    before(Intake, "_take_in", taken_in)
    before(outbox, "sent", noted)


def _wrap_sends(traps: Traps) -> None:
    def around(name: str, cause_of: Callable[..., str | None]) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(MatrixClient, name)

        async def wrapped(self: MatrixClient, *given: Any) -> Any:
            cause = cause_of(*given)
            if cause is not None:
                traps.pass_by(f"before send of {cause}")
            result = await real(self, *given)
            if cause is not None:
                traps.pass_by(f"after send of {cause}")
            return result

        setattr(MatrixClient, name, wrapped)

    def sent(_room: str, type_: str, content: Mapping[str, Any], _txn_id: str) -> str | None:
        if type_ == "m.reaction":
            return "placeholder" if content["m.relates_to"]["key"] == outbox.PLACEHOLDER_KEY else None
        return _BY_KIND.get(str(content.get(_MARK, {}).get("kind")))

    around("send", sent)
    around("redact", lambda *_: "take-back")


def _wrap_answers_to_deliveries(traps: Traps) -> None:
    real: Callable[..., Awaitable[Any]] = web_protocol.RequestHandler.finish_response

    async def finish_response(self: web_protocol.RequestHandler, request: Any, resp: Any, start_time: Any) -> Any:
        delivery = "/transactions/" in request.path and b"m.room.message" in (await request.read())
        if delivery:
            traps.pass_by("before acknowledgement of intake")
        result = await real(self, request, resp, start_time)
        if delivery:
            traps.pass_by("after acknowledgement of intake")
        return result

    web_protocol.RequestHandler.finish_response = finish_response  # type: ignore[method-assign]


def set_clock(path: Path) -> None:
    """Let the program's clock be as many seconds ahead as a file says."""
    real = SystemClock.now

    def now(self: SystemClock) -> datetime:
        forth = path.read_text(encoding="utf-8") if path.exists() else ""
        return real(self) + timedelta(seconds=int(forth or 0))

    SystemClock.now = now  # type: ignore[method-assign]


def main() -> int:
    """Lay the traps and run the program."""
    path = Path(sys.argv.pop(1))
    lay(Traps(path))
    set_clock(path.with_suffix(".clock"))
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
