"""Posts as event content: types, mentions, relations, the mark, and that everything fits into an event."""

import json
from bisect import bisect_right
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circles.core import compose
from circles.core.effects import Words
from circles.core.ids import EventID, RoomID, event_link
from circles.core.render import LIMIT_BYTES, details, fit, lines, link, text, weight
from circles_policies.content import MARK_KEY

ROOM = RoomID("!family")
ROOT = EventID("$root")
EVENT_BYTES = 65_536
ENVELOPE_BYTES = 2_000
"""Of an event around its content: hashes, signatures, ids, relations; in an encrypted room twice, inside and out."""


def payload(**changes: Any) -> dict[str, Any]:
    return {"body": "hello", "html": None, "ping": [], "text": False, "kind": "answer", **changes}


def test_what_pings_nobody_is_a_notice_that_mentions_nobody() -> None:
    """Empty `m.mentions`, so that no client looks for names in the words."""
    assert compose.message(payload(), "e1") == {
        "msgtype": "m.notice",
        "body": "hello",
        "m.mentions": {},
        MARK_KEY: {"kind": "answer", "effect": "e1"},
    }


def test_what_must_reach_somebody_is_text_with_a_mention() -> None:
    """A notice never pings, even with mentions."""
    content = compose.message(payload(text=True, ping=["@mei:home.example"]), "e1")

    assert (content["msgtype"], content["m.mentions"]) == ("m.text", {"user_ids": ["@mei:home.example"]})


def test_html_stands_beside_the_plain_words() -> None:
    """Both, always."""
    content = compose.message(payload(html="<b>hello</b>"), "e1")

    assert (content["body"], content["format"]) == ("hello", "org.matrix.custom.html")
    assert content["formatted_body"] == "<b>hello</b>"


@pytest.mark.parametrize(
    ("relations", "expected"),
    [
        ({}, None),
        ({"reply_to": "$q"}, {"m.in_reply_to": {"event_id": "$q"}}),
        (
            {"thread": "$t"},
            {"rel_type": "m.thread", "event_id": "$t", "is_falling_back": True, "m.in_reply_to": {"event_id": "$t"}},
        ),
        (
            {"thread": "$t", "reply_to": "$q"},
            {"rel_type": "m.thread", "event_id": "$t", "is_falling_back": True, "m.in_reply_to": {"event_id": "$q"}},
        ),
    ],
)
def test_relations(relations: dict[str, str], expected: dict[str, Any] | None) -> None:
    """A plain reply, or a place in a thread whose reply is only a fallback."""
    assert compose.message(payload(**relations), "e1").get("m.relates_to") == expected


def test_the_mark_lists_the_messages_it_links_to_and_no_others() -> None:
    """A list of all that was looked at would show by its gaps who opted out."""
    linked, odd, looked_at = EventID("$linked"), EventID("$a/b+c"), EventID("$link")
    link = event_link(ROOM, linked, ("home.example",))
    body = f"One [1] {event_link(ROOM, odd)}"
    content = compose.message(
        payload(body=body, html=f'One <a href="{link}">[1]</a>', sources=[linked, odd, looked_at]), "e1"
    )

    assert content[MARK_KEY]["sources"] == [linked, odd]
    assert looked_at not in json.dumps(content).replace(linked, "")


def test_a_feature_cannot_overwrite_the_effect_id() -> None:
    """It is by this id that a post is found again after a crash."""
    mark = compose.message(payload(mark={"effect": "other", "kind": "other", "model": "m"}), "e1")[MARK_KEY]

    assert mark == {"model": "m", "kind": "answer", "effect": "e1"}


def test_an_edit_replaces_the_words_and_pings_nobody_anew() -> None:
    """The new content is whole; the outer one is for clients that know no edits."""
    content = compose.edit(payload(text=True, ping=["@mei:home.example"], reply_to="$q", html="<b>x</b>"), ROOT, "e2")

    assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": ROOT}
    assert (content["body"], content["formatted_body"]) == ("* hello", "* <b>x</b>")
    assert content["m.mentions"] == {}
    assert content["m.new_content"]["body"] == "hello"
    assert content["m.new_content"]["m.mentions"] == {"user_ids": ["@mei:home.example"]}
    assert "m.relates_to" not in content["m.new_content"]
    assert content[MARK_KEY] == content["m.new_content"][MARK_KEY] == {"kind": "answer", "effect": "e2"}


def test_a_reaction_carries_the_mark_too() -> None:
    """Every event of the AI's can be told as one."""
    content = compose.reaction(ROOT, "✅", "e3")

    assert content["m.relates_to"] == {"rel_type": "m.annotation", "event_id": ROOT, "key": "✅"}
    assert content[MARK_KEY]["effect"] == "e3"


@pytest.mark.parametrize(("media_type", "msgtype"), [("image/png", "m.image"), ("application/pdf", "m.file")])
def test_a_file_has_its_words_as_caption(media_type: str, msgtype: str) -> None:
    """`filename` beside another body makes the body a caption."""
    attachment = {"name": "qr.png", "media_type": media_type, "width": 10, "height": 20}
    content = compose.message(payload(), "e1", compose.file({"url": "mxc://home.example/x"}, attachment, 99))

    assert (content["msgtype"], content["body"], content["filename"]) == (msgtype, "hello", "qr.png")
    assert content["info"] == {"mimetype": media_type, "size": 99, "w": 10, "h": 20}


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    st.integers(min_value=1, max_value=2_000),
    st.booleans(),
)
def test_every_post_and_edit_fits_into_an_event(words: str, times: int, formatted: bool) -> None:
    """What is too long loses its formatting first, then its end; it is never refused for its size."""
    long = words * times
    given_payload = payload(body=long, html=f"<p>{long}</p>" if formatted else None)

    for content in (compose.message(given_payload, "e1"), compose.edit(given_payload, ROOT, "e2")):
        new = content.get("m.new_content", content)
        assert compose.size(content) <= 65_000
        assert new["body"] == long or new["body"].endswith(compose.CUT)
        assert new["body"].removesuffix(compose.CUT) == long[: len(new["body"].removesuffix(compose.CUT))]
        assert ("format" in new) == ("formatted_body" in new)


def test_a_post_that_fits_is_left_alone() -> None:
    """Up to the limit nothing is cut."""
    body = "x" * 20_000
    content = compose.message(payload(body=body, html=body), "e1")

    assert (content["body"], content["formatted_body"]) == (body, body)


@pytest.mark.parametrize("sign", ["字", '"', "<", "a"])
@pytest.mark.parametrize("width", [1, 40, 230])
def test_the_longest_answer_is_sent_whole_also_in_an_encrypted_room(sign: str, width: int) -> None:
    """As many cited lines as the limit lets in, with their links and the mark, and then four bytes for three."""
    sources = [EventID(f"$SUdub3JhbnQgb2Ygd2hhdCBpcyBzYWlkIGhlcmUgYWxsXzA{number:04}") for number in range(2_000)]

    def answer(rows: int) -> Words:
        cited = [
            text(f"{sign * width} ") + link(f"[{number}]", event_link(ROOM, source, ("home.example",)))
            for number, source in enumerate(sources[:rows])
        ]
        return lines(*cited, details("Sources", cited))

    most = bisect_right(range(len(sources)), LIMIT_BYTES, key=lambda rows: weight(answer(rows))) - 1
    words = fit(answer(most), "Cut.")
    content = compose.message(payload(body=words.body, html=words.html, sources=sources, reply_to="$q"), "e1")

    assert (content["body"], content["formatted_body"]) == (words.body, words.html)
    assert weight(answer(most + 1)) > LIMIT_BYTES >= weight(words)
    assert len(content[MARK_KEY]["sources"]) == most
    assert compose.size(content) * 4 / 3 + ENVELOPE_BYTES <= EVENT_BYTES
