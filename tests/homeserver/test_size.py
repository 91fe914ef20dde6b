"""How much the homeserver takes in one event."""

import base64

from circles.core import compose
from circles.core.effects import Words
from circles.core.render import LIMIT_BYTES, fit, weight
from circles_harness import Person


async def test_the_longest_answer_in_chinese_is_taken(mei: Person, room: str) -> None:
    """At the limit of both forms together nothing is cut, and it fits also when encryption made four bytes of three."""
    words = fit(Words("\n".join(["字" * 100] * 200), "<br>".join(["<b>字</b>" * 40] * 200)), "还有一些。")
    content = compose.message({"body": words.body, "html": words.html, "kind": "answer", "sources": []}, "e1")
    assert LIMIT_BYTES - 2_000 < weight(words) <= LIMIT_BYTES

    plain = await mei.event(room, await mei.send(room, "m.room.message", content))
    ciphertext = base64.b64encode(bytes(compose.size(content))).decode()
    await mei.send(room, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": ciphertext})

    assert (plain["content"]["body"], plain["content"]["formatted_body"]) == (words.body, words.html)
