"""The log: ids, codes and numbers, never what people wrote.

Every message is a constant; what varies stands in `extra`: `logger.info("event settled", extra={"action": "settle",
"event_id": event_id, "seconds": 0.2})`.  A line is built from what is known to be harmless, so a slip elsewhere shows
as a missing value and not as a leak:

* arguments of a message are not put in; the template is shown as it is,
* of `extra`, numbers pass; the ids and codes of the lists below pass if they look like one; all else is dropped,
* an exception is its type and the places it came through; of its words only a ConfigurationError's are shown, whose
  words we wrote and which hold no values,
* of other people's libraries only warnings pass, without their words: nio, openai and aiohttp quote what they handle.
"""

from __future__ import annotations

import builtins
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Final, Literal, TextIO, cast

from circles import errors
from circles.errors import ConfigurationError, MatrixError

OURS: Final = ("circles", "circles_policies")

_MATRIX: Final = r"[A-Za-z0-9._~=+/\-]{1,255}(?::[A-Za-z0-9.\-\[\]:]{1,255})?"
_IDS: Final = {
    "room_id": re.compile("!" + _MATRIX),
    "event_id": re.compile(r"\$" + _MATRIX),
    "user_id": re.compile("@" + _MATRIX),
    "sender": re.compile("@" + _MATRIX),
    "device_id": re.compile(r"[A-Z0-9]{1,40}"),
    "txn_id": re.compile(r"[0-9]{1,20}"),
    "effect_id": re.compile(r"[0-9a-f\-]{1,40}"),
    "reference": re.compile(r"[0-9a-z]{4,16}"),
    "lane": re.compile(f"!{_MATRIX}|[a-z_]{{1,40}}"),
    "place": re.compile(r"[A-Za-z0-9_/.\-]{1,100}\.py:[0-9]{1,6}"),
    "revision": re.compile(r"[0-9a-z_]{1,40}"),
}
_CODE: Final = re.compile(r"[a-z][a-z0-9_.\-]{0,63}|M_[A-Z_]{1,60}")
_CODES: Final = frozenset(
    {
        "action", "actor", "cause", "code", "command", "errcode", "feature", "kind", "mode", "outcome", "preset",
        "purpose", "reach", "reason", "right", "state", "verdict",
    }
)  # fmt: skip
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET: Final = re.compile(r"(?i)\b(bearer\s+|(?:access|as|hs|api)_?(?:token|key)\s*[=:]\s*)\S+")
_FRAMES: Final = 20
_CHAIN: Final = 5


def configure(level: str = "INFO", style: Literal["json", "text"] = "text", stream: TextIO | None = None) -> None:
    """Make this process log to `stream` (standard error by default), and let nothing bypass the rules above."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a line that cannot be formatted would be printed with its arguments
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(line_of(record), ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same facts for people: time, level, logger, message, then key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with one more for each exception."""
        line = line_of(record)
        line.pop("exception", None)
        head = " ".join(str(line.pop(key)) for key in ("time", "level", "logger", "message"))
        parts = [head, *(f"{key}={value}" for key, value in line.items())]
        text = " ".join(parts)
        for entry in _exceptions(record.exc_info[1]) if record.exc_info else ():
            text += "\n    " + " ".join(f"{key}={value}" for key, value in entry.items())
        return text


def line_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what may be said of a record."""
    line: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message(record),
    }
    if _is_ours(record.name):
        line.update(_harmless(vars(record)))
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = list(_exceptions(record.exc_info[1]))
    return line


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in OURS


def _message(record: logging.LogRecord) -> str:
    if not _is_ours(record.name) or not isinstance(record.msg, str):
        return f"said at {_place(record.pathname)}:{record.lineno}"
    return _SECRET.sub(r"\1***", record.msg)


def _harmless(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if key in _STANDARD:
            continue
        if value is None or isinstance(value, bool | int | float):
            yield key, value
        elif isinstance(value, str) and (
            (key in _IDS and _IDS[key].fullmatch(value))
            or (key in _CODES and _CODE.fullmatch(value))
            or (key == "error" and _is_exception_name(value))
        ):
            yield key, str(value)


def _is_exception_name(value: str) -> bool:
    known = vars(errors).get(value) or vars(builtins).get(value)
    return isinstance(known, type) or re.fullmatch(r"[A-Za-z]{1,60}(Error|Exception|Timeout)", value) is not None


def _exceptions(error: BaseException | None) -> Iterator[dict[str, object]]:
    """Describe an exception and what led to it, the last one first."""
    for _ in range(_CHAIN):
        if error is None:
            return
        entry: dict[str, object] = {"type": type(error).__qualname__}
        if isinstance(error, ConfigurationError):
            entry["problems"] = [f"{key}: {advice}" for key, advice in error.problems]
        if isinstance(error, MatrixError) and _CODE.fullmatch(error.errcode):
            entry |= {"errcode": error.errcode, "status": error.status}
        if isinstance(error, BaseExceptionGroup):
            together = cast(BaseExceptionGroup[BaseException], error).exceptions
            entry["of"] = sorted({type(inner).__qualname__ for inner in together})
        frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
        entry["at"] = [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames][-_FRAMES:]
        yield entry
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _place(path: str) -> str:
    """Shorten a file's path to package and module: where things are installed is nobody's business."""
    return "/".join(PurePath(path).parts[-3:])


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("circles").critical(
        "stopped by an error", exc_info=(kind, error, trace), extra={"action": "uncaught"}
    )


def place_of(error: BaseException) -> str:
    """Return the file and line an exception came from, the innermost: what a log line may say of it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{_place(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace is not None else ""
