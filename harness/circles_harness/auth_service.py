"""Delegated authentication: what Synapse and Matrix Authentication Service say to each other, without pages for people.

Synapse asks it who holds a token; accounts and devices are made in Synapse by its own shared secret, as the real one
does (Synapse's `matrix_authentication_service`).  Nobody can log in or register at the homeserver any more.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import aiohttp

SCOPE = "urn:matrix:client:api:*"
ADMIN = "urn:synapse:admin:*"


class AuthService:
    """Knows its tokens; listens on loopback, in a thread, from the moment it is made until `close`.

    Attributes:
        url: where Synapse reaches it.
        secret: what the two show each other.
    """

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)
        self._tokens: dict[str, dict[str, Any]] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                self._say({"issuer": f"{service.url}/", "account_management_uri": f"{service.url}/account"})

            def do_POST(self) -> None:  # the library's name
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                allowed = self.headers["Authorization"] == f"Bearer {service.secret}"
                token = parse_qs(sent).get("token", [""])[0]
                self._say(service._tokens.get(token, {"active": False}) if allowed else {}, 200 if allowed else 401)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def _say(self, what: Mapping[str, Any], status: int = 200) -> None:
                body = json.dumps(what).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, Any]:
        """The homeserver's settings that go with it."""
        return {
            "matrix_authentication_service": {"enabled": True, "endpoint": self.url, "secret": self.secret},
            "password_config": {"enabled": False},
        }

    async def sign_in(self, base_url: str, localpart: str, *, admin: bool = False) -> dict[str, str]:
        """Make an account, if it is not there yet, and a device of it; returns `access_token` and `device_id`.

        Raises:
            RuntimeError: the homeserver refused.
        """
        device_id, token = secrets.token_hex(5).upper(), secrets.token_urlsafe(24)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.secret}"}) as session:
            for what, body in (
                ("provision_user", {"localpart": localpart}),
                ("upsert_device", {"localpart": localpart, "device_id": device_id}),
            ):
                async with session.post(f"{base_url}/_synapse/mas/{what}", json=body) as answer:
                    if not answer.ok:
                        raise RuntimeError(f"cannot {what} {localpart}: {await answer.text()}")
        scope = f"{SCOPE} {ADMIN}" if admin else SCOPE
        self._tokens[token] = {"active": True, "scope": scope, "username": localpart, "device_id": device_id}
        return {"access_token": token, "device_id": device_id}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
