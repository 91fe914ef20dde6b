"""Receipts: find the post that is meant, look up what is known of it, tell it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from circles.core.call import Call
from circles.core.effects import Attachment, Effect, Post, Private, Words
from circles.core.ids import EventID, RoomID, Source
from circles.core.posts import Frame
from circles.features.receipts import decide, store, strings
from circles.features.receipts.decide import NAME, Receipt
from circles.ports import Ports, Window

FEW: int = 8
"""So many messages are asked for one by one; of more, one walk through the room knows the hours."""


async def why(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Tell what an answer rests on."""
    meant = await ports.database.read(lambda c: store.meant(c, call))
    receipt = await ports.database.read(lambda c: store.receipt(c, meant)) if meant is not None else None
    if receipt is None:
        words = strings.NOTHING_YET if call.reply_to is None else strings.NOT_MINE
        return (call.answer(Words(words[call.language]), feature=NAME, kind="excuse"),)
    alone = call.private or call.room.direct
    sources = decide.shown_to(receipt, call.asker, alone=alone)
    at = await _hours(receipt, sources or (), ports)
    names = await ports.names.people(receipt.about)
    zone = call.zone or ports.settings.zone
    frame = Frame(receipt.about, receipt.via, names, call.language, zone, ports.clock.now())
    return (call.answer(decide.told(receipt, sources, at, frame), feature=NAME, kind="receipt"),)


async def receipts(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Hand over what the answers of some days rest on, as a file, to the one who asked for them alone."""
    days = decide.days_meant(call.argument.text)
    if days is None:
        return (call.in_private(Words(strings.HOW_LONG[call.language]), feature=NAME),)
    since = int((ports.clock.now() - timedelta(days=days)).timestamp() * 1000)
    about = None if call.room.direct else call.room.room_id
    given = await ports.database.read(lambda c: store.answers(c, call.asker, about, since))
    if not given:
        return (call.in_private(Words(strings.NONE_GIVEN[call.language].format(days=days)), feature=NAME),)
    names = {room_id: await ports.names.people(room_id) for room_id in {each.receipt.about for each in given}}
    zone = call.zone or ports.settings.zone
    frame = Frame(call.room.room_id, call.room.via, {}, call.language, zone, ports.clock.now())
    words = Words(strings.FILE[call.language].format(days=days, count=len(given)))
    attachment = Attachment(decide.FILE_NAME, "text/markdown", decide.as_file(given, names, frame).encode())
    if call.room.direct or call.place != call.room.room_id:
        return (call.answer(words, feature=NAME, kind=decide.LIST, attachment=attachment),)
    post = Post(call.place, words, kind=decide.LIST, feature=NAME, answers=call.event_id, attachment=attachment)
    return (Private(call.asker, post),)


async def _hours(receipt: Receipt, sources: Sequence[Source], ports: Ports) -> dict[EventID, int]:
    """Return when messages were written, of those that may be looked at now."""
    room_id: RoomID = receipt.about
    if len(sources) > FEW:
        talk = await ports.talk.window(room_id, Window())
        return {message.event_id: message.at for message in talk.messages}
    found = [await ports.talk.event(room_id, source.event_id) for source in sources]
    return {message.event_id: message.at for message in found if message is not None}
