"""Time phrases as people say them, English and Chinese: found and quoted, never turned into a date. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from circles.core.extract.text import MAX_CHARS, fold

_N: Final = r"(?:\d{1,2}|[一二三四五六七八九十两]{1,3})"
_ZH_DAY: Final = "|".join(
    (
        r"大?年?初[一二三四五六七八九十]{1,2}|大?年?初\d{1,2}|正月(?:初?[一二三四五六七八九十]{1,3}|里)?"
        r"|大年三十|年三十|年夜(?!饭)",
        r"除夕(?:夜|当天)?|小年夜?|元旦|春节|元宵节?|清明节?|端午节?|中秋节?|国庆节?|五一(?:节|假期)?|圣诞节?"
        r"|平安夜|七夕|情人节",
        r"十一(?:假期|长假)|母亲节|父亲节|儿童节|教师节|重阳节?|冬至|腊八节?|寒假|暑假|年前|年后|年底|月底|月初|节后",
        rf"(?:(?:今年|明年|去年|\d{{4}}年|下个?月|这个?月|本月|上个?月){_N}?月?)?(?:{_N}月)?{_N}(?:号"
        rf"|日)(?![线楼门院])|{_N}月{_N}(?:号|日)?",
        r"(?:下下|上|下|这|本)个?(?:周|星期|礼拜)[一二三四五六日天末1-6]?|(?:周|星期|礼拜)[一二三四五六日天末]",
        r"今天|明天|后天|大后天|昨天|前天|今晚|明晚|后晚|昨晚|明早|今早|后早|今日|明日|今儿|明儿|当天|下个?月"
        r"|这个?月|本月|上个?月|明年|去年",
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
    )
)
_ZH_HOUR: Final = (
    rf"(?:凌晨|清晨|早上|早晨|一早|上午|中午|下午|傍晚|晚上|晚间|夜里|半夜)(?:{_N}点(?:半|一刻|三刻|钟"
    rf"|{_N}分?)?|\d{{1,2}}[:：]\d{{2}})?"
    rf"|(?:上班|下班|上课|下课|放学|放假|开会|会议|睡觉|饭)[前后](?!面)|{_N}点(?:半|一刻|三刻|钟"
    rf"|{_N}分)?(?![一二三四五六七八九十\d零点儿子名赞评])|\d{{1,2}}[:：]\d{{2}}"
)
_DAYNAME: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|tues?\b|weds?\b|thu(?:rs?)?\b|fri\b"
_MONTH: Final = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
)
_NTH: Final = (
    r"(?:\d{1,2}(?:st|nd|rd|th)|(?<=on the )"
    r"(?:first|second|third|fourth|fifth|sixth|seventh)(?=\W*$)|(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
    r"|tenth)(?=\s+(?:of\b|day\b)))"
)
_PART: Final = r"(?:early\s+)?(?:morning|afternoon|evening|night|noon|lunchtime|midday)"
_EN_DAY: Final = "|".join(
    (
        r"(?:chinese |lunar )?new years?(?:'s|s)?(?: day| eve)?(?!\w)|nye\b|christmas(?: day| eve)?|xmas"
        r"|boxing day|easter(?: sunday| monday)?",
        r"good friday|thanksgiving|hanukkah|passover|diwali|ramadan|eid(?: al-\w+)?|halloween|spring festival"
        r"|lantern festival"
        r"|mid-?autumn(?: festival)?|dragon boat festival|mother's day|father's day|valentine's(?: day)?|bank"
        r" holiday|labou?r day|memorial day",
        r"(?:this |next |last |coming |every |the (?:following|next)"
        rf" )?(?:{_DAYNAME})(?:,?\s+(?:the\s+)?{_NTH}(?:\s+of\s+{_MONTH})?)?",
        rf"{_MONTH}\s*(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?(?!\d)(?:,?\s+\d{{4}})?|(?:the\s+)?\d{{1,2}}(?:st|nd"
        rf"|rd|th)?(?:\s+of)?\s+{_MONTH}(?:\s+\d{{4}})?",
        rf"(?:the\s+)?{_NTH}(?:\s+(?:day\s+)?of\s+(?:{_MONTH}|(?:the\s+|chinese\s+|lunar\s+)*new year|the month"
        r"|next month)|\s+day)?(?!\w|\s+(?:time|floor|one|place|grade|round|version|draft))",
        r"(?:the )?day after tomorrow|tomorrow|tmrw|tonight|today|yesterday",
        rf"(?:this|next|last|the|that)\s+(?:week|month|weekend|year|{_PART})(?!\w)|(?:at|over|on) the weekend|weekend",
        r"in (?:a|an|one|two|three|four|five|six|\d{1,2}) (?:few )?(?:days?|weeks?|months?|hours?|minutes?"
        r"|mins?)|(?:a|two|three|\d+) (?:days?|weeks?|months?|years?) ago",
        r"\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}(?:/\d{2,4})?(?![\d/])",
        r"eod\b|eow\b|asap\b|(?:the )?end of (?:the |this |next )?(?:day|week|month|year|quarter)",
    )
)
_EN_HOUR: Final = (
    rf"\d{{1,2}}(?:[:.]\d{{2}})?\s?(?:am|pm|a\.m\.|p\.m\.|o'?clock)(?!\w)|\d{{1,2}}:\d{{2}}|(?:at|by|around"
    rf"|before|after|until)\s+\d{{1,2}}(?![\w%.:/])"
    r"|half past \w+|quarter (?:to|past) \w+|at (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|noon|midnight)(?!\w)|noon|midnight"
    rf"|in the (?:{_PART})|first thing"
)
_UNIT: Final = re.compile(
    rf"(?P<zh_day>{_ZH_DAY})|(?P<zh_hour>{_ZH_HOUR})|(?<![\w'])(?:(?P<en_day>{_EN_DAY})|(?P<en_hour>{_EN_HOUR}))"
    rf"(?P<part>\s+{_PART}(?!\w))?"
)
_JOIN: Final = re.compile(r"(?:\s|的|,|那天)*(?:(?:at|in|on|around|or|to|and|about|until)\s+|[-–~]|到|至|和|或)?\s*")
_LEAD: Final = re.compile(r"(?:\b(?:by|before|until|till|due(?: on| by)?|no later than)\s+(?:the\s+)?)$")
_TAIL: Final = re.compile(r"\s*(?:之前|以前|前|之内|以内|截止|为止)(?![面边台后])")
_AT: Final = re.compile(r"(?:at|on|over|around)\s+(?=\S)")
_ABBREVIATION: Final = re.compile(r"\b(?:Sun|Sat|Mon)\b\.?")
_BARE_HOUR: Final = re.compile(
    r"(?<![\w:./-])(?:half past )?(?P<hour>\d{1,2}(?:[:.]\d\d)?)(?![\w:/])"
    r"(?=\s*(?:[ap]\.?m\b|o'?clock|then\b|it is\b|is\b|would\b|works?\b|sounds\b|suits\b|at (?!\d)|instead\b"
    r"|$|[.,!?;…]))"
    r"|(?:at|by|around|before|after|until)\s+(?P<at>\d{1,2}(?:[:.]\d\d)?)(?![\w%/])"
    r"|(?<!\w)(?P<joined>\d{1,2}(?:[:.]\d\d)?)[ap]m\b|(?P<zh>\d{1,2}|[一二三四五六七八九十两]{1,3})点(?P<half>半)?"
)
"""An hour as people name it where the talk is of hours already: "ok 8", "8 it is", "4 at the lake"."""
_ZH_DIGITS: Final = {char: at for at, char in enumerate("零一二三四五六七八九十")} | {"两": 2}
_WEEKDAY: Final = re.compile(
    r"(?<![a-z])(?:mon|tue|wed|thu|fri|sat|sun)(?=[a-z]*)|(?:周|星期|礼拜)(?P<zh>[一二三四五六日天])"
)
_WEEKEND: Final = re.compile(r"weekend|(?:周|礼拜)末")
_PAST: Final = re.compile(r"\blast\b|yesterday|\bago\b|昨|前天|去年|上个?(?:周|星期|礼拜|月)|那年")


@dataclass(frozen=True, slots=True)
class When:
    """One time phrase of a text, from `start` to `end`.

    Attributes:
        words: the phrase as written.
        names_day: it names a day, not only an hour.
        is_deadline: it says by when ("by Friday", 周五前).
        is_past: it lies in the past as worded ("last week", 昨天).
    """

    start: int
    end: int
    words: str
    names_day: bool
    is_deadline: bool
    is_past: bool


def time_phrases(text: str) -> tuple[When, ...]:
    """Return the time phrases of `text` in order; neighbours such as "Saturday at 3" are one phrase."""
    text = text[:MAX_CHARS]
    low = fold(text)
    units = [
        (found.start(), found.end(), (found["zh_day"] or found["en_day"]) is not None) for found in _UNIT.finditer(low)
    ]
    for found in _ABBREVIATION.finditer(text):
        if not any(start < found.end() and found.start() < end for start, end, _ in units):
            units.append((found.start(), found.end(), True))
    merged: list[list[int]] = []
    for start, end, day in sorted(units):
        if (
            merged
            and _JOIN.fullmatch(low, merged[-1][1], start)
            and start - merged[-1][1] <= 8
            and not _lists(low, merged[-1], start, day)
        ):
            merged[-1][1] = end
            merged[-1][2] |= day
        else:
            merged.append([start, end, int(day)])
    return tuple(_when(text, low, start, end, bool(day)) for start, end, day in merged)


def _lists(low: str, earlier: list[int], start: int, day: bool) -> bool:
    """Two days with a comma or "and" between them are two phrases."""
    between = low[earlier[1] : start]
    return bool(earlier[2]) and day and any(mark in between for mark in (",", "and", "和"))


def _when(text: str, low: str, start: int, end: int, day: bool) -> When:
    lead = _LEAD.search(low, 0, start)
    tail = _TAIL.match(low, end)
    inner = _AT.match(low, start, end)
    if lead:
        start = lead.start()
    elif inner:
        start = inner.end()
    end = tail.end() if tail else end
    deadline = (
        bool(tail)
        or (lead is not None and "til" not in lead[0])
        or low.startswith(("by ", "before "), start)
        or "eod" in low[start:end]
    )
    return When(start, end, text[start:end], day, deadline, _PAST.search(low, start, end) is not None)


def hours(text: str) -> frozenset[str]:
    """Return the hours that a text names, bare ones too, as digits: {"8", "8:30"}; of morning or evening nothing."""
    low = fold(text[:MAX_CHARS])
    for unit in _UNIT.finditer(low):
        if (written := unit["zh_day"] or unit["en_day"]) is not None:
            low = low.replace(written, "#" * len(written))
    return frozenset(_hour(found) for found in _BARE_HOUR.finditer(low))


def _hour(found: re.Match[str]) -> str:
    if found["zh"]:
        return f"{_number(found['zh'])}{':30' if found['half'] else ''}"
    written = found["hour"] or found["at"] or found["joined"]
    return written.replace(".", ":").removesuffix(":00")


def _number(written: str) -> int:
    if written.isascii():
        return int(written)
    tens, ten, ones = written.rpartition("十")
    return (_ZH_DIGITS.get(tens, 1) * 10 if ten else 0) + _ZH_DIGITS.get(ones, 0)


def days(text: str) -> frozenset[str]:
    """Return the days that a text names: a weekday by its name alone, any other as written."""
    found: set[str] = set()
    for unit in _UNIT.finditer(fold(text[:MAX_CHARS])):
        written = unit["zh_day"] or unit["en_day"]
        if written is None:
            continue
        weekday = _WEEKDAY.search(written)
        if _WEEKEND.search(written):
            found |= {"sat", "sun", "六", "日"}
        elif weekday:
            found.add((weekday["zh"] or weekday[0]).replace("天", "日"))
        else:
            found.add("".join(written.split()))
    return frozenset(found)


def clash(text: str, other: str) -> bool:
    """Say whether two texts name different days, or different hours."""
    return any(
        bool(mine) and bool(theirs) and not mine & theirs
        for mine, theirs in ((days(text), days(other)), (hours(text), hours(other)))
    )


def masked(text: str, phrases: tuple[When, ...]) -> str:
    """Return a text of the same length with every time phrase blotted out by "#"."""
    for phrase in phrases:
        text = text[: phrase.start] + "#" * (phrase.end - phrase.start) + text[phrase.end :]
    return text


def fuller(when: When | None, earlier: When | None) -> When | None:
    """Return the later phrase, unless it is only an hour of the day named before it, or there is none."""
    hour_only = when is not None and not when.names_day and earlier is not None and earlier.names_day
    return earlier if when is None or hour_only else when
