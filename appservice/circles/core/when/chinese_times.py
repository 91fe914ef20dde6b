"""Chinese clocks, delays and parts of the day as pieces. Pure.

Lookbehinds and lookaheads hold the words that only look like a time: 第三点, 一点也不, 三点建议, 三点五公里.
"""

from __future__ import annotations

import re
from datetime import timedelta
from re import Match

from circles.core.schedule import Repeat
from circles.core.when.chinese_words import HOUR, PERIODS, TENS, WEEKDAYS, C, N, number
from circles.core.when.pieces import Rules, always, piece, said
from circles.core.when.values import After, Clock, Every, Form, InDays, Period, Piece, Unreadable

_MINUTE = rf"(?:半|[一三]刻|[0-5]?[0-9]分|(?:{TENS}|[一二三四五六七八九])分|[0-5][0-9](?![0-9])|{TENS})"
# No more digits (三点五, 三点一四) unless they begin another word, and nothing counted.
_ENDS = (
    rf"(?:(?![0-9{C}])|(?=一[起定同边直家下个次样块])|(?=[0-9{C}]+[楼个人位班]))(?![也都儿点水心]|以[上下])"
    r"(?!建议|意见|要求|原因|问题|想法|理由|内容|区别|不同|好处|坏处|说明|注意|希望|感受|共识|结论)"
)
_CLOCK = rf"(?P<h>{HOUR})[点时]钟?(?P<m>{_MINUTE})?(?P<whole>整|钟)?{_ENDS}"
_DELAY = (
    r"(?P<n>半|[0-9]+\.5|" + N + r")个?(?P<half>半)?(?P<unit>秒|分|刻|小时|钟头|天|日|周|星期|礼拜|月|年)钟?"
    rf"(?:(?P<n2>{N})分钟?)?"
)
_MINUTES = {"秒": 1 / 60, "分": 1, "刻": 15, "小时": 60, "钟头": 60}
_LITTLE = re.compile(r"[早晚快慢]一点")


def _delay(match: Match[str]) -> Piece:
    word, unit = match["n"], match["unit"]
    amount = 0.5 if word == "半" else float(word) if "." in word else number(word)
    amount += 0.5 if match["half"] else 0
    sign = -1 if said(match, "way") == "前" else 1
    if unit in _MINUTES:
        minutes = _MINUTES[unit] * amount + (number(match["n2"]) if match["n2"] else 0)
        return piece(match, After(sign * timedelta(minutes=minutes)))
    if amount % 1:
        return piece(match, Unreadable("unsupported"))
    count = sign * int(amount)
    if unit in ("月", "年"):
        return piece(match, InDays(months=count * (12 if unit == "年" else 1)))
    return piece(match, InDays(count * (1 if unit in ("天", "日") else 7)))


def _clock(match: Match[str]) -> Piece | None:
    hour, word = number(match["h"]), said(match, "m")
    quarter = {"半": 30, "一刻": 15, "三刻": 45}.get(word)
    minute = quarter if quarter is not None else number(word.rstrip("分")) if word else 0
    if minute > 59 or (hour == 24 and minute):
        return None
    # 一点 is mostly "a little": an hour beside a day or a part of the day, or with minutes.
    is_little = match["h"] == "一" and not word and not match["whole"]
    if is_little and _LITTLE.match(match.string, max(match.start() - 1, 0)):
        return None
    is_padded = len(match["h"]) == 2 and match["h"][0] == "0"
    form = Form.FIXED if not 1 <= hour <= 12 else Form.PADDED if is_padded else Form.LOOSE
    return piece(match, clock=Clock(hour, minute, form), weak=is_little)


def _before_the_hour(match: Match[str]) -> Piece:
    less = 15 if match["less"] == "一刻" else number(match["less"].rstrip("分"))
    hour = number(match["h"]) or 24
    if hour > 12:
        return piece(match, clock=Clock(hour - 1, 60 - less, Form.FIXED))
    return piece(match, clock=Clock(hour - 1 or 12, 60 - less))


RULES: Rules = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"(?:再?过)?{_DELAY}[之以]?(?P<way>后(?!天)|前(?!天))", _delay),
        (rf"再?过{_DELAY}(?![之以]?后)", _delay),
        (r"提前(?=[0-9一二两三四五六七八九十半])", always(Unreadable("unsupported"))),
        (rf"每(?:间?隔)?(?:半|{N})?个?半?(?:小时|分钟|钟头|秒)", always(Unreadable("unsupported"))),
        (rf"(?<![第这那哪几有差说0-9:.{C}]){_CLOCK}", _clock),
        # 周二十点 is Tuesday at ten, 每周一三五八点 three days at eight.
        (rf"(?<=[周期拜{WEEKDAYS}][{WEEKDAYS}天]){_CLOCK}", _clock),
        (
            rf"差(?P<less>[1-5]?[1-9]分|[1-5]0分|{TENS}分|[一二三四五六七八九]分|一刻)钟?(?:到)?(?P<h>{HOUR})点",
            _before_the_hour,
        ),
        (r"午夜", always(clock=Clock(0, 0, Form.MIDNIGHT))),
        (r"今晚(?:凌晨|半夜)", always(InDays(1), period=Period.SMALL_HOURS)),
        *((rf"(?:{words})(?!好)", always(period=period)) for words, period in PERIODS),
        (rf"早(?=(?!一点){HOUR}[点:])", always(period=Period.ZH_MORNING)),
        (rf"晚(?=(?!一点){HOUR}[点:])", always(period=Period.NIGHT)),
        (r"每早", always(Every(Repeat.DAYS), period=Period.ZH_MORNING)),
        (r"每晚", always(Every(Repeat.DAYS), period=Period.NIGHT)),
    )
)
