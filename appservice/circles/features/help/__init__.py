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
