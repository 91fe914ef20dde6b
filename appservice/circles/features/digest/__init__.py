"""The digest: once a day or a week, what comes, what was confirmed and, where allowed, what was talked about."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.digest import handler, store
from circles.features.digest.decide import (
    ASKS_ZONE,
    NAME,
    DropDigest,
    NextDigest,
    SaveDigest,
    TouchDigest,
    zone_answer,
)

FEATURE: Final = Feature(
    name=NAME,
    purpose="digest",
    commands=(
        Command(
            name="digest",
            words={
                "en": (
                    *(
                        "digest",
                        "stop the digest",
                        "stop digest",
                        "no more digest",
                        "no more digests",
                        "end the digest",
                    ),
                    *("turn off the digest", "stop sending the digest", "cancel the digest", "no digest"),
                    *("daily digest", "weekly digest", "set up a digest", "send a digest", "send us a digest"),
                    *("post a digest", "please send a digest", "give us a digest", "make a digest", "i want a digest"),
                ),
                "zh": (
                    *("摘要", "日报", "周报", "别发摘要", "不要发摘要", "停止摘要", "停掉摘要", "关掉摘要", "别发日报"),
                    *(
                        "不要发日报",
                        "停止日报",
                        "关掉日报",
                        "别发周报",
                        "…发摘要",
                        "…发日报",
                        "…发个摘要",
                        "…发个日报",
                        "…发周报",
                        "停掉日报",
                        "停掉周报",
                        "关掉周报",
                        "取消摘要",
                        "取消日报",
                    ),
                ),
            },
            handle=handler.configure,
            lasting=True,
            help={"en": "digest daily at 20:00 – or off, now", "zh": "日报 每晚八点 – 定时摘要"},
            slow=True,
            tool="Show, set or end the room's digest ('daily at 20:00', 'weekly on Sunday at 18:00', 'off'), or 'now'.",
        ),
    ),
    taps={"digest": handler.tapped},
    answers={ASKS_ZONE: zone_answer},
    fire=handler.fire,
    remake=handler.remake,
    writers=dict.fromkeys((SaveDigest, NextDigest, TouchDigest, DropDigest), store.write),
    forget_person=store.forget_person,
    forget_room=store.forget_room,
    follow=store.follow,
    held=store.held,
)
