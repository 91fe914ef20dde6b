"""Posts that rest on messages: every line with links to what it rests on, and the checks that let a line in. Pure.

A model's words become a line only here: `cited` keeps the messages it names that were really shown to it,
`bears_out` drops what they do not say, `without_strange_links` takes out every address they do not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from circles.core.call import Call, Remake, Room
from circles.core.effects import Effect, Post, Private, Words
from circles.core.extract.lines import Line
from circles.core.extract.people import mentioned_people
from circles.core.extract.text import fold
from circles.core.extract.tokens import terms
from circles.core.ids import EventID, RoomID, UserID, event_link, server_of
from circles.core.language import Language, language_of
from circles.core.permitted import Permitted
from circles.core.render import (
    LIMIT_BYTES,
    NOTHING,
    Text,
    bold,
    details,
    fit,
    joined,
    lines,
    link,
    one_line,
    plain_only,
    text,
    weight,
)
from circles.core.settings import Settings
from circles.core.zones import say_clock

INLINE: Final = 2
"""So many links stand in a line; a third and further ones go into a list that is closed until clicked."""
QUOTE_CHARS: Final = 240
SHORT: Final = 4
"""Terms of a line that must share one with its messages; a longer line must share two."""

_PERMALINK: Final = re.compile(r"(?:(?:https?://)?matrix\.to/|matrix:)\S+", re.IGNORECASE)
_SOURCES: Final[Mapping[Language, str]] = {"en": "{} sources", "zh": "{} 条出处"}
_LISTED: Final[Mapping[Language, str]] = {"en": "Sources:", "zh": "出处："}
_CUT: Final[Mapping[Language, str]] = {
    "en": "There was more; it did not fit into one message.",
    "zh": "还有一些，一条消息放不下。",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a post needs to know of where it stands: where its links lead, how people and hours are said."""

    room_id: RoomID
    via: tuple[str, ...]
    names: Mapping[UserID, str]
    language: Language
    zone: str
    now: datetime

    def name(self, user_id: UserID) -> str:
        """Return what someone is called, the localpart where no name is known."""
        known = one_line(self.names.get(user_id, ""), 40)
        return known or user_id.removeprefix("@").removesuffix(f":{server_of(user_id)}")

    def hour(self, instant: datetime | int) -> str:
        """Return an instant as people here say it: the hour, with the day where it is not today's."""
        at = datetime.fromtimestamp(instant / 1000, UTC) if isinstance(instant, int) else instant
        local, today = at.astimezone(ZoneInfo(self.zone)), self.now.astimezone(ZoneInfo(self.zone))
        clock = say_clock(local)
        if local.date() == today.date():
            return clock
        if self.language == "zh":
            return f"{local.month}月{local.day}日 {clock}"
        return f"{local.day} {local:%b} {clock}"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a post, and the messages it rests on; none: it is not shown."""

    words: Text
    rests_on: tuple[Permitted, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title. `none` is what is said where there are none; '' leaves the section out."""

    title: str
    items: tuple[Item, ...] = ()
    none: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A post before it is addressed to anyone.

    Attributes:
        words: what it says.
        rests_on: the messages it was made from: all that a model was shown, or all that is quoted.
        model: which model wrote it; None for none.
        nothing: there was nothing to say.
        spent: it says that the budget for the model is used up.
    """

    words: Words
    rests_on: tuple[Permitted, ...] = ()
    model: str | None = None
    nothing: bool = False
    spent: bool = False


def may_ask_model(room: Room, settings: Settings) -> bool:
    """Say whether to ask for a model's answer: there is one as near as the room lets its text go, or the one it chose
    is not there, which the port then says.
    """
    return settings.may_send(room.policy) or settings.is_missing(room.policy)


def is_whispered(call: Call) -> bool:
    """Say whether the answer goes to a direct message although it was asked for in the circle."""
    return call.private and call.place == call.room.room_id and not call.room.direct


def again(lost: Remake, told: Told, feature: str) -> Effect:
    """Return the effect that says a post again, as a reply to the question; nobody is pinged twice."""
    said = lost.said
    post = Post(
        room_id=said.room_id,
        words=told.words,
        kind=said.kind,
        feature=feature,
        reply_to=said.answers,
        thread=said.thread,
        subject=said.subject,
        sources=tuple(message.source for message in told.rests_on),
        answers=said.answers,
        remake=said.remake if not told.nothing else None,
        mark={"model": told.model},
        language=said.language,
    )
    if said.asker and said.remake and said.remake.get("whispered"):
        return Private(said.asker, replace(post, room_id=said.about, reply_to=None, thread=None))
    return post


# ---- the links


@dataclass(slots=True)
class _Numbers:
    """The messages in the order they are first linked, which is their number."""

    frame: Frame
    seen: dict[EventID, Permitted]

    def of(self, message: Permitted) -> str:
        self.seen.setdefault(message.event_id, message)
        return f"[{list(self.seen).index(message.event_id) + 1}]"

    def links(self, rests_on: Sequence[Permitted]) -> Text:
        every = [link(self.of(message), self.address(message), spelled=False) for message in rests_on]
        return joined(every[:INLINE], " ")

    def address(self, message: Permitted) -> str:
        return event_link(self.frame.room_id, message.event_id, self.frame.via)

    def who(self, message: Permitted) -> str:
        return f"{self.of(message)} {self.frame.name(message.sender)} {self.frame.hour(message.at)}"

    def closing(self, *, opened: bool) -> tuple[Text, ...]:
        """Return the list that ends the post: always in plain, in HTML where a line has more links than it shows."""
        if not self.seen:
            return ()
        language = self.frame.language
        messages = tuple(self.seen.values())
        rows = [link(self.who(message), self.address(message)) for message in messages]
        block = details(_SOURCES[language].format(len(rows)), rows, listed=False) if opened else NOTHING
        plain = [f"{self.who(message)} {self.address(message)}" for message in messages]
        return (*((block,) if block else ()), plain_only("\n".join([f"\n{_LISTED[language]}", *plain])))


def compose(frame: Frame, head: Sequence[Text], sections: Sequence[Section], notes: Sequence[Text] = ()) -> Words:
    """Return a post whose every line links to what it rests on, as much of it as fits an event.

    The plain form carries the numbers, and the addresses once each, at its end.
    """
    shown, cut = list(sections), False
    while True:
        closing = [*notes, *([text(_CUT[frame.language])] if cut else [])]
        words = _composed(frame, head, shown, closing)
        longest = max(range(len(shown)), key=lambda at: len(shown[at].items), default=None)
        if weight(words) <= LIMIT_BYTES or longest is None or not shown[longest].items:
            return fit(words, _CUT[frame.language])
        shown[longest] = replace(shown[longest], items=shown[longest].items[:-1], none="")
        cut = True


def _composed(frame: Frame, head: Sequence[Text], sections: Sequence[Section], notes: Sequence[Text]) -> Words:
    numbers = _Numbers(frame, {})
    rows = list(head)
    opened = False
    for section in sections:
        items = [item for item in section.items if item.rests_on]
        if not items and not section.none:
            continue
        if section.title:
            rows += [NOTHING, bold(section.title)] if rows else [bold(section.title)]
        rows += [joined((item.words, numbers.links(item.rests_on))) for item in items] or [text(section.none)]
        for item in items:
            opened = opened or len(item.rests_on) > INLINE
            _ = [numbers.of(message) for message in item.rests_on]
    return lines(*rows, *((NOTHING, *notes) if notes else ()), *numbers.closing(opened=opened))


def quoted(frame: Frame, message: Permitted, words: str | None = None) -> Text:
    """Return a message's words, or a piece of them, as a quote with the name of who wrote it."""
    return joined((bold(frame.name(message.sender)), quote(words or message.text)))


def quote(words: str) -> Text:
    """Return words in quotation marks; a permalink in them becomes 🔗, for all such links in a post are ours."""
    return text(f"“{one_line(_PERMALINK.sub('🔗', words), QUOTE_CHARS)}”")


def as_lines(talk: Iterable[Permitted], frame: Frame) -> tuple[Line, ...]:
    """Return permitted messages as the extractors take them."""
    return tuple(
        Line(
            id=message.event_id,
            sender=message.sender,
            name=frame.name(message.sender),
            at=message.at,
            text=_PERMALINK.sub("🔗", message.text),
            reply_to=message.reply_to,
            thread=message.thread,
        )
        for message in talk
    )


# ---- what of a model's words is let in

_ADDRESS: Final = re.compile(
    r"<?(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:|matrix:|data:|javascript:)[^\s<>\"”）)\]]+>?"
    r"|(?<![\w@.])(?:[a-z0-9-]+\.)+(?:[a-z]{2,}/[^\s<>\"”）)\]]*|(?:com|org|net|info|example|test|[a-z]{2})(?!\w))"
    r"|[@#!][\w.=/+-]+:[a-z0-9.-]+(?::\d+)?",
    re.IGNORECASE,
)
_NUMBERS: Final = re.compile(r"\s*[\[【](?:\d+(?:\s*[,，、-]\s*)?)+[\]】](?!\()")
_DIGITS: Final = re.compile(r"\d+")
_HAN_NUMBER: Final = re.compile(r"[零一二三四五六七八九十两百]+")
_HAN_COUNTED: Final = re.compile(r"初([一二三四五六七八九十]+)|([零一二三四五六七八九十两百]+)(?=[点号日月块元斤])")
_EN_NUMBERS: Final = {
    word: value
    for value, word in enumerate(
        (
            *(
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "ten",
                "eleven",
                "twelve",
            ),
            *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
        )
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "half": 30, "quarter": 15, "noon": 12, "dozen": 12}
_EN_ORDINALS: Final = {
    word: value
    for value, word in enumerate(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"), 1
    )
}
_HAN_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九十")} | {"两": 2}
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_FORMS: Final = (
    *((name, re.compile(rf"\b{name}(?:day|sday|nesday|rsday|urday|s|rs|r)?s?\b")) for name in _WEEKDAYS),
    *(
        (name, re.compile(rf"(?:周|星期|礼拜){han}"))
        for name, han in zip(_WEEKDAYS, ("一", "二", "三", "四", "五", "六", "[日天]"), strict=True)
    ),
    ("today", re.compile(r"\btoday\b|\btonight\b|\bthis (?:morning|afternoon|evening)\b|今天|今日|今晚|今早")),
    ("tomorrow", re.compile(r"\btomorrow\b|明天|明日|明晚|明早")),
    ("yesterday", re.compile(r"\byesterday\b|昨天|昨晚|昨日")),
    ("morning", re.compile(r"\bmorning\b|早上|上午|早晨|今早|明早|\d\s?am\b")),
    ("afternoon", re.compile(r"\bafternoon\b|下午|\d\s?pm\b")),
    ("evening", re.compile(r"\bevening\b|\btonight\b|\bnight\b|\bdinner\b|晚上|今晚|明晚|傍晚|晚饭|夜|\d\s?pm\b")),
)
_CAPITALISED: Final = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}")
_DAY_WORD: Final = re.compile(r"Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec")


def cited(numbers: object, talk: Sequence[Permitted]) -> tuple[Permitted, ...]:
    """Return the messages a model named by number, in the order of the talk; any other number is dropped."""
    if not isinstance(numbers, Sequence) or isinstance(numbers, str | bytes):
        return ()
    named: set[int] = set()
    for number in numbers:  # pyright: ignore[reportUnknownVariableType]  # a model's JSON: anything may stand here
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= len(talk):
            named.add(number)
    return tuple(talk[number - 1] for number in sorted(named))


def without_strange_links(words: str, rests_on: Iterable[Permitted] = ()) -> str:
    """Return a model's words without numbers in brackets (the links are ours) and addresses no cited message holds."""
    heard = _PERMALINK.sub("", "\n".join(message.text for message in rests_on))
    kept = _ADDRESS.sub(lambda found: found[0] if found[0].strip("<>.,;") in heard else "", words)
    return re.sub(r"[ \t]{2,}", " ", _NUMBERS.sub("", kept))


def bears_out(words: str, rests_on: Sequence[Permitted], frame: Frame) -> bool:
    """Say whether cited messages can hold what a line says: its people, numbers and days occur in them, and some word.

    A light check: it catches what was attributed to the wrong message, not every slip of a model.
    """
    if not rests_on:
        return False
    heard = "\n".join(f"{frame.name(message.sender)}: {message.text}" for message in rests_on)
    low, heard_low = fold(words), fold(heard)
    numbers, days = _said_numbers(low), _days(low)
    if not numbers <= _heard_numbers(heard_low) or not days <= _days(heard_low):
        return False
    senders = {message.sender for message in rests_on}
    people: dict[str, str] = {user_id: frame.name(user_id) for user_id in {*frame.names, *senders}}
    known = {mention.user_id for mention in mentioned_people(heard, people)} | senders
    mentions = mentioned_people(words, people)
    if any(mention.user_id and mention.user_id not in known for mention in mentions):
        return False
    spoken = "\n".join(message.text for message in rests_on)
    if language_of(words, "en") != language_of(spoken, "en"):
        # Said in the other language nothing but people, numbers and days can be compared: it needs one of them.
        return bool(numbers or days or any(mention.user_id for mention in mentions))
    for name in (*(mention.said for mention in mentions), *_CAPITALISED.findall(words)):
        if fold(name)[:4] not in heard_low and not _DAY_WORD.match(name):
            return False
    own = set(terms(words))
    return len(own & set(terms(heard))) >= (1 if len(own) <= SHORT else 2)


def _said_numbers(low: str) -> set[int]:
    digits = {int(found[:9]) for found in _DIGITS.findall(low)}
    return (digits | {_han_value(found[0] or found[1]) for found in _HAN_COUNTED.findall(low)}) - {0}


def _heard_numbers(low: str) -> set[int]:
    heard = _said_numbers(low)
    heard |= {value for word, value in (_EN_NUMBERS | _EN_ORDINALS).items() if re.search(rf"\b{word}\b", low)}
    heard |= {_han_value(found) for found in _HAN_NUMBER.findall(low)}
    heard |= {30} if "半" in low else set()
    heard |= {15, 45} if "quarter" in low or "刻" in low else set()
    afternoon = {number + 12 for number in heard if 1 <= number <= 11}
    return heard | afternoon | {number - 12 for number in heard if 13 <= number <= 23}


def _han_value(digits: str) -> int:
    value, last = 0, 0
    for char in digits:
        if char in "十百":
            value += max(last, 1) * (10 if char == "十" else 100)
            last = 0
        else:
            last = _HAN_DIGITS[char]
    return value + last


def _days(low: str) -> set[str]:
    return {name for name, form in _DAY_FORMS if form.search(low)}
