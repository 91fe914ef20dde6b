"""Circles: one is made from a goal, and others come in by its link, its number or its QR code."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.circle import handler, store
from circles.features.circle.decide import NAME, NumberCircle

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="create",
            words={
                "en": (
                    *("create", "create a circle", "create circle", "new circle", "create a room", "create for"),
                    *("create a circle for", "create circle for", "new circle for", "create a room for"),
                    *("make a circle", "make a circle for", "create a new circle", "create a new circle for"),
                ),
                "zh": ("新建", "新建圈子", "新建一个圈子", "创建", "创建圈子", "建群", "建个群", "建圈子"),
            },
            handle=handler.create,
            help={"en": "create New Year visits – a new room", "zh": "新建 春节拜年 – 建个新圈子"},
            waiting=True,
            tool="Create a new circle, a room with the AI in it, for a goal. The argument is the goal.",
        ),
        Command(
            name="invite",
            words={
                "en": (
                    *(
                        "invite",
                        "invite link",
                        "link",
                        "qr",
                        "qr code",
                        "share link",
                        "get the link",
                        "give me the link",
                    ),
                    *(
                        "how do i invite someone",
                        "how can i invite someone",
                        "how can others join",
                        "how do people join",
                    ),
                    *(
                        "how can someone join",
                        "how do i invite people",
                        "give me an invite link",
                        "show me the qr code",
                    ),
                    *("can i get an invite link", "can i have the invite link", "send me the invite link"),
                ),
                "zh": (
                    *(
                        "邀请",
                        "邀请链接",
                        "链接",
                        "二维码",
                        "群号",
                        "给我邀请链接",
                        "给我链接",
                        "发个邀请链接",
                        "发邀请链接",
                    ),
                    *(
                        "怎么邀请",
                        "怎么邀请别人",
                        "怎么拉人",
                        "怎么进群",
                        "怎么加入",
                        "别人怎么加入",
                        "给我二维码",
                        "发个二维码",
                    ),
                    *("别人怎么进来", "发一下链接", "发一下二维码"),
                ),
            },
            handle=handler.invite,
            help={"en": "invite – link, number and QR code", "zh": "邀请 – 链接、号码、二维码"},
            waiting=True,
            about_circle=True,
            tool="Show the link, number and QR code by which others join this circle.",
        ),
    ),
    writers={NumberCircle: store.write},
)
