"""Effects are frozen values, and none is mistaken for another."""

import dataclasses
import inspect
import re

import pytest

from circles.core import effects
from circles.core.effects import Effect, Post, Words
from circles.testing import ROOM

KINDS = [
    kind for _, kind in inspect.getmembers(effects, inspect.isclass) if issubclass(kind, Effect) and kind is not Effect
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_effect_cannot_change_once_it_is_decided(kind: type[Effect]) -> None:
    """Frozen, each of them."""
    assert dataclasses.is_dataclass(kind)
    assert vars(kind)["__dataclass_params__"].frozen


def test_every_effect_is_one_that_something_carries_out() -> None:
    """The spine knows each of them by name: nothing that is decided is dropped without a word."""
    import circles.adapters.store.outbox as outbox
    import circles.entrypoints.performing as performing

    known = inspect.getsource(outbox) + inspect.getsource(performing)

    assert [kind.__name__ for kind in KINDS if re.search(rf"fx\.{kind.__name__}\b", known) is None] == []


def test_a_post_is_a_notice_unless_it_must_reach_somebody() -> None:
    """What pings nobody is quiet by default, stands alone and rests on nothing."""
    post = Post(ROOM, Words("hello"), kind="notice", feature="help")

    assert (post.ping, post.text, post.unasked, post.sources, post.remake) == ((), False, False, (), None)
