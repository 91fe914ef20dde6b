"""The proof by bytes, a fixed part of it: no word is in any place where the rules forbid it (`benchmarks/leaks.py`)."""

import pytest

from circles_bench.leaks.run import play
from circles_bench.leaks.stage import Stage
from circles_bench.leaks.table import Kind, Moment, Place, Rules, Selection, Standing

from .conftest import NewPerson, Unborn

STANDINGS = (Standing.CONSENTING, Standing.OUT, Standing.NOT_AT_ALL, Standing.KEPT_OUT, Standing.NEWCOMER)
SELDOM = (
    Kind.EDIT,
    Kind.QUOTED,
    Kind.THREAD,
    Kind.CAPTION,
    Kind.FILE_NAME,
    Kind.POLL,
    Kind.DISPLAY_NAME,
    Kind.TOPIC,
    Kind.STICKER,
)
MOMENTS = tuple(moment for moment in Moment if moment is not Moment.DOWN)
"""What is said while the service is away has tests of its own (test_catching_up), and a restart takes its time."""


@pytest.mark.usefixtures("homeserver")
async def test_no_word_is_where_the_rules_forbid_it(unborn: Unborn, person: NewPerson) -> None:
    """Through five moments, from before the choice to a looser one, nothing leaks; and what may be there is found."""
    pairs = (*((who, Kind.TEXT) for who in STANDINGS), *zip(STANDINGS * 2, SELDOM, strict=False))
    selection = Selection({Rules.NOTEBOOK: pairs, Rules.AGREED: pairs[: len(STANDINGS)]}, gated=False)
    people = {each: await person(f"p-{each.value}") for each in STANDINGS}
    with unborn.watched_model as model:
        async with unborn.watched as service:
            outcome = await play(Stage(service, model, await person("host"), people), selection, moments=MOMENTS)

    assert [str(leak) for leak in outcome.leaks] == []
    assert all(outcome.seen[place] for place in (Place.MODEL, Place.DISK, Place.ROOM))
