"""The little Markdown the generated pages need. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def head(title: str, *paragraphs: str) -> str:
    """Return the beginning of a generated page."""
    note = "<!-- Written by scripts/docs from the code. Change the code, then run it. -->"
    return "\n\n".join([f"# {title}", note, *paragraphs]) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def code(text: str) -> str:
    """Return text as code."""
    return f"``{text}``" if "`" in text else f"`{text}`"


def codes(texts: Iterable[str], between: str = ", ") -> str:
    """Return several texts as code, in a row."""
    return between.join(code(text) for text in texts)


def block(language: str, text: str) -> str:
    """Return a fenced block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def sentence(docstring: str | None) -> str:
    """Return the first paragraph of a docstring as one line, without what it says to programmers in brackets."""
    first = (docstring or "").strip().split("\n\n")[0]
    return " ".join(re.sub(r"\s*\((?:PRODUCT|MATRIX|[A-I]\d)[^)]*\)", "", first).split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
