"""What a sentence says of a visit before the conversation is known: roles as "I" and "you", a time, a mood. Pure.

A sentence becomes a template first: every person in it one private character, every time phrase "#".
The shapes of English and Chinese are then short, and a role can only ever be a person who was really named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from circles.core.extract.people import mentioned_people
from circles.core.extract.text import Span, fold
from circles.core.extract.when import When, masked, time_phrases

SPEAKER: Final = "\0speaker"
ADDRESSEE: Final = "\0addressee"
UNKNOWN: Final = "?"
_FIRST: Final = 0xE000
_OURS: Final = dict.fromkeys([*range(_FIRST, _FIRST + 0x100), ord("#"), 0], " ")
"""The characters that mean something in a template: in what people write they are blanks."""
_MAX_PEOPLE: Final = 200
PERSON: Final = r"[\ue000-\ue0ff]"
_POSSESSIVE: Final = re.compile(
    r"(?:\b(my|our|your|his|her|their|the|dear)\s+|(我们|我|咱们|咱|你们|你|您|他们|他|她们|她)的?)$"
)
_OF: Final = re.compile(r"'s\s+|的")
"""Between two people who are one: "Dan's mum", 小明的外婆."""
_OWN: Final = frozenset(("my", "our", "the", "dear", "我们", "我", "咱们", "咱"))


class Mood(Enum):
    """How a sentence puts a visit."""

    SAYS = "says"
    ASKS = "asks"
    INVITES = "invites"
    PROPOSES = "proposes"


@dataclass(frozen=True, slots=True)
class Frame:
    """One visit as a sentence puts it; None is what a question asks for.

    Attributes:
        who, whom: words, or SPEAKER, ADDRESSEE, UNKNOWN.
        when: the time phrase.
        mood: stated, asked, invited or proposed.
    """

    who: str | None
    whom: str | None
    when: When | None
    mood: Mood


@dataclass(frozen=True, slots=True)
class Template:
    """A folded piece of text with its people and times replaced.

    Attributes:
        shape: people are single private characters, times are "#", the rest is folded text.
        people: the words of each person, by the order of their characters.
        whens: the time phrases, in the order of the "#"s; offsets are those of the whole message.
    """

    shape: str
    people: tuple[str, ...]
    whens: tuple[When, ...]

    def words(self, group: str) -> str:
        """Return the person words for the private characters in `group`, joined as they were."""
        named = [self.people[ord(char) - _FIRST] for char in re.findall(PERSON, group)]
        chinese = any("\u4e00" <= char <= "\u9fff" for name in named for char in name)
        return ("和" if chinese else " and ").join(dict.fromkeys(named))


def template(text: str, span: Span, people: Mapping[str, str], known: Iterable[str]) -> Template:
    """Return the template of one piece of `text`."""
    piece = text[span.start : span.end]
    low = fold(piece).translate(_OURS)
    whens = tuple(when for when in time_phrases(piece) if not when.is_deadline)
    taken = [(when.start, when.end, "#") for when in whens]
    named: list[str] = []
    last_end = 0
    for mention in mentioned_people(masked(piece, whens), people, known)[:_MAX_PEOPLE]:
        if any(start < mention.end and mention.start < end for start, end, _ in taken):
            continue
        start, said = mention.start, people.get(mention.user_id or "", mention.said)
        owner = _POSSESSIVE.search(low, 0, mention.start)
        if (
            owner
            and mention.user_id is None
            and not any(begin < start and owner.start() < end for begin, end, _ in taken)
        ):
            start = owner.start()
            said = said if (owner[1] or owner[2]) in _OWN else text[span.start + start : span.start + mention.end]
        joined = bool(named) and mention.user_id is None and _OF.fullmatch(low, taken[-1][1], start)
        if joined and taken[-1][2] != "#" and (start == mention.start):
            begin, _, mark = taken.pop()
            taken.append((begin, mention.end, mark))
            named[-1] = f"{named[-1]}{piece[last_end : mention.end]}"
        else:
            taken.append((start, mention.end, chr(_FIRST + len(named))))
            named.append(said)
        last_end = mention.end
    shape, last = "", 0
    for start, end, mark in sorted(taken):
        shape += low[last:start] + mark
        last = end
    shifted = tuple(
        When(when.start + span.start, when.end + span.start, when.words, when.names_day, when.is_deadline, when.is_past)
        for when in whens
    )
    return Template(shape + low[last:], tuple(named), shifted)
