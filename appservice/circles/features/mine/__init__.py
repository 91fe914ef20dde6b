"""Mine: what is held about me here or everywhere, shown to me alone, handed over as files, and forgotten
when I say so.
"""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.mine import handler, store
from circles.features.mine.control import control
from circles.features.mine.decide import ASKING, NAME, SHOWN

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="me",
            # "me" and "我的" alone are control words; as a form they would take "我的票在哪" for themselves.
            words={
                "en": (
                    "my data",
                    "what do you know about me",
                    "what do you hold about me",
                    "what have you kept about me",
                    *("what do you keep about me", "what do you have about me", "what do you store about me"),
                    *("show me my data", "show my data", "what data do you have about me", "what do you have on me"),
                ),
                "zh": (
                    *("我的数据", "你知道我什么", "你知道我的什么", "你留了我什么", "你记了我什么", "你都记了我什么"),
                    *(
                        "你存了我的什么",
                        "你存了我什么",
                        "你保存了我什么",
                        "你都知道我什么",
                        "你了解我什么",
                        "你有我的什么",
                    ),
                ),
            },
            handle=handler.show,
            help={"en": "me – what I hold about you", "zh": "我的 – 我留了你的什么"},
            waiting=True,
            resting=True,
        ),
        Command(
            name="export",
            words={
                "en": ("export me", "export my data", "my data as files", "download my data", "give me my data"),
                "zh": ("导出我的数据", "导出我的", "我的数据导出"),
            },
            handle=handler.export,
            help={"en": "export me – all of it as files", "zh": "导出我的 – 全部存成文件"},
            waiting=True,
            resting=True,
        ),
        Command(
            name="forget",
            words={
                "en": (
                    *("forget me", "forget everything", "delete my data", "delete everything about me"),
                    *("forget everything about me", "erase my data", "delete everything you have about me"),
                    *("forget all about me", "delete what you have about me", "remove my data"),
                ),
                "zh": (
                    "忘了我",
                    "忘记我",
                    "忘掉我",
                    "把我忘了",
                    "把我的都忘了",
                    "把我的都删了",
                    "删掉我的数据",
                    "全部删除",
                    "删除我的数据",
                    "把我的东西都删掉",
                    "把我的数据都删掉",
                ),
            },
            handle=handler.forget,
            help={"en": "forget me – I delete what I hold", "zh": "忘了我 – 删掉你的一切"},
            waiting=True,
            resting=True,
        ),
    ),
    control=control,
    fire=handler.left,
    taps={SHOWN: handler.tapped_list, ASKING: handler.tapped_question},
    remake=handler.remake,
    forget=store.forget,
    forget_person=store.forget_person,
)
