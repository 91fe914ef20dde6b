"""How fast one person may ask: told once, then silence, then again."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from circles.core.ids import UserID
from circles.core.pace import SPARE, Metronome, Pace, Turns
from circles.testing import NOON, ROOM

MEI, LI = UserID("@mei:home.example"), UserID("@li:far.example")


def test_too_many_calls_are_told_once() -> None:
    """The limit, one sentence, then nothing."""
    metronome = Metronome(3)

    assert [metronome.beat(MEI, NOON) for _ in range(6)] == [Pace.GO] * 3 + [Pace.SAY] + [Pace.SILENT] * 2


def test_each_person_has_a_pace_of_their_own() -> None:
    """One who asks too much takes nothing from another."""
    metronome = Metronome(1)
    metronome.beat(MEI, NOON)

    assert (metronome.beat(MEI, NOON), metronome.beat(LI, NOON)) == (Pace.SAY, Pace.GO)


def test_a_minute_later_it_goes_on() -> None:
    """The minute slides."""
    metronome = Metronome(2)
    metronome.beat(MEI, NOON)
    metronome.beat(MEI, NOON + timedelta(seconds=30))

    assert metronome.beat(MEI, NOON + timedelta(seconds=59)) is Pace.SAY
    assert metronome.beat(MEI, NOON + timedelta(seconds=60)) is Pace.GO
    assert metronome.beat(MEI, NOON + timedelta(seconds=61)) is Pace.SILENT


@given(st.lists(st.integers(min_value=0, max_value=20), max_size=100), st.integers(min_value=1, max_value=5))
def test_no_minute_holds_more_than_the_limit(pauses: list[int], limit: int) -> None:
    """Whatever the rhythm: at most so many calls go within any minute, and at most one word about it."""
    metronome, now = Metronome(limit), NOON
    went: list[float] = []
    told: list[float] = []
    for pause in pauses:
        now += timedelta(seconds=pause)
        pace = metronome.beat(MEI, now)
        if pace is not Pace.SILENT:
            (went if pace is Pace.GO else told).append(now.timestamp())

    for times, most in ((went, limit), (told, 1)):
        assert all(later - earlier >= 60 for earlier, later in zip(times, times[most:], strict=False))


def test_people_who_left_are_forgotten() -> None:
    """Memory stays bounded by those who asked within the last minute."""
    metronome = Metronome(1)
    for number in range(10_001):
        metronome.beat(UserID(f"@p{number}:far.example"), NOON)
    metronome.beat(MEI, NOON + timedelta(minutes=2))

    assert len(vars(metronome)["_calls"]) == 1


# --- turns ---------------------------------------------------------------------------------------------------------

BOT = "@bot:far.example"


class PingPong:
    """Two that take turns in one room: a sender, and we who answer what we are let to."""

    def __init__(self, in_a_row: int) -> None:
        self.turns = Turns(in_a_row)
        self.now = NOON
        self.answered: datetime | None = None
        self.calls = 0

    def call(self, after: timedelta, *, control: bool = False) -> Pace:
        """Let a call come so long after our last answer."""
        self.now += after
        self.calls += 1
        pace = self.turns.beat(ROOM, BOT, f"${self.calls}", self.now, self.answered, control=control)
        self.answered = self.now if pace is not Pace.SILENT else None
        return pace


@given(st.integers(1, 40), st.lists(st.integers(1, 59), min_size=120, max_size=120))
def test_who_answers_everything_we_say_is_left_after_so_many_turns(most: int, seconds: list[int]) -> None:
    """However slowly within the minute; it hears why once, and what is silent is answered by nobody."""
    game = PingPong(most)
    paces = [game.call(timedelta(seconds=second)) for second in seconds]

    # The first call takes no turn, for nothing was answered before it.
    assert paces[: most + 1] == [*[Pace.GO] * most, Pace.SAY]
    assert paces[most + 1] is Pace.SILENT


@given(st.lists(st.integers(61, 600), min_size=60, max_size=60))
def test_a_person_who_stops_to_think_is_never_taken_for_a_program(seconds: list[int]) -> None:
    """A minute is enough."""
    game = PingPong(5)

    assert {game.call(timedelta(seconds=second)) for second in seconds} == {Pace.GO}


def test_a_burst_before_we_answered_takes_no_turn() -> None:
    """Ten commands typed in a row are no conversation."""
    turns = Turns(3)

    assert {turns.beat(ROOM, BOT, f"${n}", NOON, None) for n in range(20)} == {Pace.GO}
    assert {turns.beat(ROOM, BOT, f"$b{n}", NOON, NOON + timedelta(seconds=1)) for n in range(20)} == {Pace.GO}


def test_it_pauses_longer_each_time_and_forgets_after_a_day() -> None:
    """Ten minutes, then twenty, up to eight hours."""
    game = PingPong(3)
    pauses: list[int] = []
    for _ in range(8):
        while game.call(timedelta(seconds=5)) is not Pace.SAY:
            pass
        pauses.append(game.turns.minutes(ROOM, BOT, game.now))
        game.now += timedelta(minutes=pauses[-1], seconds=1)
    assert pauses == [10, 20, 40, 80, 160, 320, 480, 480]

    game.now += timedelta(days=1, seconds=1)
    while game.call(timedelta(seconds=5)) is not Pace.SAY:
        pass
    assert game.turns.minutes(ROOM, BOT, game.now) == 10


def test_a_few_control_words_are_answered_in_a_pause() -> None:
    """A person who was taken for a program can ask for help; a program that says help for ever gets no more."""
    game = PingPong(2)
    while game.call(timedelta(seconds=5)) is not Pace.SAY:
        pass

    paces = [game.call(timedelta(seconds=5), control=True) for _ in range(6)]

    assert paces == [*[Pace.GO] * SPARE, *[Pace.SILENT] * (6 - SPARE)]
    assert game.call(timedelta(seconds=5)) is Pace.SILENT


def test_each_sender_and_room_has_turns_of_its_own() -> None:
    """A program in one room silences nobody else."""
    turns = Turns(1)
    turns.beat(ROOM, BOT, "$1", NOON, None)
    assert turns.beat(ROOM, BOT, "$2", NOON + timedelta(seconds=2), NOON) is Pace.SAY
    assert turns.last_call(ROOM, BOT) == "$2"

    assert turns.beat(ROOM, MEI, "$3", NOON + timedelta(seconds=2), NOON) is Pace.SAY
    assert turns.last_call("!other", BOT) == ""
    assert turns.beat("!other", BOT, "$4", NOON + timedelta(seconds=2), None) is Pace.GO
    assert turns.minutes("!nowhere", BOT, NOON) == 0
