"""The subject that is left when the time phrase is cut out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PUNCTUATION = r"[\s,.;:!?、，。；：！？…—–\-]"
_LEADING = re.compile(
    rf"^(?:{_PUNCTUATION}+|\)|）|(?:to|that|and|then|please)\b(?!')|的(?!士)|就|去(?![年世掉除]))",
    re.ASCII | re.IGNORECASE,
)
_TRAILING = re.compile(
    rf"(?:{_PUNCTUATION}+|\(|（|\b(?:at|on|by|in|and|from|the|to|that|every|until|please)|在|于|从|和)$",
    re.ASCII | re.IGNORECASE,
)
_PUNCTUATION_AT_END = re.compile(rf"(?:{_PUNCTUATION}+|\(|（|\bplease)$", re.ASCII | re.IGNORECASE)
_CJK = r"[\u2e80-\u9fff\uff00-\uffef\u3000-\u303f]"
_SPACE_IN_CHINESE = re.compile(rf"(?<={_CJK})\s+(?={_CJK})")
_EMPTY_BRACKETS = re.compile(r"[(（]\s*[)）]")
_BEFORE_MARK = re.compile(r"\s+(?=[,.;:!?)])")
_DOUBLE_MARK = re.compile(r"([,，、])(?:\s*[,，、])+")


def trim(text: str) -> str:
    """Return a subject without the connectors and punctuation that dangle at its ends ("to", "that", 的, 去)."""
    return _trim(text, _TRAILING)


def _trim(text: str, trailing: re.Pattern[str]) -> str:
    before = None
    while text != before:
        before = text
        text = trailing.sub("", _LEADING.sub("", text.strip()))
    return text


def _without_end(text: str) -> str:
    """Trim a subject, but leave it the particle of its verb: "put the oven on"."""
    before = None
    while text != before:
        before = text
        text = _trim(text, _PUNCTUATION_AT_END)
        if _PARTICLE.search(text) is None:
            text = _TRAILING.sub("", text)
    return text


_PARTICLE = re.compile(r"\b(?:on|off|in|out|up|down|by|over)$", re.ASCII | re.IGNORECASE)
_OWN_WORD = re.compile(
    r"(?:at|on|by|in|from|every|each|until|around|tomorrow|tonight|today|this|noon)\b", re.ASCII | re.IGNORECASE
)


def cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text without the spans, closed up and trimmed."""
    kept: list[str] = []
    position = 0
    for start, end in spans:
        before = text[position:start].rstrip()
        # "put the oven on | at 9": the time brings its own word, so what stands before it is the verb's.
        is_verbs = _PARTICLE.search(before) is not None and _OWN_WORD.match(text, start) is not None
        kept.append(before if is_verbs else _TRAILING.sub("", before))
        position = end
    kept.append(text[position:])
    joined = " ".join(" ".join(kept).split())
    joined = _DOUBLE_MARK.sub(r"\1", _BEFORE_MARK.sub("", _EMPTY_BRACKETS.sub("", joined)))
    return _without_end(_SPACE_IN_CHINESE.sub("", joined))
