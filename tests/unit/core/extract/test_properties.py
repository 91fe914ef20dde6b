"""What holds for any text at all."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from circles.core.extract import (
    Line,
    decisions,
    disagreements,
    index_terms,
    key_points,
    open_questions,
    query_terms,
    search,
    todos,
    visits,
)
from circles.core.extract.text import fold

_WORDS = (
    "我 我们 你 去 来 外婆 外婆家 初二 初三 吧 ？ 好 好的 把 带 不 了 ， 。 改到 明天 交给我 谁 ? ! # \n \0 \ue000 …"
    " I'll we can you come to us Grandma 's on the 3rd and please by Friday visit yes sorry Anna Li let's sounds good"
)
PIECES = st.sampled_from(_WORDS.split(" "))
TEXT = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=16).map(" ".join), st.lists(PIECES, max_size=16).map("".join)
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[Line, ...]:
    """A window of up to twelve lines by three people, with replies and threads that may lead nowhere."""
    count = draw(st.integers(0, 12))
    found: list[Line] = []
    for at in range(count):
        who = draw(st.integers(0, 2))
        reply = draw(st.one_of(st.none(), st.integers(0, 14).map(lambda each: f"$e{each}")))
        thread = draw(st.one_of(st.none(), st.just("$e0")))
        found.append(Line(f"$e{at}", f"@u{who}:x", ("Anna", "小红", "")[who], at * 1000, draw(TEXT), reply, thread))
    return tuple(found)


@settings(max_examples=60, deadline=None)
@given(windows())
def test_every_id_is_a_line_of_the_window_and_every_quote_its_words(lines: tuple[Line, ...]) -> None:
    """Total on any text, the same twice, and nothing from outside the window."""
    texts = {line.id: line.text for line in lines}
    for find in (decisions, open_questions, disagreements):
        found = find(lines)
        assert found == find(lines)
        for each in found:
            assert texts[each.id][each.start :].startswith(each.quote)
            assert set(each.related) <= set(texts)
    for todo in todos(lines):
        assert texts[todo.id][todo.start :].startswith(todo.quote)
        assert todo.owner_id is None or todo.owner_id in {line.sender for line in lines}
    assert set(key_points(lines, 4)) <= set(texts)
    assert {each.id for each in search(lines, "when is 外婆 there")} <= set(texts)


@settings(max_examples=60, deadline=None)
@given(windows())
def test_a_visit_names_only_people_and_days_of_the_window(lines: tuple[Line, ...]) -> None:
    """Who and whom are senders' names or words that were said, or an honest "?"."""
    texts = {line.id: line.text for line in lines}
    words = fold(" ".join(line.text for line in lines))
    names = {fold(line.name) for line in lines}
    for visit in visits(lines):
        assert visit.quote in texts[visit.id]
        assert visit.when in " ".join(texts.values())
        for name in (visit.who, visit.whom):
            parts = [part for each in fold(name).split(" and ") for part in each.split("和")]
            assert name == "?" or fold(name) in words or all(part in words or part in names for part in parts)
    assert visits(lines) == visits(lines)


@given(st.text(max_size=80), st.text(max_size=20))
def test_a_query_meets_the_index_where_the_text_contains_it(text: str, query: str) -> None:
    """What a query asks for is among the terms of any text that contains the query as words of its own."""
    stored = index_terms(f"{text}\n{query}\n{text}").split()

    assert set(query_terms(query)) <= set(stored)
