"""The module's own settings, read once when Synapse starts. No secret belongs here, and no value is ever echoed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, cast

import yaml
from pydantic import BaseModel, Field, ValidationError
from synapse.module_api.errors import ConfigError

_LOCALPART: Final = r"[a-z0-9._=/+-]+"


class GateConfig(BaseModel, frozen=True, extra="forbid", strict=True, hide_input_in_errors=True):
    """What stands under `config: gate:`; without it there is no gate.

    Attributes:
        port: the port of the listener with `resources: []` on which alone the gate answers.
        registration: the registration file that Synapse reads, for its two tokens.
        service_url: where the service takes transactions.
        as_token_file: the service's own token towards the gate.
        hs_token_file: the gate's own token towards the service.
        homeserver_url: where this process reaches Synapse's client listener.
        names: what the AI is called, for what people type without a pill; as in the service's member.name_en, name_zh.
    """

    port: Annotated[int, Field(ge=1, le=65535)]
    registration: Annotated[str, Field(min_length=1)]
    service_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+/?$")]
    as_token_file: Annotated[str, Field(min_length=1)]
    hs_token_file: Annotated[str, Field(min_length=1)]
    homeserver_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+/?$")] = "http://127.0.0.1:8008"
    names: Annotated[tuple[str, ...], Field(strict=False)] = ("Circle", "小圈")


@dataclass(frozen=True, slots=True)
class GateTokens:
    """The four secrets of the gate, which no error and no log shows.

    Attributes:
        as_token: shown to Synapse in the AI's name; it could read everything, so it never leaves Synapse.
        hs_token: what Synapse shows to the gate.
        service_as_token: what the service shows to the gate.
        service_hs_token: what the gate shows to the service.
    """

    as_token: str = field(repr=False)
    hs_token: str = field(repr=False)
    service_as_token: str = field(repr=False)
    service_hs_token: str = field(repr=False)


class ModuleConfig(BaseModel, frozen=True, extra="forbid", strict=True, hide_input_in_errors=True):
    """What stands under `config:` in homeserver.yaml.

    Attributes:
        ai_user: the AI's user ID, or its localpart on this homeserver.
        ai_namespace: how the localparts of the AI's helpers begin. None: the AI's localpart and an underscore.
        stamp: whether what the AI writes is stamped.
        publish: whether approved policies are published as the person who approved.
        loosening_hours: how long a room waits before a policy loosens; as in the service's timing.loosening_hours.
        gate: the door between Synapse and the service. None: the service holds Synapse's own tokens.
    """

    ai_user: Annotated[str, Field(pattern=rf"^(?:{_LOCALPART}|@{_LOCALPART}:[^\s:]+(?::\d+)?)$")]
    ai_namespace: Annotated[str, Field(pattern=rf"^{_LOCALPART}$")] | None = None
    stamp: bool = True
    publish: bool = True
    loosening_hours: Annotated[float, Field(ge=0, le=8784)] = 24
    gate: GateConfig | None = None


_ADVICE: Final = {
    "ai_user": "write the AI's user name as in the service's appservice.bot_localpart, such as circle.",
    "ai_namespace": "write how the AI's helpers' names begin, such as circle_, or take it out.",
    "stamp": "write true or false.",
    "publish": "write true or false.",
    "loosening_hours": "write a number of hours, as in the service's timing.loosening_hours.",
    "gate": "write an object, as `circles homeserver-snippet` prints it, or take it out.",
    "gate.port": "write the port of the listener with `resources: []`, such as 8018.",
    "gate.registration": "write the path of the registration file, as in app_service_config_files.",
    "gate.service_url": "write where the service listens, such as http://127.0.0.1:9009.",
    "gate.as_token_file": "write the path of the service's as_token, which `circles registration` made.",
    "gate.hs_token_file": "write the path of the service's hs_token, which `circles registration` made.",
    "gate.homeserver_url": "write where Synapse's own client listener is, such as http://127.0.0.1:8008.",
    "gate.names": "write the AI's names as a list, as in the service's member.name_en and member.name_zh.",
}


def read_config(given: object) -> ModuleConfig:
    """Return the settings.

    Raises:
        ConfigError: naming the first wrong key and what to write, never the value found.
    """
    try:
        return ModuleConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"][:2] if isinstance(part, str))
    # Outside the handler: Synapse prints the cause of an error too.
    if not key:
        raise ConfigError(f"Write an object with the key ai_user: {_ADVICE['ai_user']}")
    if key not in _ADVICE:
        raise ConfigError(f"{key}: take this key out; known are {', '.join(_ADVICE)}.", (key,))
    raise ConfigError(f"{key}: {_ADVICE[key]}", tuple(key.split(".")))


def read_tokens(config: GateConfig) -> GateTokens:
    """Return the secrets.

    Raises:
        ConfigError: naming the key whose file cannot be read or is not what it should be, never what is in it.
    """
    registered = _registration(config.registration)
    tokens = GateTokens(
        as_token=registered["as_token"],
        hs_token=registered["hs_token"],
        service_as_token=_secret("as_token_file", config.as_token_file),
        service_hs_token=_secret("hs_token_file", config.hs_token_file),
    )
    if tokens.service_as_token == tokens.as_token:
        raise _wrong("as_token_file", "this is Synapse's own as_token, which the service must not hold: make a new one")
    return tokens


def _registration(path: str) -> dict[str, str]:
    try:
        found: object = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        found = None
    given = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    tokens = {key: given.get(key) for key in ("as_token", "hs_token")}
    if not all(isinstance(token, str) and token for token in tokens.values()):
        raise _wrong("registration", "no registration file can be read there by Synapse's user")
    return cast("dict[str, str]", tokens)


def _secret(key: str, path: str) -> str:
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        token = ""
    if len(token) < 16:
        raise _wrong(key, "no token can be read there by Synapse's user")
    return token


def _wrong(key: str, what: str) -> ConfigError:
    return ConfigError(f"gate.{key}: {what}. {_ADVICE[f'gate.{key}'].capitalize()}", ("gate", key))
