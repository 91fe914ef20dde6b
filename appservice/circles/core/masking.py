"""What a remote model is not shown: who said it, and secrets. Pure.

People stand in a request under pseudonyms, the same ones every time in one circle and others in the next; mail
addresses, long numbers (phones, cards, accounts, identity papers), keys and passwords stand in it as placeholders.
The answer is read back with the words they stand for.  What stands for what lives as long as the request, in memory.

It errs on the side of hiding: an order number is hidden too, and comes back in the answer.
A name is known by the people of the circle: how somebody calls a person who is not in it, is not hidden.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, cast

from circles.core.ids import UserID
from circles.core.prompt import Prompt

_ALPHABET: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"BCDFGHJKLMNPQRSTVWXZ23456789BCDF")
"""Without vowels no pseudonym is a word; without 0 and 1 none is misread."""
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_OPEN, _CLOSE = "\u2039", "\u203a"
"""Around what stands inside a word, as every name does in Chinese, or inside such marks of somebody's own."""
EXPLAINED: Final = (
    "Names, numbers, addresses and keys are replaced by codes such as PBCD2, NUMBER1, MAIL1 or KEY1; PBCD2b is a short "
    "name of PBCD2. Where you mean what a code stands for, write the code exactly as it stands."
)
_CODE_LENGTH: Final = 4
_LETTERS: Final = "bcdfghjk"
_SHORTEST_WORD: Final = 3
"""A shorter part of a Latin name ("Al", "J.") is hidden only within the whole name."""

# In Chinese nothing stands between a number and the word before it, so only Latin letters and digits bound a match.
_START, _END = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
_USER_ID: Final = re.compile(r"@[A-Za-z0-9.=_/+-]+:[A-Za-z0-9.-]*[A-Za-z0-9](?::[0-9]+)?")
_MAIL: Final = re.compile(
    rf"{_START}[A-Za-z0-9._+%-]+[@\uff20](?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[{_HAN}-]+(?:\.[{_HAN}-]+)+)"
)
_SAID: Final = re.compile(
    rf"(?:{_START}(?:pass(?:word|code|phrase)?|pwd|pin|otp|token|api[ _-]?key|secret|code){_END}"
    r"|\u5bc6\u7801|\u53e3\u4ee4|\u9a8c\u8bc1\u7801|\u6697\u53f7|\u95e8\u7981\u7801)"
    r"(?:\s+(?:for\s+(?:\S+\s+){1,3}?)?is\b|\s*(?:\u662f|\u4e3a))?\s*[:=\uff1a\uff1d]?\s*[\"'\u201c\u2018`]?"
    r"(?P<secret>(?=[!-~]*[\d!#$%&*+=?@^_~-])[!-~]{3,}[A-Za-z0-9])",
    re.IGNORECASE,
)
"""What somebody calls a password, code or key, if it looks like one: four characters or more, not letters alone."""
_PREFIXED: Final = re.compile(
    rf"{_START}(?:sk-|pk-|ghp_|gho_|github_pat_|glpat-|xox[abp]-|syt_|AKIA|AIza|eyJ)[A-Za-z0-9_.-]{{8,}}[A-Za-z0-9]"
)
_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9_/.-])(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[A-Za-z])[A-Za-z0-9_+=/-]{20,}(?![A-Za-z0-9_/.-])"
)
_LETTERED: Final = re.compile(
    rf"{_START}(?=[A-Z0-9 ]*[0-9]{{4}})[A-Z]{{1,2}}[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{_END}"
)
"""Account numbers as of ISO 13616."""
_NUMBER: Final = re.compile(
    rf"(?<![A-Za-z0-9_.,:/-])\+?(?:\([0-9]{{1,5}}\)[ ./-]?)?[0-9](?:[ ()./-]{{0,2}}[0-9]){{6,}}(?:[Xx]{_END})?"
)
_PAPER: Final = re.compile(rf"{_START}[A-Z]{{1,2}}[0-9]{{6,9}}{_END}")
_DATE: Final = re.compile(r"[12][0-9]{3}([-/.])[01]?[0-9]\1[0-3]?[0-9](?:[ T][0-2]?[0-9])?")
_DATES: Final = re.compile(r"[0-3]?[0-9]([./-])[0-3]?[0-9]\1[12][0-9]{3}(?:[ T][0-2]?[0-9])?")


class Mask:
    """Hides words of one request, and reads them in its answer again. Shows nothing when printed."""

    def __init__(self, key: bytes, prompt: Prompt) -> None:
        """Prepare for a prompt; `key` is secret and lasting, and makes pseudonyms nobody else can compute."""
        self._key = key
        self._prompt = prompt
        texts = [message.text for message in (*prompt.talk, *((prompt.question,) if prompt.question else ()))]
        self._said = "\n".join(texts).casefold()
        self._taken = "\n".join((self._said, prompt.instructions.casefold(), *prompt.names.values())).casefold()
        self._stands_for: dict[str, str] = {}
        self._instead: dict[str, str] = {}
        self._pseudonyms = dict(self._people())
        self._surfaces = dict(self._named())
        longest_first = sorted(self._surfaces, key=len, reverse=True)
        self._known = re.compile("|".join(map(_bounded, longest_first))) if longest_first else None

    def masked(self) -> Prompt:
        """Return the prompt as it may leave."""
        prompt = self._prompt
        question = prompt.question
        return replace(
            prompt,
            talk=tuple(message.part(self._hide(message.text)) for message in prompt.talk),
            question=question.part(self._hide(question.text)) if question is not None else None,
            names=self._pseudonyms,
            instructions=f"{prompt.instructions.strip()}\n\n{EXPLAINED}",
        )

    def revealed(self, text: str) -> str:
        """Return words of the model with what was hidden in its place."""
        if not self._stands_for:
            return text
        codes = "|".join(map(re.escape, self._stands_for))
        pattern = rf"{_OPEN}({codes}){_CLOSE}|(?<![A-Za-z0-9_])({codes})(?![A-Za-z0-9_])"
        return re.sub(pattern, lambda found: self._stands_for[found[1] or found[2]], text)

    def revealed_data(self, data: Mapping[str, object]) -> dict[str, object]:
        """Return an answered object with what was hidden in its place, in every string of it."""
        return {key: self._revealed_value(value) for key, value in data.items()}

    def _revealed_value(self, value: object) -> object:
        match value:
            case str():
                return self.revealed(value)
            case list():
                return [self._revealed_value(each) for each in cast("list[object]", value)]
            case dict():
                return self.revealed_data(cast("dict[str, object]", value))
            case _:
                return value

    # --- people -----------------------------------------------------------------------------------------------------

    def _people(self) -> Iterator[tuple[UserID, str]]:
        """Give everybody in the prompt a pseudonym: those who speak, and those who are only named."""
        prompt = self._prompt
        speakers = {message.sender for message in prompt.talk}
        speakers |= {prompt.question.sender} if prompt.question is not None else set()
        named = {
            person
            for person, name in prompt.names.items()
            if any(each.casefold() in self._said for each in (name.strip(), *_parts(name)) if each)
        }
        for person in sorted(speakers | named):
            codes = (self._code(person, count) for count in itertools.count())
            pseudonym = next(c for c in codes if c.casefold() not in self._taken and c not in self._stands_for)
            self._stands_for[pseudonym] = prompt.names.get(person, "").strip() or _localpart(person)
            yield person, pseudonym

    def _code(self, person: UserID, count: int) -> str:
        about = f"{self._prompt.room_id}\n{person}\n{count}".encode()
        digest = base64.b32encode(hmac.digest(self._key, about, hashlib.sha256))
        return "P" + digest.translate(_ALPHABET).decode()[:_CODE_LENGTH]

    def _named(self) -> Iterator[tuple[str, str]]:
        """Give every way in which somebody is called a code; a whole name wins over a part of somebody else's."""
        for pseudonym in self._pseudonyms.values():
            whole = self._stands_for[pseudonym]
            for letter, part in zip(_LETTERS, _parts(whole), strict=False):
                self._stands_for[pseudonym + letter] = part
                yield part, pseudonym + letter
        for pseudonym in self._pseudonyms.values():
            yield self._stands_for[pseudonym], pseudonym

    # --- words ------------------------------------------------------------------------------------------------------

    def _hide(self, text: str) -> str:
        text = _USER_ID.sub(self._hide_user, text)
        text = _MAIL.sub(lambda found: self._placeholder("MAIL", found), text)
        text = _PREFIXED.sub(lambda found: self._placeholder("KEY", found), text)
        text = _SAID.sub(self._hide_said, text)
        text = _KEY.sub(lambda found: self._placeholder("KEY", found), text)
        for pattern in (_LETTERED, _NUMBER, _PAPER):
            text = pattern.sub(self._hide_number, text)
        if self._known is not None:
            text = self._known.sub(lambda found: _put(found, self._surfaces[found[0]]), text)
        return text

    def _hide_user(self, found: re.Match[str]) -> str:
        # Not the pseudonym: it would come back as the name, and no longer be what was written.
        return self._placeholder("ID", found)

    def _hide_said(self, found: re.Match[str]) -> str:
        secret = found["secret"]
        if secret.strip(_OPEN + _CLOSE) in self._stands_for or _DATE.fullmatch(secret):
            return found[0]
        return found[0][: found.start("secret") - found.start()] + self._placeholder("KEY", found, "secret")

    def _hide_number(self, found: re.Match[str]) -> str:
        is_date = _DATE.fullmatch(found[0]) or _DATES.fullmatch(found[0])
        return found[0] if is_date else self._placeholder("NUMBER", found)

    def _placeholder(self, kind: str, found: re.Match[str], group: str | int = 0) -> str:
        """Return what stands for some words: the same for the same, and nothing that anybody wrote."""
        words = found[group]
        made = self._instead.get(words)
        if made is None:
            codes = (f"{kind}{count}" for count in itertools.count(1))
            made = next(c for c in codes if c.casefold() not in self._taken and c not in self._stands_for)
            self._instead[words], self._stands_for[made] = made, words
        return _put(found, made, group)


def _put(found: re.Match[str], code: str, group: str | int = 0) -> str:
    """Return a code as it stands in the place of a match."""
    before, after = found.string[: found.start(group)][-1:], found.string[found.end(group) :][:1]
    within = any(each.isalnum() or each in ("_", _OPEN, _CLOSE) for each in (before, after))
    return f"{_OPEN}{code}{_CLOSE}" if within else code


def _parts(name: str) -> Iterator[str]:
    """Return how somebody is called besides: single words of a Latin name, a Chinese name and its given name."""
    for word in re.findall(rf"[^\W\d_{_HAN}]+|[{_HAN}]+", name):
        if re.match(rf"[{_HAN}]", word):
            given = word[-2:] if len(word) in (3, 4) else ""
            yield from (each for each in (word, given) if len(each) > 1 and each != name)
        elif len(word) >= _SHORTEST_WORD and word[0].isupper() and word != name:
            yield word


def _bounded(surface: str) -> str:
    """Return a pattern for a name where it stands as one: Han characters need no space around them."""
    before = r"(?<![^\W_])" if not re.match(rf"[{_HAN}\W]", surface) else ""
    after = r"(?![^\W_])" if not re.match(rf"[{_HAN}\W]", surface[-1]) else ""
    if before or after:
        before, after = (each.replace(r"[^\W_]", rf"[^\W_{_HAN}]") for each in (before, after))
    return before + re.escape(surface) + after


def _localpart(person: UserID) -> str:
    return person.partition(":")[0].removeprefix("@")
