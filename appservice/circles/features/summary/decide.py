"""What the lines of a summary are. Pure: no await, no clock, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from circles.core.call import Call
from circles.core.extract.decisions import decisions
from circles.core.extract.key_points import key_points
from circles.core.extract.lines import Finding
from circles.core.extract.questions import disagreements, open_questions
from circles.core.extract.text import fold
from circles.core.extract.todos import todos
from circles.core.extract.visits import visits
from circles.core.permitted import Permitted
from circles.core.posts import Frame, Item, Section, as_lines, bears_out, cited, quote, quoted, without_strange_links
from circles.core.render import NOTHING, Text, bold, checkbox, joined, one_line, render, text
from circles.features.summary import strings
from circles.features.summary.words import Bounds, Wish

NAME: Final = "summary"
LIMITS: Final = {"key_points": 7, "decisions": 8, "todos": 10, "open_questions": 6, "disagreements": 4}
LINE_CHARS: Final = 300
ALONE: Final = {"decisions": 1, "todos": 2, "open_questions": 3}
"""The commands that show one section of a summary alone, and which one."""


def made_as(command: str) -> str:
    """Return the command whose post is made for this one: of a summary, the section that is shown."""
    return NAME if command in ALONE else command


# ---- what it says of itself


def scope(asked: Wish, bounds: Bounds, frame: Frame) -> str:
    """Return what the post is about, in a few words."""
    language = frame.language
    if bounds.last:
        return strings.last(bounds.last)[language]
    if asked.mine:
        return strings.since_you(frame.hour(bounds.since))[language]
    if bounds.thread and not asked.since:
        return strings.THREAD[language]
    return strings.since(frame.hour(bounds.since))[language]


def notes(call: Call, asked: Wish, wrote: datetime | None) -> tuple[Text, ...]:
    """Return what the asker should know of the window: where it is not what they said."""
    said: list[strings.Both] = []
    hours = call.room.policy.read.hours if call.room.policy else None
    if asked.mine and wrote is None:
        said.append(strings.NEVER_WROTE)
    if hours and asked.since and asked.since < call.at - timedelta(hours=hours):
        said.append(strings.only_so_far(hours))
    return tuple(text(each[call.language]) for each in said)


def picked(command: str, talk: Sequence[Permitted], frame: Frame) -> tuple[Section, ...]:
    """Return what is quoted without a model."""
    if command == "visits":
        return _visits(picked_visits(talk, frame), frame)
    return _alone(command, picked_sections(talk, frame), frame)


def written(command: str, data: Mapping[str, Any], talk: Sequence[Permitted], frame: Frame) -> tuple[Section, ...]:
    """Return what a model wrote and the messages bear out."""
    if command == "visits":
        return _visits(visit_items(data, talk, frame), frame)
    return _alone(command, summary_sections(data, talk, frame), frame)


def _alone(command: str, every: tuple[Section, ...], frame: Frame) -> tuple[Section, ...]:
    at = ALONE.get(command)
    return every if at is None else (Section("", every[at].items, strings.NONE_OF[command][frame.language]),)


def _visits(items: tuple[Item, ...], frame: Frame) -> tuple[Section, ...]:
    return (Section("", items, strings.NO_VISITS[frame.language]),)


# ---- what a model wrote


def summary_sections(data: Mapping[str, Any], talk: Sequence[Permitted], frame: Frame) -> tuple[Section, ...]:
    """Return the sections of a model's summary: only lines that the messages they name can hold."""

    def lines_of(key: str) -> tuple[Item, ...]:
        found: dict[str, Item] = {}
        for entry in _entries(data.get(key)):
            rests_on = cited(entry.get("messages"), talk)
            item = _todo(entry, rests_on, frame) if key == "todos" else _line(entry, rests_on, frame)
            if item:
                found.setdefault(item.words.plain, item)
        return tuple(found.values())[: LIMITS[key]]

    return sections(*(lines_of(key) for key in LIMITS), frame=frame)


def promised(data: Mapping[str, Any]) -> bool:
    """Say whether a model wrote any entry at all, whatever became of it."""
    return any(_entries(value) for value in data.values())


def _entries(value: object) -> list[Mapping[str, Any]]:
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Mapping[str, Any]", each) for each in found if isinstance(each, Mapping)]


def _words(value: object, rests_on: Sequence[Permitted]) -> str:
    return (
        one_line(render(without_strange_links(value, rests_on), lambda _: False).body, LINE_CHARS)
        if isinstance(value, str)
        else ""
    )


def _line(entry: Mapping[str, Any], rests_on: Sequence[Permitted], frame: Frame) -> Item | None:
    words = _words(entry.get("text"), rests_on)
    return Item(text(f"• {words}"), tuple(rests_on)) if words and bears_out(words, rests_on, frame) else None


def _todo(entry: Mapping[str, Any], rests_on: Sequence[Permitted], frame: Frame) -> Item | None:
    words, due, owner = (_words(entry.get(key), rests_on) for key in ("text", "due", "owner"))
    if not words or not bears_out(f"{words} {due}", rests_on, frame):
        return None
    who = owner if _is_said(owner, rests_on, frame) and not fold(words).startswith(fold(owner)) else ""
    return Item(_task(who, text(words), due if due and fold(due) not in fold(words) else ""), tuple(rests_on))


def _is_said(words: str, rests_on: Sequence[Permitted], frame: Frame) -> bool:
    return bool(words) and fold(words) in fold("\n".join(f"{frame.name(each.sender)} {each.text}" for each in rests_on))


def _task(owner: str, words: Text, due: str) -> Text:
    named = checkbox(False) + (bold(owner) + text(": " if owner.isascii() else "：") if owner else NOTHING)
    return named + words + (text(f" · {due}") if due else NOTHING)


def visit_items(data: Mapping[str, Any], talk: Sequence[Permitted], frame: Frame) -> tuple[Item, ...]:
    """Return a model's visits, one a line; who, whom and when must all be said in the messages it names."""
    found: dict[str, Item] = {}
    for entry in _entries(data.get("visits")):
        rests_on = cited(entry.get("messages"), talk)
        who, whom, when = (_words(entry.get(key), rests_on) for key in ("who", "whom", "when"))
        if (
            _is_said(who, rests_on, frame)
            and _is_said(whom, rests_on, frame)
            and bears_out(f"{who} {whom} {when}", rests_on, frame)
        ):
            item = Item(visit_line(who, whom, when), rests_on)
            found.setdefault(item.words.plain, item)
    return tuple(found.values())


def visit_line(who: str, whom: str, when: str) -> Text:
    """Return one visit: who, an arrow, whom, and when."""
    return text("• ") + joined((bold(who), text("→"), bold(whom), *((text(f"· {when}"),) if when else ())))


# ---- what is picked out without a model


def picked_sections(talk: Sequence[Permitted], frame: Frame) -> tuple[Section, ...]:
    """Return the sections of a summary that only quotes."""
    lines = as_lines(talk, frame)
    by_id: dict[str, Permitted] = {each.event_id: each for each in talk}
    people: dict[str, str] = {user_id: frame.name(user_id) for user_id in frame.names}

    def items(found: Sequence[Finding]) -> tuple[Item, ...]:
        return tuple(_quote(each.id, each.quote, each.related, by_id, frame) for each in found)

    decided = decisions(lines)[-LIMITS["decisions"] :]
    tasks = todos(lines, people)[-LIMITS["todos"] :]
    asked = open_questions(lines)[-LIMITS["open_questions"] :]
    against = disagreements(lines)[-LIMITS["disagreements"] :]
    elsewhere = {each.id for each in (*decided, *asked, *against)} | {task.id for task in tasks}
    points = key_points([line for line in lines if line.id not in elsewhere], LIMITS["key_points"])
    return sections(
        tuple(_quote(at, by_id[at].text, (), by_id, frame) for at in points),
        items(decided),
        tuple(
            Item(
                _task(
                    one_line(task.owner_name or "", 40),
                    quote(task.quote),
                    _due(task.due, task.quote),
                ),
                _rests_on((task.id, *task.related), by_id),
            )
            for task in tasks
        ),
        items(asked),
        items(against),
        frame=frame,
    )


def _due(due: str | None, quote: str) -> str:
    return one_line(due, 40) if due and due not in quote else ""


def _rests_on(ids: Sequence[str], by_id: Mapping[str, Permitted]) -> tuple[Permitted, ...]:
    return tuple(by_id[each] for each in dict.fromkeys(ids) if each in by_id)


def _quote(at: str, quote: str, related: Sequence[str], by_id: Mapping[str, Permitted], frame: Frame) -> Item:
    return Item(text("• ") + quoted(frame, by_id[at], quote), _rests_on((at, *related), by_id))


def sections(
    points: tuple[Item, ...],
    decided: tuple[Item, ...],
    tasks: tuple[Item, ...],
    asked: tuple[Item, ...],
    against: tuple[Item, ...],
    *,
    frame: Frame,
) -> tuple[Section, ...]:
    """Return the sections in their order; that nothing was decided is said, the others need not be there."""
    tongue = frame.language
    return (
        Section(strings.KEY_POINTS[tongue], points, "" if decided or tasks or asked else strings.NO_POINTS[tongue]),
        Section(strings.DECISIONS[tongue], decided, strings.NO_DECISION[tongue]),
        Section(strings.TODOS[tongue], tasks),
        Section(strings.QUESTIONS[tongue], asked),
        Section(strings.DISAGREEMENTS[tongue], against),
    )


def picked_visits(talk: Sequence[Permitted], frame: Frame) -> tuple[Item, ...]:
    """Return the visits that are said so, one a line."""
    by_id: dict[str, Permitted] = {each.event_id: each for each in talk}
    people: dict[str, str] = {user_id: frame.name(user_id) for user_id in frame.names}
    return tuple(
        Item(
            visit_line(*(one_line(part or "", 40) for part in (each.who, each.whom, each.when))),
            _rests_on((each.id, *each.related), by_id),
        )
        for each in visits(as_lines(talk, frame), people)
    )
