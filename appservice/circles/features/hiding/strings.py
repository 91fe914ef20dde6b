"""What the AI says about a message that is kept from it."""

from __future__ import annotations

from circles.core.effects import Words
from circles.core.language import Language


def hidden(language: Language) -> Words:
    """Say that a message is hidden."""
    if language == "zh":
        return Words("好的，这句我不看。想恢复，回复那句说“可以看这句”。")
    return Words("Done, I leave that one out. To undo it, reply “unhide” to it.")


def hide_what(language: Language) -> Words:
    """Say how to hide a message."""
    if language == "zh":
        return Words("请用“回复”选中那句话，再说“这句别看”；或给它点 🙈。")
    return Words('Reply to the message with "hide", or put 🙈 on it.')


def unhide_what(language: Language) -> Words:
    """Say how to undo it."""
    if language == "zh":
        return Words("请用“回复”选中那句话，再说“可以看这句”；自己点的 🙈，取消就行。")
    return Words('Reply to the message with "unhide"; a 🙈 of your own you can also just take off.')


def unhidden(language: Language) -> Words:
    """Say that a message may be looked at again."""
    if language == "zh":
        return Words("好的，这句又可以看了。收回的回答不会再发。")
    return Words("Done, I may look at that one again. Answers that were taken back stay gone.")


def still_hidden(language: Language) -> Words:
    """Say that somebody else's mark stays."""
    if language == "zh":
        return Words("你的撤了。还有别人也不让看，所以这句我还是不看。")
    return Words("Yours is off. Someone else hid it too, so I still leave that one out.")


def not_hidden(language: Language) -> Words:
    """Say that nothing is on the message."""
    if language == "zh":
        return Words("这句没有人藏过。")
    return Words("That one is not hidden.")


def not_yours(language: Language) -> Words:
    """Say who may undo it."""
    if language == "zh":
        return Words("这句是别人藏的。TA 自己可以恢复，写这句的人也可以；作者自己藏的，只有作者能恢复。")
    return Words(
        "Someone else hid that one. They can undo it, or whoever wrote it; what its author hid, only they can."
    )


def too_many(language: Language, most: int) -> Words:
    """Say that the day's 🙈 are used up."""
    if language == "zh":
        return Words(f"今天的 {most} 个 🙈 用完了，这句没能藏起来。明天还能点；不想被看，说“不看我”。")
    return Words(
        f"Today's {most} 🙈 are used up, so that one is not hidden. There are more tomorrow; "
        '"out" keeps all of yours from me.'
    )
