"""Outbox payloads as event content: message types, mentions, relations, and the AI mark. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from circles.core.ids import EventID
from circles_policies.content import MARK_KEY, PROPOSAL_KEY
from circles_policies.events import mapping, text

Json = dict[str, Any]
MAX_CONTENT_BYTES: Final = 60_000
"""A whole event may have 65,536 bytes (spec "Size limits"); the rest is for its envelope."""
MAX_HIDDEN_BYTES: Final = 44_000
"""The same for what is encrypted: three bytes become four."""
_LINKED: Final = re.compile(r"https://matrix\.to/#/[^/\s\"'<>?]+/([^/\s\"'<>?&)\]]+)")
CUT: Final = " …"


def message(
    payload: Mapping[str, Any], effect_id: str, media: Mapping[str, Any] | None = None, *, encrypted: bool = False
) -> Json:
    """Return the content of a post, cut to what an event may hold.

    A notice pings nobody even with mentions, so whatever must reach a person is `m.text` (measured in Element).
    Every output carries the mark, with the ids of the messages it links to, so that it can be told and checked.
    """
    return _fitted(_message(payload, effect_id, media), MAX_HIDDEN_BYTES if encrypted else MAX_CONTENT_BYTES)


def _message(payload: Mapping[str, Any], effect_id: str, media: Mapping[str, Any] | None = None) -> Json:
    content: Json = {
        "msgtype": "m.text" if payload.get("text") else "m.notice",
        "body": payload["body"],
        "m.mentions": {"user_ids": payload["ping"]} if payload.get("ping") else {},
        MARK_KEY: mark(payload, effect_id),
    }
    if payload.get("html"):
        content |= {"format": "org.matrix.custom.html", "formatted_body": payload["html"]}
    if media is not None:
        content |= media
    relation = _relation(payload)
    if relation:
        content["m.relates_to"] = relation
    content |= payload.get("extra") or {}
    return content


def edit(payload: Mapping[str, Any], root: EventID, effect_id: str, *, encrypted: bool = False) -> Json:
    """Return the content that replaces a post's words (spec "Event replacements")."""
    # Half of what fits, for the words stand in it twice.
    most = (MAX_HIDDEN_BYTES if encrypted else MAX_CONTENT_BYTES) // 2
    new = _fitted(_message({**payload, "reply_to": None, "thread": None}, effect_id), most)
    fallback = {**new, "body": "* " + str(new["body"])}
    if "formatted_body" in new:
        fallback["formatted_body"] = "* " + str(new["formatted_body"])
    # What a replacement newly mentions would ping again; it was mentioned, or not, the first time.
    fallback["m.mentions"] = {}
    return {**fallback, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": root}}


def mark(payload: Mapping[str, Any], effect_id: str) -> Json:
    """Return the machine-readable AI mark (PRODUCT.md B12).

    It lists only the sources the words link to: a list of all that was looked at would show by its gaps who opted out.
    """
    shown = {unquote(link) for link in _LINKED.findall(f"{payload.get('html') or ''} {payload['body']}")}
    cited = [event_id for event_id in payload.get("sources", []) if event_id in shown]
    found: Json = {**payload.get("mark", {}), "kind": payload.get("kind", ""), "effect": effect_id}
    return {**found, "sources": cited} if cited else found


def parted(content: Mapping[str, Any]) -> tuple[Json, Json]:
    """Return what of a message is to be encrypted, and what stands beside the ciphertext.

    In the clear stand the effect id, by which we and the homeserver's module know our own event, and the policies a
    notice proposes, which the homeserver must be able to read.  Never words, nor what kind of post it is.
    """
    clear = {PROPOSAL_KEY: content[PROPOSAL_KEY]} if PROPOSAL_KEY in content else {}
    effect = effect_of(content)
    hidden = {key: value for key, value in content.items() if key != PROPOSAL_KEY}
    return hidden, {**clear, MARK_KEY: {"effect": effect}} if effect is not None else clear


def effect_of(content: object) -> str | None:
    """Return the effect id in the mark of an event of ours, None where there is none."""
    return text(mapping(mapping(content).get(MARK_KEY)).get("effect"))


def reaction(event_id: EventID, key: str, effect_id: str, kind: str = "button") -> Json:
    """Return the content of a reaction of the AI's: by the mark a button, if it is nothing else."""
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
    return {"m.relates_to": relation, MARK_KEY: {"kind": kind, "effect": effect_id}}


def size(content: Mapping[str, Any]) -> int:
    """Return how many bytes a content takes in an event (spec "Canonical JSON")."""
    return len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def _fitted(content: Json, limit: int) -> Json:
    """Return a content that fits: without its formatted words first, then with its plain ones cut.

    What does not fit is refused by the homeserver for good, and a refused answer is silence.
    """
    if size(content) <= limit:
        return content
    plain = {key: value for key, value in content.items() if key not in ("format", "formatted_body")}
    body = str(plain["body"])
    least, most = 0, len(body)
    while least < most:
        middle = (least + most + 1) // 2
        if size({**plain, "body": body[:middle] + CUT}) <= limit:
            least = middle
        else:
            most = middle - 1
    return plain if size(plain) <= limit else {**plain, "body": body[:least].rstrip() + CUT}


def _relation(payload: Mapping[str, Any]) -> Json:
    reply_to, thread = payload.get("reply_to"), payload.get("thread")
    if thread:
        # is_falling_back: the reply is only for clients without threads (spec "Fallback for unthreaded clients").
        return {
            "rel_type": "m.thread",
            "event_id": thread,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": reply_to or thread},
        }
    return {"m.in_reply_to": {"event_id": reply_to}} if reply_to else {}


def file(where: Mapping[str, Any], attachment: Mapping[str, Any], size: int) -> Json:
    """Return the content of an image or file with a caption (spec "Media captions").

    Args:
        where: `url`, or in an encrypted room `file` with its keys (spec "Sending encrypted attachments").
        size: of the file itself, in bytes.
    """
    kind = "m.image" if str(attachment["media_type"]).startswith("image/") else "m.file"
    info: Json = {"mimetype": attachment["media_type"], "size": size}
    if attachment.get("width"):
        info |= {"w": attachment["width"], "h": attachment["height"]}
    return {"msgtype": kind, **where, "filename": attachment["name"], "info": info}
