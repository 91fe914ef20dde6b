"""How the words that ask for a reminder, name one, or set quiet hours are read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Final

from circles.core.call import Said
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles.core.quiet import Quiet
from circles.core.render import one_line
from circles.core.when import Ambiguous, Found, parse_when
from circles.core.zones import is_place

# How a request begins, per language, the longest first: (words, for the room, privately).
TARGETS_EN: Final[tuple[tuple[str, bool, bool], ...]] = (
    ("me privately", False, True),
    ("me in private", False, True),
    ("me by dm", False, True),
    ("all of us", True, False),
    ("the room", True, False),
    ("the group", True, False),
    ("the others", True, False),
    ("everybody", True, False),
    ("everyone", True, False),
    ("us all", True, False),
    ("us", True, False),
    ("me", False, False),
)
TARGETS_ZH: Final[tuple[tuple[str, bool, bool], ...]] = (
    ("私下提醒我", False, True),
    ("私信提醒我", False, True),
    ("悄悄提醒我", False, True),
    ("提醒我们", True, False),
    ("提醒大家", True, False),
    ("提醒所有人", True, False),
    ("提醒全家", True, False),
    ("提醒全体", True, False),
    ("提醒群里", True, False),
    ("设个提醒", False, False),
    ("设一个提醒", False, False),
    ("设提醒", False, False),
    ("加个提醒", False, False),
    ("提醒一下我", False, False),
    ("提醒一下大家", True, False),
    ("提醒我一下", False, False),
    ("提醒大家一下", True, False),
    ("提醒我", False, False),
    ("提醒", False, False),
)
LEADING: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("to ", "that ", "about ", "of ", "please "),
    "zh": ("要记得", "记得", "要", "去"),
}
_ASKING_EN: Final = re.compile(
    r"\s*(?:\b(?:please|kindly|could|can|would|will|you|hey|hi|i\s+(?:want|need|would\s+like)|i'd\s+like|to|"
    r"don't\s+forget)\b[\s,]*)+$",
    re.IGNORECASE,
)
"""How a request is put as a question or a wish, before "remind"."""
_WISH_EN: Final = re.compile(
    r"^(?:please\s+)?(?:(?:set|make|create|add)\s+(?:me\s+)?a\s+reminder\b|don't\s+let\s+me\s+forget\b)[\s,:]*"
    r"(?:(?:for\s+me|to|that|about|of)\b\s*)?",
    re.IGNORECASE,
)
"""How a reminder is wished for without the word "remind"."""
_ASKED_EN: Final = re.compile(
    r"(?:\s*,\s*(?:please|pls|thanks|thank you|ok|okay|will you|would you|can you|could you)|\s+(?:please|pls))"
    r"\s*[.!?]*$|\s*\?+$",
    re.IGNORECASE,
)
_ASKING_ZH: Final = re.compile(
    r"(?:你|麻烦|请)*(?:能不能|可不可以|可不可|能否|可否|是不是可以|可以|能|会)?(?:请|麻烦|帮我|帮忙|帮|给我|再|记得|到时候|到时|就|你)*$"
)
_ASKED_ZH: Final = re.compile(
    r"[\s,，]*(?:好吗|好不好|可以吗|行吗|行不行|可不可以|能不能|谢谢|多谢|拜托|拜托了|好吧)[\s。.!！?？~]*$"
)
_MAY: Final = re.compile(r"能不能|可不可以|能否|可否|可以|能|会")
_QUESTION_ZH: Final = re.compile(r"吗[\s。.!！?？~]*$|[?？]+$")
POLITE: Final = ("可不可以", "能不能", "麻烦你", "麻烦", "请你", "请", "帮我", "帮忙")

_ZH_DIGITS: Final = "一二三四五六七八九"


def read_request(words: str) -> tuple[str, bool, bool]:
    """Take a request apart: what is left without "remind me", whether it is for the room, whether it is private."""
    said = one_line(words)
    lowered = said.lower()
    english = lowered.find("remind ")
    for phrase, for_room, private in TARGETS_ZH:
        at = said.find(phrase)
        if at >= 0 and (english < 0 or at < english):
            before, after = said[:at].strip(" ,，。:："), said[at + len(phrase) :].strip(" ,，:：")
            asking = _ASKING_ZH.search(before)
            asked = asking.group() if asking is not None else ""
            for polite in POLITE:
                before = before.removeprefix(polite)
            before = before.removesuffix(asked).rstrip(" ,，")
            if _MAY.search(asked):
                after = _QUESTION_ZH.sub("", after)
            return before + _ASKED_ZH.sub("", after), for_room, private
    if english < 0:
        return _WISH_EN.sub("", said), False, False
    before, after = said[:english].strip(" ,:"), said[english + len("remind ") :]
    before, after = _ASKING_EN.sub("", before), _ASKED_EN.sub("", after)
    for phrase, for_room, private in TARGETS_EN:
        if after.lower().startswith(phrase) and not after[len(phrase) : len(phrase) + 1].isalnum():
            return f"{before} {after[len(phrase) :].strip(' ,:')}".strip(), for_room, private
    return f"{before} {after}".strip(), False, False


def for_whom(words: str, names: Iterable[str]) -> tuple[str, str]:
    """Return who of the room is to be reminded, and the request with that name first; '' and the words for nobody.

    "remind Joe tomorrow at 9 to bring salad" is "Joe: tomorrow at 9 to bring salad", said to the room.
    """
    said = one_line(words)
    for name in sorted((name for name in names if name.strip()), key=len, reverse=True):
        found = re.search(
            rf"(?:\bremind\s+|提醒(?:一下)?\s*)@?{re.escape(name)}(?![a-z0-9_])(?:\s*[,，:：]\s*|\s*)",
            said,
            re.IGNORECASE,
        )
        if found is not None:
            english = found.group().isascii() or found.group()[0] in "Rr"
            before = said[: found.start()].strip(" ,，")
            target = "remind us" if english else "提醒大家"
            rest, _, _ = read_request(f"{before} {target} {said[found.end() :]}".strip())
            return name, f"{name}{': ' if english else '：'}{rest}"
    return "", words


def named(task: str, names: Iterable[str]) -> str:
    """Return the name that a reminder's text begins with: "Joe: bring salad"; '' for none."""
    return next((name for name in names if name and task.startswith((f"{name}: ", f"{name}："))), "")


def task(rest: str) -> str:
    """Return what is to be done, of what is left when the time is cut out."""
    said = one_line(rest).strip(" ,，。:：;；")
    for leading in (*LEADING["en"], *LEADING["zh"]):
        if said.lower().startswith(leading):
            return said[len(leading) :].strip(" ,，:：")
    return said


def read_number(argument: str) -> tuple[int | None, str]:
    """Read the number that begins an argument ("2", "no. 2", "第二条"), and return what follows it."""
    words = argument.strip()
    for lead in ("the ", "number ", "reminder ", "no. ", "no.", "no ", "#", "第"):
        if words.lower().startswith(lead):
            words = words[len(lead) :].strip()
            break
    digits = len(words) - len(words.lstrip("0123456789"))
    after = words[digits:]
    if digits and digits < 6 and (not after or not after[0].isascii() or after[0] in " ,.:;"):
        if after[:2] in ("小时", "分钟") or after[:1] in ("天", "点", "号", "月", "周"):
            return None, argument.strip()
        return int(words[:digits]), after.lstrip(" ,.:;，：").removeprefix("条").strip()
    if words[:1] in tuple(_ZH_DIGITS) and words[1:2] in ("", "条", " "):
        return _ZH_DIGITS.index(words[0]) + 1, words[1:].strip().removeprefix("条").strip()
    return None, argument.strip()


_NAMING: Final = re.compile(
    r"^(?:(?:the|my|our|that|this|it|one|reminders?|alarms?|about|for|to|of|please|all|everything)\b[\s,.!]*)+"
    r"|[\s,]*\b(?:reminders?|alarms?|please|thanks|thank you|now)[\s.!]*$"
    r"|^(?:我的|那条|这条|那个|这个|它|提醒|闹钟|所有|全部|一下|了)+|(?:的?(?:提醒|闹钟)|那条|这条|吧|了|谢谢)[\s。！!]*$",
    re.IGNORECASE,
)


def named_words(argument: str) -> str:
    """Return the words by which a reminder is named ("the pills reminder" is "pills"), folded; '' for none."""
    said, before = one_line(argument).casefold(), ""
    while said != before:
        before, said = said, _NAMING.sub("", said).strip(" ,，.。!！:：")
    return said


# ---- the answers to what was asked back

_FEW_WORDS: Final = 4
_ORDINALS: Final = (
    ("first", "one", "一"),
    ("second", "two", "二", "两"),
    ("third", "three", "三"),
    ("fourth", "four", "四"),
    ("fifth", "five", "五"),
)
_CHOICE: Final = re.compile(
    r"(?:the|number|no\.?|option|选|要|就)?\s*(?:第|#)?\s*(?P<which>[1-9]|[a-z]+|[一二两三四五])\ufe0f?\u20e3?"
    r"(?:st|nd|rd|th)?\s*(?:one|reminder|个|条|号|项)?\s*(?:吧|please|谢谢)?",
    re.IGNORECASE,
)


def read_choice(said: str) -> int | None:
    """Read which of several somebody means ("1", "the first one", 第一个), counted from one; None for anything else."""
    found = _CHOICE.fullmatch(said.strip(" \t\r\n.,;:!()。，！（）"))
    if found is None:
        return None
    which = found["which"].lower()
    if which.isascii() and which.isdigit():
        return int(which)
    return next((at for at, names in enumerate(_ORDINALS, 1) if which in names), None)


def zone_answer(said: Said, words: Permitted) -> str | None:
    """Return the command that a place comes to, after somebody was asked for their time zone.

    In a reply to the question a few words are a place also where none is known by that name, which is then said.
    """
    few = len(words.text.split()) <= _FEW_WORDS and not words.text.rstrip().endswith(("?", "？"))
    meant = is_place(words.text) or (words.reply_to == said.event_id and few)
    return f"{'时区' if said.language == 'zh' else 'zone'} {words.text}" if meant else None


def choice_answer(said: Said, words: Permitted) -> str | None:
    """Return the command that a number comes to, after several times were offered."""
    number = read_choice(words.text)
    return None if number is None else f"{'选' if said.language == 'zh' else 'pick'} {number}"


def which_answer(said: Said, words: Permitted) -> str | None:
    """Return the command that a number comes to, after somebody was asked which reminder to cancel or tick off."""
    number, rest = read_number(words.text)
    number = read_choice(words.text) if number is None or rest else number
    return None if number is None or not said.subject else f"{said.subject} {number}"


_FOR_ROOM_ZH: Final = "大家|所有人|全家|全体|我们"
_ALARM_EN: Final = re.compile(
    r"(?:please\s+)?(?:set\s+)?(?:an?\s+|the\s+)?(?:\balarm\b|\bkeep\s+reminding\b|\bwake\s+me(?:\s+up)?\b)"
    r"(?:\s+(?:for\s+)?(?P<who>" + "|".join(phrase for phrase, _, _ in TARGETS_EN) + r")\b)?",
    re.IGNORECASE,
)
_ALARM_ZH: Final = re.compile(
    rf"(?P<quietly>悄悄|私下|私信)?(?:给|叫|帮)?(?P<who>{_FOR_ROOM_ZH}|我)?[设定上]?一?个?闹钟"
    rf"(?:提醒|叫)?(?P<whom>{_FOR_ROOM_ZH}|我)?"
    rf"|(?P<secretly>悄悄|私下|私信)?一直提醒(?P<them>{_FOR_ROOM_ZH}|我)?"
)


def read_alarm(words: str) -> tuple[str, bool, bool]:
    """Take a request for an alarm apart, as `read_request` does."""
    said = one_line(words)
    found = _ALARM_EN.search(said)
    if found is not None:
        who = (found["who"] or "me").lower()
        for_room, private = next((room, alone) for phrase, room, alone in TARGETS_EN if phrase == who)
    else:
        found = _ALARM_ZH.search(said)
        if found is None:
            return said, False, False
        groups = found.groupdict()
        for_room = any(groups[name] not in (None, "我") for name in ("who", "whom", "them"))
        private = any(groups[name] for name in ("quietly", "secretly"))
    before, after = said[: found.start()].strip(" ,，:："), said[found.end() :].strip(" ,，:：")
    for polite in POLITE:
        before = before.removeprefix(polite)
    # "alarm for 7" is at 7; "for 7 minutes" is not.
    after = re.sub(r"^for (?=\d{1,2}(?:[:.]\d\d)?\s*(?:am|pm)?$)", "at ", after, flags=re.IGNORECASE)
    return f"{before} {after}".strip(), for_room, private


_ALL: Final = re.compile(
    r"^(?:all|every(?:thing| one)?)(?: (?:of )?(?:my |the |of my |of the )?(?:reminders?|alarms?|of them))?$|^them all$"
    r"|^(?:我的)?(?:所有|全部)(?:的)?(?:提醒|闹钟)?(?:吧|了)?$|^(?:全都|都)(?:取消|不要)?(?:吧|了)*$"
)


def names_all(argument: str) -> bool:
    """Say whether all of somebody's reminders are meant: "all reminders", 所有提醒."""
    return _ALL.match(one_line(argument).casefold().strip(" ,，.。!！:：")) is not None


OFF_WORDS: Final = ("off", "none", "stop", "end", "关", "关闭", "关掉", "取消", "不要")
_TO: Final = re.compile(r"\s*(?:\bto\b|\band\b|\buntil\b|\btill\b|[-\u2013~]|到|至)\s*", re.IGNORECASE)
_AROUND_QUIET: Final = re.compile(
    r"^(?:(?:from|between)\s+|每天|每晚|从)+|(?:之间|的时候)?(?:请|都)?(?:别|不要)(?:吵我?|打扰我?).*$", re.IGNORECASE
)
_MIDNIGHT: Final = datetime(2001, 1, 1, tzinfo=UTC)
"""Words about a time of day are read as of the beginning of some day, so that no half of it has passed."""


def read_quiet(argument: str, zone: str) -> Quiet | None:
    """Read quiet hours ("22:00 to 8:00", "from 10pm until 7", “晚上十点到早上八点”); None for anything else.

    An hour that may be either half of the day begins in the evening and ends in the morning.
    """
    said = _AROUND_QUIET.sub("", argument.strip())
    for cut in _TO.finditer(said):
        start = _clock(said[: cut.start()], evening=True)
        end = _clock(said[cut.end() :], evening=False)
        if start is not None and end is not None and start != end:
            return Quiet(start, end, zone)
    return None


def _clock(words: str, *, evening: bool) -> time | None:
    for said in (words, f"at {words}", f"{words}点"):
        found = parse_when(said, _MIDNIGHT, "UTC")
        if isinstance(found, Ambiguous) and found.options:
            hours = sorted((option for option in found.options), key=lambda option: option.rule.at)
            found = hours[-1] if evening else hours[0]
        if isinstance(found, Found) and not found.rest and "time" not in found.assumed:
            return found.rule.at.replace(second=0, microsecond=0)
    return None
