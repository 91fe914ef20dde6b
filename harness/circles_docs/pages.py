"""Which files and parts of files are generated, by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from circles.config import sample
from circles_docs import commands, config, dashboard, data, effects, events, operating, transcript

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Part:
    """A generated part of a page that is otherwise written by hand, between two comments."""

    page: str
    name: str
    text: str

    @property
    def begin(self) -> str:
        """The line before it."""
        return f"<!-- begin {self.name}: written by scripts/docs -->\n"

    @property
    def end(self) -> str:
        """The line after it."""
        return f"<!-- end {self.name} -->\n"


def whole_pages() -> Mapping[str, Callable[[], str]]:
    """Return what writes each page that is generated as a whole, by the page's place."""
    return {
        "docs/reference/config.sample.yaml": sample,
        "docs/reference/config.md": partial(config.page, ROOT),
        "docs/reference/commands.md": partial(commands.page, ROOT),
        "docs/reference/events.md": events.page,
        "docs/reference/policy.schema.json": events.schema_page,
        "docs/reference/effects.md": effects.page,
        "docs/reference/data.md": data.page,
        "docs/reference/metrics.md": partial(operating.metrics_page, ROOT),
        "docs/reference/log.md": partial(operating.log_page, ROOT),
        "contrib/grafana/circles.json": dashboard.dashboard,
    }


def parts() -> tuple[Part, ...]:
    """Return the generated parts of other pages."""
    return (
        Part("README.md", "transcript", transcript.part()),
        Part("docs/README.md", "howto", _index("docs/howto", "howto")),
        Part("docs/README.md", "reference", _index("docs/reference", "reference")),
        Part("docs/decisions/README.md", "decisions", _index("docs/decisions", "")),
    )


def fill(text: str, part: Part) -> str:
    """Return a page with the part put in.

    Raises:
        ValueError: the page lacks the two comments.
    """
    before, begin, rest = text.partition(part.begin)
    _, end, after = rest.partition(part.end)
    if not begin or not end:
        raise ValueError(f"{part.page} needs the lines {part.begin.strip()} and {part.end.strip()}")
    return f"{before}{begin}{part.text}{end}{after}"


def _index(folder: str, prefix: str) -> str:
    """Return a list of a folder's pages, each by its title."""
    found = [path for path in sorted((ROOT / folder).glob("*.md")) if path.name != "README.md"]
    link = f"{prefix}/" if prefix else ""
    return "".join(f"- [{_title(path)}]({link}{path.name})\n" for path in found)


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ").strip()
