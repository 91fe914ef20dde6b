"""The scan: which sequences of words belong to one message alone, and where any byte of them is left.

Pure but for reading the files it is given. It knows nothing of the service's tables: it looks at bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HAN: Final = re.compile(r"[\u3400-\u9fff]+")
_LATIN: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d[\d.:,]*\d|\d", re.UNICODE)
_SHORTEST_WORD: Final = 6
"""A shorter word alone proves nothing: it may stand in any program's file."""
_PAIR: Final = 2
_RUN: Final = 4


@dataclass(frozen=True, slots=True)
class Found:
    """One place where a sequence is left."""

    path: Path
    sequence: str
    encoding: str
    count: int


def sequences(text: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return the word sequences of `text` that stand in none of `others`, the longest first.

    Of Chinese every two and every four neighbouring characters, for an index keeps pairs; of other scripts every
    three and two neighbouring words and every long word; and the whole text.
    """
    known = "\n".join(others).casefold()
    found = [text.strip(), *_chinese(text), *_words(text)]
    own = (each for each in dict.fromkeys(found) if each.casefold() not in known)
    return tuple(sorted(own, key=len, reverse=True))


def _chinese(text: str) -> Iterable[str]:
    for run in _HAN.findall(text):
        for size in (_RUN, _PAIR):
            yield from (run[at : at + size] for at in range(len(run) - size + 1))


def _words(text: str) -> Iterable[str]:
    words = [match for match in _LATIN.finditer(text) if not _HAN.search(match[0])]
    for size in (3, 2):
        for first, last in zip(words, words[size - 1 :], strict=False):
            if not _HAN.search(text, first.start(), last.end()):
                yield text[first.start() : last.end()]
    yield from (word[0] for word in words if len(word[0]) >= _SHORTEST_WORD)


def encodings(sequence: str) -> Mapping[str, bytes]:
    """Return the bytes a sequence may be written as: UTF-8, small letters, JSON's escapes, UTF-16."""
    forms = {
        "UTF-8": sequence.encode(),
        "UTF-8, small letters": sequence.casefold().encode(),
        "JSON escapes": json.dumps(sequence)[1:-1].encode(),
        "UTF-16": sequence.encode("utf-16-le"),
    }
    return {name: form for name, form in forms.items() if name == "UTF-8" or form != forms["UTF-8"]}


def scan(paths: Iterable[Path], wanted: Sequence[str]) -> tuple[Found, ...]:
    """Return every place in the files, and in the files of the folders, where a sequence stands."""
    forms = [(each, name, form) for each in wanted for name, form in encodings(each).items()]
    found: list[Found] = []
    for path in files(paths):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # The database removed a file of its own between listing and reading.
        found += [Found(path, each, name, count) for each, name, form in forms if (count := data.count(form))]
    return tuple(found)


def files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files among the paths and below them, each once, in order."""
    every = [inner for path in paths for inner in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return tuple(dict.fromkeys(path for path in every if path.is_file()))
