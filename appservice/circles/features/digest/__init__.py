"""The digest: once a day or a week, what comes, what was confirmed and, where allowed, what was talked about."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.digest import handler, store
from circles.features.digest.decide import NAME, DropDigest, NextDigest, SaveDigest, TouchDigest

FEATURE: Final = Feature(
    name=NAME,
    purpose="digest",
    commands=(
        Command(
            name="digest",
            words={"en": ("digest",), "zh": ("摘要", "日报", "周报")},
            handle=handler.configure,
            lasting=True,
            help={"en": "digest daily at 20:00 – or off, now", "zh": "日报 每晚八点 – 定时摘要"},
            slow=True,
            tool="Show, set or end the room's digest ('daily at 20:00', 'weekly on Sunday at 18:00', 'off'), or 'now'.",
        ),
    ),
    taps={"digest": handler.tapped},
    fire=handler.fire,
    remake=handler.remake,
    writers=dict.fromkeys((SaveDigest, NextDigest, TouchDigest, DropDigest), store.write),
    forget_person=store.forget_person,
    forget_room=store.forget_room,
    follow=store.follow,
    held=store.held,
)
