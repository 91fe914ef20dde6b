"""Permitted text shows its words to nobody who did not ask for them, and one function makes it."""

import ast
import copy
import dataclasses
import io
import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import circles
from circles.core.permitted import Permitted, Talk, permit
from circles.testing import said
from circles_policies.decision import Decision, Verdict

CANARY = "zebraumbrella"
MESSAGE = said("@mei:home.example", CANARY)


@pytest.mark.parametrize(
    "shown",
    [
        repr(MESSAGE),
        str(MESSAGE),
        f"{MESSAGE}",
        f"{MESSAGE!r:>40}",
        "{}".format(MESSAGE),  # noqa: UP032  # each way of formatting is tried
        "%s %r" % (MESSAGE, MESSAGE),  # noqa: UP031  # the same
        repr(Talk((MESSAGE,))),
        repr([MESSAGE, {"a": MESSAGE}]),
        repr(MESSAGE.part(CANARY[:5])),
    ],
)
def test_no_way_of_printing_shows_the_words(shown: str) -> None:
    """Whoever wants the words writes `.text`."""
    assert CANARY[:5] not in shown
    assert MESSAGE.event_id in shown


def _as_dict(message: Permitted) -> object:
    return dataclasses.asdict(Talk((message,)))


COPIES: tuple[Callable[[Permitted], object], ...] = (pickle.dumps, copy.copy, copy.deepcopy, _as_dict)


@pytest.mark.parametrize("take", COPIES)
def test_it_stays_in_memory(take: Callable[[Permitted], object]) -> None:
    """Nothing that copies objects around can copy it."""
    with pytest.raises(TypeError) as caught:
        take(MESSAGE)

    assert CANARY not in str(caught.value)


def test_json_refuses_it() -> None:
    """A row or a log line cannot take it in by accident."""
    with pytest.raises(TypeError) as caught:
        json.dumps({"m": MESSAGE})

    assert CANARY not in str(caught.value)


def test_a_log_line_with_it_says_nothing() -> None:
    """Not as an argument, and not as a traceback's locals."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("tests.permitted")
    logger.addHandler(handler)
    try:
        try:
            json.dumps(MESSAGE)
        except TypeError:
            logger.exception("failed with %s", MESSAGE)
    finally:
        logger.removeHandler(handler)

    assert MESSAGE.event_id in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_only_a_decision_that_allows_makes_one() -> None:
    """A denial raises, and says nothing of the message."""
    with pytest.raises(PermissionError) as caught:
        permit(
            Decision(Verdict.DENY),
            event_id=MESSAGE.event_id,
            room_id=MESSAGE.room_id,
            sender=MESSAGE.sender,
            at=0,
            text=CANARY,
        )

    assert CANARY not in str(caught.value)


def test_the_constructor_is_nobodys() -> None:
    """Without the module's own key the class makes nothing."""
    with pytest.raises(TypeError):
        Permitted(object(), MESSAGE.event_id, MESSAGE.room_id, MESSAGE.sender, 0, CANARY, None, None, False)


def test_a_part_keeps_where_it_came_from() -> None:
    """An argument rests on the same message, sender and decision."""
    part = MESSAGE.part("zebra")

    assert (part.text, part.source, part.at) == ("zebra", MESSAGE.source, MESSAGE.at)


def test_text_is_permitted_in_named_places_only() -> None:
    """Outside the tests' fakes, three modules turn a decision into text; a fourth would be seen here."""
    package = Path(circles.__file__ or "").parent if circles.__file__ else Path(next(iter(circles.__path__)))
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("permit", "Permitted")
    }

    assert callers == {
        "adapters/matrix/talk.py",
        "core/permitted.py",
        "entrypoints/intake.py",
        "entrypoints/reading.py",
        "testing.py",
    }
