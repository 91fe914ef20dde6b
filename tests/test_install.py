"""What is shipped to run Circles: units that systemd takes, an image and a compose file that their linters take.

No container engine is needed here, and none was used: that is said in the documents.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from circles.config import Config

ROOT = Path(__file__).parents[1]
UNITS = ("circles.service", "circles-check.service")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "contrib/container/compose.yaml").read_text(encoding="utf-8"))
EXPOSURE_OF_TEN = 1.5
PROGRAMS = Path(sys.executable).parent
TOKEN = "a-secret-of-forty-characters-for-the-test"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="Debian's package systemd has it")


def unit(name: str) -> dict[str, list[str]]:
    """Return a unit's settings, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "contrib/systemd" / name).read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def say(*command: str) -> str:
    """Run a program and return all it says; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit_and_finds_it_closed(tmp_path: Path, name: str) -> None:
    """No complaint at all, and an exposure of at most 1.5 of 10."""
    text = (ROOT / "contrib/systemd" / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text.replace("/opt/circles/bin/circles", "/bin/true"), encoding="utf-8")

    assert say("systemd-analyze", "verify", str(tmp_path / name)) == ""
    said = say("systemd-analyze", "security", "--offline=true", str(tmp_path / name))
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_OF_TEN


def loaded(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Config:
    """Load a configuration with an environment, as the program does."""
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    (folder / "circles.yaml").write_text(
        "homeserver: {url: 'http://127.0.0.1:8008', server_name: example.org}\n"
        "appservice: {as_token_file: /etc/circles/secrets/as_token, hs_token_file: /etc/circles/secrets/hs_token}\n",
        encoding="utf-8",
    )
    return Config.load(folder / "circles.yaml")


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_hands_over_the_configuration_and_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each credential that is loaded is used, and each variable is a key of the configuration."""
    settings = unit(name)
    credentials = {one.partition(":")[0]: one.partition(":")[2] for one in settings["LoadCredential"]}
    assert all(path.startswith("/etc/circles/") for path in credentials.values())
    for secret in ("as_token", "hs_token"):
        (tmp_path / secret).write_text(f"{TOKEN}-{secret}", encoding="utf-8")
    assert f"%d/{'circles.yaml'}" in settings["ExecStart"][0]
    environment = dict(one.replace("%d", str(tmp_path)).split("=", 1) for one in settings["Environment"])
    config = loaded(environment, monkeypatch, tmp_path)

    assert config.tokens.as_token == f"{TOKEN}-as_token"
    assert config.tokens.hs_token == f"{TOKEN}-hs_token"
    assert str(config.storage.data_dir) == f"/var/lib/{settings['StateDirectory'][0]}"
    assert set(credentials) == {"circles.yaml", "as_token", "hs_token"}


def test_the_check_runs_as_the_service_does() -> None:
    """But for what it does and that it does it once, every setting is the same."""
    service, check = (unit(name) for name in UNITS)
    own = {"Description", "After", "Wants", "Type", "ExecStart", "WantedBy"}
    restarts = {"Restart", "RestartSec", "RestartPreventExitStatus", "TimeoutStopSec"}

    assert {key: value for key, value in service.items() if key not in own | restarts} == {
        key: value for key, value in check.items() if key not in own
    }
    assert COMPOSE["services"]["circles"]["restart"] == "on-failure:10"
    assert service["RestartPreventExitStatus"] == ["78"]


def test_the_image_passes_its_linter() -> None:
    """hadolint, with all its rules, ShellCheck's among them."""
    assert say(str(PROGRAMS / "hadolint"), str(ROOT / "contrib/container/Containerfile")) == ""


def test_the_compose_file_is_one() -> None:
    """By the schema of the Compose specification."""
    file = str(ROOT / "contrib/container/compose.yaml")

    assert "ok" in say(str(PROGRAMS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)


def test_the_compose_file_hands_over_the_secrets_as_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret is in it, each one named is given to the service, and each variable is a key of the configuration."""
    service = COMPOSE["services"]["circles"]
    assert set(service["secrets"]) == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    environment: dict[str, str] = service["environment"]
    for secret in service["secrets"]:
        (tmp_path / secret).write_text(f"{TOKEN}-{secret}", encoding="utf-8")
    given = {key: value.replace("/run/secrets", str(tmp_path)) for key, value in environment.items()}
    config = loaded(given, monkeypatch, tmp_path)

    assert config.tokens.as_token == f"{TOKEN}-as_token"
    assert config.appservice.url == "http://circles:29334"
    assert config.homeserver.url == "http://synapse:8008"


def test_the_container_may_write_its_data_and_nothing_else() -> None:
    """Read-only, without capabilities, its data in a volume, its health for this machine alone."""
    service = COMPOSE["services"]["circles"]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert [volume for volume in service["volumes"] if not volume.endswith(":ro")] == ["circles-data:/data"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_image_holds_what_it_is_built_of_and_no_more() -> None:
    """What the file copies is what the ignore file lets in."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    file = (ROOT / "contrib/container/Containerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", file, re.MULTILINE) for name in line.split()}

    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    packages = re.search(r"^packages = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packages is not None
    assert {name.partition("/")[0] for name in yaml.safe_load(packages[1])} <= copied
