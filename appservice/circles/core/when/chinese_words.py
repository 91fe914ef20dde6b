"""Chinese numerals, weekdays, and the patterns that several rules share. Pure."""

from __future__ import annotations

from circles.core.when.values import Period

COMMON = str.maketrans(
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff1a點週後個鐘時兩號這禮過開從間頭農曆陰臘為於節陽",
    "0123456789:点周后个钟时两号这礼过开从间头农历阴腊为于节阳",
)
"""Full-width and traditional forms to common ones, one character for one, so that positions stay."""

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
WEEKDAYS = "一二三四五六日"
WEEK = r"(?:周|星期|礼拜)"
C = "零〇一二两三四五六七八九十廿卅"
"""The characters of numerals."""
N = rf"(?:[0-9]{{1,9}}|[{C}百]{{1,5}})"
HOUR = r"(?:[01]?[0-9]|2[0-4]|二十[一二三四]?|十[一二三四五六七八九]?|[零〇一二两三四五六七八九])"
TENS = r"(?:[二三四五]?十[一二三四五六七八九]?|[零〇][一二三四五六七八九])"
MONTH = r"(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])"
MONTH_DAY = (
    r"(?:3[01]|[12][0-9]|0?[1-9]|三十一?|二?十[一二三四五六七八九]?|廿[一二三四五六七八九]?|卅一?|[一二三四五六七八九])"
)
UNCOUNTED = r"(?![天次回遍趟顿节年倍种块元]|个|小时)"
"""After a weekday: 一周五天 and 每周一次 count, they name no day."""
PERIODS: tuple[tuple[str, Period], ...] = (
    ("凌晨", Period.SMALL_HOURS),
    ("大清早|一大早|一早|清早|清晨|大早上", Period.EARLY),
    ("早上|早晨", Period.ZH_MORNING),
    ("上午", Period.MORNING),
    ("中午|正午", Period.NOON),
    ("下午|午后", Period.AFTERNOON),
    ("傍晚|黄昏", Period.DUSK),
    ("晚上|夜晚|夜里|晚间", Period.NIGHT),
    ("深夜|半夜", Period.LATE),
)


def number(word: str) -> int:
    """Return the value of digits or a numeral up to 999: 二十三, 廿三, 一百二十, 两."""
    if word.isdigit() and word.isascii():
        return int(word)
    total = last = 0
    for sign in word.replace("廿", "二十").replace("卅", "三十"):
        if sign in _DIGITS:
            last = _DIGITS[sign]
        else:
            total += (last or 1) * (100 if sign == "百" else 10)
            last = 0
    return total + last


def year(word: str) -> int:
    """Return a year written digit by digit: 2027, 二〇二七."""
    return int("".join(str(_DIGITS.get(sign, sign)) for sign in word))


def weekday(sign: str) -> int:
    """Return the number of the weekday after 周, 星期 or 礼拜; Monday is 0."""
    return 6 if sign == "天" else WEEKDAYS.index(sign)
