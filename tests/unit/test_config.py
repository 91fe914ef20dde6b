from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from circles.config import Config, Homeserver, Invites, Model, sample
from circles.errors import ConfigurationError
from circles_policies.model import Actor, Ceiling, Keep, Reach, Who

SECRET = "s3cret-value-that-must-not-show"
HERE: Mapping[str, Any] = {"url": "http://127.0.0.1:8008", "server_name": "example.org"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests does not count."""
    for variable in [name for name in os.environ if name.upper().startswith("CIRCLES_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "circles.yaml"


def load(file: Path, content: Mapping[str, Any] | str) -> Config:
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(dict(content)), encoding="utf-8")
    return Config.load(file)


def problems(file: Path, content: Mapping[str, Any] | str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        load(file, content)
    return caught.value.problems


def test_two_keys_are_enough(file: Path) -> None:
    config = load(file, {"homeserver": HERE})

    assert config.bot_user_id == "@circle:example.org"
    assert config.appservice.url == "http://127.0.0.1:29334"
    assert config.storage.data_dir == file.parent / "data"
    assert config.storage.url == f"sqlite:///{file.parent}/data/circles.db"
    assert config.storage.is_sqlite
    assert config.reach is Reach.NONE


BAD: list[Any] = [
    pytest.param(
        {"homserver": HERE, "homeserver": HERE}, "homserver", "did you mean homeserver?", id="section misspelt"
    ),
    pytest.param(
        {"homeserver": {**HERE, "plugn": SECRET}}, "homeserver.plugn", "did you mean plugin?", id="key misspelt"
    ),
    pytest.param({"homeserver": {**HERE, "zzz": SECRET}}, "homeserver.zzz", "server_name", id="key unlike any"),
    pytest.param({"homeserver": {"url": HERE["url"]}}, "homeserver.server_name", "add this key", id="key missing"),
    pytest.param({"homeserver": {**HERE, "url": SECRET}}, "homeserver.url", "http://", id="url without scheme"),
    pytest.param(
        {"homeserver": {**HERE, "url": f"http://me:{SECRET}@host"}},
        "homeserver.url",
        "without user",
        id="url with password",
    ),
    pytest.param(
        {"homeserver": {**HERE, "server_name": f"https://{SECRET}"}},
        "homeserver.server_name",
        "example.org",
        id="name is url",
    ),
    pytest.param(
        {"homeserver": {**HERE, "gated": True}}, "homeserver", "needs plugin: true", id="gated without plugin"
    ),
    pytest.param({"homeserver": SECRET}, "homeserver", "keys of this section", id="section is text"),
    pytest.param(
        {"homeserver": HERE, "appservice": [SECRET]}, "appservice", "keys of this section", id="section is list"
    ),
    pytest.param(
        {"homeserver": HERE, "appservice": {"bot_localpart": f"@{SECRET}:x"}},
        "appservice.bot_localpart",
        "without @",
        id="localpart is user id",
    ),
    pytest.param(
        {"homeserver": HERE, "appservice": {"sender_localpart": "circle"}},
        "appservice",
        "write another sender_localpart",
        id="sender is the bot",
    ),
    pytest.param(
        {"homeserver": HERE, "appservice": {"as_token": SECRET[:8]}},
        "appservice.as_token",
        "at least 16",
        id="short token",
    ),
    pytest.param(
        {"homeserver": HERE, "appservice": {"as_token": SECRET, "hs_token": SECRET}},
        "appservice",
        "must differ",
        id="one token",
    ),
    pytest.param(
        {"homeserver": HERE, "appservice": {"as_token": SECRET, "as_token_file": "x"}},
        "appservice.as_token",
        "not both",
        id="token twice",
    ),
    pytest.param(
        {"homeserver": HERE, "appservice": {"as_token_file": SECRET}},
        "appservice.as_token_file",
        "cannot be read",
        id="token file missing",
    ),
    pytest.param({"homeserver": HERE, "appservice": {"port": 70_000}}, "appservice.port", "at most 65535", id="port"),
    pytest.param(
        {"homeserver": HERE, "appservice": {"port": SECRET}}, "appservice.port", "whole number", id="port is text"
    ),
    pytest.param(
        {"homeserver": HERE, "member": {"language": SECRET}}, "member.language", "'en' or 'zh'", id="language"
    ),
    pytest.param({"homeserver": HERE, "member": {"zone": SECRET}}, "member.zone", "Asia/Shanghai", id="zone"),
    pytest.param(
        {"homeserver": HERE, "member": {"zone": f"../../{SECRET}"}}, "member.zone", "Asia/Shanghai", id="zone path"
    ),
    pytest.param({"homeserver": HERE, "member": {"name_en": 7}}, "member.name_en", "in quotes", id="name is number"),
    pytest.param({"homeserver": HERE, "invites": {"allow": SECRET}}, "invites.allow", "a list", id="list is text"),
    pytest.param(
        {"homeserver": HERE, "invites": {"allow": [1]}}, "invites.allow (entry 1)", "write text", id="entry is number"
    ),
    pytest.param({"homeserver": HERE, "ceiling": {"keep": SECRET}}, "ceiling.keep", "'until_deleted'", id="keep"),
    pytest.param({"homeserver": HERE, "ceiling": {"days": 0}}, "ceiling.days", "at least 1", id="days"),
    pytest.param({"homeserver": HERE, "model": {"base_url": "http://x"}}, "model.model", "add this key", id="model"),
    pytest.param({"homeserver": HERE, "voice": {"night_end": "25:00"}}, "voice.night_end", '"22:00"', id="time of day"),
    pytest.param(
        {"homeserver": HERE, "storage": {"url": f"mysql://{SECRET}"}},
        "storage.url",
        "postgresql://",
        id="other database",
    ),
    pytest.param(
        {"homeserver": HERE, "storage": {"url": f"postgresql+asyncpg://{SECRET}"}},
        "storage.url",
        "postgresql://",
        id="other driver",
    ),
    pytest.param({"homeserver": HERE, "log": {"level": SECRET}}, "log.level", "'DEBUG'", id="log level"),
    pytest.param(
        {"homeserver": HERE, "timing": {"loosening_hours": -1}}, "timing.loosening_hours", "at least 0", id="hours"
    ),
    pytest.param({"homeserver": {**HERE, "url": "CHANGE_ME"}}, "homeserver.url", "CHANGE_ME", id="left as it was"),
    pytest.param(f"homeserver:\n  url: [{SECRET}\n", "--config", "line 3", id="no YAML"),
    pytest.param(f"- {SECRET}", "--config", "sections such as", id="a list"),
]


@pytest.mark.parametrize(("content", "key", "advice"), BAD)
def test_a_mistake_is_told_with_its_key_and_what_to_write_and_without_the_value(
    file: Path, content: Mapping[str, Any] | str, key: str, advice: str
) -> None:
    found = problems(file, content)

    assert [told for told, _ in found] == [key]
    assert advice in found[0][1]
    assert SECRET not in str(found)


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    found = problems(file, {"homeserver": {"url": SECRET}, "log": {"level": "loud"}, "colour": {"red": 1}})

    assert [key for key, _ in found] == ["colour", "homeserver.server_name", "homeserver.url", "log.level"]


def test_an_empty_file_is_told_what_it_needs(file: Path) -> None:
    assert [key for key, _ in problems(file, "")] == ["homeserver.server_name", "homeserver.url"]


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Config.load(Path("nowhere.yaml"))


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCLES_HOMESERVER__URL", "http://other:8008/")
    monkeypatch.setenv("CIRCLES_INVITES__ALLOW", '["*:b.example"]')
    monkeypatch.setenv("CIRCLES_MODEL__BASE_URL", "http://10.1.2.3/v1")
    monkeypatch.setenv("CIRCLES_MODEL__MODEL", "m")

    config = load(file, {"homeserver": HERE, "invites": {"allow": ["local"]}, "model": None})

    assert config.homeserver.url == "http://other:8008"
    assert config.homeserver.server_name == "example.org"
    assert config.invites.allow == ("*:b.example",)
    assert config.model is not None
    assert config.reach is Reach.LOCAL


def test_without_a_file_the_environment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIRCLES_HOMESERVER__URL", "http://h")
    monkeypatch.setenv("CIRCLES_HOMESERVER__SERVER_NAME", "h.example")

    assert Config.load().storage.data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("CIRCLES_HOMSERVER__URL", "CIRCLES_HOMSERVER__URL"),
        ("CIRCLES_HOMESERVER__ULR", "homeserver.ulr"),
        ("CIRCLES_INVITES__ALLOW", "environment"),
    ],
)
def test_a_mistake_in_the_environment_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, key: str
) -> None:
    monkeypatch.setenv(variable, SECRET)

    found = problems(file, {"homeserver": HERE})

    assert [told for told, _ in found] == [key]
    assert SECRET not in str(found)


def test_secrets_come_from_files_named_relative_to_the_configuration(file: Path) -> None:
    (file.parent / "token").write_text(f"{SECRET}\n", encoding="utf-8")

    config = load(file, {"homeserver": HERE, "appservice": {"as_token_file": "token", "hs_token": SECRET + "2"}})

    assert config.tokens.as_token == SECRET
    assert SECRET not in repr(config)
    assert SECRET not in repr(config.tokens)


def test_secrets_are_found_in_the_data_folder_without_being_named(file: Path) -> None:
    secrets = file.parent / "elsewhere" / "secrets"
    secrets.mkdir(parents=True)
    for key in ("as_token", "hs_token", "api_key"):
        (secrets / key).write_text(f"{SECRET}-{key}", encoding="utf-8")
    content = {
        "homeserver": HERE,
        "storage": {"data_dir": "elsewhere"},
        "model": {"base_url": "http://x", "model": "m"},
    }

    config = load(file, content)

    assert config.tokens.hs_token == f"{SECRET}-hs_token"
    assert config.model is not None
    assert config.model.api_key is not None
    assert config.model.api_key.get_secret_value() == f"{SECRET}-api_key"
    assert load(file, {**content, "model": None}).model is None


def test_a_secret_of_the_environment_wins_over_a_file_named_in_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLES_APPSERVICE__AS_TOKEN", SECRET)
    monkeypatch.setenv("CIRCLES_STORAGE__URL", f"postgresql://me:{SECRET}@db/circles")

    config = load(
        file,
        {
            "homeserver": HERE,
            "appservice": {"as_token_file": "not-there", "hs_token": SECRET + "2"},
            "storage": {"url_file": "not-there"},
        },
    )

    assert config.tokens.as_token == SECRET
    assert SECRET not in repr(config)


def test_missing_tokens_are_told_when_they_are_needed(file: Path) -> None:
    config = load(file, {"homeserver": HERE})

    with pytest.raises(ConfigurationError, match="circles registration") as caught:
        _ = config.tokens

    assert [key for key, _ in caught.value.problems] == ["appservice.as_token", "appservice.hs_token"]


@pytest.mark.parametrize(
    ("base_url", "location", "host"),
    [
        ("http://127.0.0.1:11434/v1", "local", "127.0.0.1"),
        ("http://[::1]:8000/v1", "local", "::1"),
        ("http://192.168.1.5/v1", "local", "192.168.1.5"),
        ("http://[fd00::5]/v1", "local", "fd00::5"),
        ("http://localhost:8080", "local", "localhost"),
        ("http://box.local/v1", "local", "box.local"),
        ("https://api.example.com/v1", "remote", "api.example.com"),
        ("https://127.0.0.1.example.com/v1", "remote", "127.0.0.1.example.com"),
        ("http://ollama:11434/v1", "remote", "ollama"),
        ("http://8.8.8.8/v1", "remote", "8.8.8.8"),
    ],
)
def test_where_a_model_runs_is_inferred_from_its_address_alone(base_url: str, location: str, host: str) -> None:
    model = Model.model_validate({"base_url": base_url, "model": "m"})

    assert (model.location, model.host) == (location, host)
    assert model.reach is (Reach.LOCAL if location == "local" else Reach.LISTED)


def test_the_operator_may_say_where_a_model_runs() -> None:
    model = Model.model_validate({"base_url": "http://ollama:11434/v1", "model": "m", "location": "local"})

    assert model.reach is Reach.LOCAL


@pytest.mark.parametrize(
    ("allow", "deny", "user_id", "allowed"),
    [
        (["local"], [], "@anna:example.org", True),
        (["local"], [], "@anna:example.org.evil.example", False),
        (["local"], [], "@anna:other.example", False),
        (["local", "*:other.example"], [], "@anna:other.example", True),
        (["@anna:*"], [], "@anna:other.example", True),
        (["@anna:*"], [], "@hanna:other.example", False),
        (["*"], ["*:bad.example"], "@anna:bad.example", False),
        (["*"], ["local"], "@anna:example.org", False),
        (["*:[::1]:8448"], [], "@anna:[::1]:8448", True),
        (["@a.b:example.org"], [], "@axb:example.org", False),
        ([], [], "@anna:example.org", False),
    ],
)
def test_who_may_invite(allow: list[str], deny: list[str], user_id: str, *, allowed: bool) -> None:
    invites = Invites.model_validate({"allow": allow, "deny": deny})

    assert invites.allows(user_id, "example.org") is allowed


def test_rooms_may_be_denied() -> None:
    invites = Invites.model_validate({"deny_rooms": ["!secret:*"]})

    assert not invites.allows_room("!secret:example.org")
    assert invites.allows_room("!other:example.org")


def test_the_ceiling_is_the_policy_engine_s_value(file: Path) -> None:
    section = {"read": "consenting", "keep": "derived", "days": 9, "send": "local", "act": "admins"}

    config = load(file, {"homeserver": HERE, "ceiling": section})

    assert config.ceiling.ceiling() == Ceiling(
        read=Who.CONSENTING, keep=Keep.DERIVED, days=9, send=Reach.LOCAL, act=Actor.ADMINS
    )
    assert load(file, {"homeserver": HERE}).ceiling.ceiling() == Ceiling()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("22:30", time(22, 30)),
        ('"22:30"', time(22, 30)),
        ("08:00", time(8)),
        ("7:05", time(7, 5)),
        ("0:15", time(0, 15)),
    ],
)
def test_times_of_day_may_be_written_with_and_without_quotes(file: Path, written: str, meant: time) -> None:
    config = load(file, f"homeserver: {{url: 'http://h', server_name: h}}\nvoice:\n  night_start: {written}\n")

    assert config.voice.night_start == meant


def test_folders_are_private(file: Path) -> None:
    config = load(file, {"homeserver": HERE})

    config.storage.prepare()

    for folder in (config.storage.data_dir, config.storage.secrets_dir, config.storage.crypto_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_service_on_all_addresses_is_called_on_one() -> None:
    config = Config.model_validate(
        {"homeserver": Homeserver(url="http://h", server_name="h"), "appservice": {"host": "::"}}
    )

    assert config.appservice.url == "http://127.0.0.1:29334"


def test_the_sample_loads_once_its_two_required_keys_are_written(file: Path) -> None:
    text = sample()

    assert {key for key, _ in problems(file, text)} == {"homeserver.url", "homeserver.server_name"}

    written = text.replace("url: CHANGE_ME", "url: http://127.0.0.1:8008").replace("CHANGE_ME", "example.org", 2)
    assert load(file, written) == load(file, {"homeserver": HERE})


def test_every_default_of_the_sample_is_the_default(file: Path) -> None:
    """Taking the # away from every key that has a value changes nothing."""
    lines = sample().replace("url: CHANGE_ME", "url: http://127.0.0.1:8008").splitlines()
    keys = lines[lines.index("homeserver:") :]
    uncommented = [re.sub(r"^  # (?=[a-z_]+: ?\S|[a-z_]+:$|- )", "  ", line) for line in keys]
    text = "\n".join(uncommented).replace("CHANGE_ME", "example.org")
    values = yaml.safe_load(text)
    del values["model"]  # none is set by default
    del values["models"]
    del values["storage"]["url"]  # stands for one inside data_dir

    assert load(file, values) == load(file, {"homeserver": HERE})


def test_every_key_is_described() -> None:
    for line in sample().splitlines():
        assert line.strip() != "#" or line == "#", line


def test_the_sample_in_the_documents_is_the_present_one() -> None:
    written = (ROOT / "docs/reference/config.sample.yaml").read_text(encoding="utf-8")

    assert written == sample(), "run: circles config --force --output docs/reference/config.sample.yaml"


CLOUD: Mapping[str, Any] = {"base_url": "https://api.example.com/v1", "model": "gpt-x"}


def test_models_with_names_have_settings_of_their_own(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret comes from the entry's own file; the file that `model` finds by itself is for no other endpoint."""
    usual = file.parent / "data" / "secrets"
    usual.mkdir(parents=True)
    (usual / "api_key").write_text("of-the-usual-model")
    (file.parent / "cloud.key").write_text(SECRET)
    monkeypatch.setenv("CIRCLES_MODELS__CLOUD__COUNTRY", "USA")
    house = {"base_url": "http://127.0.0.1:1/v1", "model": "qwen", "max_tokens": 77}
    models = {"cloud": {**CLOUD, "api_key_file": "cloud.key"}, "house": house}

    config = load(file, {"homeserver": HERE, "models": models})

    cloud, house_read = config.models["cloud"], config.models["house"]
    assert cloud.api_key is not None
    assert cloud.api_key.get_secret_value() == SECRET
    assert (cloud.country, cloud.reach, cloud.hide_names) == ("USA", Reach.LISTED, True)
    assert house_read.api_key is None
    assert (house_read.max_tokens, house_read.reach, house_read.hide_names) == (77, Reach.LOCAL, False)
    assert config.model is None


@pytest.mark.parametrize(
    ("models", "key", "advice"),
    [
        pytest.param(
            {"cloud": {**CLOUD, "max_token": SECRET}},
            "models.cloud.max_token",
            "did you mean max_tokens?",
            id="misspelt",
        ),
        pytest.param({"cloud": {"model": "m"}}, "models.cloud.base_url", "add this key", id="missing"),
        pytest.param({"cloud": {**CLOUD, "base_url": SECRET}}, "models.cloud.base_url", "http://", id="no address"),
        pytest.param({"cloud": SECRET}, "models.cloud", "keys of this section", id="text"),
        pytest.param({"cloud": None}, "models.cloud", "keys of this section", id="empty"),
        pytest.param({"The Cloud": CLOUD}, "models.The Cloud", "small letters", id="a name nobody can type"),
        pytest.param({"default": CLOUD}, "models.default", "not default", id="the name of the usual one"),
        pytest.param(
            {"cloud": {**CLOUD, "api_key_file": "none"}}, "models.cloud.api_key_file", "cannot be read", id="no file"
        ),
        pytest.param(
            {"cloud": {**CLOUD, "api_key": SECRET, "api_key_file": "x"}}, "models.cloud.api_key", "not both", id="twice"
        ),
        pytest.param({"cloud": {**CLOUD, "model": "CHANGE_ME"}}, "models.cloud.model", "write your own", id="left"),
    ],
)
def test_a_mistake_in_a_named_model_names_its_entry(file: Path, models: Any, key: str, advice: str) -> None:
    found = problems(file, {"homeserver": HERE, "models": models})

    assert [path for path, _ in found] == [key]
    assert advice in found[0][1]
    assert SECRET not in str(found)
