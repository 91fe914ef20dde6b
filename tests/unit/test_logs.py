from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from aiohttp.test_utils import TestClient, TestServer

from circles import logs
from circles.entrypoints.health import Health, health_app
from circles.errors import ConfigurationError, MatrixForbidden, RequestProblem
from circles.metrics import Metrics

CANARY = "CANARY-the-words-of-someone"
STYLES: list[Literal["json", "text"]] = ["json", "text"]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("circles")
    before = (root.handlers[:], root.level, ours.level, sys.excepthook, threading.excepthook, logging.raiseExceptions)
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], level, our_level, sys.excepthook, threading.excepthook, logging.raiseExceptions = before
    root.setLevel(level)
    ours.setLevel(our_level)


def configured(style: Literal["json", "text"] = "json", level: str = "DEBUG") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level, style, stream)
    return stream


def last(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return line


def test_a_line_holds_the_constant_message_the_ids_and_the_numbers() -> None:
    stream = configured()

    logging.getLogger("circles.door").info(
        "delivery stored",
        extra={"action": "store", "room_id": "!a:example.org", "event_id": "$x-Y_z", "events": 3, "seconds": 0.25},
    )

    line = last(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "circles.door",
        "message": "delivery stored",
        "action": "store",
        "room_id": "!a:example.org",
        "event_id": "$x-Y_z",
        "events": 3,
        "seconds": 0.25,
    }


def test_the_name_of_an_exception_and_a_place_in_our_code_pass() -> None:
    stream = configured()

    for name in ("MatrixForbidden", "KeyError", "IntegrityError", "Hello"):
        logging.getLogger("circles").info("failed", extra={"error": name, "place": "worker.py:12", "lane": "!a:b"})

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("error") for line in lines] == ["MatrixForbidden", "KeyError", "IntegrityError", None]
    assert (lines[0]["place"], lines[0]["lane"]) == ("worker.py:12", "!a:b")


def test_the_text_style_says_the_same() -> None:
    stream = configured("text")

    logging.getLogger("circles").warning("slow", extra={"action": "send", "ms": 12})

    assert stream.getvalue().endswith(" WARNING circles slow action=send ms=12\n")


@pytest.mark.parametrize("style", STYLES)
def test_no_slip_puts_words_into_the_log(style: Literal["json", "text"]) -> None:
    """Everything a careless line may do, at DEBUG: arguments, unknown keys, known keys with words, exceptions."""
    stream = configured(style)
    logger = logging.getLogger("circles.features.summary")

    logger.info("said %s", CANARY)
    logger.info("said %(body)s", {"body": CANARY})
    logger.debug(KeyError(CANARY))
    logger.info("event", extra={"body": CANARY, "event": {"content": CANARY}, "list": [CANARY]})
    for key in (
        "room_id",
        "event_id",
        "user_id",
        "sender",
        "device_id",
        "action",
        "reason",
        "reference",
        "lane",
        "error",
    ):
        logger.info("event", extra={key: CANARY})
        logger.info("event", extra={key: f"$words {CANARY}"})
    _raise_and_log(logger, ValueError(CANARY))
    _raise_and_log(logger, RequestProblem(CANARY))
    _raise_and_log(logger, MatrixForbidden(CANARY, errcode=f"M_{CANARY}", status=403))
    _raise_and_log(logger, ExceptionGroup(CANARY, [KeyError(CANARY)]))
    for library in ("nio", "openai._base_client", "aiohttp.access", "asyncio", "sqlalchemy.engine", "circlesque"):
        for level in (logging.DEBUG, logging.INFO, logging.ERROR):
            logging.getLogger(library).log(level, "handled %s", CANARY)
            logging.getLogger(library).log(level, f"handled {CANARY}")  # noqa: G004 - what libraries do
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, stacklevel=1)
    sys.excepthook(ValueError, ValueError(CANARY), None)

    assert "CANARY" not in stream.getvalue()
    assert stream.getvalue().count("ValueError") >= 2


def _raise_and_log(logger: logging.Logger, error: Exception) -> None:
    def fail() -> None:
        raise error from KeyError(CANARY)

    try:
        fail()
    except type(error):
        logger.exception("failed", extra={"action": "handle", "reference": "4f2a"})


def test_a_line_that_cannot_be_formatted_is_not_printed_with_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    stream = configured()

    logging.getLogger("circles").info("one %d two %d", CANARY)  # noqa: PLE1206 - the mistake is meant

    assert last(stream)["message"] == "one %d two %d"
    assert "CANARY" not in capsys.readouterr().err


def test_an_exception_is_its_type_and_the_places_it_came_through() -> None:
    stream = configured()

    raised = MatrixForbidden("the words of the homeserver", errcode="M_FORBIDDEN", status=403)
    unhashable: Any = []
    try:
        Metrics().denied(unhashable)
    except TypeError as error:
        raised.__cause__ = error
    logging.getLogger("circles").error("failed", exc_info=raised)

    first, second = last(stream)["exception"]
    assert first == {"type": "MatrixForbidden", "errcode": "M_FORBIDDEN", "status": 403, "at": []}
    assert second["type"] == "TypeError"
    assert any(place.startswith("appservice/circles/metrics.py:") for place in second["at"])
    assert all(not place.startswith("/") for place in second["at"])


def test_what_is_wrong_with_the_configuration_is_said() -> None:
    stream = configured()

    logging.getLogger("circles").error("cannot start", exc_info=ConfigurationError([("log.level", "write one of")]))

    assert last(stream)["exception"][0]["problems"] == ["log.level: write one of"]


def test_a_secret_in_a_message_is_covered() -> None:
    stream = configured()

    logging.getLogger("circles").info("asked with Authorization: Bearer abc.def and as_token=ghi")

    assert "abc" not in stream.getvalue()
    assert "ghi" not in stream.getvalue()


def test_other_people_s_libraries_say_where_not_what() -> None:
    stream = configured()

    logging.getLogger("nio").info("quiet")
    logging.getLogger("nio").warning("loud")

    assert last(stream)["message"].startswith("said at tests/unit/test_logs.py:")
    assert len(stream.getvalue().splitlines()) == 1


def test_the_level_counts_for_our_own_lines() -> None:
    stream = configured(level="WARNING")

    logging.getLogger("circles").info("not worth a line")

    assert stream.getvalue() == ""


async def test_health_answers_200_or_503_and_metrics_have_no_words() -> None:
    metrics = Metrics()
    metrics.transaction("stored", 0.01)
    metrics.event("pass", "message")
    metrics.event(CANARY, "$event")
    metrics.denied("member_out")
    metrics.sent("post", "sent")
    metrics.model("answered", 1.5, tokens=40, egress_bytes=900)
    metrics.wake(late=True)
    metrics.outbox_pending.set(2)
    now = Health(ok=True, parts={"outbox_pending": 2, "homeserver": "up"})
    async with TestClient(TestServer(health_app(lambda: now, metrics))) as client:
        fine = await client.get("/health")
        assert (fine.status, await fine.json()) == (200, {"status": "ok", "outbox_pending": 2, "homeserver": "up"})

        now = Health(ok=False)
        failing = await client.get("/health")
        assert (failing.status, await failing.json()) == (503, {"status": "failing"})

        text = await (await client.get("/metrics")).text()

    assert 'circles_events_received_total{kind="message",verdict="pass"} 1.0' in text
    assert 'circles_events_received_total{kind="other",verdict="other"} 1.0' in text
    assert "circles_outbox_pending 2.0" in text
    assert "circles_egress_bytes_total 900.0" in text
    assert "CANARY" not in text


def test_a_label_takes_a_bounded_number_of_values() -> None:
    metrics = Metrics()

    for number in range(200):
        metrics.denied(f"reason_{number}")

    lines = [
        line for line in metrics.text().decode().splitlines() if line.startswith("circles_decisions_denied_total{")
    ]
    assert len(lines) == 65
    assert 'circles_decisions_denied_total{reason="other",right="receive"} 136.0' in lines
