"""A person with a Matrix client: verbs of Element, and exactly the events Element Web 1.12 sends for them.

Plain HTTP on purpose, not the library the program uses: a mistake there must not hide here.
No encryption of its own: in an encrypted room a `Person` sees ciphertext.
"""

import asyncio
import html as html_escaping
import itertools
import json as json_text
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

Event = dict[str, Any]
T = TypeVar("T")

WAIT_SECONDS = 60.0
_LONG_POLL_SECONDS = 10.0
_NOTHING: Event = {"types": []}
_FILTER = json_text.dumps(
    {
        "presence": _NOTHING,
        "account_data": _NOTHING,
        "room": {
            "timeline": {"limit": 50},
            "state": _NOTHING,
            "account_data": _NOTHING,
            "ephemeral": {"types": ["m.typing"]},
        },
    }
)
"""What is taken in, and no more: else half of the homeserver's time goes into what nobody looks at."""
_PIN = "m.room.pinned_events"


class Refused(Exception):
    """The homeserver answered with an error.

    Attributes:
        status: The HTTP status.
        errcode: Matrix's error code, such as `M_FORBIDDEN`.
        text: The error's sentence.
    """

    def __init__(self, call: str, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.errcode = str(body.get("errcode", ""))
        self.text = str(body.get("error", ""))
        super().__init__(f"{call}: {status} {self.errcode} {self.text}")


class NotSeen(AssertionError):
    """What was waited for did not come; the message lists what came instead."""


class Person:
    """Someone with an account and one device.

    Everything received is kept: `timeline` grows by each `/sync`, gaps are filled from `/messages`, so an event
    is never missed between two calls.
    """

    def __init__(self, *, base_url: str, user_id: str, access_token: str, device_id: str) -> None:
        self.base_url = base_url
        self.user_id = user_id
        self.access_token = access_token
        self.device_id = device_id
        self.display_name = ""
        self.password = ""
        self.invites: dict[str, list[Event]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._since: str | None = None
        self._timelines: dict[str, list[Event]] = {}
        self._typing: dict[str, list[str]] = {}
        self._seen: set[str] = set()
        self._reactions: dict[tuple[str, str, str], str] = {}
        self._syncing = asyncio.Lock()
        self._transactions = (f"{secrets.token_hex(4)}-{n}" for n in itertools.count())

    def __repr__(self) -> str:
        return f"<Person {self.user_id}>"

    # Rooms ----------------------------------------------------------------------------------------------------

    async def create_room(
        self,
        name: str | None = None,
        *,
        invite: Sequence[str] = (),
        is_direct: bool = False,
        encrypted: bool = False,
        public: bool = False,
        version: str | None = None,
        topic: str | None = None,
        preset: str | None = None,
        power_level_content_override: Mapping[str, Any] | None = None,
        initial_state: Sequence[Event] = (),
        creation_content: Mapping[str, Any] | None = None,
    ) -> str:
        """Create a room as Element's dialog does: private, guests may join, encrypted only if asked."""
        state: list[Event] = [
            {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "can_join"}},
            *initial_state,
        ]
        if encrypted:
            algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
            state.append({"type": "m.room.encryption", "state_key": "", "content": algorithm})
        body: dict[str, Any] = {
            "visibility": "public" if public else "private",
            "preset": preset or ("public_chat" if public else "private_chat"),
            "initial_state": state,
        }
        optional: dict[str, Any] = {
            "name": name,
            "topic": topic,
            "invite": list(invite) or None,
            "is_direct": is_direct or None,
            "room_version": version,
            "power_level_content_override": power_level_content_override,
            "creation_content": creation_content,
        }
        body |= {key: value for key, value in optional.items() if value is not None}
        answer = await self.request("POST", "/v3/createRoom", body)
        return str(answer["room_id"])

    async def start_dm(self, user_id: str, *, encrypted: bool = False) -> str:
        """Open a direct chat as "Send message" does: the invited person becomes additional creator in version 12."""
        room_id = await self.create_room(
            invite=[user_id], is_direct=True, encrypted=encrypted, preset="trusted_private_chat"
        )
        path = f"/v3/user/{quote(self.user_id, safe='')}/account_data/m.direct"
        try:
            direct = await self.request("GET", path)
        except Refused:
            direct = {}
        await self.request("PUT", path, {**direct, user_id: [*direct.get(user_id, []), room_id]})
        return room_id

    async def join(self, room: str, *, via: Sequence[str] = ()) -> str:
        """Join a room id or an alias; returns the room id."""
        answer = await self.request("POST", f"/v3/join/{quote(room, safe='')}", {}, query=[("via", v) for v in via])
        return str(answer["room_id"])

    async def knock(self, room: str, *, via: Sequence[str] = (), reason: str | None = None) -> str:
        """Ask to be let in; returns the room id."""
        body = {"reason": reason} if reason else {}
        answer = await self.request("POST", f"/v3/knock/{quote(room, safe='')}", body, query=[("via", v) for v in via])
        return str(answer["room_id"])

    async def invite(self, room: str, user_id: str) -> None:
        """Invite somebody."""
        await self._membership("invite", room, user_id)

    async def kick(self, room: str, user_id: str, *, reason: str | None = None) -> None:
        """Remove somebody."""
        await self._membership("kick", room, user_id, reason)

    async def ban(self, room: str, user_id: str, *, reason: str | None = None) -> None:
        """Ban somebody."""
        await self._membership("ban", room, user_id, reason)

    async def unban(self, room: str, user_id: str) -> None:
        """Lift a ban."""
        await self._membership("unban", room, user_id)

    async def leave(self, room: str) -> None:
        """Leave, or decline an invite."""
        await self.request("POST", f"/v3/rooms/{quote(room, safe='')}/leave", {})

    async def upgrade(self, room: str, version: str) -> str:
        """Upgrade the room; returns the new room's id."""
        answer = await self.request("POST", f"/v3/rooms/{quote(room, safe='')}/upgrade", {"new_version": version})
        return str(answer["replacement_room"])

    async def joined_rooms(self) -> list[str]:
        """The rooms this person is in."""
        return list((await self.request("GET", "/v3/joined_rooms"))["joined_rooms"])

    async def members(self, room: str, *, membership: str = "join") -> dict[str, Event]:
        """The room's member events' contents by user id, of one membership."""
        path = f"/v3/rooms/{quote(room, safe='')}/members"
        answer = await self.request("GET", path, query=[("membership", membership)])
        return {event["state_key"]: event["content"] for event in answer["chunk"]}

    # Writing --------------------------------------------------------------------------------------------------

    async def send(self, room: str, event_type: str, content: Mapping[str, Any]) -> str:
        """Send any event; returns its id. The verbs below are what a client has buttons for."""
        path = f"/v3/rooms/{quote(room, safe='')}/send/{quote(event_type, safe='')}/{next(self._transactions)}"
        return str((await self.request("PUT", path, content))["event_id"])

    async def say(
        self,
        room: str,
        text: str,
        *,
        html: str | None = None,
        mentions: Collection[str] | None = (),
        msgtype: str = "m.text",
        relates_to: Mapping[str, Any] | None = None,
    ) -> str:
        """Type a message; a name typed without picking it from the list carries no mention.

        Args:
            room: The room id.
            text: The plain body.
            html: The formatted body.
            mentions: Who is mentioned; None sends no `m.mentions` at all, as `/msg` and older clients do.
            msgtype: `m.text`, `m.notice` or `m.emote`.
            relates_to: The relation to another event.
        """
        content = _message(text, html=html, mentions=mentions, msgtype=msgtype)
        if relates_to is not None:
            content["m.relates_to"] = relates_to
        return await self.send(room, "m.room.message", content)

    async def mention(
        self, room: str, user_id: str, name: str, text: str, *, relates_to: Mapping[str, Any] | None = None
    ) -> str:
        """Pick a name from the autocomplete at the start of the line: pill, mention, body "Name: text"."""
        formatted = f'<a href="https://matrix.to/#/{user_id}">{html_escaping.escape(name)}</a>: '
        formatted += html_escaping.escape(text)
        return await self.say(room, f"{name}: {text}", html=formatted, mentions=[user_id], relates_to=relates_to)

    async def reply(
        self, room: str, event_id: str, text: str, *, author: str | None = None, thread: str | None = None
    ) -> str:
        """Press Reply: the author is mentioned without being typed, and no quote lines stand in the body.

        Args:
            room: The room id.
            event_id: What is answered.
            text: The answer.
            author: Who wrote it; looked up if not given.
            thread: The thread's root, for Reply on a message inside a thread panel.
        """
        writer = author or str((await self.event(room, event_id))["sender"])
        relation: dict[str, Any] = {"m.in_reply_to": {"event_id": event_id}}
        if thread is not None:
            relation |= {"rel_type": "m.thread", "event_id": thread, "is_falling_back": False}
        mentions = [] if writer == self.user_id else [writer]
        return await self.say(room, text, mentions=mentions, relates_to=relation)

    async def in_thread(
        self,
        room: str,
        root: str,
        text: str,
        *,
        html: str | None = None,
        latest: str | None = None,
        mentions: Collection[str] = (),
    ) -> str:
        """Type into a thread's panel: a fallback reply to the thread's latest event, nobody mentioned."""
        relation = {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": latest or self._latest_in_thread(room, root)},
        }
        return await self.say(room, text, html=html, mentions=mentions, relates_to=relation)

    async def edit(self, room: str, event_id: str, text: str, *, mentions: Collection[str] = ()) -> str:
        """Replace one's own message's text."""
        content = _message(f"* {text}", mentions=mentions)
        content["m.new_content"] = _message(text, mentions=mentions)
        content["m.relates_to"] = {"rel_type": "m.replace", "event_id": event_id}
        return await self.send(room, "m.room.message", content)

    async def react(self, room: str, event_id: str, key: str) -> str:
        """Put a reaction on an event."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        reaction = await self.send(room, "m.reaction", {"m.relates_to": relation})
        self._reactions[room, event_id, key] = reaction
        return reaction

    async def unreact(self, room: str, event_id: str, key: str) -> str:
        """Tap one's own reaction again: it is redacted."""
        return await self.redact(room, self._reactions.pop((room, event_id, key)))

    async def vote(self, room: str, poll: str, *answers: str) -> str:
        """Choose answers of a poll, by their ids."""
        response = "org.matrix.msc3381.poll.response"
        relation = {"rel_type": "m.reference", "event_id": poll}
        return await self.send(room, response, {"m.relates_to": relation, response: {"answers": list(answers)}})

    async def redact(self, room: str, event_id: str, *, reason: str | None = None) -> str:
        """Remove a message or a reaction."""
        path = f"/v3/rooms/{quote(room, safe='')}/redact/{quote(event_id, safe='')}/{next(self._transactions)}"
        return str((await self.request("PUT", path, {"reason": reason} if reason else {}))["event_id"])

    async def pin(self, room: str, event_id: str) -> str:
        """Append an event to the pinned ones."""
        pinned = (await self.state(room, _PIN) or {}).get("pinned", [])
        return await self.set_state(room, _PIN, {"pinned": [*pinned, event_id]})

    async def set_state(self, room: str, event_type: str, content: Mapping[str, Any], *, state_key: str = "") -> str:
        """Send a state event; returns its id."""
        path = f"/v3/rooms/{quote(room, safe='')}/state/{quote(event_type, safe='')}/{quote(state_key, safe='')}"
        return str((await self.request("PUT", path, content))["event_id"])

    async def set_power(self, room: str, user_id: str, level: int) -> None:
        """Give somebody a power level, as "Roles & Permissions" does."""
        levels = await self.state(room, "m.room.power_levels") or {}
        levels = {**levels, "users": {**levels.get("users", {}), user_id: level}}
        await self.set_state(room, "m.room.power_levels", levels)

    async def set_typing(self, room: str, *, typing: bool = True) -> None:
        """Show or hide "is typing"."""
        path = f"/v3/rooms/{quote(room, safe='')}/typing/{quote(self.user_id, safe='')}"
        await self.request("PUT", path, {"typing": typing, **({"timeout": 30_000} if typing else {})})

    async def set_display_name(self, name: str) -> None:
        """Change the account's name."""
        path = f"/v3/profile/{quote(self.user_id, safe='')}/displayname"
        await self.request("PUT", path, {"displayname": name})
        self.display_name = name

    async def set_room_name(self, room: str, name: str) -> str:
        """Change the name shown in one room only, as `/myroomnick` does."""
        content = {"membership": "join", "displayname": name}
        return await self.set_state(room, "m.room.member", content, state_key=self.user_id)

    async def upload(self, data: bytes, *, content_type: str = "text/plain", filename: str = "file.txt") -> str:
        """Upload a file; returns its mxc address."""
        answer = await self._call(
            "POST",
            f"{self.base_url}/_matrix/media/v3/upload",
            query=[("filename", filename)],
            data=data,
            headers={"Content-Type": content_type},
        )
        return str(answer["content_uri"])

    async def send_file(
        self,
        room: str,
        data: bytes,
        *,
        filename: str,
        content_type: str,
        msgtype: str = "m.file",
        caption: str | None = None,
    ) -> str:
        """Drop a file into the room."""
        mxc = await self.upload(data, content_type=content_type, filename=filename)
        info = {"size": len(data), "mimetype": content_type}
        content = {"msgtype": msgtype, "body": caption or filename, "filename": filename, "info": info, "url": mxc}
        return await self.send(room, "m.room.message", {**content, "m.mentions": {}})

    # Looking things up ----------------------------------------------------------------------------------------

    async def state(self, room: str, event_type: str, state_key: str = "") -> Event | None:
        """The content of one state event, or None if the room has none."""
        path = f"/v3/rooms/{quote(room, safe='')}/state/{quote(event_type, safe='')}/{quote(state_key, safe='')}"
        try:
            return await self.request("GET", path)
        except Refused as refused:
            if refused.errcode == "M_NOT_FOUND":
                return None
            raise

    async def event(self, room: str, event_id: str) -> Event:
        """One event as the server shows it now."""
        return await self.request("GET", f"/v3/rooms/{quote(room, safe='')}/event/{quote(event_id, safe='')}")

    async def messages(
        self, room: str, *, limit: int = 100, from_token: str | None = None, direction: str = "b", to: str | None = None
    ) -> tuple[list[Event], str | None]:
        """One page of the room's history and the token of the next page."""
        query = [("dir", direction), ("limit", str(limit))]
        query += [(key, value) for key, value in (("from", from_token), ("to", to)) if value is not None]
        answer = await self.request("GET", f"/v3/rooms/{quote(room, safe='')}/messages", query=query)
        return answer["chunk"], answer.get("end")

    async def all_messages(self, room: str) -> list[Event]:
        """The whole history this person may see, oldest first, as the server shows it now."""
        return list(reversed(await self._pages_back(room)))

    async def relations(self, room: str, event_id: str, rel_type: str | None = None) -> list[Event]:
        """The events that relate to one, newest first."""
        path = f"/v1/rooms/{quote(room, safe='')}/relations/{quote(event_id, safe='')}"
        answer = await self.request("GET", path + (f"/{rel_type}" if rel_type else ""), query=[("limit", "100")])
        chunk: list[Event] = answer["chunk"]
        return chunk

    async def pinned(self, room: str) -> list[str]:
        """The ids of the pinned events."""
        pinned: list[str] = (await self.state(room, _PIN) or {}).get("pinned", [])
        return pinned

    async def download(self, mxc: str) -> bytes:
        """A file's bytes."""
        url = f"{self.base_url}/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
        async with self._http().get(url, headers=self._authorization()) as answer:
            if answer.status != 200:
                raise Refused(f"GET {mxc}", answer.status, {"error": await answer.text()})
            return await answer.read()

    # Waiting --------------------------------------------------------------------------------------------------

    def timeline(self, room: str) -> list[Event]:
        """What has come so far, oldest first; `sync` or any wait brings more."""
        return list(self._timelines.get(room, ()))

    def typing(self, room: str) -> list[str]:
        """Who was typing when last told."""
        return list(self._typing.get(room, ()))

    async def wait_for(
        self,
        room: str,
        predicate: Callable[[Event], bool],
        *,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - a deadline with a listing of what came, not a cancel scope
        after: str | None = None,
        what: str = "the event",
    ) -> Event:
        """The first event of the room for which `predicate` holds, seen already or still to come.

        Args:
            room: The room id.
            predicate: Asked once for each event.
            timeout: Seconds to wait.
            after: Look only at events later than this one, where the same thing may have come before.
            what: What to call it when it does not come.

        Raises:
            NotSeen: with everything that came instead.
        """

        def find() -> Event | None:
            return next((event for event in self._after(room, after) if predicate(event)), None)

        def seen() -> str:
            lines = "\n".join(_describe(event) for event in self._after(room, after))
            return f"in {room}" + (f" after {after}" if after else "") + f", but:\n{lines or '  (nothing)'}"

        return await self._wait(find, what, seen, timeout)

    async def wait_for_text(
        self,
        room: str,
        text: str,
        *,
        sender: str | None = None,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as in wait_for
        after: str | None = None,
    ) -> Event:
        """The first message whose body contains `text`, of anybody or of `sender`; an edit counts by its new text."""

        def holds(event: Event) -> bool:
            if event["type"] != "m.room.message" or (sender is not None and event["sender"] != sender):
                return False
            return text in str(event["content"].get("m.new_content", event["content"]).get("body", ""))

        what = f"a message with {text!r}" + (f" by {sender}" if sender else "")
        return await self.wait_for(room, holds, timeout=timeout, after=after, what=what)

    async def wait_for_reaction(
        self,
        room: str,
        event_id: str,
        key: str,
        *,
        sender: str | None = None,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as in wait_for
    ) -> Event:
        """The first reaction `key` on an event."""

        def holds(event: Event) -> bool:
            relation = event["content"].get("m.relates_to", {})
            return (
                event["type"] == "m.reaction"
                and (relation.get("event_id"), relation.get("key")) == (event_id, key)
                and sender in (None, event["sender"])
            )

        return await self.wait_for(room, holds, timeout=timeout, what=f"the reaction {key} on {event_id}")

    async def wait_for_redaction(
        self,
        room: str,
        event_id: str,
        *,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as in wait_for
    ) -> Event:
        """The redaction of an event."""

        def holds(event: Event) -> bool:
            return event["type"] == "m.room.redaction" and event_id in (
                event.get("redacts"),
                event["content"].get("redacts"),
            )

        return await self.wait_for(room, holds, timeout=timeout, what=f"the redaction of {event_id}")

    async def wait_for_member(
        self,
        room: str,
        user_id: str,
        membership: str,
        *,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as in wait_for
        after: str | None = None,
    ) -> Event:
        """The member event with which somebody got this membership."""

        def holds(event: Event) -> bool:
            mine = event["type"] == "m.room.member" and event.get("state_key") == user_id
            return mine and event["content"].get("membership") == membership

        return await self.wait_for(room, holds, timeout=timeout, after=after, what=f"{user_id}: {membership}")

    async def wait_for_invite(
        self,
        *,
        sender: str | None = None,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as in wait_for
    ) -> str:
        """The room id of an open invite, from anybody or from `sender`."""

        def find() -> str | None:
            for room, events in self.invites.items():
                if any(e.get("state_key") == self.user_id and sender in (None, e["sender"]) for e in events):
                    return room
            return None

        return await self._wait(find, "an invite", lambda: f"but in {sorted(self.invites)}", timeout)

    async def wait_for_typing(
        self,
        room: str,
        user_id: str,
        *,
        timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - as in wait_for
    ) -> None:
        """Until somebody is shown as typing."""

        def find() -> bool | None:
            return user_id in self.typing(room) or None

        await self._wait(find, f"{user_id} typing", lambda: f"but {self.typing(room)}", timeout)

    async def sync(self, *, wait: float = 0.0) -> None:
        """Take in what is new; with `wait`, long-poll that many seconds for it."""
        async with self._syncing:
            await self._sync(wait)

    # Plumbing -------------------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Call any client endpoint below `/_matrix/client`.

        Raises:
            Refused: the homeserver answered with an error.
        """
        return await self._call(method, f"{self.base_url}/_matrix/client{path}", query=query, json=body)

    async def delete_device(self, user_id: str, device_id: str) -> None:
        """Sign somebody's device out, as a server administrator."""
        path = f"/_synapse/admin/v2/users/{quote(user_id, safe='')}/devices/{quote(device_id, safe='')}"
        await self._call("DELETE", self.base_url + path)

    async def deactivate(self, user_id: str) -> None:
        """End somebody's account, as a server administrator."""
        await self._call("POST", f"{self.base_url}/_synapse/admin/v1/deactivate/{quote(user_id, safe='')}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _membership(self, verb: str, room: str, user_id: str, reason: str | None = None) -> None:
        body = {"user_id": user_id, **({"reason": reason} if reason else {})}
        await self.request("POST", f"/v3/rooms/{quote(room, safe='')}/{verb}", body)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self._session

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    async def _call(
        self,
        method: str,
        url: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        data: bytes | None = None,
    ) -> dict[str, Any]:
        # `encoded`: room ids and aliases arrive here percent-encoded, and yarl must not decode them again.
        target = URL(url, encoded=True).update_query(list(query))
        async with self._http().request(
            method, target, json=json, data=data, headers={**self._authorization(), **(headers or {})}
        ) as answer:
            text = await answer.text()
            try:
                body: dict[str, Any] = json_text.loads(text)
            except ValueError:
                raise Refused(f"{method} {target.path}", answer.status, {"error": text[:200]}) from None
            if answer.status != 200:
                raise Refused(f"{method} {target.path}", answer.status, body)
            return body

    async def _wait(self, find: Callable[[], T | None], what: str, seen: Callable[[], str], seconds: float) -> T:
        deadline = time.monotonic() + seconds
        while True:
            since = self._since
            if (found := find()) is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotSeen(f"{self.user_id} waited {seconds:.0f} s for {what} {seen()}")
            async with self._syncing:
                # Another wait of the same person may have synced meanwhile: look again first.
                if self._since == since:
                    await self._sync(min(left, _LONG_POLL_SECONDS) if since is not None else 0.0)

    async def _sync(self, wait: float) -> None:
        query = [("timeout", str(int(wait * 1000))), ("filter", _FILTER)]
        if self._since is not None:
            query.append(("since", self._since))
        answer = await self.request("GET", "/v3/sync", query=query)
        rooms = answer.get("rooms", {})
        for room, news in {**rooms.get("leave", {}), **rooms.get("join", {})}.items():
            self.invites.pop(room, None)
            await self._take_in(room, news)
        for room, news in rooms.get("invite", {}).items():
            self.invites[room] = news["invite_state"]["events"]
        self._since = answer["next_batch"]

    async def _take_in(self, room: str, news: Event) -> None:
        events: list[Event] = news["timeline"]["events"]
        if news["timeline"].get("limited"):
            missed = await self._pages_back(room, from_token=news["timeline"].get("prev_batch"))
            events = [*reversed(missed), *events]
        timeline = self._timelines.setdefault(room, [])
        for event in events:
            if event["event_id"] not in self._seen:
                self._seen.add(event["event_id"])
                timeline.append(event)
        for event in news.get("ephemeral", {}).get("events", ()):
            if event["type"] == "m.typing":
                self._typing[room] = event["content"]["user_ids"]

    async def _pages_back(self, room: str, from_token: str | None = None) -> list[Event]:
        """History newest first, until its beginning or an event that was seen in a sync."""
        history: list[Event] = []
        known = self._seen if from_token is not None else frozenset[str]()
        while True:
            page, from_token = await self.messages(room, limit=200, from_token=from_token)
            history += page
            if from_token is None or any(event["event_id"] in known for event in page):
                return history

    def _after(self, room: str, event_id: str | None) -> list[Event]:
        timeline = self._timelines.get(room, [])
        if event_id is None:
            return timeline
        position = next((n for n, event in enumerate(timeline) if event["event_id"] == event_id), None)
        return [] if position is None else timeline[position + 1 :]

    def _latest_in_thread(self, room: str, root: str) -> str:
        for event in reversed(self._timelines.get(room, [])):
            relation = event["content"].get("m.relates_to", {})
            if relation.get("rel_type") == "m.thread" and relation.get("event_id") == root:
                return str(event["event_id"])
        return root


def _message(
    text: str, *, html: str | None = None, mentions: Collection[str] | None = (), msgtype: str = "m.text"
) -> dict[str, Any]:
    content: dict[str, Any] = {"msgtype": msgtype, "body": text}
    if html is not None:
        content |= {"format": "org.matrix.custom.html", "formatted_body": html}
    if mentions is not None:
        content["m.mentions"] = {"user_ids": list(mentions)} if mentions else {}
    return content


def _describe(event: Event) -> str:
    content: Mapping[str, Any] = event["content"]
    relation = content.get("m.relates_to", {})
    text = content.get("body") or relation.get("key") or content.get("membership") or ""
    state = f" [{event['state_key']}]" if event.get("state_key") else ""
    return f"  {event['sender']} {event['type']}{state} {str(text)[:60]!r}"
