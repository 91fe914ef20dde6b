"""Mine: what is shown, asked and done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from circles.core.call import Said, Tap
from circles.core.effects import Effect, Post, Private, TakeBackPerson
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.posts import Frame
from circles.features.mine import decide, strings
from circles.features.mine.decide import Mine, Resting, Standing, Thing, Use
from circles.testing import NOON, ROOM, a_call, a_room
from circles_policies import Level, Member

MEI = UserID("@mei:home.example")
DM = RoomID("!dm")
AT = int(NOON.timestamp() * 1000)
MINE = Mine(
    scope=None,
    title="",
    things=(Thing("Notes", 2, ("dinner is at six", "tea")), Thing("messages", 12)),
    resting=(Resting(ROOM, EventID("$post"), "summary", AT, ("home.example",)), Resting(DM, None, "ask", AT)),
    uses=(Use(AT, "summary", "qwen", "home.example"),),
    choices=(Standing("Family", Member(level=Level.OUT)), Standing("Garden", Member(kept_out=True))),
    language="zh",
)
NOTHING = Mine(scope=None, title="", choices=(Standing("Family", Member()),))


def frame(language: Language = "en") -> Frame:
    """Where it is told."""
    return Frame(DM, (), {}, language, "UTC", NOON)


def a_tap(about: RoomID = DM, asker: UserID = MEI) -> Tap:
    """Tap a list or question of Mei's."""
    said = Said(
        EffectID("e"), EventID("$q"), "forget", "mine", "", DM, about, MEI, EventID("$a"), None, None, "en", "final"
    )
    room = a_room(room_id=DM, direct=True)
    return Tap(room, asker, EventID("$tap"), NOON, "✅", said, "en", decides=True)


def body(effects: tuple[Effect, ...]) -> str:
    """Return what the one post says."""
    (post,) = [each.post if isinstance(each, Private) else each for each in effects if isinstance(each, Post | Private)]
    return post.words.body


def test_everything_is_shown() -> None:
    """Things with their lines, posts, uses by a model, choices."""
    assert decide.told(MINE, frame()).body.splitlines() == [
        "What I hold about you",
        "",
        "Notes 2",
        "• dinner is at six",
        "• tea",
        "",
        "Messages kept 12",
        "",
        "My posts that rest on your words",
        "• summary 12:00 UTC (https://matrix.to/#/!family/$post?via=home.example)",
        "• answer 12:00 UTC, in a private answer",
        "",
        "Sent to a model, with words of yours",
        "• 12:00 UTC · summary · qwen at home.example",
        "",
        "What you chose, which I keep so that I can obey it",
        "• Family: out",
        "• Garden: an admin keeps your words from me",
        "• Language: 中文",
        "",
        "To delete it all, tap 🗑️ or say “forget me”.",
    ]


@pytest.mark.parametrize(("language", "words"), [("en", "I hold nothing of yours"), ("zh", "我什么都没留")])
def test_nothing_held_is_said(language: Language, words: str) -> None:
    """What was chosen is shown all the same, and there is nothing to tap."""
    (post,) = decide.show(a_call("me", room=a_room(room_id=DM, direct=True), place=DM), NOTHING, frame(language))

    assert isinstance(post, Post)
    assert words in post.words.body
    assert "Family" in post.words.body
    assert post.buttons == ()


def test_uses_stay_visible_when_nothing_is_held() -> None:
    """A person always sees every use of their own messages."""
    words = decide.told(replace(NOTHING, uses=MINE.uses), frame()).body

    assert "I hold nothing of yours" in words
    assert "qwen at home.example" in words


def test_in_a_room_the_answer_goes_to_the_person_alone() -> None:
    """No word of it is said in the room."""
    for effects in (
        decide.show(a_call("me"), MINE, frame()),
        decide.ask(a_call("forget"), MINE, "en"),
        decide.ask(a_call("forget"), NOTHING, "en"),
    ):
        (effect,) = effects
        assert isinstance(effect, Private)
        assert effect.user_id == MEI
        assert effect.post.reply_to is None


def test_a_long_list_is_cut() -> None:
    """It says that there is more."""
    many = replace(MINE, things=(Thing("Notes", 50, tuple(f"note {n}" for n in range(50))),))

    assert "There is more" in decide.told(many, frame()).body
    assert "note 49" not in decide.told(many, frame()).body


def test_the_question_counts_and_does_not_quote() -> None:
    """It is asked with a tap and with words."""
    (effect,) = decide.ask(a_call("forget"), MINE, "en")

    assert isinstance(effect, Private)
    assert effect.post.buttons == ("✅",)
    assert "Notes: 2" in effect.post.words.body
    assert "forget me yes" in effect.post.words.body
    assert "dinner" not in effect.post.words.body


@pytest.mark.parametrize(
    ("words", "yes"),
    [("yes", True), ("Yes.", True), ("确认", True), ("", False), ("yesterday", False), ("们上次说的", False)],
)
def test_what_counts_as_yes(words: str, yes: bool) -> None:
    """The word alone."""
    assert decide.is_yes(words) is yes


@pytest.mark.parametrize("scope", [None, ROOM])
def test_yes_forgets(scope: RoomID | None) -> None:
    """The answer comes first: what follows drops the question it answers."""
    call = a_call("forget", "yes", room=a_room(room_id=DM, direct=True), place=DM)
    said, taken = decide.forget(call, replace(MINE, scope=scope, title="Family" if scope else ""), scope)

    assert isinstance(said, Post)
    assert said.words.body.startswith("Done: from Family" if scope else "Done: I hold nothing")
    assert "A model has seen some of it" in said.words.body
    assert taken == TakeBackPerson(MEI, scope, held=True, answers=call.event_id), "said once it is so"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("reach", [(True,), (False,), (True, False)])
def test_what_the_ai_said_in_a_room_it_left_is_not_said_to_be_taken_back(
    language: Language, reach: tuple[bool, ...]
) -> None:
    mine = replace(MINE, resting=tuple(Resting(ROOM, EventID("$post"), "summary", AT, in_reach=each) for each in reach))
    told, asked = decide.done(mine, language).body, decide.question(mine, language).body

    assert (strings.SAYING_AGAIN[language] in told) is any(reach)
    assert (strings.REWRITTEN[language].format(count=1) in asked) is any(reach)
    for text in (told, asked):
        assert (strings.OUT_OF_REACH[language] in text) is not all(reach)


def test_forgetting_nothing_is_said_and_not_done() -> None:
    """A second yes changes nothing."""
    assert "nothing to delete" in body(decide.forget(a_call("forget", "yes"), NOTHING, None))
    assert "nothing to delete" in body(decide.forget_by_tap(a_tap(), NOTHING))


@pytest.mark.parametrize(("about", "scope"), [(DM, None), (ROOM, ROOM)])
def test_a_tap_forgets_what_the_question_was_about(about: RoomID, scope: RoomID | None) -> None:
    """In its direct message a question about a circle is about that circle alone."""
    assert decide.scope_of_post(about, DM) == scope
    tap = a_tap(about)
    effects = decide.forget_by_tap(tap, replace(MINE, scope=scope))

    assert effects[-1] == TakeBackPerson(MEI, scope, held=True, answers=tap.event_id)
    assert isinstance(effects[0], Post if scope is None else Private)


def test_only_the_person_may_press() -> None:
    """Not even who decides in the room."""
    assert decide.may_press(a_tap())
    assert not decide.may_press(a_tap(asker=UserID("@anna:home.example")))
