"""The grammar: which command the words to the AI are. Pure and total.

A form is a word or phrase in one language. It matches at the start of the words, as whole words: `helpful` is not
`help`.
Chinese has no spaces, so a Chinese form of two characters or more matches what begins with it;
a single character only alone or before a space or a mark.
A form that ends in a colon matches before that colon, or alone: "decision: …" is no talk of a decision.
A form that begins with `…` matches anywhere ("明天九点…提醒我"), and its argument is all the words.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_MARKS: Final = ":：,，.。!！?？;；、"
_SPACES: Final = " \t\r\n\xa0\u200b\u3000"
"""Also those of phones: the no-break space after a completed name, and the wide space of Chinese keyboards."""
_EDGES: Final = _MARKS + _SPACES

_POLITE: Final = re.compile(
    r"(?:please|pls|kindly|(?:can|could|would|will)\s+you(?:\s+please)?)\s+(?=\S)"
    r"|(?:请你?|麻烦你?|你?能不能|你?可不可以|你?可以|你能|帮忙|帮我)+(?=\S)"
)
"""What makes a wish of a command. It is passed over only where the words are no command as they stand."""

_NEAR_ENOUGH: Final = 0.5
_ASKS: Final = ("…", "提醒")
_TOLD: Final = re.compile(
    r"提醒(?:一下)?(?:过|了|得|太|的)|提醒(?:我们?|你们?|他们?|她们?|大家)(?:了|过(?:了|吗|没))"
    r"|(?:没有?|谁|怎么不|为什么不|为啥不)提醒"
)
"""Talk about reminding, which asks for none: 三点提醒过我了, 提醒得太多."""


@dataclass(frozen=True, slots=True)
class Forms:
    """A command's name and all its forms, in every language. `whole`: a form must be all that was said."""

    name: str
    forms: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Invocation:
    """The words are a command. `argument` is what follows it, as it was written."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The words are no command. `nearest` is the form that looks most like their beginning, if any does."""

    nearest: str | None


def fold(text: str) -> str:
    """Return text as the grammar compares it: full-width forms narrowed, case folded, character for character."""
    return "".join(_fold_one(character) for character in text)


def _fold_one(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).casefold()
    return folded if len(folded) == 1 else character


def parse(text: str, commands: Sequence[Forms]) -> Invocation | Unknown:
    """Return which command the words are; the longest form that matches at the start wins."""
    # "?" alone is a word of its own: only what stands around other words is trimmed.
    words = text.strip(_EDGES) or text.strip()
    folded = fold(words)
    best: tuple[bool, int, str, str] | None = None
    for command in commands:
        for form in command.forms:
            found = _match(folded, words, form)
            # What stands at the start wins over what stands anywhere: "cancel remind me …" cancels.
            rank = (not form.startswith("…"), len(form))
            if found and command.whole:
                continue  # "off to Rome tomorrow" is not "off".
            if found is not None and (best is None or rank > best[:2]):
                best = (*rank, command.name, found)
    if best is not None:
        return Invocation(best[2], best[3])
    if (polite := _POLITE.match(folded)) is not None:
        return parse(words[polite.end() :], commands)
    return Unknown(_nearest(folded, (form for command in commands for form in command.forms)))


def _match(folded: str, words: str, form: str) -> str | None:
    """Return the argument after a form, None where the form does not match."""
    if "提醒" in form and form.startswith(_ASKS) and _TOLD.search(folded):
        return None
    if form.startswith("…"):
        return words if form[1:] in folded else None
    if form[-1] == ":" and folded == form[:-1]:
        return ""
    if not folded.startswith(form):
        return None
    rest = words[len(form) :]
    if rest and not _may_follow(form, rest):
        return None
    return rest.strip(_EDGES)


def _may_follow(form: str, rest: str) -> bool:
    if rest[0] in _EDGES or form[-1] == ":":
        return True
    return bool(_HAN.search(form[-1])) and len(form) > 1


def _likeness(form: str, said: str) -> float:
    """Return the share of a form's characters that stand at their place; all where only their order is another."""
    if sorted(form) == sorted(said):
        return 1.0
    return sum(one == other for one, other in zip(form, said, strict=False)) / len(form)


def _nearest(folded: str, forms: Iterable[str]) -> str | None:
    """Return the form nearest to the first word, near enough to be a slip of the finger."""
    first = re.split(r"[\s:：,，]", folded, maxsplit=1)[0]
    candidates = [form for form in forms if not form.startswith("…")]
    if _HAN.search(first):
        # Against as much of the words as the form is long; of two that are as near the one that begins alike.
        near_by = {form: _likeness(form, first[: len(form)]) for form in candidates if _HAN.search(form)}
        best = max(near_by, key=lambda form: (near_by[form], form[0] == first[0], -len(form)), default=None)
        return best if best is not None and near_by[best] >= _NEAR_ENOUGH else None
    near = difflib.get_close_matches(first, candidates, n=1, cutoff=0.6)
    return near[0] if near else None
