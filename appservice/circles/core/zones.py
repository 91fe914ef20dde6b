"""Time zones as people name them, and instants as people read them. Pure, apart from zoneinfo's own tables.

A zone is kept as its IANA name (https://www.iana.org/time-zones). What cannot be placed is None, and what people use
for several places (CST, IST) gives all of them: a zone is never made up.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from circles.core import zone_names

_REGIONS = (
    *("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/"),
    "Pacific/",
)
_IANA = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2}")
_OFFSET = re.compile(
    r"(?:utc|gmt|z)?\s*([+\-−])\s*(\d{1,2})(?::?([0-5]\d))?(?:\s*(?:h|hours|小时|时区))?", re.IGNORECASE
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_CHINESE_PLACE = re.compile(
    r"(?:我们?|咱们?|人)?(?:现在|目前|平时)?(?:就)?(?:住在|住|在|是|用|按)?(?P<place>[\u3400-\u9fff]{2,}?)"
    r"(?:市|这边|这里|时间|时区|的)*(?:呢|哦|啊|呀|吧|了)?"
)
_PLACE_CHARACTERS = 4
"""A name and what may be said of it (上海浦东): longer words are talk."""
_PLACE_WORDS = 9
_CHINESE_OFFSET = re.compile(r"([东西])([一二三四五六七八九]|十[一二]?)区")
_BEFORE = re.compile(
    r"^(?:(?:please|i(?:'m| am)|we(?:'re| are)|(?:i|we) live|living|based|located|use|set|change|my|our|the|"
    r"time\s?zone|zone|is|to|in|at|it's)\s+)+",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?:\s+(?:local|standard|summer|daylight|time\s?zone|time|zone|please))+$", re.IGNORECASE)
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NEAR_EN = {-1: "yesterday", 0: "today", 1: "tomorrow"}
_NEAR_ZH = {-1: "昨天", 0: "今天", 1: "明天"}


def zone_info(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; ValueError for any other text."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError("no such time zone") from None


def local_time(instant: datetime, zone: str) -> datetime:
    """Return an instant as wall time; at the two ends of the calendar, where there is none, as UTC."""
    try:
        return instant.astimezone(zone_info(zone))
    except OverflowError:
        return instant.astimezone(UTC)


def find_zone(text: str) -> str | tuple[str, ...] | None:
    """Return the zone a person names, all zones the words may mean, or None.

    Understands IANA names, their cities, larger cities and countries in both languages, abbreviations and whole-hour
    offsets ("UTC+8", 东八区).
    """
    words = " ".join(text.replace("_", " ").strip(" \t\r\n.,;:!?。，！？()（）").split())[:200]
    direct = _IANA.search(text[:400])
    if direct and (name := _by_folded_name().get(direct.group().casefold())):
        return name
    core = _AFTER.sub("", _BEFORE.sub("", words)).casefold()
    for said in (words.casefold(), core):
        if found := _look_up(said):
            return found
    return _city_of_country(core) or _chinese(words)


def is_place(text: str) -> bool:
    """Say whether the words are a place or a zone and nothing else: "London", "I'm in Berlin, Germany", 我在上海.

    What only speaks of a place ("the train to London is late", 上海的朋友来不来) is none.
    """
    if find_zone(text) is None or text.rstrip().endswith(("?", "？")):
        return False
    if not (said := _CHINESE_PLACE.fullmatch(text.strip(" \t\r\n.,;:!。，！"))):
        return not _HAN.search(text) and len(text.split()) <= _PLACE_WORDS
    return len(said["place"]) <= _PLACE_CHARACTERS


def say_clock(local: datetime) -> str:
    """Return the hour of an instant in its zone; UTC says so, for it is where few people live."""
    return f"{local:%H:%M}{' UTC' if str(local.tzinfo) == 'UTC' else ''}"


def say_when(instant: datetime, zone: str, lang: str, now: datetime) -> str:
    """Return an instant as people in that zone read it: "tomorrow (Sun 7 Feb) 09:00", “明天（2月7日 周日）09:00”.

    The year is said only if it is not this one. Any language but Chinese reads English.
    """
    local, today = local_time(instant, zone), local_time(now, zone)
    near = local.toordinal() - today.toordinal()
    clock = say_clock(local)
    if lang.casefold().startswith("zh"):
        year = "" if local.year == today.year else f"{local.year}年"
        day = f"{year}{local.month}月{local.day}日 周{'一二三四五六日'[local.weekday()]}"
        return f"{_NEAR_ZH[near]}（{day}）{clock}" if near in _NEAR_ZH else f"{day} {clock}"
    year = "" if local.year == today.year else f" {local.year}"
    day = f"{_WEEKDAYS_EN[local.weekday()]} {local.day} {_MONTHS_EN[local.month - 1]}{year}"
    return f"{_NEAR_EN[near]} ({day}) {clock}" if near in _NEAR_EN else f"{day} {clock}"


def _look_up(said: str) -> str | tuple[str, ...] | None:
    if found := zone_names.ABBREVIATIONS.get(said) or zone_names.ENGLISH.get(said):
        return found if isinstance(found, str) else tuple(found)
    if name := _by_city().get(said):
        return name
    if offset := _OFFSET.fullmatch(said):
        sign = -1 if offset[1] != "+" else 1
        return _fixed(sign * int(offset[2]), sign * int(offset[3] or 0))
    return None


def _city_of_country(said: str) -> str | None:
    """Read a city with its country ("berlin, germany"), both of which must be known and fit; else it may be another."""
    city, comma, country = (part.strip() for part in said.partition(","))
    at, within = (_look_up(city), _look_up(country)) if comma else (None, None)
    zones = (within,) if isinstance(within, str) else within or ()
    return at if isinstance(at, str) and at in zones else None


def _chinese(words: str) -> str | tuple[str, ...] | None:
    if offset := _CHINESE_OFFSET.search(words):
        digits = "零一二三四五六七八九"
        tens, _, ones = offset[2].rpartition("十")
        hours = (10 if "十" in offset[2] else 0) + digits.find(ones or tens or "零")
        return _fixed(hours if offset[1] == "东" else -hours, 0)
    # Longest name first: 台北 is not also 北.
    found: dict[str, None] = {}
    for name in sorted(zone_names.CHINESE, key=len, reverse=True):
        if name in words:
            zones = zone_names.CHINESE[name]
            found |= dict.fromkeys((zones,) if isinstance(zones, str) else zones)
            words = words.replace(name, " ")
    return next(iter(found)) if len(found) == 1 else tuple(found) or None


def _fixed(hours: int, minutes: int) -> str | tuple[str, ...] | None:
    if minutes:
        return zone_names.PART_HOURS.get((hours, minutes))
    if hours == 0:
        return "UTC"
    # POSIX signs: Etc/GMT-8 is eight hours ahead of UTC.
    return f"Etc/GMT{-hours:+d}" if -12 <= hours <= 14 else None


@cache
def _by_folded_name() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones())}


@cache
def _by_city() -> dict[str, str]:
    """Map cities to their zones; of two names for one city the longer is today's (America/Argentina/Buenos_Aires)."""
    names = sorted((name for name in available_timezones() if name.startswith(_REGIONS)), key=len)
    return {name.rpartition("/")[2].replace("_", " ").casefold(): name for name in names}
