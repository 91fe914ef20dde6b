"""Chinese days and repetitions as pieces. Pure.

Lunar days cannot be kept here and must not be taken for others: 大年初一, 每月初一, 农历八月十五, 除夕.
"""

from __future__ import annotations

import re
from re import Match

from circles.core.schedule import MAX_EVERY, Repeat
from circles.core.when.chinese_words import MONTH, MONTH_DAY, UNCOUNTED, WEEK, WEEKDAYS, C, N, number, weekday, year
from circles.core.when.pieces import Rules, always, piece, said
from circles.core.when.values import Every, InDays, OnDate, OnDayOfMonth, OnWeekday, Period, Piece, Unreadable, Vague

_NEAR = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2, "大后": 3}
_AHEAD = {"上": -1, "这": 0, "本": 0, "下": 1, "下下": 2}
_YEARS = {"去": -1, "今": 0, "明": 1, "后": 2}
_REPEATS = {"天": Repeat.DAYS, "日": Repeat.DAYS, "月": Repeat.MONTHS, "年": Repeat.YEARS}
_OF_MONTH = r"(?P<which>每个?|下下个?|下个?|这个?|本)月"
_NOT_A_PLACE = r"(?!楼|线|门|馆|店|厅|院|床|房|桌|车|机|球|电池|选手|公寓|教室|会议室|仓|库|口|站|位|码|铺|柜|坑|人)"


def _near_day(match: Match[str]) -> Piece:
    part = {"早": Period.ZH_MORNING, "晚": Period.NIGHT}.get(match["unit"])
    return piece(match, InDays(_NEAR[match["near"]]), period=part)


def _on_weekday(match: Match[str]) -> Piece:
    which, day = said(match, "which"), weekday(match["d"])
    return piece(match, OnWeekday(day, week=_AHEAD[which]) if which else OnWeekday(day, "coming_or_today"))


def _every_weekdays(match: Match[str]) -> Piece:
    days = frozenset(weekday(sign) for sign in re.findall(rf"[{WEEKDAYS}天]", match["days"]))
    count = said(match, "n")
    return piece(match, Every(Repeat.WEEKS, number(count) if count else 1, days))


def _range(match: Match[str]) -> Piece:
    first, last = weekday(match["a"]), weekday(match["b"])
    days = frozenset((first + count) % 7 for count in range((last - first) % 7 + 1))
    return piece(match, Every(Repeat.WEEKS, weekdays=days))


def _every(match: Match[str]) -> Piece:
    count = number(match["n"]) if said(match, "n") else 1
    repeat = _REPEATS.get(match["unit"], Repeat.WEEKS)
    if not 1 <= count < MAX_EVERY:
        return piece(match, Unreadable("unsupported"))
    if said(match, "gap"):  # 每隔一天 is each second day; with more, people mean either
        return piece(match, Every(repeat, count + 1, gap=count > 1))
    return piece(match, Every(repeat, count))


def _every_other(match: Match[str]) -> Piece:
    return piece(match, Every(_REPEATS.get(match["unit"], Repeat.WEEKS), 2))


def _date(match: Match[str]) -> Piece:
    month, day, of_year = number(match["mon"]), number(match["d"]), said(match, "y").removesuffix("年")
    if of_year.startswith("每"):
        return piece(match, Every(Repeat.YEARS, month=month, day=day))
    if of_year in _YEARS:
        return piece(match, OnDate(month, day, years_ahead=_YEARS[of_year]))
    return piece(match, OnDate(month, day, year(of_year) if of_year else None))


def _day_of_month(match: Match[str]) -> Piece:
    which, word, edge = said(match, "which").removesuffix("个"), said(match, "d"), said(match, "edge")
    day = number(word) if word else 1 if edge == "初" else 31
    if which == "每":
        return piece(match, Every(Repeat.MONTHS, day=day))
    months = _AHEAD[which] if which else 0 if day == 31 and not word else None
    return piece(match, OnDayOfMonth(day, months, not word, ("day",) if edge == "初" else ()))


def _bare_day_of_month(match: Match[str]) -> Piece:
    return piece(match, OnDayOfMonth(number(match["d"])), weak=match.group().endswith("日"))


def _vague(match: Match[str]) -> Piece:
    ahead, unit = _AHEAD.get(said(match, "which"), 0), match["unit"]
    return piece(match, Vague("weekend" if unit == "周末" else "month" if unit == "月" else "week", ahead))


def _year(match: Match[str]) -> Piece:
    return piece(match, Vague("year", _YEARS[match["which"]]))


RULES: Rules = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"(?<!当)(?P<near>大后|大前|昨|今|明|后|前)(?P<unit>天(?!堂)|日|儿|[早晚](?!点))", _near_day),
        (rf"(?<![0-9{C}每])(?P<which>下下|下|这|本|上)?个?{WEEK}(?P<d>[{WEEKDAYS}天]){UNCOUNTED}", _on_weekday),
        (
            rf"每个?{WEEK}的?(?P<days>[{WEEKDAYS}天](?:[、,\uff0c和及跟与]?{WEEK}?[{WEEKDAYS}])*)(?![点时号刻十]){UNCOUNTED}",
            _every_weekdays,
        ),
        (rf"每(?P<n>两|二|2|三|3|四|4)个?{WEEK}的?{WEEK}?(?P<days>[{WEEKDAYS}天]){UNCOUNTED}", _every_weekdays),
        (rf"每?{WEEK}(?P<a>[{WEEKDAYS}])(?:到|至|-|~){WEEK}?(?P<b>[{WEEKDAYS}天]){UNCOUNTED}", _range),
        (
            r"(?<!下个)(?<!一个)(?<!下一)(?:每个|每)?工作日(?:每天)?",
            always(Every(Repeat.WEEKS, weekdays=frozenset(range(5)))),
        ),
        (r"每个?周末", always(Every(Repeat.WEEKS, weekdays=frozenset((5, 6))))),
        # 每周一次 is a repetition; 每周五天 and 每天三次 say how often, and not when.
        (
            rf"每(?P<gap>间?隔)?(?P<n>{N})?个?(?P<unit>天|日|周|星期|礼拜|月|年)(?:一次|(?![末底初]|[0-9{C}]+[天次遍回]|周))",
            _every,
        ),
        (r"(?<!每)(?<!间)隔(?:一)?个?(?P<unit>天|日|周|星期|礼拜|月|年)", _every_other),
        (r"天天|每一天", always(Every(Repeat.DAYS))),
        (r"每个?(?=早上|早晨|上午|中午|下午|傍晚|晚上|凌晨|清晨)", always(Every(Repeat.DAYS))),
        (
            r"(?P<y>每年的?|[今明后去]年的?|[1-9][0-9]{3,8}年|二[零〇一二三四五六七八九]{3}年)?"
            rf"(?<![0-9{C}])(?P<mon>{MONTH})月份?的?(?P<d>{MONTH_DAY})[号日](?!楼|线)",
            _date,
        ),
        (rf"{_OF_MONTH}的?(?P<d>{MONTH_DAY})[号日]", _day_of_month),
        (
            rf"(?:(?<![0-9月年{C}第])|(?<=个月)|(?<=个月的))(?P<d>{MONTH_DAY})(?:号(?![0-9]){_NOT_A_PLACE}|日(?![内后前游]))",
            _bare_day_of_month,
        ),
        (rf"(?:{_OF_MONTH}|月)(?P<edge>底|末|初)(?![{C}])", _day_of_month),
        (rf"{_OF_MONTH}的?最后一天", _day_of_month),
        (rf"(?P<which>下下|下|这|本|上)个?(?P<unit>周末|周|星期|礼拜)(?![{WEEKDAYS}天年])", _vague),
        (r"(?<![每上下这本一两])(?P<unit>周末)", _vague),
        (r"(?P<which>下下|下|这|本|上)个?(?P<unit>月)(?![0-9底末初])", _vague),
        (r"(?P<which>[明后去])年", _year),
        (
            rf"(?:农历|阴历|旧历)(?:[正腊冬{C}]+月)?(?:初?[{C}]+)?|[正腊]月(?:初?[{C}]+)?|大年(?:初[{C}]|三十|夜)?|"
            rf"每个?月的?(?:初[{C}]|廿[{C}])|[{C}]月初[{C}](?!点)",
            always(Unreadable("lunar")),
        ),
        (
            r"除夕|元宵节?|端午节?|中秋节?|七夕节?|重阳节?|春节|清明节?|初[一二三四五六七八九十](?=[早晚上下中]|$)",
            always(Unreadable("lunar", always=False)),
        ),
    )
)
