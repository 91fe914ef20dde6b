"""Notes: what someone asked to keep, with a link to where it was said."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.notes import handler, store
from circles.features.notes.decide import NAME, AddNote, DropNote

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="keep",
            words={
                "en": (
                    "keep",
                    "keep this",
                    "keep that",
                    "note",
                    "note that",
                    "note down",
                    "remember that",
                    "remember this",
                    *("please note", "please note that", "please remember that", "write down", "write down that"),
                    *("make a note", "make a note that", "take a note", "please keep", "can you remember that"),
                    *("note this down", "write this down", "please write down", "please note down", "add a note"),
                ),
                "zh": (
                    *("记下", "记下来", "记一下", "记住", "记录一下", "帮我记", "帮我记一下", "记笔记", "记个笔记"),
                    *(
                        "麻烦记一下",
                        "麻烦记下",
                        "麻烦记住",
                        "请记住",
                        "请记一下",
                        "请记下",
                        "帮我记下",
                        "帮我记下来",
                        "帮我记住",
                    ),
                    *("帮忙记一下", "帮忙记下", "记好", "加个笔记", "你记一下", "你记住"),
                ),
            },
            handle=handler.keep,
            lasting=True,
            help={"en": "keep dinner is at six – a note", "zh": "记下 六点吃饭 – 留个笔记"},
            keeps=True,
            tool="Keep a note for the room. The argument is the words to keep.",
        ),
        Command(
            name="notes",
            words={
                "en": (
                    "notes",
                    "show notes",
                    "list notes",
                    "show me the notes",
                    "show the notes",
                    "what notes are there",
                    *("list the notes", "see the notes", "my notes", "our notes", "what did you write down"),
                    *("what did you note", "what have you noted", "what did we note"),
                ),
                "zh": (
                    *("笔记", "记录", "看笔记", "看看笔记", "看一下笔记", "记了什么", "有哪些笔记", "有什么笔记"),
                    *("笔记有哪些", "列出笔记", "我们记了什么", "你记了什么", "查看笔记"),
                ),
            },
            handle=handler.show,
            help={"en": "notes – what was kept here", "zh": "笔记 – 这里记下的"},
            tool="List the notes kept in this room, with their numbers.",
        ),
        Command(
            name="unkeep",
            words={"en": ("unkeep", "drop", "drop note", "delete note"), "zh": ("删除", "删除笔记", "删掉", "不记了")},
            handle=handler.drop,
            help={"en": "drop 2 – delete note no. 2", "zh": "删除 2 – 删掉第 2 条笔记"},
            tool="Delete a note by its number.",
            unlisted=True,
        ),
    ),
    remake=handler.remake,
    writers=dict.fromkeys((AddNote, DropNote), store.write),
    forget=store.forget,
    forget_person=store.forget_person,
    forget_room=store.forget_room,
    follow=store.follow,
    held=store.held,
    confirmed=store.confirmed,
)
