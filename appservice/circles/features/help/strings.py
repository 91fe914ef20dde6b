"""What the AI says about itself: help, and the plain sentences for when something is not as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from circles.core.effects import Words
from circles.core.language import Language

TITLE: dict[Language, str] = {"en": "What you can say to me:", "zh": "可以对我说："}
MORE: dict[Language, str] = {
    "en": "help more – the rest. Works in private too.",
    "zh": "帮助 更多 – 其余的。私信我也行。",
}
FOOT: dict[Language, str] = {
    "en": "What you write to me in private, the room does not see.",
    "zh": "私信我，群里的人看不到。",
}


def help_words(lines: Sequence[tuple[str, str]], language: Language, *, more: bool) -> Words:
    """Return the help: one line a command, its example bold."""
    foot = FOOT[language] if more else MORE[language]
    rows = [TITLE[language], *(f"{example} – {meaning}" for example, meaning in lines), foot]
    bold = [
        f"<strong>{escape(TITLE[language])}</strong>",
        *(f"<strong>{escape(example)}</strong> – {escape(meaning)}" for example, meaning in lines),
        escape(foot),
    ]
    return Words("\n".join(rows), "<br>".join(bold))


def greeting(language: Language) -> Words:
    """Greet back, with where to begin."""
    return Words("你好！说“帮助”看我会什么。" if language == "zh" else "Hello! “help” shows what I can do.")


def farewell(language: Language) -> Words:
    """Say goodbye back."""
    return Words("再见！" if language == "zh" else "See you!")


def welcome(language: Language) -> Words:
    """Take thanks."""
    return Words("不客气！" if language == "zh" else "You're welcome!")


def unknown(language: Language, nearest: str) -> Words:
    """Say that a word is not known, with the nearest one that is."""
    if language == "zh":
        return Words(f"是想说“{nearest}”吗？说“帮助”看全部。" if nearest else "这个我没听懂。说“帮助”看我会什么。")
    return Words(
        f"Did you mean “{nearest}”? “help” shows everything."
        if nearest
        else "I don't know that word. “help” shows what I do."
    )


def problem(language: Language, reference: str | None) -> Words:
    """Say that it did not work. `reference` is also in the operator's log; None: it is not a fault of ours."""
    if language == "zh":
        return Words(f"这次没做成，请再试一次。（编号 {reference}）" if reference else "这样我做不到，换个说法试试？")
    if reference:
        return Words(f"That did not work just now. Please try again. (Reference {reference})")
    return Words("I can't do it that way. Could you put it differently?")


def stopped(language: Language) -> Words:
    """Say that the program is being stopped while it answers, and this answer will not come."""
    if language == "zh":
        return Words("我正好要停一下，这个问题没来得及答完。过一分钟再问我一次吧。")
    return Words("I'm being stopped just now and could not finish this. Ask me again in a minute.")


def late(language: Language) -> Words:
    """Say that a command came too late to be carried out."""
    if language == "zh":
        return Words("这句话到我这里晚了，我先不照做。还需要的话再说一次。")
    return Words("This reached me late, so I left it undone. Say it again if you still want it.")


def off_record(language: Language) -> Words:
    """Say that words which are off the record are not kept either."""
    if language == "zh":
        return Words("这里说好了“别记”，所以这句我不留。到别处对我说，我就记。")
    return Words("This is off the record, so I keep nothing of it. Say it to me outside, and I do.")


def waiting(language: Language) -> Words:
    """Say that nobody has chosen a policy yet."""
    if language == "zh":
        return Words("这里还没有定下我能看什么，请管理员先点一个，或说“规则”。")
    return Words("Nobody has chosen yet what I may look at here. An admin can tap one, or say “policy”.")


def no_circle(language: Language) -> Words:
    """Say that the person and the AI share no circle."""
    if language == "zh":
        return Words("我们还没有共同的圈子。请我进一个群，或说“新建 春节聚会”。")
    return Words("We share no circle yet. Invite me into a room, or say “create New Year visits”.")


def which_circle(language: Language, titles: tuple[str, ...], example: str) -> Words:
    """Ask which of several circles is meant; `example` is what the person said, with a number in it."""
    lines = [f"{number}. {title}" for number, title in enumerate(titles, 1)]
    if language == "zh":
        return Words("\n".join([f"是说哪个圈子？带上号码再说一遍，比如“{example}”。", *lines]))
    return Words("\n".join([f"Which circle? Say it again with its number, for example “{example}”.", *lines]))


def too_fast(language: Language) -> Words:
    """Say that it goes too fast."""
    if language == "zh":
        return Words("有点快，我歇一分钟再来。")
    return Words("That's a lot at once. Give me a minute.")


def enough(language: Language, hours: int, *, of_room: bool) -> Words:
    """Say that the budget for answers is used up, when it is back, and what still works."""
    if language == "zh":
        whose = "这个群" if of_room else "你"
        return Words(f"今天能回答{whose}的次数用完了，{hours} 小时后恢复。说“帮助”“不看我”“停”照样管用。")
    whose = "in this room" if of_room else "you"
    begin = f"That is all I can answer {whose} today; I'm back in {hours} h."
    return Words(f"{begin} “help”, “out” and “stop” still work.")


def circling(language: Language, minutes: int) -> Words:
    """Say that we seem to answer each other for ever, for how long it pauses, and what still works."""
    if language == "zh":
        return Words(f"我们好像在互相回个不停，我先停 {minutes} 分钟。说“帮助”“不看我”“停”照样管用。")
    begin = f"We seem to answer each other without end, so I pause for you here for {minutes} minutes."
    return Words(f"{begin} “help”, “out” and “stop” still work.")
