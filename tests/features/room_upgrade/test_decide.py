"""Which tombstone counts, and what is said of what came along."""

from typing import Any

import pytest

from circles.core.ids import RoomID, UserID
from circles.features.room_upgrade import strings
from circles.features.room_upgrade.decide import TOMBSTONE, leads_to
from circles_policies.power import Power

OLD, NEW = RoomID("!old"), RoomID("!new")
ANNA, MEI, LI = UserID("@anna:x"), UserID("@mei:x"), UserID("@li:x")
DEFAULT: dict[str, Any] = {"users": {MEI: 100, LI: 50}, "events": {TOMBSTONE: 100}, "state_default": 50}


def power(levels: dict[str, Any] | None, version: str = "10", **create: Any) -> Power:
    return Power.of({"room_version": version, "creator": ANNA, **create}, ANNA, levels, version)


@pytest.mark.parametrize(
    ("held", "sender", "counts"),
    [
        pytest.param(power(DEFAULT), MEI, True, id="an admin"),
        pytest.param(power(DEFAULT), LI, False, id="a moderator below its level"),
        pytest.param(power(DEFAULT), UserID("@eve:x"), False, id="a plain member"),
        pytest.param(power({"users": {MEI: 100}}), UserID("@eve:x"), False, id="a plain member, usual level"),
        pytest.param(power({"users": {LI: 50}}), LI, True, id="the usual level for state"),
        pytest.param(power({**DEFAULT, "events": {TOMBSTONE: 0}}), MEI, False, id="everybody may, so it means nothing"),
        pytest.param(power({"users_default": 50, "users": {MEI: 100}}), MEI, False, id="everybody has that level"),
        pytest.param(power({"state_default": 0, "users": {MEI: 100}}), MEI, False, id="state is everybody's"),
        pytest.param(power(None), ANNA, False, id="no levels at all"),
        pytest.param(power({"events": {TOMBSTONE: 150}}, "12"), ANNA, True, id="version 12: a creator"),
        pytest.param(
            power({"events": {TOMBSTONE: 150}}, "12", additional_creators=[MEI]), MEI, True, id="12: another creator"
        ),
        pytest.param(
            power({"events": {TOMBSTONE: 150}, "users": {LI: 100}}, "12"), LI, False, id="12: an admin is none"
        ),
    ],
)
def test_only_who_holds_a_level_above_everybodys_leads_the_ai_away(held: Power, sender: UserID, counts: bool) -> None:
    """At the moment of the tombstone."""
    assert leads_to(held, sender, OLD, NEW) == (NEW if counts else None)


@pytest.mark.parametrize("replacement", [None, 7, "", "#alias:x", {"a": 1}, OLD, ["!new"]])
def test_a_tombstone_that_names_no_other_room_leads_nowhere(replacement: object) -> None:
    """Whoever sent it."""
    assert leads_to(power(DEFAULT), MEI, OLD, replacement) is None


def test_what_came_along_is_said_in_one_message() -> None:
    """By number and kind, in both languages, without a word about any person."""
    things = {"reminders": 2, "digest": 1, "notes": 1, "messages": 0}
    english, chinese = strings.came_along("en", things).body, strings.came_along("zh", things).body

    assert english.startswith("This room goes on from the earlier one. Came along: 2 reminders, the digest, 1 note.")
    assert "2 个提醒、定时摘要、1 条笔记" in chinese
    assert "nothing to bring" in strings.came_along("en", {}).body
    assert "没有什么要带过来的" in strings.came_along("zh", {"notes": 0}).body
