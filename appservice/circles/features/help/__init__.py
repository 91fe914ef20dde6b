"""Help: what one can say to the AI, on one phone screen."""

from circles.feature import Command, Feature
from circles.features.help.handler import greet, part, show_help, show_unknown, welcome

FEATURE = Feature(
    name="help",
    purpose="help",
    commands=(
        Command(
            name="help",
            words={"en": ("help", "?", "commands"), "zh": ("帮助", "怎么用", "你会什么", "有哪些命令")},
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
                    *("what are you", "how do you work", "how does this work", "how do i use you", "how do i use this"),
                    *("how can i use you", "what commands are there", "what can i do here", "show commands"),
                    *("can you help me", "i need help", "what can circle do", "introduce yourself"),
                ),
                "zh": (
                    *("你能做什么", "你能干什么", "你会做什么", "你会干什么", "你是谁", "你是什么", "你怎么用"),
                    *(
                        "救命",
                        "怎么使用",
                        "这个怎么用",
                        "你能帮我什么",
                        "你有什么功能",
                        "有什么功能",
                        "你都会什么",
                        "介绍一下你自己",
                    ),
                    *("命令", "指令", "有什么命令", "能帮我吗", "帮帮我"),
                ),
            },
            handle=show_help,
            help={"en": "", "zh": ""},
            waiting=True,
            resting=True,
            whole=True,
            unlisted=True,
        ),
        Command(
            name="greeting",
            words={
                "en": (
                    *("hi", "hello", "hey", "hi there", "hello there", "good morning", "good evening", "good night"),
                    *("hi circle", "hello circle", "hey circle", "hey there", "are you there"),
                ),
                "zh": (
                    *("你好", "你好啊", "嗨", "嘿", "哈喽", "早", "早上好", "早安", "晚上好", "晚安"),
                    *("在吗", "在不在", "嘿小圈", "嗨小圈", "你好小圈", "喂小圈", "大家好"),
                ),
            },
            handle=greet,
            help={"en": "", "zh": ""},
            waiting=True,
            whole=True,
            unlisted=True,
        ),
        Command(
            name="farewell",
            words={
                "en": ("bye", "goodbye", "bye bye", "see you", "see you later", "see you soon", "bye circle"),
                "zh": ("再见", "拜拜", "回头见", "下次见", "再见小圈", "拜拜小圈"),
            },
            handle=part,
            help={"en": "", "zh": ""},
            waiting=True,
            whole=True,
            unlisted=True,
        ),
        Command(
            name="thanks",
            words={
                "en": (
                    *(
                        "thanks",
                        "thank you",
                        "thx",
                        "ty",
                        "cheers",
                        "thanks a lot",
                        "thank you very much",
                        "many thanks",
                    ),
                    *("thanks so much", "thank you so much", "great thanks", "ok thanks", "well done", "good job"),
                ),
                "zh": (
                    "谢谢",
                    "谢谢你",
                    "谢谢啦",
                    "谢谢小圈",
                    "多谢",
                    "谢了",
                    "感谢",
                    "辛苦了",
                    "太好了谢谢",
                    "好的谢谢",
                ),
            },
            handle=welcome,
            help={"en": "", "zh": ""},
            waiting=True,
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
