"""When a digest comes, what stands in it, and whether anybody still wants it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, cast

from circles.core.call import Call, Remake, Room, Said, Tap
from circles.core.coming import Coming, Confirmed, Unsaid
from circles.core.effects import CancelWake, Effect, Post, Private, WakeAt, Words
from circles.core.extract.key_points import key_points
from circles.core.extract.lines import Line
from circles.core.ids import EventID, RoomID, Source, UserID, event_link
from circles.core.language import Language
from circles.core.permitted import Permitted, Talk
from circles.core.render import Text, bold, fit, joined, lines, link, one_line, text
from circles.core.schedule import Repeat, Rule, is_late, next_fire
from circles.core.when import Found, parse_when
from circles.core.zones import is_place, local_time, say_clock, say_when
from circles.features.digest import strings
from circles_policies import KEPT_OUT
from circles_policies.model import Policy, When, Who
from circles_policies.notices import POSTED_AGAIN

NAME: Final = "digest"
ASKS_ZONE: Final = "digest-zone"
DAILY_AT: Final = time(20, 0)
WEEKLY_AT: Final = time(18, 0)
SUNDAY: Final = 6
AHEAD: Final = timedelta(days=7)
ASK_AFTER: Final = 3
"""Digests in a row that nobody touched, after which it asks whether to go on."""
TRY_FOR: Final = timedelta(hours=6)
"""How long a digest is tried again while the homeserver does not answer; then the next one covers this span too."""
MOST_POINTS: Final = 5
MOST_UNSAID: Final = 10
"""So many lines stand for what was left unsaid; of the rest there is the number."""
_QUOTE: Final = 160


@dataclass(frozen=True, slots=True)
class Digest:
    """A room's digest.

    Attributes:
        host: in whose name it comes.
        last_sent: up to when the last one reached; the next begins there.
        untouched: how many in a row nobody reacted to.
        question: whether it was asked if anybody still wants it: "", "asked" or "kept".
    """

    room_id: RoomID
    host: UserID
    rule: Rule
    zone: str
    next_due: datetime
    last_sent: datetime
    language: Language = "en"
    untouched: int = 0
    question: str = ""


@dataclass(frozen=True, slots=True)
class SaveDigest(Effect):
    """Set a room's digest, in place of the one before."""

    digest: Digest


@dataclass(frozen=True, slots=True)
class NextDigest(Effect):
    """Keep when a digest comes next; `sent`: one was posted that reaches up to this instant; `asks`: it asks to go on.

    Nothing happens if it was ended meanwhile.
    """

    room_id: RoomID
    next_due: datetime
    sent: datetime | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class TouchDigest(Effect):
    """Keep that somebody looked at it; `wanted`: and so answered whether it is to go on."""

    room_id: RoomID
    wanted: bool


@dataclass(frozen=True, slots=True)
class DropDigest(Effect):
    """End a room's digest."""

    room_id: RoomID


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was talked about, and the messages it rests on."""

    text: str
    sources: tuple[Source, ...]
    who: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in one digest. `model` wrote the points, '' if they are quotes."""

    coming: tuple[Coming, ...] = ()
    confirmed: tuple[Confirmed, ...] = ()
    points: tuple[Point, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()
    withheld: bool = False
    model: str = ""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every message it rests on, once."""
        found = [one.source for one in self.coming] + [one.source for one in self.confirmed]
        found += [source for point in self.points for source in point.sources]
        found += [source for one in self.unsaid for source in one.sources]
        return tuple(dict.fromkeys(source for source in found if source))

    def is_new(self, before: datetime) -> bool:
        """Whether there is anything to tell; a date that the next digest will still announce is not news yet."""
        return bool(self.confirmed or self.points or self.unsaid) or any(item.at <= before for item in self.coming)


@dataclass(frozen=True, slots=True)
class Span:
    """What a digest covers and how it speaks: from when until when, in which zone and language, in whose name."""

    since: datetime
    until: datetime
    zone: str
    language: Language
    host: UserID

    def to_json(self) -> dict[str, Any]:
        """Return it as content-free values, from which the same digest can be made again."""
        since, until = (int(at.timestamp() * 1000) for at in (self.since, self.until))
        return {"since": since, "until": until, "zone": self.zone, "host": self.host}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], language: Language) -> Span:
        """Return what `to_json` wrote."""
        since, until = (datetime.fromtimestamp(int(value[key]) / 1000, UTC) for key in ("since", "until"))
        return cls(since, until, str(value["zone"]), language, UserID(str(value["host"])))


# ---- what may stand in it


def may_speak(policy: Policy | None) -> bool:
    """Return whether a digest may come at all: a resting AI says nothing, and one nobody admitted neither."""
    return policy is not None and policy.trigger


def looks_at_talk(policy: Policy | None, *, called: bool) -> bool:
    """Return whether the room lets talk be looked at; message by message it is decided besides.

    A digest that comes by itself was not called for: "looks back when called" is not when the hour has come.
    """
    if policy is None or policy.read.who not in (Who.CONSENTING, Who.EVERYONE):
        return False
    return called or policy.read.when is When.ALWAYS


def within(talk: Talk, span: Span) -> Talk:
    """Return the talk of a span."""
    since, until = (at.timestamp() * 1000 for at in (span.since, span.until))
    return Talk(tuple(message for message in talk.messages if since <= message.at < until), talk.withheld)


def quoted(messages: Sequence[Permitted], names: Mapping[UserID, str]) -> tuple[Point, ...]:
    """Return the messages that carry the talk, in their own words."""
    by_id = {message.event_id: message for message in messages}
    said = [
        Line(one.event_id, one.sender, called(one.sender, names), one.at, one.text, one.reply_to, one.thread)
        for one in messages
    ]
    chosen = [by_id[EventID(key)] for key in key_points(said, MOST_POINTS)]
    return tuple(Point(one_line(one.text, _QUOTE), (one.source,), called(one.sender, names)) for one in chosen)


def written(data: Mapping[str, Any] | None, messages: Sequence[Permitted]) -> tuple[Point, ...]:
    """Return a model's points, each with the messages it names; one that names none of the window is dropped."""
    points: list[Point] = []
    for entry in cast("Sequence[Mapping[str, Any]]", (data or {}).get("points") or ()):
        named = cast("Sequence[int]", entry.get("messages") or ())
        numbers = [number for number in named if 1 <= number <= len(messages)]
        said = one_line(str(entry.get("text", "")), 2 * _QUOTE)
        if said and numbers:
            points.append(Point(said, tuple(messages[number - 1].source for number in dict.fromkeys(numbers))))
    return tuple(points[:MOST_POINTS])


def called(user_id: UserID, names: Mapping[UserID, str]) -> str:
    """Return what a person is called."""
    return names.get(user_id) or user_id[1:].partition(":")[0]


# ---- setting it


_ENDS: Final = re.compile(
    r"(?:please\s+)?(?:(?:stop|end|turn off|no more)\s+(?:sending\s+)?(?:the\s+)?digests?\b"
    r"|(?:别|不要|停止|停掉|关掉)发?(?:摘要|日报))",
    re.IGNORECASE,
)
_SENDING: Final = re.compile(r"(?:请|帮我|给我们|给大家|给我)?发(?:一?[个份])?(?:摘要|日报)[吧。]?$")


def read_rule(call: Call, zone: str, now: datetime) -> Rule | None:
    """Read when a digest is to come; None where the words say no time that can be kept."""
    form = strings.form_of(call.whole.text)
    rest = call.argument.text.strip()
    rest = _SENDING.sub("", rest).strip(" ,:：，")
    for word in ("daily", "weekly"):
        rest = rest.removeprefix(word).removeprefix(word.capitalize()).strip(" ,:：，")
    if form is Repeat.WEEKS:
        return _weekly(rest, zone, now)
    if not rest or rest.lower() in strings.DAILY_FORMS:
        return Rule(Repeat.DAYS, DAILY_AT, zone) if form else None
    for said in (rest, f"every day {rest}", f"每天{rest}"):
        found = parse_when(said, now, zone)
        if isinstance(found, Found) and found.rule.repeat in (Repeat.DAYS, Repeat.WEEKS):
            at = DAILY_AT if "time" in found.assumed else found.rule.at
            return _every(found, at)
    return None


def _weekly(rest: str, zone: str, now: datetime) -> Rule | None:
    """Read a day and a time, either of which may be missing: it is Sunday, at 18:00."""
    if not rest or rest.lower() in strings.WEEKLY_FORMS:
        return Rule(Repeat.WEEKS, WEEKLY_AT, zone, weekdays=frozenset({SUNDAY}))
    rest = rest.removeprefix("on ")
    for said in (rest, f"every {rest}", f"每{rest}", f"every Sunday {rest}", f"每周日{rest}"):
        found = parse_when(said, now, zone)
        if isinstance(found, Found) and found.rule.repeat is Repeat.WEEKS:
            at = WEEKLY_AT if "time" in found.assumed else found.rule.at
            return _every(found, at)
    return None


def _every(found: Found, at: time) -> Rule | None:
    """Return the rhythm, unless something was said besides: "every day blue" names a day too, but is not understood."""
    rule, rest = found.rule, found.rest.strip(" .!。！").lower()
    if rule.every != 1 or rest not in strings.POLITE:
        return None
    return Rule(rule.repeat, at, rule.zone, weekdays=rule.weekdays)


def zone_answer(said: Said, words: Permitted) -> str | None:
    """Return the command that a place comes to, after somebody was asked for the room's time zone."""
    return f"{'群时区' if said.language == 'zh' else 'room zone'} {words.text}" if is_place(words.text) else None


def configure(call: Call, row: Digest | None, names: Mapping[UserID, str], now: datetime) -> tuple[Effect, ...]:
    """Set, end or show a room's digest."""
    said = "off" if _ENDS.match(call.whole.text.strip()) else call.argument.text.strip().lower()
    zone = call.room.zone or call.zone
    # In private the bare word asks how it stands there: it is in a circle that a daily one is meant.
    if not said and (call.room.direct or strings.form_of(call.whole.text) is None):
        return (_answer(call, _state(row, call.language, names)),)
    if not call.decides:
        return (_answer(call, strings.FOR_ADMINS[call.language]),)
    if said in strings.OFF_WORDS:
        ended = (DropDigest(row.room_id), CancelWake(NAME, row.room_id)) if row else ()
        return *ended, _answer(call, (strings.OFF if row else strings.OFF_ALREADY)[call.language])
    if zone is None:
        return (call.answer(lines(text(strings.ASK_ZONE[call.language])), feature=NAME, kind=ASKS_ZONE),)
    rule = read_rule(call, zone, now)
    due = next_fire(rule, now) if rule else None
    if rule is None or due is None:
        return (_answer(call, strings.NOT_UNDERSTOOD[call.language]),)
    room_id = call.room.room_id
    new = Digest(room_id, call.asker, rule, zone, due, row.last_sent if row else now, call.language)
    answer = strings.SET[call.language].format(rhythm=strings.rhythm(rule, call.language), zone=zone)
    return SaveDigest(new), WakeAt(NAME, room_id, room_id, due), _answer(call, answer)


def _state(row: Digest | None, language: Language, names: Mapping[UserID, str]) -> str:
    if row is None:
        return strings.STATE_NONE[language]
    rhythm = strings.rhythm(row.rule, language)
    return strings.STATE[language].format(rhythm=rhythm, zone=row.zone, name=called(row.host, names))


def _answer(call: Call, said: str) -> Effect:
    return call.answer(lines(text(said)), feature=NAME)


# ---- its hour


def given_up(row: Digest, *, host_left: bool) -> tuple[Effect, ...]:
    """End a digest that nobody answered for: not the room when asked, or its host who is gone. Else nothing."""
    if not host_left and not (row.question == "asked" and row.untouched > ASK_AFTER):
        return ()
    said = (strings.HOST_LEFT if host_left else strings.STOPPED)[row.language]
    return DropDigest(row.room_id), Post(row.room_id, lines(text(said)), "digest-ended", NAME)


def following(row: Digest, now: datetime) -> datetime:
    """Return when the next digest comes; what was missed meanwhile is made up for by one."""
    return next_fire(row.rule, now) or now + AHEAD


def skip(row: Digest, now: datetime) -> tuple[Effect, ...]:
    """Say nothing and wait for the next time, which then covers this span too."""
    due = following(row, now)
    return NextDigest(row.room_id, due), WakeAt(NAME, row.room_id, row.room_id, due)


def fire(
    row: Digest,
    room: Room,
    contents: Contents,
    names: Mapping[UserID, str],
    now: datetime,
    *,
    held: bool = False,
) -> tuple[Effect, ...]:
    """Post a digest if there is anything new, and arm the next one in the same breath.

    `held`: it waited for the room's quiet hours to end, so it is not late.
    """
    due = following(row, now)
    if not contents.is_new(due):
        return skip(row, now)
    asks = row.untouched >= ASK_AFTER and not row.question
    span = Span(row.last_sent, now, row.zone, row.language, row.host)
    post = Post(
        room.room_id,
        words(room, contents, span, names, asks=asks, due=None if held else row.next_due),
        "digest",
        NAME,
        subject="asks" if asks else "",
        sources=contents.sources,
        remake={**span.to_json(), "asks": asks},
        buttons=_buttons(asks=asks),
        mark={"model": contents.model} if contents.model else {},
        language=row.language,
    )
    return NextDigest(row.room_id, due, now, asks), WakeAt(NAME, row.room_id, row.room_id, due), post


def at_once(call: Call, contents: Contents, span: Span, names: Mapping[UserID, str]) -> tuple[Effect, ...]:
    """Answer "digest now"; the rhythm stays as it is."""
    if not contents.is_new(span.until + AHEAD):
        since = say_when(span.since, span.zone, span.language, span.until)
        return (_answer(call, strings.NOTHING_NEW[call.language].format(when=since)),)
    remake = {**span.to_json(), "asks": False}
    answer = call.answer(
        words(call.room, contents, span, names),
        feature=NAME,
        kind="digest",
        sources=contents.sources,
        remake=remake,
        mark={"model": contents.model} if contents.model else None,
    )
    return (answer,)


def again(event: Remake, contents: Contents, span: Span, names: Mapping[UserID, str]) -> tuple[Effect, ...]:
    """Say a digest again after something in it was taken back, if anything is left of it."""
    if not contents.is_new(span.until + AHEAD):
        return ()
    said = event.said
    asks = bool((said.remake or {}).get("asks"))
    post = Post(
        said.about,
        words(event.room, contents, span, names, asks=asks, again=True),
        "digest",
        NAME,
        subject=said.subject,
        sources=contents.sources,
        answers=said.answers,
        remake=said.remake,
        buttons=() if said.answers else _buttons(asks=asks),
        mark={"model": contents.model} if contents.model else {},
        language=said.language,
    )
    if said.about != said.room_id and said.asker:
        return (Private(said.asker, post),)
    return (replace(post, reply_to=said.answers, thread=said.thread),)


def _buttons(*, asks: bool) -> tuple[str, ...]:
    return (strings.KEEP_KEY, strings.STOP_KEY) if asks else (strings.LIKE_KEY,)


# ---- its words


def words(
    room: Room,
    contents: Contents,
    span: Span,
    names: Mapping[UserID, str],
    *,
    asks: bool = False,
    again: bool = False,
    due: datetime | None = None,
) -> Words:
    """Return a digest: what comes, what was confirmed, what was talked about; each line with its link."""
    language, links = span.language, _Links(room)
    title = strings.SINCE[language].format(when=say_when(span.since, span.zone, language, span.until))
    if due and is_late(due, span.until):
        title += strings.LATE[language].format(when=_clock(due, span))
    rows = [text(POSTED_AGAIN[language])] if again else []
    rows.append(bold(strings.TITLE[language]) + text(title))
    coming = [
        text(f"☐ {say_when(one.at, span.zone, language, span.until)} · {one_line(one.text, _QUOTE)}")
        + text(f" ({called(one.host, names)})" if one.host else "")
        + links.to(one.source)
        for one in contents.coming
    ]
    confirmed = [text(f"☑ {one_line(one.text, _QUOTE)}") + links.to(one.source) for one in contents.confirmed]
    points = [
        text("• ") + joined((bold(f"{one.who}:") if one.who else text(""), text(one.text))) + links.to(*one.sources)
        for one in contents.points
    ]
    unsaid = [text("• ") + text(one_line(one.text, _QUOTE)) + links.to(*one.sources) for one in contents.unsaid]
    more = len(unsaid) - MOST_UNSAID
    if more > 0:
        unsaid = [*unsaid[:MOST_UNSAID], text(strings.MORE_UNSAID[language].format(number=more))]
    sections = (
        (strings.COMING, coming),
        (strings.CONFIRMED, confirmed),
        (strings.UNSAID, unsaid),
        (strings.TALK, points),
    )
    for heading, section in sections:
        rows += [bold(heading[language]), *section] if section else []
    if contents.points:
        rows.append(text((strings.BY_MODEL if contents.model else strings.BY_HAND)[language]))
    if contents.withheld:
        rows.append(text(KEPT_OUT[language]))
    rows.append(text(strings.host(called(span.host, names), language)))
    if asks:
        rows.append(text(strings.STILL_WANTED[language]))
    return fit(lines(*rows), strings.CUT[language])


def _clock(at: datetime, span: Span) -> str:
    local, today = local_time(at, span.zone), local_time(span.until, span.zone)
    return say_clock(local) if local.date() == today.date() else say_when(at, span.zone, span.language, span.until)


class _Links:
    """Numbers the messages in the order they are named, one number a message."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._numbers: dict[Source, int] = {}

    def to(self, *sources: Source | None) -> Text:
        """Return the links of one line."""
        said = text("")
        for source in sources:
            if source is not None:
                number = self._numbers.setdefault(source, len(self._numbers) + 1)
                said += text(" ") + link(
                    f"[{number}]", event_link(source.room or self._room.room_id, source.event_id, self._room.via)
                )
        return said


# ---- whether anybody wants it


def tapped(row: Digest, tap: Tap) -> tuple[Effect, ...]:
    """Count a tap: somebody looks at the digest. On the question, ✅ keeps it, and ❌ ends it where that is allowed."""
    if tap.said.subject == "asks" and tap.key == strings.STOP_KEY:
        said = strings.OFF[tap.language]
        return DropDigest(row.room_id), CancelWake(NAME, row.room_id), _note(tap, said)
    if not row.untouched and row.question != "asked":
        return ()
    touched = TouchDigest(row.room_id, wanted=row.question == "asked")
    answered = tap.said.subject == "asks" and row.question == "asked" and tap.key == strings.KEEP_KEY
    return (touched, _note(tap, strings.KEPT[tap.language])) if answered else (touched,)


def may_end(row: Digest, tap: Tap) -> bool:
    """Return whether someone may end the digest: its host, and whoever decides."""
    return tap.decides or tap.asker == row.host


def refuse(tap: Tap, key: str) -> tuple[Effect, ...]:
    """Say once, kindly, who may end the digest. `key` remembers that this person was told."""
    return (replace(_note(tap, strings.FOR_ADMINS[tap.language]), subject=key),)


def note_key(tap: Tap) -> str:
    """Return the subject under which a refusal is found again: one a person and post."""
    return f"{tap.said.effect_id}/{tap.asker}"


def _note(tap: Tap, said: str) -> Post:
    return Post(tap.said.room_id, lines(text(said)), "digest-note", NAME, reply_to=tap.said.event_id)
