"""Reminders: what someone asked to be told again, at its hour, in their name."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.reminders import handler, store, words
from circles.features.reminders.control import control
from circles.features.reminders.values import (
    NAME,
    AddPending,
    AddReminder,
    ChangeReminder,
    DropPending,
    DropReminder,
    RememberQuiet,
    RememberRoomZone,
    RememberZone,
)

FEATURE: Final = Feature(
    name=NAME,
    purpose="reminders",
    commands=(
        Command(
            name="remind",
            words={
                "en": (
                    "remind",
                    "please remind",
                    "can you remind",
                    "could you remind",
                    "set a reminder",
                    "make a reminder",
                    "create a reminder",
                    "add a reminder",
                    "don't let me forget",
                    "…remind me",
                    "…remind us",
                    "…remind everyone",
                ),
                "zh": (
                    *("提醒", "…提醒我", "…提醒大家", "…提醒所有人", "…点提醒", "…半提醒", "…后提醒"),
                    "…早上提醒",
                    "设个提醒",
                    "设一个提醒",
                    "设提醒",
                    "加个提醒",
                    *("…上午提醒", "…中午提醒", "…下午提醒", "…晚上提醒", "…天提醒"),
                ),
            },
            handle=handler.remind,
            lasting=True,
            help={
                "en": "remind me at 9 to call – also: us",
                "zh": "提醒我明早九点开会 – 或大家",
            },
            keeps=True,
            tool="Set a reminder for the asker or the room: 'remind me <when> to <what>' or 'remind us …'.",
        ),
        Command(
            name="alarm",
            words={
                "en": (
                    *(
                        "alarm",
                        "set an alarm",
                        "please set an alarm",
                        "set alarm",
                        "keep reminding",
                        "wake me",
                        "wake me up",
                    ),
                ),
                "zh": (
                    *("闹钟", "设闹钟", "设个闹钟", "定闹钟", "定个闹钟", "一直提醒"),
                    *("…设闹钟", "…设个闹钟", "…定闹钟", "…定个闹钟", "…一直提醒我", "…一直提醒大家"),
                    *("…叫我起床", "…叫醒我", "…喊我起床"),
                ),
            },
            handle=handler.remind,
            lasting=True,
            help={"en": "alarm at 7 – rings until you stop", "zh": "闹钟 明早七点 – 响到你按停"},
            tool="Set an alarm that rings every few minutes until it is silenced: 'alarm <when> <what>'.",
            unlisted=True,
        ),
        Command(
            name="reminders",
            words={
                "en": (
                    *("reminders", "my reminders", "list reminders", "show reminders", "show my reminders"),
                    *("show me my reminders", "show me the reminders", "show the reminders", "list my reminders"),
                    *("what reminders do i have", "what reminders are there", "which reminders", "any reminders"),
                    *("what are the reminders", "what did i ask you to remind me of", "what will you remind me of"),
                    *("show all reminders", "list all reminders", "list the reminders", "what's coming up"),
                    *("do i have reminders", "do i have any reminders", "what are my reminders"),
                ),
                "zh": (
                    *("提醒列表", "我的提醒", "有什么提醒", "有哪些提醒", "我有什么提醒", "我有哪些提醒", "看提醒"),
                    *("看看提醒", "看一下提醒", "查看提醒", "提醒有哪些", "我设了什么提醒", "我设了哪些提醒"),
                    *("列出提醒", "列出我的提醒", "所有提醒", "全部提醒", "提醒清单", "提醒有什么", "显示提醒"),
                ),
            },
            handle=handler.show,
            help={"en": "reminders – what is set here", "zh": "提醒列表 – 有哪些提醒"},
            tool="List the asker's reminders and the room's, with their numbers.",
        ),
        Command(
            name="cancel",
            words={
                "en": (
                    *("cancel", "cancel reminder", "delete reminder", "remove reminder", "delete the reminder"),
                    *("remove the reminder", "don't remind me about", "stop reminding me about", "don't remind me of"),
                    *("forget the reminder", "forget about the reminder", "please cancel", "i don't need the reminder"),
                ),
                "zh": (
                    *(
                        "取消",
                        "取消提醒",
                        "删除提醒",
                        "删掉提醒",
                        "不用提醒我",
                        "不用提醒",
                        "别提醒我",
                        "不要提醒我",
                        "去掉提醒",
                    ),
                    *("帮我取消", "请取消", "删掉第", "取消第"),
                ),
            },
            handle=handler.change,
            help={"en": "cancel 2 – also: done 2, snooze 2", "zh": "取消 2 – 或 完成 2、稍后 2"},
            tool="Cancel a reminder by its number.",
        ),
        Command(
            name="done",
            words={
                "en": ("done", "tick off", "mark done"),
                "zh": ("完成", "做完了", "做好了", "已完成", "办好了", "搞定"),
            },
            handle=handler.change,
            help={"en": "done 2 – tick off no. 2", "zh": "完成 2 – 第 2 条做完了"},
            tool="Tick a reminder off by its number.",
            unlisted=True,
        ),
        Command(
            name="snooze",
            words={
                "en": ("snooze", "postpone", "reschedule", "move reminder", "remind me later"),
                "zh": ("稍后", "推迟", "延后", "晚点再提醒", "晚点提醒我", "过会儿再提醒"),
            },
            handle=handler.change,
            help={"en": "snooze 2 1 hour – later", "zh": "稍后 2 一小时 – 晚点再提醒"},
            tool="Put a reminder off: its number, then how long or until when.",
            unlisted=True,
        ),
        Command(
            name="pause",
            words={"en": ("pause",), "zh": ("暂停",)},
            handle=handler.change,
            help={"en": "pause 2 until Monday", "zh": "暂停 2 到周一 – 先不提醒"},
            tool="Pause a reminder: its number, then until when, or nothing for until it is resumed.",
            unlisted=True,
        ),
        Command(
            name="resume",
            words={"en": ("resume",), "zh": ("恢复", "继续提醒")},
            handle=handler.change,
            help={"en": "resume 2 – no. 2 goes on", "zh": "恢复 2 – 第 2 条继续提醒"},
            tool="Let a paused reminder go on, by its number.",
            unlisted=True,
        ),
        Command(
            name="quiet",
            words={
                "en": ("quiet hours", "do not disturb", "don't disturb me", "don't disturb"),
                "zh": ("免打扰", "勿扰", "安静时间", "…别吵我", "…别打扰我", "…不要打扰我", "…不要吵我"),
            },
            handle=handler.quiet,
            lasting=True,
            help={"en": "quiet hours 22:00 to 8:00", "zh": "免打扰 22:00 到 8:00"},
            unlisted=True,
        ),
        Command(
            name="pick",
            words={"en": ("pick",), "zh": ("选",)},
            handle=handler.pick,
            help={"en": "pick 1 – the first offered time", "zh": "选 1 – 选第一个时间"},
            unlisted=True,
        ),
        Command(
            name="zone",
            words={
                "en": (
                    *("zone", "time zone", "timezone", "my zone", "my time zone", "my time zone is", "my timezone is"),
                    *(
                        "what's my time zone",
                        "what is my time zone",
                        "which time zone do i have",
                        "set my time zone to",
                    ),
                    *("change my time zone to", "my timezone", "set my timezone to", "my zone is"),
                ),
                "zh": (
                    "时区",
                    "我的时区",
                    "我的时区是",
                    "我的时区是什么",
                    "我是什么时区",
                    "时区改成",
                    "把时区改成",
                    "我的时区改成",
                ),
            },
            handle=handler.zone,
            lasting=True,
            help={"en": "zone Berlin – your time zone", "zh": "时区 上海 – 你的时区"},
        ),
        Command(
            name="room-zone",
            words={"en": ("room zone", "room time zone"), "zh": ("群时区", "房间时区")},
            handle=handler.room_zone,
            lasting=True,
            help={"en": "room zone Berlin – the room's", "zh": "群时区 上海 – 群的时区"},
            unlisted=True,
        ),
    ),
    taps={"reminder": handler.tapped, "reminder-choice": handler.tapped_choice},
    answers={
        "reminder-zone": words.zone_answer,
        "reminder-choice": words.choice_answer,
        "reminder-which": words.which_answer,
    },
    fire=handler.fire,
    control=control,
    remake=handler.remake,
    writers=dict.fromkeys(
        (
            *(AddReminder, ChangeReminder, DropReminder, AddPending, DropPending),
            *(RememberZone, RememberRoomZone, RememberQuiet),
        ),
        store.write,
    ),
    forget=store.forget,
    forget_person=store.forget_person,
    forget_room=store.forget_room,
    follow=store.follow,
    held=store.held,
    coming=store.coming,
)
