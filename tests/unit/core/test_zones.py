"""Zones as people name them, and instants as they read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circles.core import zone_names
from circles.core.zones import find_zone, local_time, say_when, zone_info


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("my time zone is America/Argentina/Buenos_Aires.", "America/Argentina/Buenos_Aires"),
        ("Berlin", "Europe/Berlin"),
        ("I'm in Berlin", "Europe/Berlin"),
        ("Berlin time", "Europe/Berlin"),
        ("set my time zone to New York please", "America/New_York"),
        ("shanghai", "Asia/Shanghai"),
        ("Beijing", "Asia/Shanghai"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("Germany", "Europe/Berlin"),
        ("北京时间", "Asia/Shanghai"),
        ("上海", "Asia/Shanghai"),
        ("香港", "Asia/Hong_Kong"),
        ("台北", "Asia/Taipei"),
        ("我在东京", "Asia/Tokyo"),
        ("伦敦", "Europe/London"),
        ("纽约", "America/New_York"),
        ("我住在柏林", "Europe/Berlin"),
        ("巴黎", "Europe/Paris"),
        ("悉尼", "Australia/Sydney"),
        ("UTC", "UTC"),
        ("UTC+0", "UTC"),
        ("UTC+8", "Etc/GMT-8"),
        ("GMT -5", "Etc/GMT+5"),
        ("UTC+08:00", "Etc/GMT-8"),
        ("UTC+5:45", "Asia/Kathmandu"),
        ("东八区", "Etc/GMT-8"),
        ("西十二区", "Etc/GMT+12"),
        ("CET", "Europe/Brussels"),
        ("PDT", "America/Los_Angeles"),
        ("CST", ("America/Chicago", "Asia/Shanghai", "America/Havana")),
        ("IST", ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin")),
        ("UTC+5:30", ("Asia/Kolkata", "Asia/Colombo")),
        ("北京和东京", ("Asia/Shanghai", "Asia/Tokyo")),
        ("UTC+15", None),
        ("UTC+8:20", None),
        ("Middle/Earth", None),
        ("nice", None),
        ("I'm in a good mood", None),
        ("什么时区", None),
        ("", None),
    ],
)
def test_a_zone_is_found_or_not_made_up(text: str, expected: str | tuple[str, ...] | None) -> None:
    """One zone, every zone the words may mean, or none."""
    assert expected == find_zone(text)


def test_eight_hours_ahead_is_ahead() -> None:
    """The sign of Etc/GMT names is turned round; people's is not."""
    assert local_time(datetime(2026, 2, 4, tzinfo=UTC), str(find_zone("UTC+8"))).hour == 8


def test_every_listed_zone_exists() -> None:
    """The tables name nothing the IANA database does not know."""
    tables = (zone_names.ABBREVIATIONS, zone_names.ENGLISH, zone_names.CHINESE, zone_names.PART_HOURS)
    values = [value for table in tables for value in table.values()]
    names = {name for value in values for name in ((value,) if isinstance(value, str) else value)}

    assert set() == names - available_timezones()


@settings(deadline=None)
@given(st.text() | st.from_regex(r"(utc|gmt)?[+-]\d{1,2}(:\d\d)?", fullmatch=True))
def test_any_text_has_an_answer(text: str) -> None:
    """Total, and whatever is found is a zone."""
    answer = find_zone(text)

    for name in (answer,) if isinstance(answer, str) else answer or ():
        assert name == zone_info(name).key


NOW = datetime(2027, 2, 6, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "english", "chinese"),
    [
        ("2027-02-07T08:00", "tomorrow (Sun 7 Feb) 09:00", "明天（2月7日 周日）09:00"),
        ("2027-02-06T19:30", "today (Sat 6 Feb) 20:30", "今天（2月6日 周六）20:30"),
        ("2027-02-06T23:00", "tomorrow (Sun 7 Feb) 00:00", "明天（2月7日 周日）00:00"),
        ("2027-02-05T08:00", "yesterday (Fri 5 Feb) 09:00", "昨天（2月5日 周五）09:00"),
        ("2027-07-01T08:00", "Thu 1 Jul 10:00", "7月1日 周四 10:00"),
        ("2028-02-29T08:05", "Tue 29 Feb 2028 09:05", "2028年2月29日 周二 09:05"),
    ],
)
def test_an_instant_is_said_as_people_read_it(instant: str, english: str, chinese: str) -> None:
    """Near days by name, a year only if it is not this one, 24 hours, in the reader's zone."""
    due = datetime.fromisoformat(instant).replace(tzinfo=UTC)

    assert (english, chinese) == tuple(say_when(due, "Europe/Berlin", lang, NOW) for lang in ("en", "zh-Hans"))


@given(
    st.datetimes(timezones=st.just(UTC)), st.sampled_from(["Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
)
def test_any_instant_can_be_said(instant: datetime, zone: str) -> None:
    """Also at the two ends of the calendar."""
    assert say_when(instant, zone, "en", NOW).endswith(f":{local_time(instant, zone).minute:02}")


@pytest.mark.parametrize("name", ["", "Middle/Earth", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 5000])
def test_what_is_no_zone_is_refused(name: str) -> None:
    """One error type, whatever the name does to the file system."""
    with pytest.raises(ValueError, match="no such time zone"):
        zone_info(name)
