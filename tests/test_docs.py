"""The documents say what the code does: lists are complete, examples work, links lead somewhere."""

import importlib
import json
import os
import re
import shlex
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from circles.adapters.store.egress import Outcome
from circles.config import Config
from circles.core.commands import Invocation, parse
from circles.core.effects import Effect
from circles.core.extract.lines import Line
from circles.core.extract.visits import visits
from circles.entrypoints import cli
from circles.facts.tables import metadata
from circles.registry import FEATURES, FORMS
from circles_docs import ROOT, Part, config, data, events, fill, operating, parts, whole_pages
from circles_harness import Homeserver, Person
from circles_harness.process import ServerProcess, free_port, run_program
from circles_plugin.config import read_config
from circles_policies import (
    Actor,
    Change,
    Choice,
    Control,
    ControlWord,
    Fault,
    Keep,
    Kind,
    Level,
    Malformed,
    Mark,
    Preset,
    Reach,
    Reason,
    Right,
    Verdict,
    When,
    Who,
    parse_control,
    preset,
    read_content,
    room_names,
    strip_address,
    to_content,
)

ENUMS: Final[tuple[type[Enum], ...]] = (
    *(Right, Who, When, Keep, Reach, Actor, Preset, Level, Choice, Mark, Verdict, Reason, Change, Fault, Kind, Control),
    *(ControlWord, Outcome),
)
PAGES: Final = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "changelog.d/*.md", "demo/**/*.md") for path in ROOT.glob(pattern)
)
GENERATED: Final = whole_pages()
PROGRAMS: Final = {
    *("chmod", "chown", "circles", "cp", "createdb", "createuser", "curl", "docker", "journalctl", "mkdir", "openssl"),
    *("pip", "python3", "source", "systemctl", "systemd-sysusers"),
}
SYNAPSES_OWN: Final = {"app_service_config_files", "listeners", "modules", "worker_listeners"}
SENTENCE: Final = "Run scripts/docs."

Block = tuple[str, str]
"""The language of a fenced block, and what stands in it."""


def _name(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


def _read(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _blocks(page: Path) -> list[Block]:
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", _read(page), re.DOTALL | re.MULTILINE)
    return [(language, textwrap.dedent(body)) for _, language, body in found]


def _all(*languages: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        yield from ((page, body) for language, body in _blocks(page) if language in languages)


def _prose(page: Path) -> str:
    return re.sub(r"^( *)```.*?^\1```", "", _read(page), flags=re.DOTALL | re.MULTILINE)


# ---- what is written from the code


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_page_is_the_present_one(name: str) -> None:
    """Nobody edits it by hand, and the code did not change behind it."""
    assert _read(name) == GENERATED[name](), SENTENCE


@pytest.mark.parametrize("part", parts(), ids=lambda part: f"{part.page} {part.name}")
def test_a_generated_part_is_the_present_one(part: Part) -> None:
    """The rest of the page is written by hand."""
    before = _read(part.page)

    assert before == fill(before, part), SENTENCE


def test_a_page_without_the_two_comments_is_refused() -> None:
    """Else a part would silently stand nowhere."""
    with pytest.raises(ValueError, match="begin transcript"):
        fill("# A page\n", Part("README.md", "transcript", ""))


# ---- the lists are complete


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_the_glossary_has_every_value(kind: type[Enum]) -> None:
    """A value nobody explained is a value nobody can rely on."""
    page = _read("docs/glossary.md")
    values = [str(each.value) if isinstance(each.value, str) else each.name.lower() for each in kind]

    assert [value for value in values if f"`{value}`" not in page] == []


def test_each_configuration_key_is_documented() -> None:
    """By its whole path."""
    page = _read("docs/reference/config.md")

    assert [key for key in config.key_paths() if f"`{key}`" not in page] == []


def test_each_command_is_documented_with_all_its_forms() -> None:
    """In both languages; the one for unknown words is nobody's to say."""
    page = _read("docs/reference/commands.md")
    said = [command for feature in FEATURES for command in feature.commands if command.name != "unknown"]
    missing = [command.name for command in said if f"| `{command.name}` |" not in page]
    missing += [
        form
        for command in said
        for forms in command.words.values()
        for form in forms
        if f"`{form.removeprefix('…')}`" not in page and f"`{form} …`" not in page
    ]

    assert missing == []


def test_each_effect_is_documented() -> None:
    """Those of features too."""
    page = _read("docs/reference/effects.md")

    assert [kind.__name__ for kind in _below(Effect) if f"`{kind.__name__}`" not in page] == []


def test_each_metric_is_documented() -> None:
    """Under the name that Prometheus sees."""
    page = _read("docs/reference/metrics.md")

    assert [name for name in operating.metric_names() if name not in page] == []


def test_each_log_line_of_ours_has_an_action_that_is_documented() -> None:
    """What an operator searches for."""
    page = _read("docs/reference/log.md")
    sources = (_read(path) for path in (ROOT / "appservice").rglob("*.py") if path.name != "logs.py")
    actions = {action for source in sources for action in re.findall(r'"action": "(\w+)"', source)}

    assert {line.action for line in operating.log_lines(ROOT)} == actions
    assert [action for action in {*actions, "uncaught"} if f"`{action}`" not in page] == []


def test_each_name_of_ours_in_events_is_documented() -> None:
    """Other programs meet them."""
    page = _read("docs/reference/events.md")
    sources = [path for folder in ("policies", "plugin", "appservice") for path in (ROOT / folder).rglob("*.py")]
    names = {name for path in sources for name in re.findall(r"io\.github\.matrix_circles\.\w+", _read(path))}

    assert sorted(names) == sorted(events.documented())
    assert [name for name in names if name not in page] == []


def test_each_column_for_words_is_documented() -> None:
    """What a column is called tells whether it may hold words; a wake's payload holds keys of the feature's own."""
    columns = {f"{table.name}.{column.name}" for table in data.every_table() for column in table.columns}
    for_words = {each for each in columns if each.endswith((".text", ".payload"))} - {"wakes.payload"}

    assert for_words == set(data.TEXT)


def test_each_how_to_is_in_the_index() -> None:
    """A page nobody finds is not there."""
    index = _read("docs/README.md")

    assert [path.name for path in (ROOT / "docs/howto").glob("*.md") if f"howto/{path.name}" not in index] == []


def test_decisions_are_numbered_without_gaps() -> None:
    """So that a number in a comment means one page."""
    numbers = sorted(path.name[:4] for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_each_page_that_the_code_names_is_there() -> None:
    """Comments and sentences that send a reader somewhere."""
    code = [
        path for folder in ("policies", "plugin", "appservice", "harness") for path in (ROOT / folder).rglob("*.py")
    ]
    named = {name for path in code for name in re.findall(r"docs/[a-z]+/[a-z0-9_-]+(?:\.md)?", _read(path))}
    missing = [name for name in named if not list(ROOT.glob(f"{name}*"))]

    assert sorted(missing) == []


# ---- the schema


@given(st.sampled_from(list(Preset)), st.sampled_from(list(Reach)))
def test_the_schema_lets_in_what_the_program_writes(key: Preset, reach: Reach) -> None:
    """Every preset, however far it sends."""
    assert _valid(to_content(preset(key, reach)))


@given(st.data())
def test_what_the_schema_refuses_the_program_refuses(drawn: st.DataObject) -> None:
    """One value changed at random; the program is the stricter one, since it also knows what presets mean."""
    content = to_content(preset(drawn.draw(st.sampled_from(list(Preset)))))
    content.pop("preset", None)
    places = [(content, key) for key in [*content, "extra"]]
    for inner in ("read", "store"):
        section = cast("dict[str, object]", content[inner])
        places += [(section, key) for key in [*section, "days", "hours", "messages", "extra"]]
    where, key = drawn.draw(st.sampled_from(places))
    values = ["nothing", "asked", "derived", "messages", "until_deleted", "local", "called", "admins", "", "x"]
    where[key] = drawn.draw(st.sampled_from([*values, 0, 1, 2, 30, 3661, 10**6, -1, True, False, None, {}, []]))

    assert _valid(content) or isinstance(read_content(content), Malformed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": 2},
        {"preset": "all"},
        {"send": 1},
        {"store": {"keep": "messages"}},
        {"store": {"keep": "asked", "days": 3}},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_is_plainly_wrong(wrong: dict[str, Any]) -> None:
    """Else it would be of no use."""
    assert not _valid(to_content(preset(Preset.ON_CALL)) | wrong)


# ---- what is promised


@pytest.mark.parametrize(
    ("name", "fewest"), [("docs/explanation/privacy.md", 40), ("docs/explanation/threats.md", 35)], ids=str
)
def test_what_is_promised_leads_to_the_test_that_holds_it(name: str, fewest: int) -> None:
    """Line by line; that each of these links leads to a test that is there says the test of all links."""
    chapters = re.split(r"^## ", _prose(ROOT / name), flags=re.MULTILINE)[1:]
    bare = [chapter.partition("\n")[0] for chapter in chapters if "[✓](" not in chapter]

    assert _read(name).count("[✓](") >= fewest
    assert bare == []


# ---- links and examples


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_each_link_leads_somewhere(page: Path) -> None:
    """To a file of this repository, and to a heading in it, or a test of it, where one is named."""
    dead: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        address, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        path = (page.parent / address).resolve() if address else page
        if not path.exists() or (heading and heading not in _headings(path)):
            dead.append(target)

    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_names_a_machine(page: Path) -> None:
    """Neither where somebody worked nor where somebody's packages came from."""
    here = [re.escape(str(path)) + "/" for path in (ROOT, ROOT.parent, Path.home()) if len(path.parts) > 1]
    strange = "|".join([*here, r"/(?:tmp|home)/\w+", r"index-url", r"https?://\S+/simple\b"])

    assert re.findall(strange, _read(page)) == []


@pytest.mark.parametrize(("page", "body"), list(_all("yaml")), ids=_name)
def test_each_yaml_example_loads(page: Path, body: str) -> None:
    """As our configuration, as the module's, or as what Synapse's own file may hold."""
    read = cast("dict[str, Any]", yaml.safe_load(body))
    if set(read) <= SYNAPSES_OWN:
        for module in read.get("modules", []):
            read_config(module["config"])
        return
    needed = {"url": "http://127.0.0.1:8008", "server_name": "example.org"}

    Config(**(read | {"homeserver": needed | read.get("homeserver", {})}))


@pytest.mark.parametrize(("page", "body"), list(_all("json")), ids=_name)
def test_each_json_example_is_json(page: Path, body: str) -> None:
    """Whoever copies it can use it."""
    assert json.loads(body) is not None


@pytest.mark.parametrize(("page", "body"), list(_all("console", "sh")), ids=_name)
def test_each_command_in_an_example_exists(page: Path, body: str) -> None:
    """Our scripts, our subcommands with their options, and a few programs everybody has."""
    strange: list[str] = []
    for line in body.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if not words:
            continue
        program = words[0]
        if program == "circles":
            cli.parser().parse_args(words[1:])
        elif program.startswith("scripts/"):
            strange += [] if os.access(ROOT / program, os.X_OK) else [program]
        elif program.rpartition("/")[2] not in PROGRAMS:
            strange.append(program)

    assert strange == []


@pytest.mark.parametrize(("page", "body"), list(_all("sql")), ids=_name)
def test_each_query_runs(page: Path, body: str) -> None:
    """On the tables as they are."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(text(body))
    engine.dispose()


@pytest.mark.parametrize(("page", "body"), list(_all("chat")), ids=_name)
def test_what_people_say_to_the_ai_in_an_example_is_understood(page: Path, body: str) -> None:
    """Each line that speaks to it is a command or a control word; the others are talk."""
    for line in body.splitlines():
        who, _, words = line.partition(": ")
        spoken_to, rest = strip_address(words, room_names())
        directly = "(" in who
        if spoken_to or directly:
            assert _is_understood(rest if spoken_to else words), line


def test_the_talk_of_the_tutorial_gives_the_list_it_promises() -> None:
    """Three visits, and still two without Uncle's."""
    blocks = (body for language, body in _blocks(ROOT / "docs/tutorial/first-circle.md") if language == "chat")
    talk = [line.partition(": ") for line in next(blocks).splitlines()]
    people = {"@mei:home.example": "Mei", "@uncle:home.example": "Uncle"}
    lines = [
        Line(id=f"${number}", sender=f"@{who.lower()}:home.example", name=who, at=number, text=words)
        for number, (who, _, words) in enumerate(talk)
    ]

    assert [(each.who, each.whom) for each in visits(lines, people)] == [
        ("Mei", "Uncle"),
        ("Uncle", "Grandma"),
        ("Mei", "Grandma"),
    ]
    assert len(visits([line for line in lines if "Sunday" not in line.text], people)) == 2


@pytest.mark.parametrize("page", sorted((ROOT / "docs/howto").glob("*.md")), ids=_name)
def test_what_a_how_to_tells_people_to_say_is_understood(page: Path) -> None:
    """The columns "say" and 说 of its tables, where something is set as code."""
    assert [
        words for words in _to_be_said(_prose(page)) if not _is_understood(strip_address(words, room_names())[1])
    ] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs/zh").glob("*.md")), ids=_name)
def test_what_a_chinese_page_tells_people_to_say_is_understood(page: Path) -> None:
    """Every word in it that is set as code."""
    said = re.findall(r"`([^`]+)`", _prose(page))

    assert said
    assert [words for words in said if not _is_understood(strip_address(words, room_names())[1])] == []


@pytest.mark.parametrize("page", sorted((ROOT / "changelog.d").glob("*.md")), ids=_name)
def test_each_note_of_a_change_is_one_sentence_of_a_known_kind(page: Path) -> None:
    """A file is for one change."""
    if page.name == "README.md":
        return

    assert re.fullmatch(r"[a-z0-9-]+\.(feature|fix|security|removal|doc|misc)\.md", page.name)
    assert re.fullmatch(r"\S.*\.\n", _read(page))


# ---- the five steps of the README


@pytest.mark.homeserver
@pytest.mark.timeout(150, func_only=True)
async def test_the_five_steps_of_the_readme_work(tmp_path: Path) -> None:
    """As they are written there, on a real Synapse, up to the AI's first words in a room."""
    steps = [
        line.removeprefix("$ ")
        for language, body in _blocks(ROOT / "README.md")
        for line in body.splitlines()
        if language == "console"
    ]
    configure, register, check, run = (shlex.split(step)[1:] for step in steps if step.startswith("circles "))
    written, file = tmp_path / "circles.yaml", tmp_path / "circles-registration.yaml"
    async with Homeserver() as homeserver:
        assert await _circles(tmp_path, *configure) == 0
        health = free_port()
        sample = written.read_text(encoding="utf-8")
        filled = (
            sample.replace("  url: CHANGE_ME", f"  url: {homeserver.base_url}")
            .replace("  server_name: CHANGE_ME", f"  server_name: {homeserver.server_name}")
            .replace("  # port: 29334", f"  port: {free_port()}")
            .replace("  # port: 29335", f"  port: {health}")
        )
        written.write_text(filled, encoding="utf-8")

        assert await _circles(tmp_path, *register) == 0
        homeserver.overrides["app_service_config_files"] = [str(file)]
        await homeserver.restart()

        assert await _circles(tmp_path, *check) == 0
        program = ["-m", "circles", *run]
        service = ServerProcess("circles", program, directory=tmp_path, log_path=tmp_path / "circles.log")
        service.spawn()
        try:
            await service.wait_healthy(f"http://127.0.0.1:{health}/health", within=60)
            mei = await homeserver.person("mei")
            said = await _first_words(mei, f"@circle:{homeserver.server_name}")
        finally:
            code = await service.stop()

    assert "I look at nothing yet" in said
    assert code == 0


async def _first_words(mei: Person, ai: str) -> str:
    room = await mei.create_room("New Year")
    await mei.invite(room, ai)
    event = await mei.wait_for_text(room, "I look at nothing yet")
    return str(event["content"]["body"])


async def _circles(folder: Path, *arguments: str) -> int:
    code, _ = await run_program(("-m", "circles", *arguments), directory=folder)
    return code


# ---- helpers


def _to_be_said(prose: str) -> list[str]:
    """Return what stands as code in the columns of tables that tell what to say."""
    said: list[str] = []
    columns: list[int] = []
    for line in prose.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            columns = []
        elif any(cell in ("say", "you say", "说", "or reply") for cell in cells):
            columns = [place for place, cell in enumerate(cells) if cell in ("say", "you say", "说", "or reply")]
        said += [words for place in columns for words in re.findall(r"`([^`]+)`", cells[place])]
    return said


def _below(kind: type[Effect]) -> list[type[Effect]]:
    return [
        each for below in kind.__subclasses__() for each in (below, *_below(below)) if "tests" not in each.__module__
    ]


def _valid(content: object) -> bool:
    # It comes with Synapse and has no types.
    validator: Any = importlib.import_module("jsonschema").Draft202012Validator
    return bool(validator(events.schema()).is_valid(content))


def _headings(page: Path) -> set[str]:
    if page.suffix == ".py":
        return set(re.findall(r"^(?:async )?def (test_\w+)", _read(page), re.MULTILINE))
    titles = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _is_understood(words: str) -> bool:
    return parse_control(words, (), addressed=True) is not None or isinstance(parse(words, FORMS), Invocation)
