"""Whose 🙈 may be taken off, by whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.ids import UserID
from circles.features.hiding.decide import liftable

ANNA, LI, MEI, UNCLE = (UserID(f"@{name}:home.example") for name in ("anna", "li", "mei", "uncle"))


@pytest.mark.parametrize(
    ("marked_by", "asker", "author", "decides", "lifted"),
    [
        pytest.param((LI,), LI, ANNA, False, (LI,), id="one's own"),
        pytest.param((LI,), ANNA, ANNA, False, (LI,), id="the author's say over their own words"),
        pytest.param((ANNA,), ANNA, ANNA, False, (ANNA,), id="the author's own"),
        pytest.param((LI,), MEI, ANNA, True, (LI,), id="whoever decides"),
        pytest.param((ANNA,), MEI, ANNA, True, (), id="what its author hid, nobody else shows"),
        pytest.param((LI, ANNA), MEI, ANNA, True, (LI,), id="the author's stays when others' go"),
        pytest.param((LI,), UNCLE, ANNA, False, (), id="not another member"),
        pytest.param((LI, UNCLE), UNCLE, ANNA, False, (UNCLE,), id="one's own of two"),
        pytest.param((LI, UNCLE), ANNA, ANNA, False, (LI, UNCLE), id="the author lifts all"),
        pytest.param((LI,), MEI, None, True, (), id="of an unknown author nobody is let over another's"),
        pytest.param((LI,), LI, None, False, (LI,), id="one's own also then"),
        pytest.param((), ANNA, ANNA, True, (), id="nothing there"),
    ],
)
def test_whose_marks_may_be_lifted(
    marked_by: tuple[UserID, ...], asker: UserID, author: UserID | None, decides: bool, lifted: tuple[UserID, ...]
) -> None:
    assert liftable(marked_by, asker, author, decides=decides) == lifted


people = st.sampled_from((ANNA, LI, MEI, UNCLE))


@given(st.lists(people, unique=True), people, people, st.booleans())
def test_what_an_author_put_on_their_own_words_only_they_take_off(
    marked_by: list[UserID], asker: UserID, author: UserID, decides: bool
) -> None:
    """Nobody loosens another's choice, whatever power they have."""
    assert author not in liftable(marked_by, asker, author, decides=decides) or asker == author


@given(st.lists(people, unique=True), people, st.none() | people, st.booleans())
def test_power_only_adds(marked_by: list[UserID], asker: UserID, author: UserID | None, decides: bool) -> None:
    """Whoever decides may lift at least what a member may, and only marks that stand there."""
    lifted = set(liftable(marked_by, asker, author, decides=decides))

    assert lifted <= set(liftable(marked_by, asker, author, decides=True)) <= set(marked_by)
