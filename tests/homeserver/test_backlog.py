"""Three days of an encrypted room in which nothing listened."""

from collections import Counter

from backlog import FRESH, LATE, OLD, faults, play, staged

EVENTS = 136
"""The whole of it, a thousand events, is `benchmarks/backlog.py`."""


async def test_three_days_of_encrypted_talk_are_read_once_and_in_order() -> None:
    """Four devices change their sessions at once, one person goes out, and the service is killed while it catches up.

    Only what was just said is answered, what came late is told so, what is older is left alone.
    """
    async with staged() as stage:
        said, _ = await play(stage, EVENTS, kills=1)

        assert set(said.commands.values()) == {FRESH, LATE, OLD}
        assert len(said.order) == EVENTS
        assert +faults(stage, said) == Counter()
