"""The proof by bytes is sound: its words are found however they are written, and its oracle says what is promised."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from circles.core.extract.tokens import index_terms
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake
from circles.facts import rooms
from circles.facts.tables import policies
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock
from circles_bench.leaks.canary import Canary, Flock
from circles_bench.leaks.controls import CONTROLS
from circles_bench.leaks.oracle import may_be
from circles_bench.leaks.table import POLICIES, Cell, Kind, Moment, Place, Rules, Standing, sampled, whole
from circles_bench.leaks.unguarded import GUARDS
from circles_policies import Member, Policy, Preset, preset, read_content
from rows import MEI, message, opened

ALL = 25_600


@pytest.fixture(scope="module")
def flock() -> Flock:
    """Some words."""
    flock = Flock()
    for _ in range(300):
        flock.new()
    return flock


def test_every_word_is_unique_in_both_halves() -> None:
    """No two of all possible words share their Latin or their Chinese half, nor how they begin."""
    words = [Canary(number) for number in range(ALL)]

    assert len({canary.word[:4] for canary in words}) == ALL
    assert len({canary.han for canary in words}) == ALL


def test_an_index_writes_no_word_as_another_one() -> None:
    """Folded as the program folds what it indexes, every character is still itself: else one is taken for another."""
    for number in range(0, ALL, 159):
        assert set(Canary(number).han) <= set(index_terms(Canary(number).han).split())


WRITTEN: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda word: f"The ladder is with {word}.".encode(),
    "latin half": lambda word: word[:-2].encode(),
    "after what an index leaves out": lambda word: word[3:-2].encode(),
    "capitals": lambda word: word.upper().encode(),
    "chinese half": lambda word: f"x{word[-2:]}y".encode(),
    "json escapes": lambda word: json.dumps({"body": word[-2:]}).encode(),
    "json in json": lambda word: json.dumps(json.dumps({"body": word[-2:]})).encode(),
    "base64": lambda word: base64.b64encode(f"{word} is here".encode()),
    "base64 off its place": lambda word: b"AB" + base64.b64encode(f"a {word}".encode()),
    "base64 for addresses": lambda word: base64.urlsafe_b64encode(f"ab {word}???".encode()),
    "among other bytes": lambda word: b"\x00\xff" + word.encode() + b"\xfe\x00",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_planted_word_is_found_however_it_is_written(flock: Flock, written: Callable[[str], bytes]) -> None:
    """In UTF-8, in JSON's escapes, in base64 at any offset, as a whole or one half of it."""
    for number in (0, 1, 77, 299):
        assert flock.found_in(written(Canary(number).word)) == {Canary(number)}


def test_nothing_is_found_where_nothing_was_planted(flock: Flock) -> None:
    """Neither in ordinary words of both languages nor in a word that nobody said."""
    assert flock.found_in("The ladder is with Agnes. 梯子在阿妮那里。".encode()) == frozenset()
    assert flock.found_in(Canary(300).word.encode()) == frozenset()


@pytest.mark.parametrize("rules", [each for each in Rules if not each.value.startswith("custom")])
def test_the_presets_written_by_hand_are_the_presets(rules: Rules) -> None:
    """What the table writes into a room is what the program calls by that name."""
    written = read_content(POLICIES[rules])

    assert isinstance(written, Policy)
    assert written.model_copy(update={"preset": rules.value}) == preset(Preset(rules.value))


@pytest.mark.parametrize("rules", list(Rules))
def test_every_policy_of_the_table_is_one(rules: Rules) -> None:
    """A malformed one would prove nothing: it denies everything."""
    assert isinstance(read_content(POLICIES[rules]), Policy)


Y, N = True, False
LOOKED_AT = {
    # who:                 consenting  out  not at all  kept out  newcomer  remote  ghost
    Rules.RESTING: (N, N, N, N, N, N, N),
    Rules.ADDRESSED: (N, N, N, N, N, N, N),
    Rules.ON_CALL: (Y, N, N, N, N, Y, Y),
    Rules.AGREED: (Y, N, N, N, N, N, N),
    Rules.NOTEBOOK: (Y, N, N, N, N, Y, Y),
}
"""PRODUCT.md, "Presets and their words", for talk among people: nobody, addressed, everyone not out, consenting."""


@pytest.mark.parametrize(("rules", "expected"), LOOKED_AT.items())
def test_the_oracle_reads_as_the_table_of_presets_says(rules: Rules, expected: tuple[bool, ...]) -> None:
    """Once all have chosen, a model sees whom a preset's line names; notebook keeps the same, every other nothing."""
    cells = [Cell(rules, Kind.TEXT, standing, Moment.IN_FORCE, False) for standing in Standing]

    assert tuple(may_be(cell, Place.MODEL, Moment.CHOSEN) for cell in cells) == expected
    kept = tuple(may_be(cell, Place.DISK, Moment.CHOSEN) for cell in cells)
    assert kept == (expected if rules is Rules.NOTEBOOK else (N,) * len(cells))


def test_the_oracle_tightens_backwards_and_loosens_forwards() -> None:
    """What a tighter policy shut stays shut when a looser one comes; what is said under that one is open."""

    def looked_at(said: Moment, now: Moment) -> bool:
        return may_be(Cell(Rules.ON_CALL, Kind.TEXT, Standing.CONSENTING, said, False), Place.MODEL, now)

    assert looked_at(Moment.IN_FORCE, Moment.DOWN)
    assert not looked_at(Moment.IN_FORCE, Moment.TIGHTENED)
    assert not looked_at(Moment.IN_FORCE, Moment.LOOSENED)
    assert not looked_at(Moment.TIGHTENED, Moment.LOOSENED)
    assert looked_at(Moment.LOOSENED, Moment.LOOSENED)
    assert not any(looked_at(Moment.BEFORE, now) for now in Moment)


def test_the_oracle_lets_who_chooses_late_take_back_what_was() -> None:
    """Until then it may be looked at, kept and quoted; of whoever an admin keeps out the quotes stay."""

    def may(standing: Standing, place: Place, now: Moment) -> bool:
        return may_be(Cell(Rules.NOTEBOOK, Kind.TEXT, standing, Moment.IN_FORCE, False), place, now)

    for standing in (Standing.NOT_AT_ALL, Standing.KEPT_OUT):
        for place in (Place.MODEL, Place.DISK, Place.ROOM):
            assert may(standing, place, Moment.IN_FORCE)
            assert may(standing, place, Moment.CHOSEN) == (standing is Standing.KEPT_OUT and place is Place.ROOM)


@pytest.mark.parametrize("place", [Place.LOG, Place.METRICS])
def test_the_oracle_allows_no_word_in_logs_and_metrics(place: Place) -> None:
    """Of nobody, under nothing."""
    cells = [Cell(Rules.NOTEBOOK, kind, Standing.CONSENTING, Moment.IN_FORCE, False) for kind in Kind]

    assert not any(may_be(cell, place, Moment.IN_FORCE) for cell in cells)


def test_the_oracle_lets_names_be_asked_for_and_never_written() -> None:
    """A name is on no disk; it is in an answer where its bearer's words may be."""

    def may(standing: Standing, place: Place) -> bool:
        cell = Cell(Rules.NOTEBOOK, Kind.DISPLAY_NAME, standing, Moment.IN_FORCE, False)
        return may_be(cell, place, Moment.IN_FORCE)

    assert not may(Standing.CONSENTING, Place.DISK)
    assert may(Standing.CONSENTING, Place.ROOM)
    assert not may(Standing.OUT, Place.ROOM)
    assert not may(Standing.OUT, Place.MODEL)


def test_the_oracle_lets_no_topic_through() -> None:
    """What a room is about is looked at, kept and delivered under no policy."""
    places = (Place.MODEL, Place.DISK, Place.ROOM, Place.SOCKET)
    cells = [Cell(rules, Kind.TOPIC, Standing.CONSENTING, Moment.IN_FORCE, True) for rules in Rules]

    assert not any(may_be(cell, place, Moment.IN_FORCE) for cell in cells for place in places)


CONTROLLED = {
    # what is off: what is said is looked at and never kept, or kept until it is taken back
    "journal": (Rules.WATCHFUL, Place.DISK),
    "index": (Rules.NOTEBOOK, Place.DISK),
    "metrics": (Rules.ON_CALL, Place.METRICS),
}


@pytest.mark.parametrize("off", [True, False], ids=["guard off", "guard on"])
@pytest.mark.parametrize("guard", CONTROLLED)
async def test_with_a_guard_off_and_only_then_a_word_that_is_gone_is_found(
    flock: Flock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, guard: str, off: bool
) -> None:
    """A word is said and taken back: the search sees it where this guard alone keeps it from being."""
    if off:
        GUARDS[guard](monkeypatch.setattr)
    rules, place = CONTROLLED[guard]
    said = message(Canary(7).word)
    redaction = message() | {"type": "m.room.redaction", "redacts": said["event_id"], "content": dict[str, str]()}
    async with opened(tmp_path) as rows:
        values = {"content": POLICIES[rules], "state": "in_force", "written": True, "asked_at": 0, "starts_at": 0}
        await rows.do(lambda c: c.execute(policies.insert().values(room_id=ROOM, **values)))
        await rows.do(lambda c: rooms.save_choice(c, ROOM, MEI, Member(since=0)))
        settings, metrics = Settings(ai=AI, server_name="home.example"), Metrics()
        ghosts = re.compile(r"@circle_.*:home\.example")
        intake = Intake(rows.database, rows.performer, settings, FakeClock(), metrics, lambda _: None, ghosts)
        await intake.accept("1", [said])
        await intake.accept("2", [redaction])
        await rows.clean()
        places = {Place.DISK: await rows.bytes(), Place.METRICS: metrics.text()}

    found = {each for each, data in places.items() if flock.found_in(data)}
    assert found == ({place} if off else set())


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_is_where_it_is_taken_off(monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    """A guard that moved would be taken off nowhere, and its control would find nothing for another reason."""
    GUARDS[guard](monkeypatch.setattr)

    assert guard in {control.guard for control in CONTROLS}


@pytest.mark.parametrize("seed", range(20))
def test_in_a_sample_all_pairs_meet(seed: int) -> None:
    """Of rules and people, rules and kinds, people and kinds each pair is played; with every moment anyway."""
    sample = sampled(list(Rules), list(Standing), gated=False, seed=seed)
    played = {(rules, *pair) for rules, pairs in sample.rooms.items() for pair in pairs}

    assert {(rules, standing) for rules, standing, _ in played} == {(r, s) for r in Rules for s in Standing}
    assert {(rules, kind) for rules, _, kind in played} == {(r, k) for r in Rules for k in Kind}
    assert {(standing, kind) for _, standing, kind in played} == {(s, k) for s in Standing for k in Kind}
    assert sample.cells < whole(list(Rules), list(Standing), gated=False).cells / 3
