"""The AI's account on the homeserver: registered, and its name. Safe to repeat at every start; no login."""

from __future__ import annotations

import logging
from urllib.parse import quote

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.direct import KIND_KEY
from circles.core.ids import RoomID, UserID
from circles.errors import MatrixBadRequest, MatrixError

log = logging.getLogger(__name__)


async def name_account(client: MatrixClient, localpart: str, display_name: str) -> None:
    """Give the account its name, the first time.

    It is set only while there is none: a later change would overwrite the names in all rooms (measured).

    Raises:
        MatrixError: the homeserver refused, or did not answer.
    """
    profile = f"/_matrix/client/v3/profile/{quote(client.user_id, safe='')}"
    try:
        known = await client.request("GET", f"{profile}/displayname")
    except MatrixError:
        known = {}
    if known.get("displayname") in (None, "", localpart):
        await client.request("PUT", f"{profile}/displayname", {"displayname": display_name})


async def register(client: MatrixClient, localpart: str) -> None:
    """Register a user of our namespace, if it is not there yet."""
    body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
    own = client.user_id
    try:
        await client.request("POST", "/_matrix/client/v3/register", body, user_id=UserID(own))
    except MatrixBadRequest as error:
        if error.errcode != "M_USER_IN_USE":
            raise


async def ping(client: MatrixClient, appservice_id: str) -> bool:
    """Ask the homeserver to reach us, which also makes it deliver what it held back. False: it could not, this time."""
    try:
        await client.request("POST", f"/_matrix/client/v1/appservice/{quote(appservice_id, safe='')}/ping", {})
    except MatrixError as error:
        log.warning("The homeserver could not reach us yet.", extra={"action": "ping_failed", "errcode": error.errcode})
        return False
    return True


async def control_room(client: MatrixClient, alias_localpart: str, server_name: str) -> RoomID:
    """Return our private room for kicks, made once.

    After a restart of Synapse the backlog of a service that was down waits for the next event that concerns it
    (measured);
    an own event here is one.
    """
    alias = f"#{alias_localpart}:{server_name}"
    try:
        return await client.alias_room(alias)
    except MatrixError as error:
        if error.status != 404:
            raise
    body = {
        "preset": "private_chat",
        "room_alias_name": alias_localpart,
        "name": "Circles",
        "creation_content": {KIND_KEY: "control"},
    }
    try:
        return RoomID(str((await client.request("POST", "/_matrix/client/v3/createRoom", body))["room_id"]))
    except MatrixBadRequest as error:
        if error.errcode != "M_ROOM_IN_USE":
            raise
        return await client.alias_room(alias)
