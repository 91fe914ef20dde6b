"""What a receipt says, and to whom. Pure; ids, names, hours and links, never the words of a message.

In the room only messages appear that anybody there can see the answer stand on.  The whole list of what was looked at
would show by its gaps who opted out, so it goes to the one who asked, alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from circles.core.effects import Words
from circles.core.ids import EventID, RoomID, Source, UserID, event_link
from circles.core.language import Language
from circles.core.posts import Frame
from circles.core.render import NOTHING, Text, bold, fit, lines, link, one_line, text
from circles.features.receipts import strings
from circles_policies import POSTED_AGAIN, Policy, policy_name

NAME: Final = "receipts"
LIST: Final = "list"
FILE_NAME: Final = "receipts.md"
WEEK: Final = 7
MOST_DAYS: Final = 366
MOST: Final = 40
"""So many links are shown; a receipt is read on a phone."""
_NUMBER: Final = re.compile(r"(?:last |\u6700\u8fd1\s*)?(\d{1,4})\s*(?:d|days?|\u5929)?")
SILENT: Final = ("placeholder", "excuse")
"""Kinds of posts that answer nothing, so that "why" without a reply passes over them."""
PASSED_OVER: Final = (NAME, "circle", "consent", "help", "hiding", "mine", "off_record", "voice")
"""Features whose posts speak of the AI itself and rest on nobody's words; passed over likewise."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model, as a receipt tells of it."""

    at: int
    host: str
    model: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of one post.

    Attributes:
        sources: what it rests on.
        cited: those of them it links to; None where that is not known.
        calls: the requests made for it.
        policy: what was in force when it was said; None for nothing.
        standing: whether it was not taken back.
        again: whether it was said again because something was taken back.
        successor: the post that was said instead of it.
    """

    about: RoomID
    via: tuple[str, ...]
    asker: UserID | None
    sources: tuple[Source, ...]
    cited: tuple[Source, ...] | None
    calls: tuple[Call, ...]
    policy: Policy | None
    standing: bool
    again: bool
    successor: EventID | None
    stands_in: RoomID


@dataclass(frozen=True, slots=True)
class Given:
    """One answer that a person was given, with its receipt."""

    at: int
    feature: str
    event_id: EventID
    receipt: Receipt


def days_meant(words: str) -> int | None:
    """Return how many days back "receipts …" asks for, a week where it does not say; None: not understood."""
    said = one_line(words).casefold().strip(" .。")
    if not said:
        return WEEK
    named = next((days for name, days in strings.PERIODS.items() if said == name), None)
    number = _NUMBER.fullmatch(said)
    days = int(number[1]) if number is not None else named
    return days if days is not None and 1 <= days <= MOST_DAYS else None


def as_file(given: Sequence[Given], names: Mapping[RoomID, Mapping[UserID, str]], frame: Frame) -> str:
    """Return receipts as Markdown, for the asker alone: everything each answer rests on, nothing cut."""
    language = frame.language
    parts = [f"# {strings.FILE_TITLE[language]}"]
    for each in given:
        receipt = each.receipt
        there = replace(frame, room_id=receipt.about, via=receipt.via, names=names.get(receipt.about, {}))
        link_ = event_link(receipt.stands_in, each.event_id, receipt.via)
        rows = [f"## [{strings.answer_head(each.feature, there.hour(each.at), language)}]({link_})", ""]
        if not receipt.standing:
            rows.append(strings.GONE[language])
        rows += [strings.RESTS_ON[language], ""] if receipt.sources else [strings.NO_SOURCES[language]]
        rows += [
            f"- [{there.name(source.sender)}]({event_link(source.room or receipt.about, source.event_id, receipt.via)})"
            for source in receipt.sources
        ]
        rows.append("")
        rows += [_call_line(call, there) for call in receipt.calls] or [strings.NO_MODEL[language]]
        policy = receipt.policy
        rows.append(
            strings.POLICY[language].format(policy=policy_name(policy, language))
            if policy is not None
            else strings.NO_POLICY[language]
        )
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def shown_to(receipt: Receipt, reader: UserID, *, alone: bool) -> tuple[Source, ...] | None:
    """Return the sources a reader may be told; None: only that the answer's own links lead to them."""
    if alone and receipt.asker == reader:
        return receipt.sources
    return receipt.cited


def told(receipt: Receipt, sources: Sequence[Source] | None, at: Mapping[EventID, int], frame: Frame) -> Words:
    """Return a receipt in words. `at` holds when messages were written, as far as they may be looked at now."""
    language = frame.language
    if not receipt.standing:
        return _gone(receipt, language)
    rows = [text(POSTED_AGAIN[language])] if receipt.again else []
    rows += _rests_on(receipt, sources, at, frame)
    rows.append(NOTHING)
    rows += [_call(each, frame) for each in receipt.calls]
    if not receipt.calls:
        rows.append(text(strings.NO_MODEL[language]))
    if receipt.policy is not None:
        rows.append(text(strings.POLICY[language].format(policy=policy_name(receipt.policy, language))))
    else:
        rows.append(text(strings.NO_POLICY[language]))
    return fit(lines(*rows), strings.CUT[language])


def _rests_on(
    receipt: Receipt, sources: Sequence[Source] | None, at: Mapping[EventID, int], frame: Frame
) -> list[Text]:
    language = frame.language
    if sources is None:
        return [text(strings.LINKS_IN_IT[language])]
    if not sources:
        return [text(strings.NO_SOURCES[language])]
    # Those whose hour is known come in their order; of the others only who wrote them may be said.
    ordered = sorted(sources, key=lambda source: (at.get(source.event_id, 0), source.event_id))[-MOST:]
    rows = [bold(strings.RESTS_ON[language])]
    for number, source in enumerate(ordered, 1):
        when = at.get(source.event_id)
        label = strings.source_label(number, frame.name(source.sender), frame.hour(when) if when is not None else "")
        rows.append(link(label, event_link(source.room or receipt.about, source.event_id, receipt.via)))
    if len(sources) > MOST:
        rows.append(text(strings.CUT[language]))
    return rows


def _call(each: Call, frame: Frame) -> Text:
    return text(_call_line(each, frame))


def _call_line(each: Call, frame: Frame) -> str:
    return strings.call_line(frame.hour(each.at), each.model, each.host, frame.language, answered=each.answered)


def _gone(receipt: Receipt, language: Language) -> Words:
    rows = [text(strings.GONE[language])]
    if receipt.successor is not None:
        rows.append(link(strings.SUCCESSOR[language], event_link(receipt.stands_in, receipt.successor, receipt.via)))
    return lines(*rows)
