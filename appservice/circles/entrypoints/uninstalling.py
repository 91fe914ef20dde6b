"""`circles uninstall`: the AI says goodbye. It leaves its rooms and its devices go; what is left to remove is listed.

The service must not run meanwhile. Nothing on this machine is deleted here: that list is for people to read first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

from circles.adapters.matrix.client import MatrixClient
from circles.config import Config
from circles.core.ids import UserID
from circles.errors import MatrixError, MatrixNotFound, MatrixUnavailable, UpstreamError

REASON: Final = "Whoever runs me has taken me away. Goodbye! 运行我的人把我卸载了，再见！"

_KEPT: Final = "this homeserver lets it not be deactivated from here: its administrator can, by Synapse's admin API"


async def uninstall(config: Config, *, for_good: bool, really: bool) -> AsyncGenerator[str]:
    """Leave every room and delete every device, one line each; not `really`: only say what would be done.

    `for_good` also deactivates the account, which frees nothing: the name can never be used again.

    Raises:
        UpstreamError: the homeserver did not do its part; what was done stays done, and the rest is done by a repeat.
    """
    client = MatrixClient(config.homeserver.url, UserID(config.bot_user_id), config.tokens.as_token, None)
    await client.open()
    try:
        async for line in _away(client, config, for_good=for_good, really=really):
            yield line
    except MatrixUnavailable:
        raise UpstreamError("the homeserver does not answer: start Synapse, then repeat this") from None
    finally:
        await client.close()


async def _away(client: MatrixClient, config: Config, *, for_good: bool, really: bool) -> AsyncGenerator[str]:
    will = "" if really else "would be "
    alias = f"#{config.appservice.alias_prefix}control:{config.homeserver.server_name}"
    if really:
        await _gone(client, "DELETE", f"/_matrix/client/v3/directory/room/{quote(alias, safe='')}")
    yield f"{will}removed: the address {alias}"
    joined = (await client.request("GET", "/_matrix/client/v3/joined_rooms")).get("joined_rooms", [])
    for room_id in cast("list[str]", joined):
        if really:
            await _gone(client, "POST", f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/leave", {"reason": REASON})
            await _gone(client, "POST", f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/forget", {})
        yield f"{will}left: {room_id}"
    devices = (await client.request("GET", "/_matrix/client/v3/devices")).get("devices", [])
    for device in cast("list[dict[str, str]]", devices):
        device_id = device["device_id"]
        if really:
            await _gone(client, "DELETE", f"/_matrix/client/v3/devices/{quote(device_id, safe='')}", {})
        yield f"{will}deleted: device {device_id}"
    if for_good:
        try:
            if really:
                await client.request("POST", "/_matrix/client/v3/account/deactivate", {"erase": True})
        except MatrixError as error:
            if error.status != 404:
                raise
            yield f"still there: {config.bot_user_id} ({_KEPT})"
        else:
            yield f"{will}deactivated: {config.bot_user_id}"


async def _gone(client: MatrixClient, method: str, path: str, body: dict[str, str] | None = None) -> None:
    """Do what may have been done already, by a run of this command that broke off."""
    try:
        await client.request(method, path, body)
    except MatrixNotFound:
        return
    except MatrixError as error:
        if error.status != 403:  # not in that room any more
            raise


def remains(config: Config, file: Path | None) -> str:
    """Return what is still there, in the order in which to remove it."""
    storage = config.storage
    rows = "the folder above holds them" if storage.is_sqlite else "in PostgreSQL: drop that database and its user"
    return "\n".join(
        [
            "What is left, in this order:",
            "1. In homeserver.yaml: the line of app_service_config_files, and the module's if it is there.",
            "   Then delete the registration file, and restart Synapse.",
            f"2. The data: {storage.data_dir} with the keys and secrets in it.",
            f"   The rows: {rows}.",
            f"3. The configuration: {file.absolute() if file else 'what is set in the environment'}.",
            "4. The program: its environment or image; with systemd its units, the user circles and /etc/circles.",
            "5. Backups you made, and what Prometheus and the journal keep of it.",
            "What the AI said stays in the rooms: it is theirs. Addresses of circles it created stay, too.",
        ]
    )
