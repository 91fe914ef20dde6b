"""From the built wheel to a clean boot, and away again until nothing is left."""

import asyncio
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from circles_harness import Homeserver, Person, Service
from circles_harness.process import NO_BYTECODE
from walks import admitted, answer, body, private_room

from .conftest import NewPerson, Unborn

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own; return the folder of its programs.

    What it depends on is looked up in the environment of the tests, so that nothing is downloaded: that a resolver
    finds all of it is what the lock file shows.
    """
    return into(tmp_path_factory.mktemp("installed"), wheel, Path(sysconfig.get_path("purelib")))


def into(folder: Path, wheel: Path, besides: Path) -> Path:
    """Install a wheel into an environment that sees one more folder of packages; return the folder of its programs."""
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "of_the_tests.pth").write_text(f"{besides}\n")
    programs = folder / "venv" / "bin"
    run(sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "-q", "--no-deps", str(wheel))
    where = run(str(programs / "python"), "-c", "import circles, circles_policies; print(circles.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    return programs


def test_the_base_install_says_in_one_line_what_the_service_needs(wheel: Path, tmp_path: Path) -> None:
    """Synapse's environment gets pydantic and no more: there the command tells what to install, without a trace."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("pydantic", "pydantic_core", "annotated_types", "typing_extensions.py", "typing_inspection"):
        (packages / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    programs = into(tmp_path, wheel, packages)
    run(str(programs / "python"), "-c", "import circles_policies.explain, circles_policies.gate")
    for command in ("version", "check"):
        done = subprocess.run([programs / "circles", command], capture_output=True, text=True, timeout=60, check=False)

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith(
            " is missing. Install the service with its extra: pip install 'matrix-circles[appservice]'\n"
        )
        assert done.stderr.count("\n") == 1


def run(*command: str) -> str:
    """Run a program, and return what it says."""
    # Each start would compile every module anew, where this is set.
    environment = {key: value for key, value in os.environ.items() if key != NO_BYTECODE}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(150, func_only=True)
async def test_a_wheel_boots_clean_and_goes_without_a_trace(
    installed: Path, unborn: Unborn, homeserver: Homeserver, person: NewPerson, mei: Person
) -> None:
    """Checked, run, asked, stopped, uninstalled: no room, no device and no account is left."""
    circles, packed = str(installed / "circles"), unborn.packed
    config = str(packed.write_config())
    checked = await asyncio.to_thread(run, circles, "check", "--config", config)
    assert "FIX" not in checked
    assert "reached a door opened for this check" in checked

    await started(packed, installed)
    room = await admitted(mei, packed)
    question = await mei.say(room, "!circle help")
    assert "What you can say" in body(await answer(mei, room, question, packed))
    private = await private_room(mei, packed)
    code, _ = await packed.command("uninstall", "--yes")
    assert code == 1, "while it runs it is not taken away"
    assert await packed.stop() == 0

    _, planned = await packed.command("uninstall")
    assert f"would be left: {room}" in planned
    assert "Nothing was done yet" in planned
    assert packed.user_id in await mei.members(room)

    _, away = await packed.command("uninstall", "--yes", "--for-good")
    for line in (f"left: {room}", f"left: {private}", "deleted: device CIRCLES", f"deactivated: {packed.user_id}"):
        assert line in away
    assert str(packed.data_dir) in away
    for place in (room, private):
        await mei.wait_for_member(place, packed.user_id, "leave")
    boss = await person("boss", admin=True)
    assert await what_is_left(homeserver, boss, packed) == {"rooms": 0, "devices": 0, "deactivated": True}


async def started(service: Service, programs: Path) -> None:
    """Start a service with another environment's Python."""
    vars(service)["_process"].python = str(programs / "python")
    await service.start()


async def what_is_left(homeserver: Homeserver, boss: Person, service: Service) -> dict[str, int | bool]:
    """Return what the homeserver still has of the AI, as its administrator sees it."""
    headers = {"Authorization": f"Bearer {boss.access_token}"}
    async with aiohttp.ClientSession(f"{homeserver.base_url}/_synapse/admin/", headers=headers) as session:

        async def told(path: str) -> dict[str, Any]:
            async with session.get(path.format(service.user_id)) as answered:
                return cast("dict[str, Any]", await answered.json())

        rooms, devices = await told("v1/users/{}/joined_rooms"), await told("v2/users/{}/devices")
        account = await told("v2/users/{}")
        return {"rooms": rooms["total"], "devices": devices["total"], "deactivated": account["deactivated"]}
