"""Mine: what is held about me here or everywhere, shown to me alone, and forgotten when I say so."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.mine import handler, store
from circles.features.mine.decide import ASKING, NAME, SHOWN

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="me",
            words={"en": ("me", "about me", "my data"), "zh": ("我的", "我的数据", "关于我")},
            handle=handler.show,
            help={"en": "me – what I hold about you", "zh": "我的 – 我留了你的什么"},
            waiting=True,
            resting=True,
        ),
        Command(
            name="forget",
            words={
                "en": ("forget me", "forget everything", "delete my data", "me forget"),
                "zh": ("忘了我", "忘记我", "全部删除", "删除我的数据", "我的 忘了"),
            },
            handle=handler.forget,
            help={"en": "forget me – I delete what I hold", "zh": "忘了我 – 删掉你的一切"},
            waiting=True,
            resting=True,
        ),
    ),
    taps={SHOWN: handler.tapped_list, ASKING: handler.tapped_question},
    forget=store.forget,
    forget_person=store.forget_person,
)
