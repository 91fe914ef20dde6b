"""Every sentence of the reminders, in English and Chinese; and how the words that ask for one are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from circles.core.language import Language
from circles.core.render import one_line
from circles.core.schedule import Repeat, Rule
from circles.core.zones import local_time, say_when

Sentence = Mapping[Language, str]

NUMBERS: Final = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣")
DONE_KEY: Final = "✅"
SNOOZE_KEY: Final = "💤"
STOP_KEY: Final = "🔕"

FIRE_ME: Final[Sentence] = {
    "en": "{name}, you asked me to remind you: {text}",
    "zh": "{name}，你让我提醒你：{text}",
}
FIRE_ROOM: Final[Sentence] = {"en": "{name} asks: {text}", "zh": "{name}提醒大家：{text}"}
AGAIN: Final[Sentence] = {"en": "Once more. ", "zh": "再提醒一次。"}
LATE: Final[Sentence] = {"en": " (late: was due {when})", "zh": "（晚了，本来是 {when}）"}

SET_ME: Final[Sentence] = {
    "en": "I'll remind you {when}: {text}\nNo. {number}. “cancel {number}” takes it back.",
    "zh": "好，{when}提醒你：{text}\n第 {number} 条，说“取消 {number}”就不提醒了。",
}
SET_ROOM: Final[Sentence] = {
    "en": "I'll remind everyone {when}: {text}\nNo. {number}. “cancel {number}” takes it back.",
    "zh": "好，{when}提醒大家：{text}\n第 {number} 条，说“取消 {number}”就不提醒了。",
}
FIRST: Final[Sentence] = {"en": "{rule}, first {when}", "zh": "{rule}（第一次是 {when}）"}

ASK_ZONE: Final[Sentence] = {
    "en": "Which time zone are you in? Reply for example “zone Berlin”. Then I set this one, and I won't ask again.",
    "zh": "你在哪个时区？比如回我“时区 上海”。说完我就把这条设好，以后不再问。",
}
ASK_TIME: Final[Sentence] = {
    "en": "Which time do you mean?\n{options}\nTap one, or reply “pick 1”.",
    "zh": "你说的是哪个时间？\n{options}\n点一个，或者回我“选 1”。",
}
ASK_CLOCK: Final[Sentence] = {
    "en": "At what time? Say it again with one, like “remind me tomorrow at 9 to call mum”.",
    "zh": "几点提醒？带上时间再说一次吧，比如“提醒我明天早上九点给妈妈打电话”。",
}
NO_TIME: Final[Mapping[str, Sentence]] = {
    "none": {
        "en": "I couldn't find a time in that. Try “remind me tomorrow at 9 to call mum”.",
        "zh": "我没看出是什么时候。可以说：“提醒我明天早上九点给妈妈打电话”。",
    },
    "lunar": {
        "en": "I don't know that feast's day yet. Tell me the date, like 6 February, and I'll remember it.",
        "zh": "农历和浮动的节日我还不会算。告诉我公历是几月几号，我就记下来。",
    },
    "unsupported": {
        "en": "That rhythm I can't keep: once a day is the most often. Try “every day at 9”.",
        "zh": "这样的间隔我还做不到，最密是每天一次。可以说“每天早上九点”。",
    },
    "impossible": {
        "en": "I can't find that day in the calendar. Which day do you mean?",
        "zh": "日历上没有这一天。你说的是哪天？",
    },
}
NO_TEXT: Final[Sentence] = {
    "en": "What shall I remind you of? Try “remind me tomorrow at 9 to call mum”.",
    "zh": "要提醒什么事？可以说：“提醒我明天早上九点给妈妈打电话”。",
}
PASSED: Final[Sentence] = {
    "en": "That time has passed already. Say it again with a later one?",
    "zh": "这个时间已经过了，换个晚点的再说一次？",
}
TOO_MANY: Final[Sentence] = {
    "en": "You have {limit} reminders here, as many as I can hold. Cancel one (“reminders” shows them) first.",
    "zh": "你在这里已经有 {limit} 条提醒，装满了。说“提醒列表”看看，取消一条就有位置了。",
}
TOO_LONG: Final[Sentence] = {
    "en": "That is long for a reminder. Up to {limit} characters fit.",
    "zh": "这条有点长，{limit} 个字以内我记得住。",
}
NOT_KEPT: Final[Sentence] = {
    "en": "This room asked me to keep nothing, so I can't hold a reminder here. In a private chat with me it works.",
    "zh": "这个群让我什么都不留，所以这里没法设提醒。私信我就可以。",
}

LIST: Final[Sentence] = {"en": "Reminders:", "zh": "提醒："}
LIST_NONE: Final[Sentence] = {
    "en": "No reminders here. Try “remind me tomorrow at 9 to call mum”.",
    "zh": "现在没有提醒。可以说：“提醒我明天早上九点给妈妈打电话”。",
}
FOR_ROOM: Final[Sentence] = {"en": "for everyone", "zh": "提醒大家"}

WORDS: Final[Mapping[str, Sentence]] = {
    "cancel": {"en": "cancel", "zh": "取消"},
    "done": {"en": "done", "zh": "完成"},
    "snooze": {"en": "snooze", "zh": "稍后"},
}
WHICH: Final[Sentence] = {
    "en": "Which one? “reminders” shows the numbers; then say for example “{word} 2”.",
    "zh": "哪一条？说“提醒列表”看编号，再说比如“{word} 2”。",
}
NO_SUCH: Final[Sentence] = {
    "en": "I have no reminder with that number here. “reminders” shows them.",
    "zh": "这里没有这个编号的提醒。说“提醒列表”看看。",
}
NOT_YOURS: Final[Sentence] = {
    "en": "That reminder is someone else's. They can change it, or an admin.",
    "zh": "这条是别人设的，TA 自己或管理员可以改。",
}
CANCELLED: Final[Sentence] = {"en": "Cancelled: {text}", "zh": "取消了：{text}"}
DONE: Final[Sentence] = {"en": "☑ {text} · done", "zh": "☑ {text} · 做完了"}
SNOOZED: Final[Sentence] = {"en": "I'll ask again {when}.", "zh": "好，{when}再提醒。"}
SNOOZE_WHEN: Final[Sentence] = {
    "en": "Until when? Try “snooze 1 hour”.",
    "zh": "推到什么时候？可以说“稍后 一小时后”。",
}
STOPPED: Final[Sentence] = {"en": "Stopped: {text}", "zh": "不再提醒：{text}"}

NOTHING_TO_PICK: Final[Sentence] = {
    "en": "There is nothing to pick right now. Just say the reminder again.",
    "zh": "现在没有要选的。把提醒再说一遍就好。",
}

ZONE_SET: Final[Sentence] = {
    "en": "Your time zone is {zone}: it is {time} there now.",
    "zh": "记住了，你的时区是 {zone}，那里现在 {time}。",
}
ROOM_ZONE_SET: Final[Sentence] = {
    "en": "This room's time zone is {zone}: it is {time} there now.",
    "zh": "记住了，群的时区是 {zone}，那里现在 {time}。",
}
ZONE_IS: Final[Sentence] = {
    "en": "I use {zone} for you. Change it with for example “zone Berlin”.",
    "zh": "我按 {zone} 给你算时间。想换就说比如“时区 上海”。",
}
ZONE_UNSET: Final[Sentence] = {
    "en": "I don't know your time zone yet. Say for example “zone Berlin”.",
    "zh": "我还不知道你的时区。可以说比如“时区 上海”。",
}
ROOM_ZONE_UNSET: Final[Sentence] = {
    "en": "Say for example “room zone Berlin”.",
    "zh": "可以说比如“群时区 上海”。",
}
ROOM_ZONE_IS: Final[Sentence] = {
    "en": "This room is on {zone} time. Change it with for example “room zone Berlin”.",
    "zh": "群里按 {zone} 算时间。想换就说比如“群时区 上海”。",
}
ZONE_UNKNOWN: Final[Sentence] = {
    "en": "I don't know that place. A bigger city nearby works, or a name like Europe/Berlin.",
    "zh": "这个地方我不认识。换个附近的大城市试试，或者写 Asia/Shanghai 这样的名字。",
}
ZONE_WHICH: Final[Sentence] = {
    "en": "That name fits several: {zones}. Say the city, like “zone Berlin”.",
    "zh": "这个说法对应好几个时区：{zones}。说个城市吧，比如“时区 上海”。",
}
ROOM_ZONE_ADMINS: Final[Sentence] = {
    "en": "The room's time zone is for an admin to set. Yours is “zone Berlin”.",
    "zh": "群的时区由管理员来定。你自己的可以说“时区 上海”。",
}

HELD_REMINDERS: Final[Sentence] = {"en": "reminders", "zh": "提醒"}
HELD_ZONE: Final[Sentence] = {"en": "time zone", "zh": "时区"}
HELD_PENDING: Final[Sentence] = {"en": "reminders waiting for your answer", "zh": "等你回话的提醒"}

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
            before = said[:at].strip(" ,，。:：")
            for polite in POLITE:
                before = before.removeprefix(polite)
            return before + said[at + len(phrase) :].strip(" ,，:："), for_room, private
    if english < 0:
        return said, False, False
    before, after = said[:english].strip(" ,:"), said[english + len("remind ") :]
    before = before.removesuffix("please").removesuffix("Please")
    for phrase, for_room, private in TARGETS_EN:
        if after.lower().startswith(phrase) and not after[len(phrase) : len(phrase) + 1].isalnum():
            return f"{before} {after[len(phrase) :].strip(' ,:')}".strip(), for_room, private
    return f"{before} {after}".strip(), False, False


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
    for lead in ("number ", "no. ", "no.", "no ", "#", "第"):
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


_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORKDAYS: Final = frozenset(range(5))


def at_time(due: datetime, rule: Rule, language: Language, zone: str, now: datetime) -> str:
    """Return when something comes: an instant, or a rhythm with its first instant."""
    when = say_when(due, zone, language, now)
    if rule.repeat is Repeat.ONCE:
        return when
    return FIRST[language].format(rule=rule_words(rule, language), when=when)


def fire_words(name: str, task: str, language: Language, *, for_room: bool) -> str:
    """Return what a reminder says in its host's name."""
    if language == "zh" and for_room and name[-1:].isascii():
        name += " "
    return (FIRE_ROOM if for_room else FIRE_ME)[language].format(name=name, text=task)


def zone_answer(found: str | tuple[str, ...] | None, known: str | None, language: Language, now: datetime) -> str:
    """Return the answer to "zone …": set, unclear, unknown, or ('' found: nothing was named) which one is in use."""
    if found == "":
        return ZONE_IS[language].format(zone=known) if known else ZONE_UNSET[language]
    return _zone_found(found, ZONE_SET[language], language, now)


def room_zone_answer(found: str | tuple[str, ...] | None, known: str | None, language: Language, now: datetime) -> str:
    """Return the answer to "room zone …", in the same cases."""
    if found == "":
        return ROOM_ZONE_IS[language].format(zone=known) if known else ROOM_ZONE_UNSET[language]
    return _zone_found(found, ROOM_ZONE_SET[language], language, now)


def _zone_found(found: str | tuple[str, ...] | None, is_set: str, language: Language, now: datetime) -> str:
    if found is None:
        return ZONE_UNKNOWN[language]
    if isinstance(found, tuple):
        return ZONE_WHICH[language].format(zones=", ".join(found[:4]))
    return is_set.format(zone=found, time=f"{local_time(now, found):%H:%M}")


def clock(at: datetime, zone: str, language: Language, now: datetime) -> str:
    """Return an instant as briefly as can be: the time alone if it is today."""
    local, today = local_time(at, zone), local_time(now, zone)
    return f"{local:%H:%M}" if local.date() == today.date() else say_when(at, zone, language, now)


def rule_words(rule: Rule, language: Language) -> str:
    """Return a rhythm in words: "every Sunday at 20:00", “每周日 20:00”."""
    return f"{_rhythm_zh(rule)} {rule.at:%H:%M}" if language == "zh" else f"{_rhythm_en(rule)} at {rule.at:%H:%M}"


def _rhythm_en(rule: Rule) -> str:
    days = "weekdays" if rule.weekdays == _WORKDAYS else " and ".join(_DAYS_EN[day] for day in sorted(rule.weekdays))
    if rule.repeat is Repeat.WEEKS:
        if rule.every > 1:
            return f"every {rule.every} weeks on {days}"
        return "on weekdays" if rule.weekdays == _WORKDAYS else f"every {days}"
    unit = {Repeat.DAYS: "day", Repeat.MONTHS: "month", Repeat.YEARS: "year"}.get(rule.repeat, "time")
    rhythm = f"every {unit}" if rule.every == 1 else f"every {rule.every} {unit}s"
    if rule.repeat is Repeat.MONTHS:
        return f"{rhythm} on day {rule.day}"
    if rule.repeat is Repeat.YEARS:
        return f"{rhythm} on {rule.day} {_MONTHS_EN[(rule.month or 1) - 1]}"
    return rhythm


def _rhythm_zh(rule: Rule) -> str:
    days = "、".join("周" + "一二三四五六日"[day] for day in sorted(rule.weekdays))
    every = "" if rule.every == 1 else f" {rule.every} "
    if rule.repeat is Repeat.WEEKS:
        if every:
            return f"每{every}周的{days}"
        return "工作日" if rule.weekdays == _WORKDAYS else f"每{days}"
    if rule.repeat is Repeat.MONTHS:
        return f"每{every}{'个' if every else ''}月 {rule.day} 号"
    if rule.repeat is Repeat.YEARS:
        return f"每{every}年 {rule.month} 月 {rule.day} 日"
    return f"每{every}天"
