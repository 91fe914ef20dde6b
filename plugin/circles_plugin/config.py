"""The module's own settings, read once when Synapse starts. No secret belongs here, and no value is ever echoed."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationError
from synapse.module_api.errors import ConfigError

_LOCALPART: Final = r"[a-z0-9._=/+-]+"


class ModuleConfig(BaseModel, frozen=True, extra="forbid", strict=True, hide_input_in_errors=True):
    """What stands under `config:` in homeserver.yaml.

    Attributes:
        ai_user: the AI's user ID, or its localpart on this homeserver.
        ai_namespace: how the localparts of the AI's helpers begin. None: the AI's localpart and an underscore.
        stamp: whether what the AI writes is stamped.
        publish: whether approved policies are published as the person who approved.
        loosening_hours: how long a room waits before a policy loosens; as in the service's timing.loosening_hours.
    """

    ai_user: Annotated[str, Field(pattern=rf"^(?:{_LOCALPART}|@{_LOCALPART}:[^\s:]+(?::\d+)?)$")]
    ai_namespace: Annotated[str, Field(pattern=rf"^{_LOCALPART}$")] | None = None
    stamp: bool = True
    publish: bool = True
    loosening_hours: Annotated[float, Field(ge=0, le=8784)] = 24


_ADVICE: Final = {
    "ai_user": "write the AI's user name as in the service's appservice.bot_localpart, such as circle.",
    "ai_namespace": "write how the AI's helpers' names begin, such as circle_, or take it out.",
    "stamp": "write true or false.",
    "publish": "write true or false.",
    "loosening_hours": "write a number of hours, as in the service's timing.loosening_hours.",
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
        key = str(first["loc"][0]) if first["loc"] else ""
    # Outside the handler: Synapse prints the cause of an error too.
    if not key:
        raise ConfigError(f"Write an object with the key ai_user: {_ADVICE['ai_user']}")
    if key not in _ADVICE:
        raise ConfigError(f"{key}: take this key out; known are {', '.join(_ADVICE)}.", (key,))
    raise ConfigError(f"{key}: {_ADVICE[key]}", (key,))
