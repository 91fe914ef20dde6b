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
                    "…remind me",
                    "…remind us",
                    "…remind everyone",
                ),
                "zh": (
                    *("提醒", "…提醒我", "…提醒大家", "…提醒所有人", "…点提醒", "…半提醒", "…后提醒"),
                    "…早上提醒",
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
                "en": ("alarm", "set an alarm", "please set an alarm", "set alarm", "keep reminding"),
                "zh": (
                    *("闹钟", "设闹钟", "设个闹钟", "定闹钟", "定个闹钟", "一直提醒"),
                    *("…设闹钟", "…设个闹钟", "…定闹钟", "…定个闹钟", "…一直提醒我", "…一直提醒大家"),
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
                    *("do i have reminders", "do i have any reminders", "what are my reminders"),
                ),
                "zh": (
                    *("提醒列表", "我的提醒", "有什么提醒", "有哪些提醒", "我有什么提醒", "我有哪些提醒", "看提醒"),
                    *("看看提醒", "看一下提醒", "查看提醒", "提醒有哪些", "我设了什么提醒", "我设了哪些提醒"),
                ),
            },
            handle=handler.show,
            help={"en": "reminders – what is set here", "zh": "提醒列表 – 有哪些提醒"},
            tool="List the asker's reminders and the room's, with their numbers.",
        ),
        Command(
            name="cancel",
            words={
                "en": ("cancel", "cancel reminder", "delete reminder", "remove reminder"),
                "zh": ("取消", "取消提醒", "删除提醒", "删掉提醒"),
            },
            handle=handler.change,
            help={"en": "cancel 2 – also: done 2, snooze 2", "zh": "取消 2 – 或 完成 2、稍后 2"},
            tool="Cancel a reminder by its number.",
        ),
        Command(
            name="done",
            words={"en": ("done",), "zh": ("完成", "做完了")},
            handle=handler.change,
            help={"en": "done 2 – tick off no. 2", "zh": "完成 2 – 第 2 条做完了"},
            tool="Tick a reminder off by its number.",
            unlisted=True,
        ),
        Command(
            name="snooze",
            words={"en": ("snooze",), "zh": ("稍后", "推迟")},
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
            words={"en": ("quiet hours", "do not disturb"), "zh": ("免打扰", "勿扰", "安静时间")},
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
            words={"en": ("zone", "time zone", "timezone", "my zone"), "zh": ("时区", "我的时区")},
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
