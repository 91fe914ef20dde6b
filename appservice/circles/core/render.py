"""Words in both forms: a plain body that says everything, and the HTML that Element keeps of it. Pure.

`render` takes a model's Markdown; the builders below it make posts of our own.
What passes here cannot carry a script, a style, an image, a table (the third column is cut on a phone),
or a link anywhere but to https and matrix content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape as escape_html
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from circles.core.effects import Words

LIMIT_BYTES: Final = 36_000
"""What the two forms of a post may weigh together.

A Matrix event is at most 65,536 bytes in all (spec "Size limits"), and encryption makes four bytes of three, which
leaves 48 kB. The AI mark names each message that is linked to, some 50 bytes beside the 250 of its links; envelope,
relations and mentions take two more kB. An answer is a new event, so its words stand in it once.
"""

TAGS: Final = frozenset(
    (
        *("p", "br", "hr", "div", "span", "h4", "h5", "h6", "blockquote", "details", "summary", "ul", "ol", "li"),
        *("a", "b", "strong", "i", "em", "u", "s", "del", "sub", "sup", "code", "pre"),
    )
)
"""What Element keeps, without tables, images and large headings."""

_ATTRIBUTES: Final = {"a": {"href"}, "ol": {"start"}, "code": {"class"}}
_SCHEMES: Final = {"https", "mxc"}
_CONTROL: Final = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
"""Characters that show nothing but turn or hide what stands around them; a name may hold them."""
_SPACE: Final = re.compile(r"\s+")
_BREAK: Final = re.compile(r"(?<=<br>)|(?<=</p>)|(?<=</li>)|(?<=</pre>)|(?<=</ul>)|(?<=</ol>)|(?<=</details>)")
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


# ---- a model's Markdown


def render(markdown: str, may_link: Callable[[str], bool] | None = None) -> Words:
    """Return a model's Markdown in both forms.

    Args:
        markdown: the text; HTML in it is shown as text.
        may_link: which addresses may stay links; without it, all of https and mxc.
    """
    tokens = _MARKDOWN.parse(_CONTROL.sub("", markdown).strip())
    kept = _guarded(tokens, may_link or (lambda _: True))
    html = sanitized(_MARKDOWN.renderer.render(kept, _MARKDOWN.options, {})).replace("<br>\n", "<br>").strip()
    body = _plain(kept)
    if html.startswith("<p>") and html.count("<p>") == 1 and html.endswith("</p>"):
        html = html.removeprefix("<p>").removesuffix("</p>")
    return Words(body, html) if html and html != escaped(body) else Words(body)


def sanitized(html: str) -> str:
    """Return `html` with nothing in it but what Element keeps, every tag closed."""
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_attribute,
        url_schemes=set(_SCHEMES),
        url_relative="deny",
        link_rel=None,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if (tag, name) == ("code", "class"):
        return value if re.fullmatch(r"language-[\w+#-]{1,30}", value) else None
    if (tag, name) == ("ol", "start"):
        return value if re.fullmatch(r"\d{1,6}", value) else None
    return value


def _guarded(tokens: Sequence[Token], may_link: Callable[[str], bool]) -> list[Token]:
    """Take out images and refused links, their text staying, and make every heading a small one."""
    kept: list[Token] = []
    refused: list[bool] = []
    for token in tokens:
        if token.type == "image":
            kept.append(Token("text", "", 0, content=token.content))
            continue
        if token.type == "link_open":
            address = str(token.attrGet("href") or "")
            refused.append(address.partition(":")[0].lower() not in _SCHEMES or not may_link(address))
        if token.type in ("link_open", "link_close"):
            no = refused[-1] if token.type == "link_open" else refused.pop()
            if no:
                continue
        if token.tag in ("h1", "h2", "h3"):
            token.tag = "h4"
        if token.type == "softbreak":
            kept.append(Token("hardbreak", "br", 0))  # a line a model broke is a line
            continue
        token.children = _guarded(token.children, may_link) if token.children else token.children
        kept.append(token)
    return kept


@dataclass(slots=True)
class _Lists:
    """The lists the plain form is inside of: None for bullets, else the next number."""

    open: list[int | None]

    def lead(self) -> str:
        """Return the start of an item, and count it."""
        depth = "  " * (len(self.open) - 1)
        number = self.open[-1]
        if number is None:
            return f"{depth}- "
        self.open[-1] = number + 1
        return f"{depth}{number}. "


def _plain(tokens: Sequence[Token]) -> str:
    lines: list[str] = []
    lists = _Lists([])
    lead, quoted = "", 0
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.open.append(int(token.attrGet("start") or 1) if token.type == "ordered_list_open" else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.open.pop()
        elif token.type == "list_item_open":
            lead = lists.lead()
        elif token.type in ("blockquote_open", "blockquote_close"):
            quoted += token.nesting
        elif token.type in ("inline", "fence", "code_block"):
            text = _plain_inline(token.children or ()) if token.type == "inline" else token.content.rstrip("\n")
            first, *more = text.split("\n")
            mark = "> " if quoted else ""
            lines += [mark + lead + first, *(mark + " " * len(lead) + line for line in more)]
            lead = ""
        elif token.type == "hr":
            lines.append("—")
        if token.nesting == -1 and token.type in ("paragraph_close", "heading_close") and not lists.open and not quoted:
            lines.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _plain_inline(tokens: Iterable[Token]) -> str:
    """Return the text; an address follows its own text in parentheses, so that nobody needs the HTML to follow it."""
    said: list[str] = []
    opened: list[tuple[int, str]] = []
    for token in tokens:
        if token.type == "link_open":
            opened.append((len(said), str(token.attrGet("href") or "")))
        elif token.type == "link_close":
            start, address = opened.pop()
            if "".join(said[start:]).strip() != address:
                said.append(f" ({address})")
        elif token.type == "hardbreak":
            said.append("\n")
        else:
            said.append(token.content)
    return "".join(said)


# ---- posts of our own


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of a line in both forms. Made by the functions below, so that `html` is always escaped.

    Attributes:
        plain, html: the two forms.
        block: it brings its own line ends in HTML.
    """

    plain: str
    html: str
    block: bool = False

    def __add__(self, other: Text) -> Text:
        """Put two pieces one after the other."""
        return Text(self.plain + other.plain, self.html + other.html, self.block or other.block)

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.plain or self.html)


NOTHING: Final = Text("", "")


def escaped(value: str) -> str:
    """Return `value` as HTML that shows it."""
    return escape_html(value, quote=False).replace("\n", "<br>")


def one_line(value: str, limit: int | None = None) -> str:
    """Return `value` on one line, without characters that hide or turn others, cut where it is longer than `limit`."""
    line = _SPACE.sub(" ", _CONTROL.sub("", value)).strip()
    if limit is None or len(line) <= limit:
        return line
    cut = line[: limit - 1]
    at = cut.rfind(" ", limit // 2)
    return (cut[:at] if at > 0 else cut).rstrip(" ,;:，；：、") + "…"


def text(value: str) -> Text:
    """Return plain words; line ends stay."""
    value = _CONTROL.sub("", value)
    return Text(value, escaped(value))


def bold(value: str) -> Text:
    """Return words in bold, on one line."""
    value = one_line(value)
    return Text(value, f"<strong>{escaped(value)}</strong>") if value else NOTHING


def link(label: str, address: str, *, spelled: bool = True) -> Text:
    """Return a link with a text of its own (a bare one becomes a dark pill in Element).

    Args:
        label: what to click.
        address: where it leads; anything but https or mxc is shown as text only.
        spelled: whether the plain form holds the address too; False where a list at the end does.
    """
    label = one_line(label)
    if address.partition(":")[0].lower() not in _SCHEMES:
        return Text(label, escaped(label))
    html = f'<a href="{escape_html(address, quote=True)}">{escaped(label)}</a>'
    return Text(f"{label} ({address})" if spelled else label, html)


def joined(pieces: Iterable[Text], between: str = " ") -> Text:
    """Return the pieces that are not empty with `between` between them."""
    whole = NOTHING
    for piece in pieces:
        if piece:
            whole = whole + text(between) + piece if whole else piece
    return whole


def checkbox(done: bool) -> Text:
    """Return ☑ or ☐: Element drops real check boxes."""
    return text("☑ " if done else "☐ ")


def plain_only(value: str) -> Text:
    """Return words for clients without HTML; the HTML form says the same elsewhere."""
    return Text(_CONTROL.sub("", value), "")


def details(summary: str, rows: Sequence[Text], *, listed: bool = True) -> Text:
    """Return a block that is closed until clicked.

    Args:
        summary: its one visible row.
        rows: what is inside.
        listed: whether the plain form holds the rows; False where it says them elsewhere.
    """
    html = "".join(f"<li>{row.html}</li>" for row in rows)
    plain = "\n".join([f"{one_line(summary)}:", *(f"- {row.plain}" for row in rows)]) if listed else ""
    return Text(plain, f"<details><summary>{escaped(one_line(summary))}</summary><ul>{html}</ul></details>", block=True)


def lines(*rows: Text) -> Words:
    """Return rows as a post, one below the other. An empty row leaves a gap; a row in one form only is in that form."""
    html = ""
    for row in rows:
        if row.plain and not row.html:
            continue
        html += row.html if row.block else f"{row.html}<br>"
    plain = [row.plain for row in rows if row.plain or not row.html]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(plain)).strip("\n")
    html = re.sub(r"(?:<br>){3,}", "<br><br>", html)
    html = re.sub(r"^(?:<br>)+|(?:<br>)+$", "", html)
    return Words(body, html if html != escaped(body) else None)


# ---- how much fits


def weight(words: Words) -> int:
    """Return the bytes both forms take in an event, as JSON writes them."""
    return sum(len(json.dumps(form, ensure_ascii=False).encode()) for form in (words.body, words.html or ""))


def fit(words: Words, last: str, limit_bytes: int = LIMIT_BYTES) -> Words:
    """Return `words` if they fit an event, else as many of their lines as do, and then `last`, which says so."""
    if weight(words) <= limit_bytes:
        return words
    room = limit_bytes - 2 * _bytes(last) - 64
    share = room if words.html is None else max(room * 2 // 5, room - _bytes(words.html))
    body = _cut(words.body.split("\n"), "\n", share)
    html = None
    if words.html is not None:
        pieces = _cut(_BREAK.split(words.html), "", room - _bytes(body))
        html = re.sub(r"(?:<br>)+$", "", sanitized(pieces)) + f"<br>{escaped(last)}"
    return Words(f"{body}\n{last}", html)


def _bytes(value: str) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _cut(pieces: Sequence[str], between: str, limit: int) -> str:
    kept: list[str] = []
    left = limit
    for piece in pieces:
        left -= _bytes(piece + between)
        if left < 0:
            break
        kept.append(piece)
    if kept or not pieces:
        return between.join(kept)
    whole = re.sub(r"<[^>]*>", "", pieces[0]) if not between else pieces[0]
    return whole.encode()[: limit // 2].decode(errors="ignore")
