"""The registration file that tells Synapse of us, the tokens in it, and the lines that belong into homeserver.yaml."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import yaml

from circles.config import Config, Tokens
from circles.errors import ConfigurationError

_SPECIAL: Final = re.compile(r"([.\\+*?\[\]^$(){}|])")
GATE: Final = "/_synapse/client/circles/gate"


def new_token() -> str:
    """Return a secret nobody can guess."""
    return secrets.token_hex(32)


def tokens_of(config: Config) -> Tokens:
    """Return the two tokens; those that the configuration lacks are made and stored, each readable by us alone.

    Raises FileExistsError where a secret's file is there but was not read as one (it was made in this instant).
    """
    found: dict[str, str] = {}
    for key, token in (("as_token", config.appservice.as_token), ("hs_token", config.appservice.hs_token)):
        if token is not None:
            found[key] = token.get_secret_value()
        else:
            config.storage.prepare()
            found[key] = new_token()
            write_private(config.storage.secrets_dir / key, found[key] + "\n")
    return Tokens(**found)


def rotated(config: Config) -> Tokens:
    """Make two new tokens and store them over the old ones.

    Raises:
        ConfigurationError: a token stands in the configuration, or in a file it names: that is not ours to write.
        OSError: the secrets cannot be written.
    """
    problems: list[tuple[str, str]] = []
    for key, token in (("as_token", config.appservice.as_token), ("hs_token", config.appservice.hs_token)):
        path = config.storage.secrets_dir / key
        stored = path.read_text(encoding="utf-8").strip() if path.is_file() else None
        if token is not None and token.get_secret_value() != stored:
            advice = "it stands in your configuration: write a new one there, then run this without --rotate"
            problems.append((f"appservice.{key}", advice))
    if problems:
        raise ConfigurationError(problems)
    config.storage.prepare()
    made = {key: new_token() for key in ("as_token", "hs_token")}
    for key, value in made.items():
        write_private(config.storage.secrets_dir / key, value + "\n", replace=True)
    return Tokens(**made)


def registration(config: Config, tokens: Tokens) -> Mapping[str, object]:
    """Return what the homeserver must know.

    The namespaces hold our users and addresses and nothing else; each pattern ends at the end of the id, for Synapse
    only looks at how an id begins.
    """
    service = config.appservice
    server = _escaped(config.homeserver.server_name)
    return {
        "id": service.id,
        "url": config.homeserver.url.removesuffix("/hs") if config.homeserver.gated else service.url,
        "as_token": tokens.as_token,
        "hs_token": tokens.hs_token,
        "sender_localpart": service.sender_localpart,
        "namespaces": {
            "users": [
                {"exclusive": True, "regex": f"@{_escaped(service.bot_localpart)}:{server}$"},
                {"exclusive": True, "regex": f"@{_escaped(service.ghost_prefix)}.*:{server}$"},
            ],
            "aliases": [{"exclusive": True, "regex": f"#{_escaped(service.alias_prefix)}.*:{server}$"}],
            "rooms": [],
        },
        "rate_limited": False,
        "receive_ephemeral": False,
    }


def as_yaml(content: Mapping[str, object]) -> str:
    """Return the text of the file."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=1000)


def next_steps(config: Config, file: str) -> str:
    """Return what to do with the registration file, in the order to do it."""
    lines = [
        f"1. Let Synapse's user read {file}, and nobody else.",
        "2. Add to homeserver.yaml:",
        "     app_service_config_files:",
        f"       - {file}",
    ]
    if config.homeserver.gated:
        lines += [
            "3. The tokens in that file are for Synapse and its module alone; Circles has a pair for the gate.",
            "   `circles homeserver-snippet` prints the gate's listener and the module's configuration.",
            "4. Restart Synapse, then run `circles check`.",
        ]
    else:
        lines.append("3. Restart Synapse, then run `circles check`.")
    return "\n".join(lines)


def snippet(config: Config, file: str) -> str:
    """Return what belongs into homeserver.yaml, for this configuration.

    In gated mode the module holds Synapse's own tokens, and the service a pair that is good for the gate alone.
    """
    service = config.appservice
    content: dict[str, object] = {"app_service_config_files": [file]}
    if config.homeserver.plugin:
        module: dict[str, object] = {
            "ai_user": service.bot_localpart,
            "ai_namespace": service.ghost_prefix,
            "loosening_hours": config.timing.loosening_hours,
        }
        if config.homeserver.gated:
            port = urlsplit(config.homeserver.url).port or 80
            module["gate"] = {
                "port": port,
                "registration": file,
                "service_url": service.url,
                "as_token_file": str(config.storage.secrets_dir / "as_token"),
                "hs_token_file": str(config.storage.secrets_dir / "hs_token"),
                "homeserver_url": "http://127.0.0.1:8008",
                "names": [config.member.name_en, config.member.name_zh],
            }
            content["listeners"] = [
                {"port": port, "type": "http", "bind_addresses": ["127.0.0.1"], "resources": []},
            ]
        content["modules"] = [{"module": "circles_plugin.CirclesModule", "config": module}]
    lines = ["# Lay this over homeserver.yaml: add to lists that are there already, do not replace them."]
    if config.homeserver.gated:
        lines += [
            "# homeserver_url is the address of Synapse's own client listener.",
            "# Synapse's user must be able to read the two token files, and nobody else besides Circles.",
        ]
    return "\n".join([*lines, as_yaml(content)])


def steps_after_rotation(config: Config, file: str) -> str:
    """Return what to do once the tokens are new."""
    lines = [f"1. Put {file} where homeserver.yaml names the old one, if it is not there already."]
    if config.homeserver.gated:
        lines.append(
            f"   Let Synapse's user read the two new token files in {config.storage.secrets_dir}, and nobody else."
        )
    lines += [
        "2. Restart Synapse and Circles, in any order.",
        "   Until both have the new tokens each refuses the other. Nothing is lost: what is said meanwhile waits.",
        "3. Run `circles check`.",
    ]
    return "\n".join(lines)


def write_private(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that its owner alone may read. Raises FileExistsError unless it may be replaced.

    It is private from its first byte, and complete or not there: an old one is replaced by one rename.
    """
    if not replace:
        _write_new(path, text)
        return
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    _write_new(new, text)
    new.replace(path)


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _escaped(text: str) -> str:
    """Escape what a regular expression reads, and no more: other homeservers have other dialects than Python."""
    return _SPECIAL.sub(r"\\\1", text)
