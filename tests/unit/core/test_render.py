"""What a post may hold, in both forms."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.effects import Words
from circles.core.render import (
    LIMIT_BYTES,
    NOTHING,
    TAGS,
    bold,
    checkbox,
    details,
    fit,
    joined,
    lines,
    link,
    one_line,
    plain_only,
    render,
    sanitized,
    text,
    weight,
)

_MARKUP = st.text(alphabet=st.sampled_from(list("ab 字\n*_`#>-[]()<>/!&\"'|1.~:\\"))) | st.text()
_HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<b>)",
    "![x](https://evil.example/a.png)",
    "<a href='https://evil.example' onclick=x>y</a>",
    "[x](http://plain.example)",
    "<details open><style>*{}</style>",
)


class _Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _is_safe(html: str | None) -> bool:
    seen = _Seen(html or "")
    links = [value for tag, name, value in seen.attributes if (tag, name) == ("a", "href")]
    others = {(tag, name) for tag, name, _ in seen.attributes} - {("a", "href"), ("ol", "start"), ("code", "class")}
    return (
        set(seen.tags) <= TAGS and not seen.open and not others and all(x.startswith(("https:", "mxc:")) for x in links)
    )


@given(st.lists(_MARKUP | st.sampled_from(_HOSTILE)).map("\n".join))
def test_a_models_markdown_becomes_only_what_element_keeps(markdown: str) -> None:
    """Whatever a model writes: allowed tags, closed; no address but https and mxc; no attribute that styles or runs."""
    assert _is_safe(render(markdown).html)


@pytest.mark.parametrize("markdown", _HOSTILE)
def test_what_could_run_or_track_is_gone(markdown: str) -> None:
    html = render(markdown).html or ""

    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html


@pytest.mark.parametrize(
    ("markdown", "body", "html"),
    [
        pytest.param("just words", "just words", None, id="no HTML where it says no more"),
        pytest.param("a < b & c", "a < b & c", None, id="signs are no markup"),
        pytest.param("**a** *b* ~~c~~", "a b c", "<strong>a</strong> <em>b</em> <s>c</s>", id="emphasis"),
        pytest.param("# big", "big", "<h4>big</h4>", id="a heading is a small one"),
        pytest.param("a\nb", "a\nb", None, id="a line is a line"),
        pytest.param(
            "[here](https://x.example/y)",
            "here (https://x.example/y)",
            '<a href="https://x.example/y">here</a>',
            id="link",
        ),
        pytest.param(
            "- a\n- b\n  - c",
            "- a\n- b\n  - c",
            "<ul>\n<li>a</li>\n<li>b\n<ul>\n<li>c</li>\n</ul>\n</li>\n</ul>",
            id="bullets",
        ),
        pytest.param("3. a\n4. b", "3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>', id="numbers"),
        pytest.param("> q", "> q", "<blockquote>\n<p>q</p>\n</blockquote>", id="quote"),
        pytest.param("```py\nx<1\n```", "x<1", '<pre><code class="language-py">x&lt;1\n</code></pre>', id="code"),
        pytest.param("a\n\nb", "a\n\nb", "<p>a</p>\n<p>b</p>", id="paragraphs"),
        pytest.param("", "", None, id="nothing"),
    ],
)
def test_both_forms_say_the_same(markdown: str, body: str, html: str | None) -> None:
    assert render(markdown) == Words(body, html)


def test_a_refused_link_keeps_its_text() -> None:
    assert render("[here](https://evil.example)", lambda _: False) == Words("here")


def test_a_name_cannot_bring_markup_or_turn_the_line() -> None:
    """A display name is anything a stranger typed."""
    assert bold("Li <b>\n\u202eevil").html == "<strong>Li &lt;b&gt; evil</strong>"
    assert one_line("a\u200b\tb\n c") == "a b c"


def test_a_link_has_its_own_text_and_leads_nowhere_else() -> None:
    assert link("[2]", 'https://matrix.to/#/"x').html == '<a href="https://matrix.to/#/&quot;x">[2]</a>'
    assert link("[2]", "https://matrix.to/x").plain == "[2] (https://matrix.to/x)"
    assert link("[2]", "https://matrix.to/x", spelled=False).plain == "[2]"
    assert link("x", "javascript:alert(1)").html == "x"


def test_lines_are_broken_not_listed() -> None:
    words = lines(checkbox(False) + bold("Li") + text(" brings it"), NOTHING, checkbox(True) + text("done"))

    assert words.body == "☐ Li brings it\n\n☑ done"
    assert words.html == "☐ <strong>Li</strong> brings it<br><br>☑ done"


def test_many_sources_are_closed_until_clicked_and_complete_in_plain() -> None:
    words = lines(text("x"), details("2 sources", [link("a", "https://a"), text("b")]), text("y"))

    assert words.body == "x\n2 sources:\n- a (https://a)\n- b\ny"
    assert (
        words.html
        == 'x<br><details><summary>2 sources</summary><ul><li><a href="https://a">a</a></li><li>b</li></ul></details>y'
    )


def test_what_is_said_in_one_form_only_leaves_no_gap_in_the_other() -> None:
    words = lines(bold("a"), plain_only("b"), details("s", [text("c")], listed=False))

    assert words.body == "a\nb"
    assert words.html == "<strong>a</strong><br><details><summary>s</summary><ul><li>c</li></ul></details>"


def test_only_what_is_there_is_joined() -> None:
    assert joined((text("a"), NOTHING, text("b")), ", ").plain == "a, b"


def test_what_fits_is_left_alone() -> None:
    words = lines(bold("short"))

    assert fit(words, "Cut.") is words


@given(st.integers(1, 400), st.integers(1, 120), st.sampled_from(["字", "a", '"', "<", "\\"]))
def test_what_is_too_long_is_cut_at_a_line_and_says_so(rows: int, width: int, sign: str) -> None:
    """Both forms together stay within the limit, every tag is closed, and the last line is the honest one."""
    row = text(sign * width) + link("[1]", "https://matrix.to/#/!r/$e")
    words = lines(*[row] * rows)
    fitted = fit(words, "Cut.", 4_000)

    assert weight(fitted) <= 4_000
    assert _is_safe(fitted.html)
    if fitted is not words:
        assert fitted.body.endswith("\nCut.")
        assert (fitted.html or "").endswith("<br>Cut.")
        assert set(fitted.body.split("\n")[:-1]) <= set(words.body.split("\n"))


def test_one_endless_line_is_cut_too() -> None:
    fitted = fit(Words("字" * 40_000, "<p>" + "字" * 40_000 + "</p>"), "Cut.")

    assert weight(fitted) <= LIMIT_BYTES
    assert len(fitted.body) > 1_000


@given(st.text())
def test_cleaning_twice_is_cleaning_once(html: str) -> None:
    assert sanitized(sanitized(html)) == sanitized(html)
