"""Every key an operator may write, section by section, with the sentence that explains it.

The descriptions are the documentation: the sample file and the error messages are made from them.
Messages of the validators here name what to write, never what was written.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from circles_policies.model import DEFAULT_MODEL, MODEL_NAME, Actor, Ceiling, Keep, Reach, Who

_SERVER_NAME: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
"""Specification, appendices, "Server name"."""
_LOCALPART: Final = re.compile(r"[a-z0-9._=/+-]+")
"""Specification, appendices, "User identifiers"; upper case is for historical ones only."""
_SENDER: Final = re.compile(r"[a-z0-9._/-]+")
"""Synapse takes only a sender that needs no escaping in a URL."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+")
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError("write a full address that begins with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("write the address alone, without user, password, ? or #")
    return value.rstrip("/")


def _server_name(value: str) -> str:
    if not _SERVER_NAME.fullmatch(value):
        raise ValueError("write the name after the colon of user ids, such as example.org, without https:// or a path")
    return value


def _localpart(value: str) -> str:
    if not _LOCALPART.fullmatch(value):
        raise ValueError("write small letters, digits and . _ = / + - only, without @ and without the server")
    return value


def _sender(value: str) -> str:
    if not _SENDER.fullmatch(value):
        raise ValueError("write small letters, digits and . _ / - only, without @ and without the server")
    return value


def _plain(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        raise ValueError("write letters, digits and . _ ~ - only")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError("write a time zone name such as Europe/Berlin or Asia/Shanghai") from None
    return value


def _database(value: str) -> str:
    if value.startswith("postgresql") and find_spec("psycopg") is None:
        raise ValueError("the driver is missing: pip install 'matrix-circles[appservice,postgresql]'")
    return value


def _clock(value: Any) -> Any:
    """Read HH:MM. YAML reads an unquoted 22:30 as the number 22 * 60 + 30, so such a number is minutes."""
    if isinstance(value, time):
        return value
    if isinstance(value, int) and 0 <= value < 24 * 60:
        return time(value // 60, value % 60)
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a time of day such as "22:00"')
    return time(int(match[1]), int(match[2]))


Address = Annotated[str, AfterValidator(_address)]
ServerName = Annotated[str, AfterValidator(_server_name)]
Localpart = Annotated[str, AfterValidator(_localpart)]
Plain = Annotated[str, AfterValidator(_plain)]
ZoneName = Annotated[str, AfterValidator(_zone)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
Clock = Annotated[time, BeforeValidator(_clock)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


def _model_name(value: str) -> str:
    if re.fullmatch(MODEL_NAME, value) is None or value == DEFAULT_MODEL:
        raise ValueError("call it with small letters, digits, - and _, at most 32, and not default")
    return value


ModelName = Annotated[str, AfterValidator(_model_name)]


class Section(BaseModel):
    """What all sections share: no unknown keys, no changes, no values in error messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False)


class Homeserver(Section):
    """The homeserver that Circles serves."""

    url: Address = Field(
        description="Where Circles reaches the homeserver's client API. In gated mode: the gate's address, "
        "which ends in /_synapse/client/circles/gate/hs.",
        examples=["http://127.0.0.1:8008"],
    )
    server_name: ServerName = Field(
        description="The homeserver's name, as it stands after the colon of its users' ids.", examples=["example.org"]
    )
    public_url: Address | None = Field(
        default=None,
        description="The address that people's clients use. In gated mode `circles check` proves that the gate "
        "does not answer there.",
    )
    plugin: bool = Field(
        default=False,
        description="Whether the Circles module is installed in Synapse: it then checks and publishes policies.",
    )
    gated: bool = Field(
        default=False,
        description="Whether the module's gate stands between Synapse and Circles: "
        "what a policy forbids then never leaves Synapse. Needs plugin: true.",
    )

    @model_validator(mode="after")
    def _gate_needs_the_plugin(self) -> Homeserver:
        if self.gated and not self.plugin:
            raise ValueError("gated: true needs plugin: true, for the gate is a part of the module")
        return self


class Appservice(Section):
    """What the homeserver knows of Circles, and where Circles listens."""

    id: Plain = Field(default="circles", description="The id in the registration file.")
    bot_localpart: Localpart = Field(
        default="circle", description="The AI's user name: circle becomes @circle:example.org."
    )
    ghost_prefix: Localpart = Field(default="circle_", description="How the names of Circles' helper users begin.")
    alias_prefix: Localpart = Field(
        default="circle-", description="How the addresses of circles begin: #circle-1:example.org."
    )
    sender_localpart: Annotated[str, AfterValidator(_sender)] = Field(
        default="circle_service",
        description="A second user name that the registration needs and that never speaks. Not the AI's own: "
        "Synapse does not let this one synchronise.",
    )
    as_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret: what Circles shows to the homeserver (in gated mode: to the gate). "
        "`circles registration` makes it and stores it in <data_dir>/secrets/as_token.",
    )
    as_token_file: Path | None = Field(default=None, description="Read as_token from this file.")
    hs_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret: what the homeserver (in gated mode: the gate) shows to Circles. "
        "`circles registration` makes it and stores it in <data_dir>/secrets/hs_token.",
    )
    hs_token_file: Path | None = Field(default=None, description="Read hs_token from this file.")
    host: str = Field(
        default="127.0.0.1", min_length=1, description="The address Circles listens on for the homeserver."
    )
    port: Port = Field(default=29334, description="The port Circles listens on for the homeserver.")
    url: Address = Field(
        default_factory=lambda values: f"http://{_in_url(values['host'])}:{values['port']}",
        description="How the homeserver reaches Circles, where that differs from host and port (containers, proxies).",
        examples=["http://127.0.0.1:29334"],
    )
    device_id: Plain = Field(
        default="CIRCLES", description="How the ids of the AI's devices begin; a lost key store takes a new device."
    )

    @model_validator(mode="after")
    def _names_are_apart(self) -> Appservice:
        if self.sender_localpart == self.bot_localpart:
            raise ValueError("sender_localpart and bot_localpart must differ: write another sender_localpart")
        if self.as_token and self.hs_token and self.as_token == self.hs_token:
            raise ValueError("as_token and hs_token must differ: remove both and run `circles registration`")
        return self


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


class Member(Section):
    """The AI as people see it."""

    name_en: Name = Field(default="Circle", description="Its display name, and how it calls itself in English.")
    name_zh: Name = Field(default="小圈", description="How it calls itself in Chinese.")
    former_names: tuple[Name, ...] = Field(
        default=(), description="Names it had before: still understood when someone calls it by them."
    )
    language: Literal["en", "zh"] = Field(default="en", description="The language where a room or person chose none.")
    zone: ZoneName = Field(default="UTC", description="The time zone where a room or person chose none.")
    operator_name: Name | None = Field(
        default=None, description='Who runs it: "Anna runs me" in the notice with which it asks to be admitted.'
    )


class Invites(Section):
    """Who may invite the AI."""

    allow: tuple[str, ...] = Field(
        default=("local",),
        description="Whose invites it accepts: user ids in which * stands for anything, such as @*:example.org "
        "or *:example.org, the word local for everyone of your own server, or * for everyone.",
    )
    deny: tuple[str, ...] = Field(default=(), description="Whose invites it declines although they are allowed above.")
    deny_rooms: tuple[str, ...] = Field(
        default=(), description="Rooms it never joins: room ids in which * stands for anything."
    )

    def allows(self, user_id: str, server_name: str) -> bool:
        """Tell whether this person, seen from the homeserver `server_name`, may invite the AI."""
        return _any_matches(self.allow, user_id, server_name) and not _any_matches(self.deny, user_id, server_name)

    def allows_room(self, room_id: str) -> bool:
        """Tell whether the AI may join this room."""
        return not any(_matches(pattern, room_id) for pattern in self.deny_rooms)


def _any_matches(patterns: tuple[str, ...], user_id: str, server_name: str) -> bool:
    is_local = user_id.partition(":")[2] == server_name
    return any(is_local if pattern == "local" else _matches(pattern, user_id) for pattern in patterns)


def _matches(pattern: str, text: str) -> bool:
    """Match * alone: the brackets of fnmatch would swallow IPv6 server names."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


class CeilingSection(Section):
    """The most that any room may choose, whatever its members agree on."""

    read: Literal["nobody", "addressed", "consenting", "everyone"] = Field(
        default="everyone", description="Whose messages may be looked at."
    )
    keep: Literal["nothing", "asked", "derived", "messages", "until_deleted"] = Field(
        default="until_deleted", description="What may be kept."
    )
    days: Positive | None = Field(
        default=None, description="For how many days messages may be kept; empty: as the room chose."
    )
    send: Literal["none", "local", "listed"] = Field(
        default="listed", description="Where text may go: no model, a local model, or the model below wherever it runs."
    )
    act: Literal["nobody", "admins", "members"] = Field(
        default="members",
        description="For whom tools with effects outside the room may run; each run is approved besides.",
    )

    def ceiling(self) -> Ceiling:
        """Return the value the policy engine reads."""
        return Ceiling(
            read=Who(self.read),
            keep=Keep[self.keep.upper()],
            days=self.days,
            send=Reach[self.send.upper()],
            act=Actor[self.act.upper()],
        )


class Model(Section):
    """The language model. Leave the section empty for none: summaries and search then work by extraction alone."""

    base_url: Address = Field(
        description="The OpenAI-compatible endpoint, with its /v1.", examples=["http://127.0.0.1:11434/v1"]
    )
    model: Name = Field(description="The model's name at that endpoint.", examples=["qwen3:8b"])
    api_key: SecretStr | None = Field(
        default=None,
        description="Secret: the endpoint's key, if it wants one. Read from <data_dir>/secrets/api_key if there.",
    )
    api_key_file: Path | None = Field(default=None, description="Read api_key from this file.")
    location: Literal["local", "remote"] = Field(
        default_factory=lambda values: _location(values["base_url"]),
        description="Whether text stays on your machines (local) or leaves them (remote). "
        "Empty: private addresses, localhost and .local names are local; every other name is remote until you say so.",
    )
    country: Name | None = Field(default=None, description="Where a remote model runs, as rooms are told: USA.")
    hide_names: bool = Field(
        default_factory=lambda values: values["location"] == "remote",
        description="Whether names, mail addresses, long numbers, keys and passwords are replaced by codes before text "
        "is sent, and put back into the answer. Empty: for a remote model. Rooms are told which.",
    )
    timeout_seconds: float = Field(default=60, gt=0, le=3_600, description="How long one answer may take.")
    max_tokens: Positive = Field(default=1_024, description="The longest answer, in tokens.")
    context_tokens: Annotated[int, Field(ge=512)] = Field(
        default=8_192, description="How much fits into one request, answer included, in tokens."
    )

    @property
    def host(self) -> str:
        """The host that text is sent to, as rooms are told."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def reach(self) -> Reach:
        """How far text goes when this model is asked."""
        return Reach.LOCAL if self.location == "local" else Reach.LISTED


def _location(base_url: str) -> Literal["local", "remote"]:
    """Infer from the address alone: no name is looked up, for the answer must not depend on the network."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "local" if host == "localhost" or host.endswith((".localhost", ".local")) else "remote"
    return "local" if address.is_loopback or address.is_link_local or address.is_private else "remote"


class Limits(Section):
    """Quotas. Reaching one is told in words; nothing is dropped silently."""

    calls_per_person_per_day: Count = Field(
        default=50, description="Answers by a model that one person may ask for a day."
    )
    calls_per_room_per_day: Count = Field(default=200, description="Answers by a model in one room a day.")
    model_tokens_per_person_per_day: Count = Field(
        default=100_000, description="Tokens that one person may use a day, in all rooms together."
    )
    model_tokens_per_room_per_day: Count = Field(default=200_000, description="Tokens that one room may use a day.")
    answers_per_person_per_day: Count = Field(
        default=300,
        description="Answers of any kind that one person gets a day, in all rooms together. Control words such as out "
        "and stop are obeyed beyond it, and reminders come.",
    )
    answers_per_room_per_day: Count = Field(default=1_000, description="Answers of any kind in one room a day.")
    turns_in_a_row: Positive = Field(
        default=30,
        description="How often somebody may answer an answer of the AI within a minute before they are taken for a "
        "program that answers everything: the AI then pauses for them there, 10 minutes at first.",
    )
    commands_per_person_per_minute: Positive = Field(
        default=20, description="Commands of one person that are answered a minute."
    )
    marks_per_person_per_day: Count = Field(
        default=20, description="Messages one person may hide from the AI with 🙈 a day."
    )
    circles_per_person_per_day: Count = Field(default=10, description="Circles one person may have made a day.")
    transaction_bytes: Annotated[int, Field(ge=8 * 1024**2)] = Field(
        default=64 * 1024**2,
        description="The largest delivery taken from the homeserver; a refused one is repeated for ever.",
    )


class Voice(Section):
    """How much the AI says unasked. Reminders and check-ins that people set do not count."""

    posts_per_day: Count = Field(
        default=1,
        description="Unasked posts a day in a quiet room, as each is at first; lively allows three times as many. "
        "More merge into the next digest.",
    )
    night_start: Clock = Field(
        default=time(22), description="From when on it says nothing unasked, in the room's time zone."
    )
    night_end: Clock = Field(default=time(8), description="Until when it says nothing unasked.")


class Storage(Section):
    """Where Circles keeps its things. Paths that are not absolute start at the folder of this file."""

    data_dir: Path = Field(
        default=Path("data"),
        description="The folder for the database, the encryption keys and secrets; made for you, private.",
    )
    url: DatabaseUrl = Field(
        default_factory=lambda values: f"sqlite:///{values['data_dir'] / 'circles.db'}",
        repr=False,
        pattern=r"^(sqlite|postgresql(\+psycopg)?)://",
        description="The database: sqlite:///path, or postgresql://user:password@host/name.",
        examples=["sqlite:///data/circles.db"],
    )
    url_file: Path | None = Field(default=None, description="Read url from this file, where it holds a password.")

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is one file of ours."""
        return self.url.startswith("sqlite")

    @property
    def secrets_dir(self) -> Path:
        """Where `circles registration` puts secrets."""
        return self.data_dir / "secrets"

    @property
    def crypto_dir(self) -> Path:
        """Where the encryption keys of the AI's device are."""
        return self.data_dir / "crypto"

    def prepare(self) -> None:
        """Make the folders, readable by nobody else. Raises OSError where that cannot be."""
        for folder in (self.data_dir, self.secrets_dir, self.crypto_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)


class Health(Section):
    """Where health and metrics are read. They hold counts, no words and no ids."""

    host: str = Field(default="127.0.0.1", min_length=1, description="The address for GET /health and GET /metrics.")
    port: Port = Field(default=29335, description="Its port.")


class Log(Section):
    """The log. It holds ids, counts and durations, never what people wrote."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="What is worth a line.")
    format: Literal["json", "text"] = Field(default="text", description="One JSON object a line, or plain text.")


class Timing(Section):
    """Durations. Change them for tests; the defaults are what the documents promise."""

    homeserver_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60, description="How long one answer of the homeserver may take; then it is asked again."
    )
    placeholder_after_seconds: Seconds = Field(
        default=3, description="After how long a question whose answer takes a while gets a ⏳."
    )
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = Field(
        default=5,
        description="When told to stop, how long answers that are begun may still take. Whoever still waits is told.",
    )
    checkpoint_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        default=20, description="How often removed words are also wiped from the database's own log files."
    )
    unreadable_seconds: Seconds = Field(
        default=60, description="After how long without its key a room is told that a message cannot be read."
    )
    loosening_hours: Seconds = Field(default=24, description="How long a room waits before a policy loosens.")
    newcomers_seconds: Seconds = Field(default=20, description="Who comes within this time is welcomed by one notice.")
    tightening_hours: Seconds = Field(
        default=24, description="How long before what a tighter policy forbids is deleted."
    )
