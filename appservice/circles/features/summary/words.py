"""Which messages a summary is about: words made into ids and instants. Pure: no await, no clock, no database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from circles.core.call import Call
from circles.core.extract.text import fold
from circles.core.ids import EventID
from circles.core.permitted import Permitted, Talk

LOOK_BACK: Final = timedelta(hours=24)
"""How far a summary looks back when nobody says from when, also where the room would allow more."""
MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What the words after the command ask for.

    Attributes:
        last: the last so many messages.
        since: since this instant, aware UTC.
        mine: since the asker last wrote.
        thread, room: this thread, or the room although it was said in a thread.
        private: for the asker alone.
        unclear: it begins at a time that was not understood.
    """

    last: int | None = None
    since: datetime | None = None
    mine: bool = False
    thread: bool = False
    room: bool = False
    private: bool = False
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """The window as ids and instants, so that it can be looked at again. `until_at` and `since` are milliseconds."""

    since: int
    until_at: int
    until: EventID | None = None
    thread: EventID | None = None
    last: int | None = None

    @property
    def start(self) -> datetime:
        """The first instant, aware UTC."""
        return datetime.fromtimestamp(self.since / 1000, UTC)

    def within(self, talk: Talk) -> tuple[Permitted, ...]:
        """Return the messages that are inside; a direct message's question is no bound in the circle, so time is."""
        inside = (each for each in talk.messages if each.at <= self.until_at and each.event_id != self.until)
        return tuple(inside)[-MOST:]


_PRIVATE: Final = re.compile(
    r"\b(?:private(?:ly)?|in private|by dm|dm me|only (?:for |to )?me|just (?:for |to )?me)\b"
    r"|私下|私信|私聊|悄悄|单独(?:发|告诉|给|跟)?我?|只(?:给|发)我|发给我一个人"
)
_MINE: Final = re.compile(
    r"\bsince (?:my last|i (?:last |was )?(?:wrote|spoke|said|posted|left|here|read|away|looked|gone))\b"
    r"|\bmy last (?:message|post|words)\b"
    r"|\bdid i miss\b|\bi missed\b|\bwhile i was (?:away|gone|out)\b"
    r"|我上次|上次我|我(?:离开|走|不在)(?:以后|之后|的时候|后|期间)?|我错过|我漏|我没看"
)
_THREAD: Final = re.compile(r"\bthread\b|讨论串|消息列|这(?:个|条)?串|这个话题")
_ROOM: Final = re.compile(
    r"\b(?:whole|entire) (?:room|group|circle|chat)\b|\b(?:of )?the room\b|\beverything\b|整个群|全群|全部|所有"
)
_EN_COUNTS: Final = {
    word: value
    for value, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
} | {"a": 1, "an": 1, "few": 3, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100, "a hundred": 100}
_EN_N: Final = r"(\d{1,5}|" + "|".join(sorted(_EN_COUNTS, key=len, reverse=True)) + r")"
_ZH_N: Final = r"(\d{1,5}|[一二三四五六七八九十百两半几]{1,4})"
_UNITS: Final = {
    "minute": 60, "min": 60, "hour": 3600, "hr": 3600, "day": 86400, "week": 604800,
    "分钟": 60, "小时": 3600, "钟头": 3600, "天": 86400, "日": 86400, "周": 604800, "星期": 604800, "礼拜": 604800,
}  # fmt: skip
_SPAN: Final = re.compile(
    rf"(?:\b(?:last|past|previous)\s+)?\b(?:{_EN_N}\s+)?(minute|min|hour|hr|day|week)s?\b(?!\s*end)(?:\s+ago)?"
    rf"|{_ZH_N}个?半?(分钟|小时|钟头|天|星期|礼拜|周)(?!.{{0,1}}[一二三四五六日天])"
)
_LAST: Final = re.compile(
    rf"\b(?:last|latest|past|recent|previous)\s+{_EN_N}(?:\s+(?:messages?|lines?|posts?|ones?))?\b(?!\s*(?:min|hour|hr|day|week))"
    rf"|\b{_EN_N}\s+(?:messages?|lines?|posts?)\b|{_ZH_N}条|最[近后]的?(\d{{1,5}})(?![\d点:月号日天小周星分个礼钟])|^\s*(\d{{1,5}})\s*$"
)
_STARTS: Final = re.compile(r"\b(?:since|from|after|starting)\b|从|自从|以来|之后|以后|开始")

_EN_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EN_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = "(" + "|".join(_EN_MONTHS) + r")[a-z]*\.?"
_NAMED_DAY: Final = (
    (re.compile(r"\bday before yesterday\b|前天"), 2),
    (re.compile(r"\byesterday\b|\blast night\b|昨天|昨日|昨晚|昨早|昨夜"), 1),
    (re.compile(r"\btoday\b|\btonight\b|\bthis (?:morning|afternoon|evening)\b|今天|今日|今早|今晚|今儿"), 0),
)
_WEEK: Final = re.compile(r"\b(this|last) week\b|(这|本|上)个?(?:周|星期|礼拜)(?![一二三四五六日天末])")
_WEEKDAY: Final = re.compile(
    r"(?:\b(last)\s+)?\b(mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday|s|rs|r)?\b"
    r"|(上个?|这个?|本)?(?:周|星期|礼拜)([一二三四五六日天])"
)
_DATE: Final = re.compile(
    rf"\b(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})\b|\b(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}(?![a-z])"
    rf"|\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?\b|(\d{{1,2}})月(\d{{1,2}})[日号]?|(\d{{1,2}})[号日]"
)
_PART: Final = (
    (re.compile(r"\bmorning\b|早上|早晨|上午|清晨|今早|昨早"), 5, False),
    (re.compile(r"\bnoon\b|\bmidday\b|\blunch(?:time)?\b|中午"), 12, True),
    (re.compile(r"\bafternoon\b|下午"), 12, True),
    (re.compile(r"\bevening\b|\bnight\b|\btonight\b|晚上|傍晚|今晚|昨晚|夜里|昨夜"), 18, True),
    (re.compile(r"\bmidnight\b|凌晨|半夜|零点"), 0, False),
)
_HOUR: Final = re.compile(
    r"\b(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm|o'clock)(?![a-z])|(\d{1,2})[:：](\d{2})"
    r"|(\d{1,2}|[一二三四五六七八九十两]{1,3})点(?:(半)|(一刻)|(三刻)|(\d{1,2})分?)?"
    r"|(?:^|\bsince\b|\bfrom\b|\bafter\b|\bat\b|day\b|night\b|morning\b|昨天|今天)\s*(?:at\s+)?(\d{1,2})"
    rf"(?![\d\w.:点月号日条]|-\d|\s*(?:of\s+)?{_MONTH}|\s*(?:min|hour|hr|day|week|month|year))"
)


def wish(words: str, now: datetime, zone: str) -> Wish:
    """Return what the words after the command ask for; words that are not understood are left aside."""
    low = fold(words)
    mine = _MINE.search(low) is not None
    last = None if mine else _last(low)
    since = None if mine or last is not None else past(low, now.astimezone(ZoneInfo(zone)))
    return Wish(
        last=last,
        since=since,
        mine=mine,
        thread=_THREAD.search(low) is not None,
        room=_ROOM.search(low) is not None,
        private=_PRIVATE.search(low) is not None,
        unclear=last == 0
        or (not (mine or last or since) and (_STARTS.search(low) is not None or not _is_clock(_clock(low)))),
    )


def _last(low: str) -> int | None:
    found = _LAST.search(low)
    return _count(next(group for group in found.groups() if group)) if found else None


def _count(said: str) -> int:
    if said.isdigit():
        return int(said)
    if said in _EN_COUNTS:
        return _EN_COUNTS[said]
    value, digit = 0, 0
    for char in said:
        if char in "十百":
            value += max(digit, 1) * (10 if char == "十" else 100)
            digit = 0
        else:
            digit = 3 if char == "几" else "半一二三四五六七八九".find(char.replace("两", "二"))
    return value + digit


def past(low: str, now: datetime) -> datetime | None:
    """Return the past instant that folded words name, aware UTC; None where they name none, or one that is no time.

    Args:
        low: the words, folded.
        now: the present, in the asker's zone.
    """
    day, named = _day(low, now)
    clock = _clock(low)
    if not _is_clock(clock):
        return None
    if not named and clock is None:
        return _ago(low, now)
    hour, minute = clock or (0, 0)
    at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=now.tzinfo)
    if at > now and not named:
        at -= timedelta(days=1)
    return at.astimezone(UTC)


def _ago(low: str, now: datetime) -> datetime | None:
    found = _SPAN.search(low)
    if found is None:
        return None
    said, unit = found[1] or found[3], found[2] or found[4]
    half = 0.5 if "半" in found[0] else 0.0
    count = (_count(said) if said else 1) + half
    return (now - timedelta(seconds=count * _UNITS[unit])).astimezone(UTC)


def _day(low: str, now: datetime) -> tuple[datetime, bool]:
    for form, back in _NAMED_DAY:
        if form.search(low):
            return now - timedelta(days=back), True
    week = _WEEK.search(low)
    if week:
        return now - timedelta(days=now.weekday() + (7 if (week[1] or week[2]) in ("last", "上") else 0)), True
    weekday = _WEEKDAY.search(low)
    if weekday:
        wanted = _EN_DAYS.index(weekday[2]) if weekday[2] else "一二三四五六日".index(weekday[4].replace("天", "日"))
        if (weekday[3] or "").startswith("上"):
            return now - timedelta(days=now.weekday() + 7 - wanted), True
        back = (now.weekday() - wanted) % 7
        return now - timedelta(days=7 if weekday[1] and not back else back), True
    dated = _dated(low, now)
    return (dated, True) if dated else (now, False)


def _dated(low: str, now: datetime) -> datetime | None:
    """The latest such date that is not to come."""
    found = _DATE.search(low)
    if found is None:
        return None
    year, month, day = (
        now.year,
        now.month,
        int(next(group for group in reversed(found.groups()) if group and group.isdigit())),
    )
    if found[1]:
        year, month = int(found[1]), int(found[2])
    elif found[4]:
        month, day = _EN_MONTHS.index(found[5]) + 1, int(found[4])
    elif found[6]:
        month = _EN_MONTHS.index(found[6]) + 1
    elif found[8]:
        month = int(found[8])
    for _ in range(13):
        try:
            at = now.replace(year=year, month=month, day=day)
        except ValueError:
            at = None
        if at is not None and (at <= now or found[1]):
            return at
        if found[1]:
            return None
        year, month = (
            (year - 1, month if found[10] is None else 12) if found[10] is None or month == 1 else (year, month - 1)
        )
    return None


def _is_clock(clock: tuple[int, int] | None) -> bool:
    """Say whether there is no hour and minute, or one that a clock can show."""
    return clock is None or (clock[0] < 24 and clock[1] < 60)


def _clock(low: str) -> tuple[int, int] | None:
    """Return the hour and minute that are named, also such as no clock shows; None where none are."""
    part = next(((start, later) for form, start, later in _PART if form.search(low)), None)
    found = _HOUR.search(low)
    if found is None:
        return (part[0], 0) if part else None
    said = next(group for group in (found[1], found[4], found[6], found[11]) if group)
    hour = _count(said)
    minute = int(found[2] or found[5] or found[10] or (30 if found[7] else 15 if found[8] else 45 if found[9] else 0))
    if hour < 12 and (found[3] == "pm" or (part and part[1] and found[3] is None)):
        hour += 12
    elif hour == 12 and (found[3] == "am" or (part and part[0] == 0)):
        hour = 0
    return hour, minute


def lacks_thread(call: Call, asked: Wish) -> bool:
    """Say whether a thread was asked for where there is none."""
    return asked.thread and call.thread is None and call.reply_to is None


def bounds(call: Call, asked: Wish, wrote: datetime | None) -> Bounds:
    """Return the window a call means; `wrote` is when the asker last wrote."""
    since = (asked.since or (wrote + timedelta(milliseconds=1) if wrote else None)) if not asked.last else None
    thread = None if asked.room else call.thread or (call.reply_to if asked.thread else None)
    if since is None:
        hours = call.room.policy.read.hours if call.room.policy else None
        far = asked.last or thread
        since = call.at - (LOOK_BACK if not far or not hours else timedelta(hours=hours))
    return Bounds(
        since=int(since.timestamp() * 1000),
        until_at=int(call.at.timestamp() * 1000),
        until=call.event_id if call.place == call.room.room_id else None,
        thread=thread,
        last=asked.last or None,
    )


def remembered(
    window: Bounds, talk: Sequence[Permitted], command: str, zone: str, *, whispered: bool
) -> dict[str, Any]:
    """Return what is kept to say it again: ids and instants. Messages that came later never enter."""
    oldest = min((each.at for each in talk), default=window.since)
    return {
        "command": command,
        "since": oldest if window.last else window.since,
        "until": window.until,
        "until_at": window.until_at,
        "thread": window.thread,
        "zone": zone,
        "whispered": whispered,
    }


def recalled(kept: Mapping[str, Any]) -> Bounds:
    """Return the window that was kept."""
    return Bounds(int(kept["since"]), int(kept["until_at"]), kept.get("until"), kept.get("thread"))
