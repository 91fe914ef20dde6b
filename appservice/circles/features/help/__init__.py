"""Help: what one can say to the AI, on one phone screen."""

from circles.feature import Command, Feature
from circles.features.help.handler import show_help, show_unknown

FEATURE = Feature(
    name="help",
    purpose="help",
    commands=(
        Command(
            name="help",
            words={"en": ("help", "?"), "zh": ("帮助", "怎么用", "你会什么")},
            handle=show_help,
            help={"en": "help – this list", "zh": "帮助 – 看这张表"},
            waiting=True,
            resting=True,
            unlisted=True,
        ),
        Command(
            name="introduction",
            # Whole sentences only: "who are you visiting" is a question to the room.
            words={
                "en": (
                    *("what can you do", "what do you do", "what can i say", "what can i ask", "who are you"),
                    *("what are you", "how do you work", "how does this work"),
                ),
                "zh": ("你能做什么", "你能干什么", "你会做什么", "你会干什么", "你是谁", "你是什么", "你怎么用"),
            },
            handle=show_help,
            help={"en": "", "zh": ""},
            waiting=True,
            resting=True,
            whole=True,
            unlisted=True,
        ),
        Command(
            name="unknown",
            words={"en": (), "zh": ()},
            handle=show_unknown,
            help={"en": "", "zh": ""},
            waiting=True,
            resting=True,
            unlisted=True,
        ),
    ),
)
