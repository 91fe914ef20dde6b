"""The conversation file: JSON lines that say who writes what when, what the AI is asked, and what must then hold.

Owns the format (docs/reference/conversation-file.md) and its errors; plays nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

HIDE: Final = "🙈"
SOON: Final = "{soon}"
"""Stands for the next full minute, as HH:MM in the room's zone: the soonest that a digest can be asked for."""

_WHEN: Final = re.compile(
    r"(?P<clock>(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d))|\+(?P<count>\d{1,4})(?P<unit>[smh])"
)
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600}
_DAY: Final = 86_400


class ConversationError(Exception):
    """The file cannot be played; the message names line and key."""


class Part(BaseModel):
    """What every piece of the file is: no unknown keys, no guesses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no such time zone: write one like Europe/Berlin") from None
    return name


def _moment(when: str) -> str:
    if not _WHEN.fullmatch(when):
        raise ValueError('write a time of day such as "09:30", or a delay such as "+30s", "+5m", "+2h"')
    return when


Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Words = Annotated[str, Field(min_length=1, max_length=4_000)]
When = Annotated[str, AfterValidator(_moment)]
Seconds = Annotated[float, Field(gt=0, le=300)]
Count = Annotated[int, Field(ge=0, le=100)]


class Someone(Part):
    """A person: an account on one of the two homeservers.

    Attributes:
        id: the account's name, and how the file refers to them.
        name: the display name in the room.
        called: how the demo calls them in the terminal; the display name if left out.
        language: in which language they say control words to the AI.
        homeserver: `home`, where the AI lives, or `away`.
    """

    id: Id
    name: Words
    called: str = ""
    language: Literal["en", "zh"] = "en"
    homeserver: Literal["home", "away"] = "home"

    @property
    def known_as(self) -> str:
        """How the demo speaks of them."""
        return self.called or self.name


class Header(Part):
    """The first line: the room and its people.

    Attributes:
        conversation: the format's version.
        title: what the demo calls it.
        room: the room's name.
        zone: the room's time zone, which the admin tells the AI; None leaves the service's own.
        policy: which of the AI's offers the admin taps.
        admin: who makes the room, invites the AI and decides.
        people: everybody, the admin too; at least one of them on the AI's homeserver besides the admin.
    """

    conversation: Literal[1]
    title: Words
    room: Words
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    policy: Literal["addressed", "on_call", "agreed", "notebook"] = "on_call"
    admin: Id
    people: Annotated[list[Someone], Field(min_length=2, max_length=20)]


class Expect(Part):
    """What must hold of an answer.

    Attributes:
        lines_min, lines_max: how many lines with a bullet or a box it has.
        links_min: how many different messages of the room it links to.
        each_linked: every such line carries a link to a message of the room.
        contains, lacks: what its text says and does not say.
        lines_with: for each list, one line that holds all of its words.
        within: after so many seconds at the latest.
    """

    lines_min: Count = 0
    lines_max: Count | None = None
    links_min: Count = 0
    each_linked: bool = False
    contains: list[Words] = []
    lacks: list[Words] = []
    lines_with: list[list[Words]] = []
    within: Seconds = 30


class TakenBack(Part):
    """What must hold after a message was hidden or deleted.

    Attributes:
        withdrawn: the answers that must be withdrawn, by the ids of their questions; any that cite it are anyway.
        holds_nothing: the author, asking what is held about them, is told that it is nothing.
        within: after so many seconds at the latest.
    """

    withdrawn: list[Id] = []
    holds_nothing: bool = False
    within: Seconds = 30


class Later(Part):
    """A post that comes by itself, because of what was asked: a reminder, a digest."""

    id: Id
    kind: Words
    within: Seconds = 90
    expect: Expect = Expect()


class Reaction(Part):
    """A mark somebody puts on a message as soon as it is there."""

    who: Id
    key: Words


class Step(Part):
    """One thing that happens. `line` is where it stands in the file."""

    line: int
    when: When | None = None


class Say(Step):
    """Somebody writes; `id` lets later lines refer to it."""

    who: Id
    text: Words
    id: Id | None = None
    reply_to: Id | None = None
    marks: list[Reaction] = []


class Correct(Step):
    """Somebody edits a message of theirs."""

    who: Id
    edit: Id
    text: Words


class Ask(Step):
    """Somebody speaks to the AI: with a mention, its typed name, a command, or in private."""

    who: Id
    ask: Words
    how: Literal["mention", "name", "command", "private"] = "mention"
    id: Id | None = None
    expect: Expect = Expect()
    later: Later | None = None


class Mark(Step):
    """Somebody puts a reaction on a message; 🙈 hides it from the AI, and then everything made from it must go."""

    who: Id
    mark: Words
    on: Id
    expect: TakenBack = TakenBack()


class Delete(Step):
    """Somebody removes a message of theirs; then everything made from it must go."""

    who: Id
    delete: Id
    expect: TakenBack = TakenBack()


class Await(Step):
    """Wait for a post that was promised `later`."""

    awaits: Annotated[Id, Field(alias="await")]


AnyStep = Say | Correct | Ask | Mark | Delete | Await
_BY_KEY: Final[Mapping[str, type[AnyStep]]] = {
    "ask": Ask,
    "edit": Correct,
    "delete": Delete,
    "mark": Mark,
    "await": Await,
    "text": Say,
}
"""What a line is, by the first of these keys it has."""


class Conversation(Part):
    """A file, read and checked."""

    header: Header
    steps: list[AnyStep]

    def someone(self, key: str) -> Someone:
        """Return a person by id."""
        return next(person for person in self.header.people if person.id == key)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Return everything anybody writes, with the id or line it is known by."""
        for step in self.steps:
            if isinstance(step, Say):
                yield step.id or f"line {step.line}", step.text
            elif isinstance(step, Correct):
                yield step.edit, step.text
            elif isinstance(step, Ask):
                yield step.id or f"line {step.line}", step.ask


def seconds_between(before: int, when: str | None) -> int:
    """Return how long after `before`, in seconds of the story's day, `when` is; a time of day never goes back."""
    found = _WHEN.fullmatch(when) if when else None
    if found is None:
        return 0
    if found["clock"]:
        return (int(found["hour"]) * 3_600 + int(found["minute"]) * 60 - before) % _DAY
    return int(found["count"]) * _UNITS[found["unit"]]


def load(path: Path) -> Conversation:
    """Read a file.

    Raises:
        ConversationError: with the line and key of everything that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConversationError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConversationError(f"{path}: is not UTF-8 text") from None
    try:
        return parse(text)
    except ConversationError as error:
        raise ConversationError("\n".join(f"{path}, {line}" for line in str(error).splitlines())) from None


def parse(text: str) -> Conversation:
    """Read a file's text.

    Raises:
        ConversationError: with the line and key of everything that is wrong.
    """
    wrong: list[str] = []
    header: Header | None = None
    steps: list[AnyStep] = []
    for number, row in enumerate(text.splitlines(), 1):
        if not row.strip():
            continue
        try:
            value = _object(row)
            if header is None:
                header = Header.model_validate(value)
            else:
                steps.append(_step(value, number))
        except ValidationError as error:
            wrong += [f"line {number}, {_told(each)}" for each in error.errors()]
        except ConversationError as error:
            wrong.append(f"line {number}, {error}")
        if header is None:
            break
    if header is None and not wrong:
        wrong.append("line 1: the file is empty; its first line describes the room")
    if header is not None and not wrong:
        wrong = list(_inconsistent(header, steps))
    if header is None or wrong:
        raise ConversationError("\n".join(wrong))
    return Conversation(header=header, steps=steps)


def _object(row: str) -> dict[str, Any]:
    try:
        value = json.loads(row)
    except ValueError as error:
        raise ConversationError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConversationError('must be one JSON object, such as {"who": "mei", "text": "Hello"}')
    return value  # pyright: ignore[reportUnknownVariableType]  # the models check what is in it


def _step(value: dict[str, Any], number: int) -> AnyStep:
    kind = next((kind for key, kind in _BY_KEY.items() if key in value), None)
    if kind is None:
        raise ConversationError("needs one of the keys text, ask, edit, mark, delete, await")
    if "line" in value:
        raise ConversationError("`line`: not a key of this file")
    return kind.model_validate({**value, "line": number})


def _told(error: Any) -> str:
    """One of pydantic's errors in our words."""
    path = ".".join(str(part) for part in error["loc"]) or "the line"
    kind, context = error["type"], error.get("ctx", {})
    advice = {
        "extra_forbidden": "not a key that is known here",
        "missing": "is missing",
        "literal_error": f"must be {context.get('expected')}",
        "value_error": str(context.get("error")),
        "string_pattern_mismatch": "must be small letters, digits, - and _, beginning with a letter or digit",
    }.get(kind, str(error["msg"][:1].lower() + error["msg"][1:]))
    return f"`{path}`: {advice}"


def _inconsistent(header: Header, steps: list[AnyStep]) -> Iterator[str]:
    people = {person.id: person for person in header.people}
    if len(people) < len(header.people):
        yield "line 1, `people`: two have the same id"
    if header.admin not in people:
        yield f"line 1, `admin`: {header.admin} is not among the people"
    elif people[header.admin].homeserver != "home":
        yield "line 1, `admin`: must live on the home server, for the AI takes invites from there"
    authors: dict[str, str] = {}
    questions: set[str] = set()
    promised: set[str] = set()
    for step in steps:
        at = f"line {step.line}, "
        who = getattr(step, "who", None)
        if who is not None and who not in people:
            yield f"{at}`who`: {who} is not among the people"
        yield from (at + each for each in _unknown(step, people, authors, questions, promised))
        new = getattr(step, "id", None)
        if new is not None and (new in authors or new in promised):
            yield f"{at}`id`: {new} is taken already"
        if isinstance(step, Ask) and step.later:
            if SOON in step.ask and header.zone is None:
                yield f"{at}`ask`: {SOON} needs a `zone` in line 1"
            promised.add(step.later.id)
        if new is not None and who is not None:
            authors[new] = who
            if isinstance(step, Ask):
                questions.add(new)


def _unknown(
    step: AnyStep, people: Mapping[str, Someone], authors: Mapping[str, str], questions: set[str], promised: set[str]
) -> Iterator[str]:
    """Say which names a step uses that nothing before it introduced."""
    match step:
        case Say(reply_to=target) if target is not None and target not in authors:
            yield f"`reply_to`: no earlier line has the id {target}"
        case Correct(edit=target, who=who) | Delete(delete=target, who=who) if authors.get(target) != who:
            yield f"`{'edit' if isinstance(step, Correct) else 'delete'}`: no earlier line of {who} has the id {target}"
        case Mark(on=target) if target not in authors:
            yield f"`on`: no earlier line has the id {target}"
        case Mark(on=target, mark=key) if key == HIDE and target in questions:
            yield f"`on`: {target} is a question to the AI; hide what people wrote to each other"
        case Delete(delete=target) if target in questions:
            yield f"`delete`: {target} is a question to the AI; delete what people wrote to each other"
        case Await(awaits=target) if target not in promised:
            yield f"`await`: no earlier line promises {target} in its `later`"
        case _:
            pass
    if isinstance(step, Say):
        for number, mark in enumerate(step.marks):
            if mark.who not in people:
                yield f"`marks.{number}.who`: {mark.who} is not among the people"
            if mark.key == HIDE:
                yield f'`marks.{number}.key`: {HIDE} is a line of its own: {{"who": …, "mark": "{HIDE}", "on": …}}'
    if isinstance(step, Mark | Delete):
        for number, target in enumerate(step.expect.withdrawn):
            if target not in questions:
                yield f"`expect.withdrawn.{number}`: no earlier question has the id {target}"
