"""When an approved policy may stand, looked up in Synapse's tables."""

import logging
from typing import Any

import pytest
from synapse.module_api.errors import SynapseError

from circles_plugin.approval import START_TYPE
from circles_plugin.room_facts import LOOK_AGAIN_MS
from circles_policies import POLICY_TYPE, PROPOSAL_KEY, Policy, Preset, preset, to_content, to_proposal

from .conftest import AI, ANNA, BOB, GHOST, UNCLE, Room, event

ADDRESSED, ON_CALL, NOTEBOOK = preset(Preset.ADDRESSED), preset(Preset.ON_CALL), preset(Preset.NOTEBOOK)
RESTING = preset(Preset.RESTING)


def propose(room: Room, options: dict[str, Policy] | None = None, sender: str = AI, **how: Any) -> str:
    content = {"body": "tap one", PROPOSAL_KEY: to_proposal(options or {"1️⃣": ADDRESSED, "3️⃣": NOTEBOOK})}
    return room.take("m.room.message", sender, content, **how)


async def start(room: Room, proposal: str, approval: str, *, sender: str = AI, key: str = "3️⃣", **config: Any) -> None:
    """The AI says that an approved policy is due."""
    asked = event(START_TYPE, sender, {"proposal": proposal, "key": key, "approval": approval})
    await room.callbacks(**config).on_new_event(asked, {})
    await room.run_background()


def published(room: Room) -> list[tuple[str, dict[str, Any]]]:
    return [(given["sender"], given["content"]) for given in room.published]


@pytest.mark.parametrize(("hours", "stands"), [(23.9, False), (24, True), (100, True)])
async def test_a_looser_policy_stands_after_its_day(room: Room, hours: float, stands: bool) -> None:
    room.set_policy(to_content(ADDRESSED))
    proposal = propose(room)
    await start(room, proposal, room.react(ANNA, proposal, "3️⃣", hours_ago=hours))
    assert published(room) == ([(ANNA, to_content(NOTEBOOK))] if stands else [])


async def test_a_clock_cannot_shorten_the_day(room: Room) -> None:
    """The later of origin time and receipt counts."""
    room.set_policy(to_content(ADDRESSED))
    proposal = propose(room)
    await start(room, proposal, room.react(ANNA, proposal, "3️⃣", hours_ago=100, received_hours_ago=1))
    assert published(room) == []


async def test_the_operator_sets_the_length_of_the_notice(room: Room) -> None:
    room.set_policy(to_content(ADDRESSED))
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "3️⃣", hours_ago=30)
    await start(room, proposal, tap, loosening_hours=48)
    assert published(room) == []
    await start(room, proposal, tap, loosening_hours=1.5)
    assert published(room) == [(ANNA, to_content(NOTEBOOK))]


@pytest.mark.parametrize("sender", [ANNA, GHOST, UNCLE])
async def test_only_the_ai_itself_says_that_a_policy_is_due(room: Room, sender: str) -> None:
    proposal = propose(room)
    await start(room, proposal, room.react(ANNA, proposal, "3️⃣"), sender=sender)
    assert published(room) == []


async def test_agreement_must_be_everybodys_and_not_taken_back(room: Room) -> None:
    """The asker, the AI and its helpers need not tap; everybody else must, remote people too."""
    room.set_policy(to_content(ADDRESSED))
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "3️⃣")
    asked = propose(room, {"👍": NOTEBOOK})
    room.react(UNCLE, asked, "👍")
    taken_back = room.react(BOB, asked, "👍")
    room.redact(BOB, taken_back)
    await start(room, proposal, tap)
    assert published(room) == []

    room.react(BOB, asked, "👍\ufe0f")
    await start(room, proposal, tap)
    assert published(room) == [(ANNA, to_content(NOTEBOOK))]


async def test_agreement_from_before_the_asking_does_not_count(room: Room) -> None:
    """A notice from an earlier time announced something else, even if it names the same policy."""
    room.set_policy(to_content(ADDRESSED))
    old = propose(room, {"👍": NOTEBOOK})
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "3️⃣")
    for person in (BOB, UNCLE):
        room.react(person, old, "👍")
    await start(room, proposal, tap)
    assert published(room) == []


async def test_an_old_approval_is_spent(room: Room) -> None:
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "3️⃣", hours_ago=100)
    room.set_policy(to_content(ADDRESSED))
    await start(room, proposal, tap)
    assert published(room) == []


async def test_the_last_policy_of_the_history_counts_where_the_state_has_none(room: Room) -> None:
    """Redacted, malformed or lost from the state: the tightening before it is not forgotten."""
    room.set_policy(to_content(NOTEBOOK))
    room.set_policy(to_content(ADDRESSED))
    room.set_policy({"schema": 99}, UNCLE)
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "3️⃣")
    await start(room, proposal, tap)
    del room.state[POLICY_TYPE, ""]
    await start(room, proposal, tap)
    assert published(room) == []
    await start(room, proposal, room.react(ANNA, proposal, "1️⃣"), key="1️⃣")
    assert published(room) == [(ANNA, to_content(ADDRESSED))]


@pytest.mark.parametrize(
    ("redacter", "recheck", "counts"),
    [
        pytest.param(AI, True, True, id="the-author"),
        pytest.param(UNCLE, False, True, id="who-had-the-power"),
        pytest.param(UNCLE, True, False, id="a-plain-member-elsewhere"),
    ],
)
async def test_a_redaction_counts_as_it_does_for_synapse(
    room: Room, redacter: str, recheck: bool, counts: bool
) -> None:
    """Room version 3 and newer take every redaction in, and look later whether it holds."""
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "1️⃣")
    room.redact(redacter, proposal, recheck=recheck)
    await start(room, proposal, tap, key="1️⃣")
    assert bool(published(room)) is not counts


@pytest.mark.parametrize("how", [{"rejected": True}, {"soft_failed": True}, {"room_id": "!other:home"}])
async def test_only_accepted_events_of_this_room_approve(room: Room, how: dict[str, Any]) -> None:
    proposal = propose(room)
    await start(room, proposal, room.react(ANNA, proposal, "1️⃣", **how), key="1️⃣")
    other = propose(room, **how)
    await start(room, other, room.react(ANNA, other, "1️⃣"), key="1️⃣")
    assert published(room) == []


@pytest.mark.parametrize("person", [AI, GHOST, UNCLE])
async def test_nothing_is_published_for_the_ai_or_for_people_elsewhere(room: Room, person: str) -> None:
    proposal = propose(room)
    relation = {"rel_type": "m.annotation", "event_id": proposal, "key": "1️⃣"}
    await room.callbacks().on_new_event(event("m.reaction", person, {"m.relates_to": relation}), {})
    await room.run_background()
    await start(room, proposal, room.react(person, proposal, "1️⃣"), key="1️⃣")
    assert published(room) == []


async def test_one_process_acts(room: Room) -> None:
    """Every process of Synapse is told; and the operator may switch publication off."""
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "1️⃣")
    await start(room, proposal, tap, key="1️⃣", publish=False)
    room.api.should_run_background_tasks.return_value = False
    await start(room, proposal, tap, key="1️⃣")
    assert published(room) == []


async def test_tables_of_another_shape_switch_publication_off(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, at the first look; nothing else breaks."""
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "1️⃣")
    room.database.execute("ALTER TABLE redactions DROP COLUMN recheck")
    callbacks = room.callbacks()
    asked = event(START_TYPE, AI, {"proposal": proposal, "key": "1️⃣", "approval": tap})
    await callbacks.self_check()
    for _ in range(2):
        await callbacks.on_new_event(asked, {})
        await room.run_background()
    assert published(room) == []
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "Cannot read Synapse's tables (OperationalError): publication is off, the AI may set no policy"
    ]


async def test_tables_that_could_not_be_read_for_a_moment_are_looked_at_again(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at once, and not only at the next start."""
    room.database.execute("ALTER TABLE redactions RENAME TO away")
    proposal = propose(room)
    tap = room.react(ANNA, proposal, "1️⃣")
    callbacks = room.callbacks()
    asked = event(START_TYPE, AI, {"proposal": proposal, "key": "1️⃣", "approval": tap})
    await callbacks.self_check()
    room.database.execute("ALTER TABLE away RENAME TO redactions")
    told: list[int] = []
    for later in (LOOK_AGAIN_MS - 1, 1, 0):
        room.now += later
        await callbacks.on_new_event(asked, {})
        await room.run_background()
        told.append(len(published(room)))
    assert told[0] == 0
    assert told[1] == 1
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING][1:] == [
        "Synapse's tables can be read again: publication is on"
    ]


async def test_what_the_auth_rules_refuse_stays_unsaid(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """And an unexpected error is logged by its name and place alone."""
    caplog.set_level(logging.INFO)
    proposal = propose(room)
    tap = room.react(BOB, proposal, "1️⃣")
    room.api.create_and_send_event_into_room.side_effect = SynapseError(403, "canary")
    await start(room, proposal, tap, key="1️⃣")
    room.api.create_and_send_event_into_room.side_effect = ValueError("canary")
    await start(room, proposal, tap, key="1️⃣")
    assert "action=policy_refused" in caplog.text
    assert "circles_due failed: ValueError at publication.py" in caplog.text
    assert "canary" not in caplog.text


async def named(room: Room, approval: str, policy: object) -> None:
    """The AI says that a policy which somebody named in words is due."""
    await room.callbacks().on_new_event(event(START_TYPE, AI, {"policy": policy, "approval": approval}), {})
    await room.run_background()


@pytest.mark.parametrize(
    ("words", "sender", "policy", "stands"),
    [
        pytest.param("!circle policy addressed", ANNA, to_content(ADDRESSED), True, id="by-its-name"),
        pytest.param("!circle policy addressed", ANNA, to_content(RESTING), False, id="another-one"),
        pytest.param("!circle policy 1", ANNA, to_content(ADDRESSED), False, id="a-number"),
        pytest.param("!circle policy notebook", ANNA, to_content(NOTEBOOK), False, id="looser-before-its-day"),
        pytest.param("!circle policy addressed", UNCLE, to_content(ADDRESSED), False, id="somebody-elsewhere"),
        pytest.param("nice weather", ANNA, to_content(ADDRESSED), False, id="no-command"),
        pytest.param("!circle policy addressed", ANNA, {"schema": 99}, False, id="unreadable"),
    ],
)
async def test_a_policy_named_in_words_stands_in_the_name_of_who_said_them(
    room: Room, words: str, sender: str, policy: object, stands: bool
) -> None:
    """The homeserver reads the words itself; a number means nothing without the options it chose from."""
    room.set_policy(to_content(ON_CALL))
    said = room.take("m.room.message", sender, {"msgtype": "m.text", "body": words})
    await named(room, said, policy)
    assert published(room) == ([(sender, policy)] if stands else [])
