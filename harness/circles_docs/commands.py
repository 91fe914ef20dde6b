"""docs/reference/commands.md: what people can say and tap, in both languages, from the registry."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from circles.core.language import Language
from circles.feature import Command
from circles.features.consent.decide import PRESET_WORDS
from circles.features.digest import strings as digest
from circles.features.mine.decide import FORGET_KEY, YES_KEY
from circles.features.reminders import strings as reminders
from circles.registry import FEATURES
from circles_docs.markdown import code, codes, head, sentence, table
from circles_policies.events import HIDE_KEY
from circles_policies.explain import preset_name
from circles_policies.notices import OPTION_KEYS, REFUSE_KEY
from circles_policies.words import ALONE, WITH_ARGUMENT, ControlWord

HIDDEN = ("unknown",)
"""Commands nobody says: what the program runs when it did not understand."""

_ADDRESS = """\
Speak to the AI in any of these ways; none of them needs a special client.

| where | how |
|---|---|
| in a room | its pill, `@Circle …`, `Circle: …`, `小圈 …`, or `!circle …` |
| in a room | a reply to one of its messages |
| in a thread | under one of its messages |
| in a direct message | just say it |

`!circle` is for commands only: an unknown word after it is answered with the nearest one.
Said in any other way, what is no command is taken as a question.
An edit, a notice and another program never make it act.
In a direct message about one of several circles, put the circle's number or name after the command."""

_NOTES = """\
*Anywhere*: the form may stand anywhere in the sentence.
*Before a policy*: works in a room also while nobody has chosen a policy, and while the AI rests.
*Asks which circle*: in a direct message it is about one of the circles you share with the AI."""

_CONTROL = """\
A control word is obeyed under every policy, also under none, the moment it arrives.
It reaches no model and is not kept.
It counts only as the whole of what is said to the AI, politeness aside: "in 5 minutes remind me" is not `in`.
A form that ends with … takes a few words more."""

_CONTROL_MEANS = {
    ControlWord.ENABLE: "shows the choices; with the name of a policy, an admin chooses it",
    ControlWord.POLICY: "shows what is in force and the choices; with a name, an admin chooses it",
    ControlWord.OUT: "your talk is not looked at; what you say to the AI counts",
    ControlWord.NOT_AT_ALL: "nothing of yours is looked at, control words excepted",
    ControlWord.IN: "you said yes, from now on",
    ControlWord.KEEP_OUT: "an admin keeps somebody's talk from the AI",
    ControlWord.LET_BACK: "an admin ends that; the person's own choice stands",
    ControlWord.HIDE: "as a reply: the AI leaves that message out",
    ControlWord.UNHIDE: "as a reply: undoes that, for who hid it, for the author, and for who decides",
    ControlWord.OFF_RECORD: "in a thread: all of it is off the record; in a room: everybody's talk, for a time",
    ControlWord.ON_RECORD: "ends that, for whoever asked for it or decides",
    ControlWord.ME: "what is held about you, for you alone",
    ControlWord.WHY: "as a reply: what an answer rests on, and where text went",
    ControlWord.OFF: "an admin lets the AI rest",
    ControlWord.STOP: "drops what is being answered: yours, or for an admin everyone's",
    ControlWord.LEAVE: "an admin sends the AI away; anyone else starts a vote",
    ControlWord.HELP: "what one can say",
}

_TIMED: Final = ("off record for an hour", "接下来一小时别看")
"""Any length of time may stand there."""


def page(root: Path) -> str:
    """Return the page."""
    text = head("Commands", "What members can say to the AI and tap, in English and Chinese.", _ADDRESS, _NOTES)
    for feature in FEATURES:
        shown = [command for command in feature.commands if command.name not in HIDDEN]
        if not shown:
            continue
        text += f"\n## {feature.name}\n\n"
        about = sentence(import_module(f"circles.features.{feature.name}").__doc__)
        text += f"{about}\n"
        if (root / f"docs/howto/{feature.name}.md").exists():
            text += f"How to use it: [{feature.name}](../howto/{feature.name}.md).\n"
        rows = [
            (code(command.name), _forms(command, "en"), _forms(command, "zh"), _help(command), _notes(command))
            for command in shown
        ]
        text += "\n" + table(("command", "English", "中文", "what it does", "notes"), rows)
    text += f"\n## Control words\n\n{_CONTROL}\n\n"
    words = [(code(word.value), codes(_control_forms(word)), _CONTROL_MEANS[word]) for word in ControlWord]
    text += table(("word", "forms", "what it does"), words)
    text += (
        "\n## Names of policies\n\nAfter `policy` (`规则`) or `enable` (`启用`), said by someone who may decide.\n\n"
    )
    names = [
        (code(key.value), preset_name(key, "en"), preset_name(key, "zh"), codes(forms))
        for key, forms in PRESET_WORDS.items()
    ]
    text += table(("key", "English", "中文", "also"), names)
    return text + _reactions()


def _control_forms(word: ControlWord) -> list[str]:
    longer = WITH_ARGUMENT.get(word, (0, ()))[1]
    timed = _TIMED if word is ControlWord.OFF_RECORD else ()
    return [*ALONE.get(word, ()), *timed, *(f"{form} …" for form in longer)]


def _forms(command: Command, language: Language) -> str:
    forms = [form for form in command.words.get(language, ()) if not form.startswith("…")]
    if command.name in {word.value for word in ControlWord}:
        own = _control_forms(ControlWord(command.name))
        more = [form for form in forms if f"{form} …" not in own]
        english = language == "en"
        forms = list(dict.fromkeys([*(form for form in own if _is_english(form) is english), *more]))
    anywhere = [form.removeprefix("…") for form in command.words.get(language, ()) if form.startswith("…")]
    return codes(forms) + (f"; anywhere: {codes(anywhere)}" if anywhere else "")


def _is_english(form: str) -> bool:
    return form.removesuffix(" …").isascii()


def _help(command: Command) -> str:
    if command.help["en"]:
        return command.help["en"]
    known = {word.value: meaning for word, meaning in _CONTROL_MEANS.items()}
    return known.get(command.name, "")


def _notes(command: Command) -> str:
    # What is no control word does not pass the gate there, whatever the command says of itself.
    notes = ["before a policy"] if command.waiting and command.name in _CONTROL_MEANS else []
    notes += ["asks which circle"] if command.about_circle else []
    notes += ["not in `help`"] if command.unlisted else []
    return ", ".join(notes)


def _reactions() -> str:
    rows = [
        (
            HIDE_KEY,
            "any message of a person",
            "anyone",
            "the AI leaves that message out; taking the reaction off undoes it",
        ),
        (" ".join(OPTION_KEYS), "the admission notice", "who may set the policy", "chooses that policy"),
        (REFUSE_KEY, "the admission notice", "who may set the policy", "the AI leaves"),
        ("1️⃣ … 5️⃣", "the answer to `policy`", "who may set the policy", "chooses that policy"),
        ("👍", "the notice of a looser policy", "every member", "it starts as soon as all agree"),
        ("❌", "the notice of a looser policy", "who may set the policy", "calls it off"),
        ("✅", "the vote to leave", "every member", "with more than half the AI leaves"),
        (reminders.DONE_KEY, "a reminder", "its owner, or who decides", "done"),
        (reminders.SNOOZE_KEY, "a reminder", "its owner, or who decides", "comes again in ten minutes"),
        (reminders.STOP_KEY, "a recurring reminder", "its owner, or who decides", "ends it"),
        (
            f"{digest.KEEP_KEY} {digest.STOP_KEY}",
            "the digest that asks whether to go on",
            "who decides",
            "goes on, ends",
        ),
        (FORGET_KEY, "the answer to `me`", "you", "asks whether to forget"),
        (YES_KEY, "that question", "you", "forgets"),
    ]
    note = (
        "Who may press is looked at when someone presses. "
        "Reactions are seen by everyone in the room, with the name; only a direct message is private."
    )
    return f"\n## Reactions\n\n{note}\n\n" + table(("tap", "on", "who", "what happens"), rows)
