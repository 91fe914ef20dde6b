"""Every sentence of the reminders, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from circles.core.effects import Words
from circles.core.language import Language
from circles.core.render import lines, text
from circles.core.schedule import Repeat, Rule
from circles.core.zones import local_time, say_clock, say_when

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
FIRE_ALARM: Final[Sentence] = {"en": "⏰ {name}: {text}", "zh": "⏰ {name}：{text}"}
ALARM_TEXT: Final[Sentence] = {"en": "it's time", "zh": "时间到了"}
LAST_RING: Final[Sentence] = {"en": " (I stop ringing now)", "zh": "（这是最后一次响）"}
AGAIN: Final[Sentence] = {"en": "Once more. ", "zh": "再提醒一次。"}
LATE: Final[Sentence] = {"en": " (late: was due {when})", "zh": "（晚了，本来是 {when}）"}
HELD_BACK: Final[Sentence] = {
    "en": " (held for the quiet hours: was due {when})",
    "zh": "（免打扰时段没出声，本来是 {when}）",
}

SET_ME: Final[Sentence] = {
    "en": "I'll remind you {when}: {text}\nNo. {number}. “cancel {number}” takes it back.",
    "zh": "好，{when}提醒你：{text}\n第 {number} 条，说“取消 {number}”就不提醒了。",
}
SET_ROOM: Final[Sentence] = {
    "en": "I'll remind everyone {when}: {text}\nNo. {number}. “cancel {number}” takes it back.",
    "zh": "好，{when}提醒大家：{text}\n第 {number} 条，说“取消 {number}”就不提醒了。",
}
SET_NAMED: Final[Sentence] = {
    "en": "I'll remind {name} here {when}: {text}\nNo. {number}. “cancel {number}” takes it back.",
    "zh": "好，{when}在这里提醒{name}：{text}\n第 {number} 条，说“取消 {number}”就不提醒了。",
}
SET_ALARM: Final[Sentence] = {
    "en": "I'll ring {when}: {text}\nEvery {minutes} minutes, {most} times at most, until you tap 🔕 or say “stop”. "
    "No. {number}. “cancel {number}” takes it back.",
    "zh": "好，{when}响铃：{text}\n每 {minutes} 分钟响一次，最多 {most} 次，点 🔕 或说“停”就不响了。"
    "第 {number} 条，说“取消 {number}”就不要了。",
}
SET_QUIET: Final[Sentence] = {
    "en": "\nThen it is quiet here, so it will come {after}.",
    "zh": "\n那时是免打扰时段，所以会在{after}说。",
}
FIRST: Final[Sentence] = {"en": "{rule}, first {when}", "zh": "{rule}（第一次是 {when}）"}

ASK_ZONE: Final[Sentence] = {
    "en": "Which time zone are you in? Reply for example “zone Berlin”. Then I set this one, and I won't ask again.",
    "zh": "你在哪个时区？比如回我“时区 上海”。说完我就把这条设好，以后不再问。",
}
OR: Final[Sentence] = {"en": " or ", "zh": "、"}
WHO: Final[Sentence] = {
    "en": "More than one here is called {name}: {handles}. Say it again with the one you mean: “remind {first} …”.",
    "zh": "这里不止一位叫{name}：{handles}。用你说的那位的地址再说一次，比如“提醒 {first} …”。",
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
        "en": "That rhythm I can't keep: once a day is the most often, every 1000 years the least. "
        "Try “every day at 9”, or “alarm at 9”, which rings until you stop it.",
        "zh": "这样的间隔我还做不到，最密每天一次，最疏一千年一次。可以说“每天早上九点”，或者“闹钟 九点”，响到你按停。",
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
TOO_MANY_PERSON: Final[Sentence] = {
    "en": "You have {limit} reminders in all your rooms together, as many as I can hold. "
    "In a private chat “reminders” shows them; cancel one first.",
    "zh": "你在所有群里一共有 {limit} 条提醒，装满了。私信我“提醒列表”看看，取消一条就有位置了。",
}
TOO_MANY_ROOM: Final[Sentence] = {
    "en": "This room has {limit} reminders, as many as I can hold for one. In a private chat with me there is room.",
    "zh": "这个群已经有 {limit} 条提醒，装满了。私信我还能设。",
}
TOO_MANY_ALARMS: Final[Sentence] = {
    "en": "You have {limit} alarms, as many as I ring for one person. Cancel one first, or let me remind you once: "
    "“remind me tomorrow at 9 to call mum”.",
    "zh": "你已经有 {limit} 个闹钟，最多这么多。先取消一个，或者改成只提醒一次：“提醒我明天早上九点给妈妈打电话”。",
}
TOO_MANY_WAITING: Final[Sentence] = {
    "en": "{limit} of your reminders wait for an answer from you, as many as I can keep in mind. "
    "Answer one first; after a day they go by themselves.",
    "zh": "你有 {limit} 条提醒还等你回话，再多我就记不住了。先回一条吧，一天后它们也会自己消失。",
}
TOO_FAR: Final[Sentence] = {
    "en": "That is too far away for me: {years} years ahead is the most. Say it again with an earlier day?",
    "zh": "太远了，我最多记 {years} 年以内的事。换个早点的日子再说一次？",
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
PAUSED_MARK: Final[Sentence] = {"en": "paused", "zh": "已暂停"}
ALARM_MARK: Final[Sentence] = {"en": "alarm", "zh": "闹钟"}
FOR_ROOM: Final[Sentence] = {"en": "for everyone", "zh": "提醒大家"}

WORDS: Final[Mapping[str, Sentence]] = {
    "cancel": {"en": "cancel", "zh": "取消"},
    "pause": {"en": "pause", "zh": "暂停"},
    "resume": {"en": "resume", "zh": "恢复"},
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
CANCELLED_ALL: Final[Sentence] = {"en": "Cancelled, all {count} of yours:", "zh": "你的 {count} 条都取消了："}
DONE: Final[Sentence] = {"en": "☑ {text} · done", "zh": "☑ {text} · 做完了"}
SNOOZED: Final[Sentence] = {"en": "I'll ask again {when}.", "zh": "好，{when}再提醒。"}
MOVED: Final[Sentence] = {
    "en": "Moved: {text}\nIt comes {when} instead of {was}.",
    "zh": "改好了：{text}\n原来是{was}，现在是{when}。",
}
ONCE_MORE: Final[Sentence] = {
    "en": "Its own time stays ({was}); besides, it comes once {when}: {text}",
    "zh": "它自己的时间不变（{was}）；另外在{when}多提醒一次：{text}",
}
NOT_YET: Final[Sentence] = {
    "en": "It has not come yet; it is due {was}: {text}\nTo move it, say for example “snooze {number} 1 hour”.",
    "zh": "它还没到时间，定在{was}：{text}\n想往后推，说比如“推迟 {number} 一小时”。",
}
SNOOZE_WHEN: Final[Sentence] = {
    "en": "Until when? Try “snooze 1 hour”.",
    "zh": "推到什么时候？可以说“稍后 一小时后”。",
}
STOPPED: Final[Sentence] = {"en": "Stopped: {text}", "zh": "不再提醒：{text}"}

SILENCED: Final[Sentence] = {"en": "Quiet now: {text}", "zh": "不响了：{text}"}
SILENCED_UNTIL: Final[Sentence] = {
    "en": "Quiet now: {text}\nIt rings again {when}. “cancel {number}” ends it.",
    "zh": "不响了：{text}\n下次是{when}，说“取消 {number}”就不再响。",
}
PAUSED: Final[Sentence] = {
    "en": "Paused: {text}\n“resume {number}” brings it back.",
    "zh": "先停着：{text}\n说“恢复 {number}”就继续。",
}
PAUSED_UNTIL: Final[Sentence] = {
    "en": "Paused: {text}\nIt comes again {when}.",
    "zh": "先停着：{text}\n下次是{when}。",
}
PAUSE_WHEN: Final[Sentence] = {
    "en": "Until when? Try “pause 2 until Monday”, or “pause 2” until you say “resume 2”.",
    "zh": "停到什么时候？可以说“暂停 2 到周一”，或者“暂停 2”，想继续时说“恢复 2”。",
}
RESUMED: Final[Sentence] = {"en": "It goes on: {text}\nNext {when}.", "zh": "继续提醒：{text}\n下次是{when}。"}
RUNS: Final[Sentence] = {"en": "It is not paused: {text}\nNext {when}.", "zh": "没有暂停：{text}\n下次是{when}。"}
SAID_ALREADY: Final[Sentence] = {
    "en": "That one was said already. “snooze {number} 1 hour” brings it back.",
    "zh": "这条已经提醒过了。说“稍后 {number} 一小时”可以再来一次。",
}
PASSED_PAUSED: Final[Sentence] = {
    "en": "Its time passed while it was paused: {text}\n“snooze {number} 1 hour” sets a new one.",
    "zh": "暂停的时候它的时间已经过了：{text}\n说“稍后 {number} 一小时”换个时间。",
}

QUIET_SET: Final[Sentence] = {
    "en": "From {start} to {end} ({zone}) I keep quiet here; what is due then comes at {end}. "
    "“quiet hours off” ends it.",
    "zh": "好，每天 {start} 到 {end}（{zone}）这里免打扰，到时间的提醒等到 {end} 再说。说“免打扰 关”就恢复。",
}
QUIET_IS: Final[Sentence] = {
    "en": "Quiet hours here: {start} to {end} ({zone}). “quiet hours off” ends them.",
    "zh": "这里每天 {start} 到 {end}（{zone}）免打扰。说“免打扰 关”就恢复。",
}
QUIET_NONE: Final[Sentence] = {
    "en": "There are no quiet hours here. Try “quiet hours 22:00 to 8:00”.",
    "zh": "这里没有免打扰时段。可以说“免打扰 22:00 到 8:00”。",
}
QUIET_OFF: Final[Sentence] = {"en": "The quiet hours are off.", "zh": "免打扰关掉了。"}
QUIET_WHEN: Final[Sentence] = {
    "en": "From when until when? Try “quiet hours 22:00 to 8:00”.",
    "zh": "从几点到几点？可以说“免打扰 22:00 到 8:00”。",
}
QUIET_ADMINS: Final[Sentence] = {
    "en": "The room's quiet hours are for an admin to set. In a private chat with me you can set your own.",
    "zh": "群里的免打扰由管理员来定。私信我可以设你自己的。",
}
QUIET_ZONE: Final[Sentence] = {
    "en": "In which time zone? Say for example “zone Berlin” first, then the quiet hours again.",
    "zh": "按哪个时区？先说比如“时区 上海”，再说一次免打扰的时间。",
}

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
HELD_QUIET: Final[Sentence] = {"en": "quiet hours", "zh": "免打扰"}
HELD_PENDING: Final[Sentence] = {"en": "reminders waiting for your answer", "zh": "等你回话的提醒"}

_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORKDAYS: Final = frozenset(range(5))


def said(sentence: Sentence, language: Language, **values: object) -> Words:
    """Return a sentence with its values, as a post says it."""
    return lines(text(sentence[language].format(**values)))


def cancelled_all(tasks: Sequence[str], language: Language) -> Words:
    """Say which reminders were cancelled at once, a line each."""
    if len(tasks) == 1:
        return said(CANCELLED, language, text=tasks[0])
    return lines(text(CANCELLED_ALL[language].format(count=len(tasks))), *(text(f"• {task}") for task in tasks))


def at_time(due: datetime, rule: Rule, language: Language, zone: str, now: datetime) -> str:
    """Return when something comes: an instant, or a rhythm with its first instant."""
    when = say_when(due, zone, language, now)
    if rule.repeat is Repeat.ONCE:
        return when
    return FIRST[language].format(rule=rule_words(rule, language), when=when)


def fire_words(name: str, task: str, language: Language, *, for_room: bool, alarm: bool = False) -> str:
    """Return what a reminder says in its host's name."""
    if alarm and not for_room:
        return FIRE_ALARM[language].format(name=name, text=task)
    if alarm:
        return "⏰ " + fire_words(name, task, language, for_room=True)
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
    return say_clock(local) if local.date() == today.date() else say_when(at, zone, language, now)


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
