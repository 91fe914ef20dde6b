"""A circle that is made by one sentence, and the ways into it, also from another homeserver."""

import contextlib
import re
import sqlite3
from urllib.parse import parse_qs

from circles_harness import Homeserver, Service
from codes import scanned
from walks import admission, answer, banner, body, private_room

from .conftest import NewPerson


async def test_one_sentence_makes_a_circle_and_its_qr_code_and_number_lead_in_from_elsewhere(
    federation: tuple[Homeserver, Homeserver], federated_service: Service, person: NewPerson
) -> None:
    """The asker decides there; the picture holds the link of the text, whose `via` another homeserver can follow."""
    here, there = federation
    mei = await person("mei", at=here)
    li, noor = await person("li", at=there), await person("noor", at=there)
    private = await private_room(mei, federated_service)

    wish = await mei.say(private, "create New Year visits. Who visits whom?")
    told = await answer(mei, private, wish, federated_service)
    link = scanned(await mei.download(told["content"]["url"]))
    number = re.search(r"Number (\d+): join (#\S+)", body(told))

    with contextlib.closing(sqlite3.connect(f"file:{federated_service.database_path}?mode=ro", uri=True)) as database:
        counted = database.execute("SELECT asker FROM posts WHERE kind = 'created' AND feature = 'circle'").fetchall()
    assert (mei.user_id,) in counted, "by these rows it is known how many circles somebody had made today"
    assert f"Join this circle ({link})" in body(told)
    assert number is not None
    address, _, servers = link.removeprefix("https://matrix.to/#/").partition("?")
    assert (address, parse_qs(servers)) == (number[2], {"via": [here.server_name]})
    assert number[1] in number[2]

    circle = await mei.wait_for_invite()
    await mei.join(circle)
    assert await li.join(address, via=parse_qs(servers)["via"]) == circle
    assert await noor.join(number[2]) == circle
    question = await admission(mei, circle, federated_service)
    await mei.react(circle, question["event_id"], "2️⃣")
    await banner(li, circle, federated_service)
    assert (await li.state(circle, "m.room.name") or {})["name"] == "New Year visits"

    invited = await answer(li, circle, await li.say(circle, "!circle invite"), federated_service)
    assert scanned(await li.download(invited["content"]["url"])).startswith(f"https://matrix.to/#/{address}?via=")
