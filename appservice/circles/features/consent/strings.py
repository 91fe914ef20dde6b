"""What the AI says about its rules, beside the texts `circles_policies` generates from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from circles.core import render
from circles.core.effects import Words
from circles.core.language import Language
from circles_policies.explain import Lang, Line, joint
from circles_policies.model import Level
from circles_policies.notices import NOT_YOURS_TO_DECIDE, Admission

NOT_INVITED = (
    "My operator lets me join only some people's rooms, and this is not one of them. Ask whoever runs me. "
    "管理我的人只让我进部分群，这里还不行；可以问问TA。"
)
NOT_WANTED = "You decided I'm not wanted here. Goodbye! 好的，我走了。"
VOTED_OUT = "Most of you voted that I leave. Goodbye! 大家投票让我离开，再见！"


def marked_up(lines: Sequence[Line], lang: Lang) -> Words:
    """Return generated lines as a post: labels bold, one line a row."""
    rows = [
        render.joined((render.bold(line.label), render.text(line.text)), joint(line, lang))
        if line.label
        else render.text(line.text)
        for line in lines
    ]
    return render.lines(*rows)


def admission(english: Admission, chinese: Admission, before: tuple[str, str, str] | None = None) -> Words:
    """Return the admission notice, in both languages: nobody has chosen one yet.

    `before`: in a room that goes on from another one, what held there in both languages, and the key that chooses it.
    """
    parts = [*_asked(english, before, "en"), *_asked(chinese, before, "zh")]
    return Words(
        "\n\n".join(part.body for part in parts),
        "<br><br>".join(part.html or render.escaped(part.body) for part in parts),
    )


def _asked(told: Admission, before: tuple[str, str, str] | None, lang: Lang) -> list[Words]:
    paragraphs = list(told.paragraphs)
    if before is not None:
        paragraphs.insert(1, (Line("", _goes_on(before, lang)),))
    return [marked_up(paragraph, lang) for paragraph in paragraphs]


def _goes_on(before: tuple[str, str, str], lang: Lang) -> str:
    english, chinese, key = before
    if lang == "zh":
        return f"这个群接着以前的群，那里是“{chinese}”。点 {key} 照旧。管理员点好以后，提醒、摘要和笔记会跟过来。"
    return (
        f"This room goes on from an earlier one, with “{english}”. {key} is as before. "
        "Reminders, digest and notes come along once an admin has tapped."
    )


def not_yours(language: Language) -> Words:
    """Return the kind line to whoever may not decide."""
    return Words(NOT_YOURS_TO_DECIDE[language])


def out(language: Language, *, entirely: bool, titles: Sequence[str], encrypted: bool = False) -> Words:
    """Tell a person that they are out, and how to come back. `encrypted`: it is so in one of the rooms."""
    where = _where(language, titles)
    if language == "zh":
        what = "你说的话我一概不看，对我说的也不看" if entirely else "你跟大家说的话我不看了；直接对我说的还算数"
        more = "" if entirely else "想连对我说的也不看，说“完全不看我”。"
        more += "加密的群里我连解密都不做：想叫我，请回复我的一条消息。" if encrypted else ""
        return Words(f"好的{where}：{what}。没有告诉任何人。用到你的话的回答我收回了。{more}想回来，说“可以看我”。")
    what = (
        "I look at nothing of yours, not even what you say to me"
        if entirely
        else "I skip what you say to others; what you say to me still counts"
    )
    more = "" if entirely else ' For nothing at all, say "not at all".'
    if encrypted:
        more += " Where the room is encrypted I don't even open it: to reach me there, reply to a message of mine."
    return Words(f'Done{where}. {what}. Nobody is told. Answers that used your words go.{more} To come back, say "in".')


def came_in(language: Language, titles: Sequence[str], *, barred: bool) -> Words:
    """Tell a person that they are in. `barred`: an admin keeps their words from the AI somewhere, which stands."""
    where = _where(language, titles)
    if language == "zh":
        if barred:
            return Words(f"记下了{where}。不过有群管理员让我别看你的话，那里我还是不看；可以问问管理员。")
        return Words(f"好的{where}：从现在起你说的话我可以看，以前的不看。想停，说“不看我”。")
    if barred:
        return Words(
            f"Noted{where}. But an admin asked me to skip your words, so there I still do; you could ask them."
        )
    return Words(f'Done{where}. I may look at what you say from now on, not at what came before. To stop, say "out".')


_STANDING: Final[dict[Level, dict[Language, str]]] = {
    Level.NONE: {"en": "you chose nothing, so the room's rules hold", "zh": "你没选过，按群里的规矩来"},
    Level.IN: {"en": "you said yes", "zh": "你说过可以看"},
    Level.OUT: {"en": "you are out; I skip what you say to others", "zh": "你选了不看，你跟大家说的话我不看"},
    Level.NOT_AT_ALL: {"en": "you are out entirely; I look at nothing of yours", "zh": "你选了完全不看，什么都不看"},
}


def standing(language: Language, rows: Sequence[tuple[str, Level]]) -> Words:
    """Tell a person what they chose in each circle, and nothing that somebody else decided."""
    if language == "zh":
        said = [f"{title}：{_STANDING[level][language]}" for title, level in rows] or ["我们还没有共同的圈子。"]
        return Words("\n".join([*said, "想改，私信我“不看我”或“可以看我”；“规则”说我能看什么。"]))
    said = [f"{title}: {_STANDING[level][language]}" for title, level in rows] or ["We share no circle yet."]
    return Words(
        "\n".join([*said, "To change it, tell me “out” or “in” in private; “policy” says what I may look at."])
    )


def say_in(language: Language) -> Words:
    """Say which word lets the AI look again."""
    if language == "zh":
        return Words("这个要你自己说：私信我“可以看我”，从那时起我才看。")
    return Words("That word is yours to say: tell me “in” in private, and I may look from then on.")


def leave_what(language: Language) -> Words:
    """Say in private what closes this chat and what keeps their talk from the AI, for "leave" may mean either."""
    if language == "zh":
        return Words("不想让我看你在群里说的话，说“不看我”。只想关掉我们的私聊，说“离开私聊”，我在群里看什么不会变。")
    return Words(
        "To keep your talk in the circles from me, say “out”. To close only this chat of ours, say “leave this chat”; "
        "that changes nothing about what I look at."
    )


def _where(language: Language, titles: Sequence[str]) -> str:
    if not titles:
        return ""
    return f"（{'、'.join(titles)}）" if language == "zh" else f" ({', '.join(titles)})"


def kept_out(language: Language, name: str) -> Words:
    """Tell an admin that a person is kept out."""
    if language == "zh":
        return Words(f"好的，{name} 说的话我不看了，群里没有提示。想恢复，私信我“不再拦 {name}”。")
    return Words(f'Done. I skip what {name} says; the room is not told. To undo it, tell me "let back {name}".')


def let_back(language: Language, name: str) -> Words:
    """Tell an admin that a person is no longer kept out."""
    if language == "zh":
        return Words(f"好的，不再拦 {name} 了；TA 自己选过什么，照 TA 的。")
    return Words(f"Done. I no longer keep {name} out; whatever they chose themselves stands.")


def who_is_it(language: Language) -> Words:
    """Ask for a name that can be found."""
    if language == "zh":
        return Words("没找到这个人。请写群里显示的名字，或 @id。")
    return Words("I can't find that person here. Use their name as the room shows it, or their @id.")


def offer(language: Language) -> Words:
    """Introduce the options of a change."""
    if language == "zh":
        return Words("想换一种？请管理员点一个：")
    return Words("Another one? An admin may tap:")


def no_such_policy(language: Language) -> Words:
    """Say which words name a policy."""
    if language == "zh":
        return Words("没有这一种。可以说“规则 叫它才翻看”，或：休息、只看对它说的话、谁同意看谁的、群笔记。")
    return Words('I don\'t know that one. Say "policy on call", or: resting, addressed, agreed, notebook.')


def no_such_model(language: Language, names: Sequence[str]) -> Words:
    """Say which models a circle may choose."""
    if language == "zh":
        return Words(f"没有这个模型，可以选：{'、'.join(names)}。")
    return Words(f"I don't know that model. You can choose: {', '.join(names)}.")


def models(language: Language, names: Sequence[str]) -> Line:
    """Say how an admin chooses a model."""
    if language == "zh":
        return Line("模型：", f"说“规则 用 {names[0]}”，可以选：{'、'.join(names)}")
    return Line("Model:", f'say "policy with {names[0]}"; you can choose {", ".join(names)}.')


def same_policy(language: Language, name: str) -> Words:
    """Say that nothing changes."""
    return Words(f"已经是“{name}”了。" if language == "zh" else f"It is “{name}” already.")


def unreadable_policy(language: Language, path: str, advice: str) -> Words:
    """Say that a policy somebody wrote cannot be read, and that nothing is looked at until one can be."""
    if language == "zh":
        return Words(f"有人写的规则我读不懂（{path}：{advice}），所以现在什么都不看。请管理员再选一次，或说“规则”。")
    return Words(
        f"I can't read the policy that was set ({path}: {advice}) "
        "So I look at nothing. An admin can choose again: say “policy”."
    )


def withdrawn(language: Language) -> Words:
    """Say that a change is called off."""
    return Words(
        "好的，前面说的那个改动取消了。" if language == "zh" else "All right, the announced change is called off."
    )


def deleted(language: Language) -> Words:
    """Say that what is no longer to be kept is gone."""
    if language == "zh":
        return Words("删好了：按新规矩不该留的消息，我这里都没有了。")
    return Words("Deleted: I no longer hold the messages that the new rules don't let me keep.")


def undone(language: Language) -> Words:
    """Say that a tighter keeping was undone before anything was deleted."""
    if language == "zh":
        return Words("已恢复，什么都没删；改动之间说的话我不留。")
    return Words("Undone; nothing was deleted. What was said in between I don't keep.")


def nothing_in_force(language: Language) -> Words:
    """Say in the banner's place that no policy is in force any more."""
    if language == "zh":
        return Words("现在没有规则：我什么都不看，也不记。管理员说“规则”，就可以再选。")
    return Words(
        "No rules now: I look at nothing. I keep nothing new either. An admin can say “policy” to choose again."
    )


def no_policy(language: Language) -> Words:
    """Answer that no policy is in force."""
    if language == "zh":
        return Words("还没有人定规则：我什么都不看，也不记。")
    return Words("Nobody has chosen yet: I look at nothing and keep nothing.")


def in_the_room(language: Language) -> Words:
    """Say where a policy is chosen."""
    if language == "zh":
        return Words("想换，请管理员到群里说“规则”，这样大家都看得到。")
    return Words("To change it, an admin says “policy” in the room itself, where everyone sees it.")


def policy_set(language: Language, name: str) -> Words:
    """Say that a policy is in force from now on."""
    return Words(f"好的，从现在起：“{name}”。" if language == "zh" else f"Done. From now on: “{name}”.")


def nobody_decides(language: Language) -> Words:
    """Say what is missing where everyone may change everything, so that nobody's word is more than another's."""
    if language == "zh":
        return Words(
            "这个群里人人都能改设置，所以谁说了都不算。请在群设置的“角色和权限”里，只让管理员改设置，再点一次。"
        )
    return Words(
        "Here everyone may change the settings, so nobody's choice would count. "
        "In the room's settings, under Roles & Permissions, let only admins change settings; then tap again."
    )


def nothing_to_switch_off(language: Language) -> Words:
    """Say in a direct message that `off` is for circles."""
    if language == "zh":
        return Words(
            "私信里我只看你对我说的话，没什么可关的。要我在群里休息，请管理员到群里说“休息”；只是不想被看，说“不看我”。"
        )
    return Words(
        "In private I look only at what you say to me, so there is nothing to switch off. "
        "To let me rest in a circle, an admin says “off” there. To keep your own talk from me, say “out”."
    )


def pin_please(language: Language) -> Words:
    """Ask an admin to pin the banner."""
    if language == "zh":
        return Words("我没有置顶的权限。管理员愿意的话，请把上面这条置顶，大家都找得到。")
    return Words("I can't pin here. If an admin pins the message above, everyone can find it.")


def vote(language: Language, name: str, *, bare: bool) -> Words:
    """Ask everyone whether the AI should leave; after a bare "leave", which may mean oneself, say how that goes."""
    if language == "zh":
        said = f"{name} 提议让我离开。同意的点 ✅，过半数我就走。"
        return Words(
            f"{said}\n{name}，如果是你自己想走：私信我“不看我”，或者在聊天软件里退出这个群。" if bare else said
        )
    said = f"{name} suggests that I leave. Tap ✅ if you agree; with more than half I go."
    own = f"{name}, if you meant yourself: tell me “out” in private, or leave the room in your app."
    return Words(f"{said}\n{own}" if bare else said)


def goodbye(language: Language) -> Words:
    """Say goodbye."""
    if language == "zh":
        return Words("好的，我走了。提醒都停了，留下的消息也删了。想再用，再请我就行。")
    return Words(
        "All right, I'm leaving. Reminders end and kept messages are deleted. Invite me again whenever you like."
    )


def resting(language: Language) -> Words:
    """Say that the AI rests."""
    if language == "zh":
        return Words("好的，我休息：什么都不看、不记。你设的提醒照常。要我回来，说“规则”。")
    return Words(
        "All right, I'm resting: I look at nothing and keep nothing new. "
        "Reminders you set still come. “policy” wakes me."
    )


def stopped(language: Language) -> Words:
    """Say that what was being answered is dropped."""
    return Words("好，停了。" if language == "zh" else "Stopped.")


def speaks(language: Language) -> Words:
    """Say which language the room speaks now."""
    return Words("好的，以后在这里说中文。" if language == "zh" else "All right, English it is here.")


def which_language(language: Language) -> Words:
    """Say which languages there are."""
    return Words(
        "可以说“语言 中文”或“语言 英文”。" if language == "zh" else "Say “language English” or “language Chinese”."
    )
