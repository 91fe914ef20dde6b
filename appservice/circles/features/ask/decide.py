"""What an answer is: a model's words that the messages bear out, or the messages themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from circles.core.commands import Forms, Invocation, parse
from circles.core.extract.search import search
from circles.core.ids import EventID
from circles.core.permitted import Permitted, Talk
from circles.core.posts import Frame, Item, as_lines, bears_out, cited, quoted, without_strange_links
from circles.core.render import Text, escaped, one_line, render

NAME: Final = "ask"
WORDS: Final = {
    "en": ("ask", "question", "answer me"),
    "zh": ("问", "问一下", "问问", "请问", "提问"),
}
_FORMS: Final = (Forms(NAME, tuple(form for forms in WORDS.values() for form in forms)),)

QUOTES: Final = 4
MOST: Final = 400
"""A model is shown no more messages than that: of a longer talk what fits the question, and the newest."""
FEW: Final = 60
"""As many, where a model could not take more."""
ANSWER_CHARS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The window as ids and instants, so that it can be looked at again."""

    until_at: int
    since: int | None = None
    until: EventID | None = None
    thread: EventID | None = None

    @property
    def start(self) -> datetime | None:
        """The first instant, aware UTC; None: as far back as the policy allows."""
        return None if self.since is None else datetime.fromtimestamp(self.since / 1000, UTC)

    def within(self, talk: Talk) -> tuple[Permitted, ...]:
        """Return the messages that are inside; a direct message's question is no bound in the circle, so time is."""
        return tuple(each for each in talk.messages if each.at <= self.until_at and each.event_id != self.until)


def question(words: Permitted) -> Permitted | None:
    """Return the question without the command before it; None where nothing is asked."""
    found = parse(words.text, _FORMS)
    asked = found.argument if isinstance(found, Invocation) else words.text.strip()
    return words.part(asked) if one_line(asked) else None


def remembered(
    window: Bounds, talk: Sequence[Permitted], zone: str, *, readable: bool, whispered: bool
) -> dict[str, Any]:
    """Return what is kept to answer again: ids and instants, never the question."""
    return {
        "since": min((each.at for each in talk), default=window.since),
        "until": window.until,
        "until_at": window.until_at,
        "thread": window.thread,
        "zone": zone,
        "readable": readable,
        "whispered": whispered,
    }


def recalled(kept: Mapping[str, Any]) -> Bounds:
    """Return the window that was kept."""
    since = kept.get("since")
    return Bounds(int(kept["until_at"]), None if since is None else int(since), kept.get("until"), kept.get("thread"))


def of_one_thread(talk: Sequence[Permitted], thread: EventID) -> bool:
    """Say whether a thread hangs on a message of the talk; one under a post of the AI's has only questions in it."""
    return any(each.event_id == thread for each in talk)


def outside_other_threads(talk: Sequence[Permitted], thread: EventID) -> tuple[Permitted, ...]:
    """Return what was said in the room or this thread: threads do not leak into each other (PRODUCT.md B2)."""
    return tuple(each for each in talk if each.thread in (None, thread))


def fitting(talk: Sequence[Permitted], asked: str, frame: Frame, most: int) -> tuple[Permitted, ...]:
    """Return at most `most` messages to show a model, oldest first: the best matches, their neighbours, the newest."""
    if len(talk) <= most:
        return tuple(talk)
    places = {each.event_id: at for at, each in enumerate(talk)}
    kept: set[int] = set()
    for hit in search(as_lines(talk, frame), asked, most, _people(frame)):
        around = {at for at in range(places[EventID(hit.id)] - 1, places[EventID(hit.id)] + 3) if 0 <= at < len(talk)}
        if len(kept | around) > most:
            break
        kept |= around
    for at in range(len(talk) - 1, -1, -1):
        if len(kept) >= most:
            break
        kept.add(at)
    return tuple(talk[at] for at in sorted(kept))


def found(data: Mapping[str, Any], talk: Sequence[Permitted]) -> tuple[str, tuple[Permitted, ...]] | None:
    """Return a model's answer and the messages it names; None where it found nothing or names none of them."""
    rests_on = cited(data.get("messages"), talk)
    answer = data.get("answer")
    if data.get("found") is not True or not isinstance(answer, str) or not rests_on:
        return None
    words = without_strange_links(answer, rests_on).strip()[:ANSWER_CHARS]
    return (words, rests_on) if words else None


def answer_item(words: str, rests_on: tuple[Permitted, ...], frame: Frame) -> Item | None:
    """Return a model's answer as a line with links; None where the messages do not bear it out."""
    rendered = render(words, lambda address: address in words and without_strange_links(address, rests_on) == address)
    if not bears_out(rendered.body, rests_on, frame):
        return None
    html = rendered.html or escaped(rendered.body)
    return Item(Text(rendered.body, html, block=html.endswith((">", "\n")) and "<p>" in html), rests_on)


def matches(talk: Sequence[Permitted], asked: str, frame: Frame) -> tuple[Item, ...]:
    """Return the messages that meet the question's words, quoted, best first."""
    by_id: dict[str, Permitted] = {each.event_id: each for each in talk}
    return quotes([by_id[hit.id] for hit in search(as_lines(talk, frame), asked, QUOTES, _people(frame))], frame)


def quotes(messages: Sequence[Permitted], frame: Frame) -> tuple[Item, ...]:
    """Return messages as quotes."""
    return tuple(Item(quoted(frame, message), (message,)) for message in messages)


def _people(frame: Frame) -> dict[str, str]:
    return {user_id: frame.name(user_id) for user_id in frame.names}
