"""Spaces that phones and careful writers put inside a Chinese time ("明天 20 点", "11 月 25 日"), taken out. Pure."""

from __future__ import annotations

import re
from re import Match

_S = r"[ \t\xa0\u3000]{1,3}"
_NUMBER = r"[0-9\uff10-\uff19零〇一二两兩三四五六七八九十半]"
_UNIT = r"(?:小[时時]|[钟鐘][头頭]|分[钟鐘]?|秒[钟鐘]?|刻[钟鐘]?|天|[周週]|星期|[礼禮]拜|月|年)"
_AFTER = r"(?=[ \t\xa0\u3000]{0,3}[之以]?[后後])"
_INSIDE = re.compile(
    rf"(?<={_NUMBER}){_S}(?=[点點](?!心)|[时時](?![间間候])|分(?:[钟鐘]|[ \t,，。]|$)|[日号號])"
    rf"|(?<={_NUMBER}){_S}(?=月{_S}?{_NUMBER}{{1,3}}{_S}?[日号號])"
    rf"|(?<=月){_S}(?={_NUMBER}{{1,3}}{_S}?[日号號])"
    rf"|(?<=[点點]){_S}(?=半(?![天个個小价價])|[一三]刻|{_NUMBER}{{1,3}}{_S}?分)"
    rf"|(?<=[周週期拜]){_S}(?=[一二三四五六日天](?![点點个個]))"
    rf"|(?<=[上下这這每]){_S}(?=[周週]|星期|[礼禮]拜)"
    rf"|(?<={_NUMBER}){_S}(?=[个個]?半?{_UNIT}{_AFTER})"
    rf"|(?<=[个個半]){_S}(?={_UNIT}{_AFTER})"
    rf"|(?<=[时時钟鐘分秒天周月年头頭]){_S}(?=[之以]?[后後](?![天面来來]))"
    rf"|(?<=[过過]){_S}(?={_NUMBER}{{1,3}}{_S}?[个個]?半?{_UNIT})"
    rf"|(?<=[过過][0-9]){_S}(?=[个個]?半?{_UNIT})|(?<=[过過][0-9][0-9]){_S}(?=[个個]?半?{_UNIT})"
)
_COLON = re.compile(rf"(?<=[0-9\uff10-\uff19]){_S}([:\uff1a]){_S}(?=[0-5\uff10-\uff15][0-9\uff10-\uff19](?![0-9]))")


def without_spaces(text: str) -> str:
    """Return the text with what belongs to one time written together; all other spaces stay."""
    before = ""
    while before != text:
        before, text = text, _COLON.sub(_mark, _INSIDE.sub("", text))
    return text


def _mark(colon: Match[str]) -> str:
    return colon[1]
