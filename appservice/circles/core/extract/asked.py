"""What kind of thing a question wants (a time, a person, a place, a number), and whether a text holds one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from circles.core.extract.people import mentioned_people
from circles.core.extract.text import MAX_CHARS, fold
from circles.core.extract.when import time_phrases

_ASKED: Final = {
    "when": re.compile(
        r"\bwhen\b|\bwhat (?:time|day|date)\b|\bwhich (?:day|date)\b|哪天|什么时候|啥时候|何时|几号|几点|初几"
        r"|星期几|周几|礼拜几|哪一天|多久"
    ),
    "who": re.compile(r"\bwho(?:'s|m|se)?\b|谁|哪位|哪个人"),
    "where": re.compile(
        r"\bwhere\b|\bwhat place\b|\bwhich (?:place|room|restaurant|venue)\b|\baddress\b|地址|哪儿|哪里|什么地方|在哪"
        r"|去哪|哪家|哪个地方"
    ),
    "what colour": re.compile(r"\bcolou?r\b|颜色"),
    "how many": re.compile(
        r"\bhow (?:many|much|long|far|old|tall|big)\b|\b(?:price|cost)\b|价格|价钱|多少|几个|几人|多长|多大|几块"
    ),
}
_PLACE: Final = re.compile(
    r"\b(?:at|in|to|from|near|opposite|behind|with|under)\s+(?:the\s+)?\w+|\b(?:room|street|road|avenue|hall|park"
    r"|cafe|café|station|place|house|restaurant|library|gym|pool|school|office)\b"
    r"|在[\u4e00-\u9fff]{2,}|[\u4e00-\u9fff](?:家|馆|店|厅|路|街|楼|室|园|站|广场|公园|学校|酒店|饭店|操场|中心|门口)"
)
_FIRST_PERSON: Final = re.compile(r"\bi\b|\bi'|\bwe\b|\bme\b|我")
_NUMBER: Final = re.compile(
    r"\d|[一二三四五六七八九十两百千]+(?:个|人|块|元|公里|百|千|万|斤|份|张|位|次)|\b(?:one|two|three|four|five|six"
    r"|seven|eight|nine|ten|twelve|dozen|hundred)\b"
)


_COLOUR: Final = re.compile(
    r"\b(?:red|blue|green|yellow|black|white|gr[ea]y|brown|pink|purple|orange|beige|gold(?:en)?|silver)\b"
    r"|[红蓝绿黄黑白灰棕粉紫橙金银]色?"
)


def kinds_asked(question: str) -> tuple[str, ...]:
    """Return the kinds of answer a question wants: "when", "who", "where", "what colour", "how many"."""
    low = fold(question)
    return tuple(kind for kind, pattern in _ASKED.items() if pattern.search(low))


def answers_kind(kind: str, text: str, names: Mapping[str, str]) -> bool:
    """Say whether a text holds a thing of that kind."""
    low = fold(text[:MAX_CHARS])
    if kind == "when":
        return bool(time_phrases(text))
    if kind == "who":
        return bool(mentioned_people(text, names)) or _FIRST_PERSON.search(low) is not None
    return {"where": _PLACE, "what colour": _COLOUR}.get(kind, _NUMBER).search(low) is not None
