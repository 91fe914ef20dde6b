"""The demo's own parts: the conversation file, what an answer is read as, and the scan."""

import json
import sqlite3
from pathlib import Path

import pytest

from circles_demo import conversation, telling
from circles_demo.__main__ import CANNOT_BE_PLAYED, CONVERSATIONS, main
from circles_demo.answers import Answer, Link, misses, read, shown, unsaid
from circles_demo.conversation import Ask, ConversationError, Correct, Expect, Say, parse, seconds_between
from circles_demo.scan import encodings, scan, sequences

PEOPLE = [{"id": "mei", "name": "Mei"}, {"id": "li", "name": "Li", "homeserver": "away"}]
HEADER = {"conversation": 1, "title": "Tea", "room": "Tea", "zone": "Europe/Berlin", "admin": "mei", "people": PEOPLE}
HELLO = {"who": "mei", "text": "Hello", "id": "hello"}
LINK = "https://matrix.to/#/!room/$one?via=home"


def lines(*rows: object, header: dict[str, object] | None = None) -> str:
    """A file's text."""
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in (header or HEADER, *rows))


def wrong(text: str) -> str:
    """What is said about a file that cannot be played."""
    with pytest.raises(ConversationError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(CONVERSATIONS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_each_conversation_that_is_shipped_can_be_played(path: Path) -> None:
    """It reads, has people on both homeservers, and ends with something taken back."""
    found = conversation.load(path)

    assert {"home", "away"} == {person.homeserver for person in found.header.people}
    assert isinstance(found.steps[-1], conversation.Mark | conversation.Delete)


def test_the_default_conversation_is_about_sixty_messages_of_four_people() -> None:
    """New-Year visits, as promised."""
    found = conversation.load(CONVERSATIONS / "new-year.jsonl")
    said = [step for step in found.steps if isinstance(step, Say)]

    assert len(found.header.people) == 4
    assert 55 <= len(said) <= 65
    assert {step.who for step in said} == {"mum", "uncle", "mei", "li"}


def test_a_file_is_read_line_by_line() -> None:
    """Each line is what its key says, and knows where it stands; empty lines count but mean nothing."""
    text = lines(HELLO, {"who": "mei", "edit": "hello", "text": "Hello all"}) + '\n\n{"who": "li", "ask": "help"}\n'

    said, corrected, asked = parse(text).steps

    assert isinstance(said, Say)
    assert isinstance(corrected, Correct)
    assert isinstance(asked, Ask)
    assert [said.line, corrected.line, asked.line] == [2, 3, 5]
    assert asked.how == "mention"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("not JSON", "line 2, must be one JSON object", id="a string"),
        pytest.param(
            {"who": "mei"}, "line 2, needs one of the keys text, ask, edit, mark, delete, await", id="no verb"
        ),
        pytest.param({**HELLO, "colour": "red"}, "line 2, `colour`: not a key that is known here", id="unknown key"),
        pytest.param({"text": "Hello"}, "line 2, `who`: is missing", id="missing key"),
        pytest.param({**HELLO, "when": "noon"}, "line 2, `when`: write a time of day", id="no moment"),
        pytest.param({**HELLO, "id": "Hello!"}, "line 2, `id`: must be small letters", id="bad id"),
        pytest.param({**HELLO, "who": "bob"}, "line 2, `who`: bob is not among the people", id="stranger"),
        pytest.param({**HELLO, "reply_to": "x"}, "line 2, `reply_to`: no earlier line has the id x", id="no target"),
        pytest.param({"await": "tea"}, "line 2, `await`: no earlier line promises tea", id="no promise"),
        pytest.param(
            {"who": "mei", "ask": "help", "expect": {"lines_min": "3"}},
            "line 2, `expect.lines_min`: input should be a valid integer",
            id="text for a number",
        ),
        pytest.param(
            {**HELLO, "marks": [{"who": "li", "key": "🙈"}]},
            "line 2, `marks.0.key`: 🙈 is a line of its own",
            id="hidden",
        ),
        pytest.param({"who": "li", "how": "shout", "ask": "help"}, "line 2, `how`: must be 'mention'", id="how"),
    ],
)
def test_a_wrong_line_is_named_with_its_key(row: object, expected: str) -> None:
    """Whoever writes a conversation learns what to change, and where."""
    assert expected in wrong(lines(row))


def test_what_only_the_whole_file_shows_is_named_too() -> None:
    """Ids must be unique, edits one's own, and what is taken back something people said."""
    said = wrong(
        lines(
            HELLO,
            HELLO,
            {"who": "li", "edit": "hello", "text": "Bye"},
            {"who": "li", "ask": "help", "id": "help"},
            {"who": "li", "mark": "🙈", "on": "help"},
            {"who": "mei", "mark": "🙈", "on": "hello", "expect": {"withdrawn": ["hello"]}},
        )
    )

    assert "line 3, `id`: hello is taken already" in said
    assert "line 4, `edit`: no earlier line of li has the id hello" in said
    assert "line 6, `on`: help is a question to the AI" in said
    assert "line 7, `expect.withdrawn.0`: no earlier question has the id hello" in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"admin": "bob"}, "line 1, `admin`: bob is not among the people"),
        ({"admin": "li"}, "line 1, `admin`: must live on the home server"),
        ({"zone": "Berlin"}, "line 1, `zone`: no such time zone"),
        ({"conversation": 2}, "line 1, `conversation`: must be 1"),
        ({"people": [PEOPLE[0]]}, "line 1, `people`: list should have at least 2 items"),
    ],
)
def test_a_wrong_first_line_is_named_with_its_key(change: dict[str, object], expected: str) -> None:
    """The room's description is checked before anything starts."""
    assert expected in wrong(lines(header={**HEADER, **change}))


def test_an_empty_file_says_what_belongs_there() -> None:
    """Nothing is guessed."""
    assert wrong("\n\n") == "line 1: the file is empty; its first line describes the room"


def test_the_program_refuses_a_wrong_file_before_it_starts_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, with file, line and key; no homeserver is booted for it."""
    path = tmp_path / "talk.jsonl"
    path.write_text(lines({"who": "mei"}), encoding="utf-8")

    assert main(["--once", "--conversation", str(path)]) == CANNOT_BE_PLAYED
    assert f"{path}, line 2, needs one of the keys" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "when", "expected"),
    [
        (0, None, 0),
        (3_600, "01:30", 1_800),
        (3_600, "00:30", 84_600),
        (5, "+2m", 120),
        (5, "+30s", 30),
        (5, "+1h", 3_600),
    ],
)
def test_the_storys_clock(before: int, when: str | None, expected: int) -> None:
    """A time of day is the next such time; a delay counts from the line before."""
    assert seconds_between(before, when) == expected


def answer(html: str, body: str = "") -> Answer:
    """An answer of the AI."""
    content = {"body": body, "formatted_body": html, "io.github.matrix_circles.ai": {"kind": "summary"}}
    return read({"event_id": "$answer", "content": content})


def test_an_answer_is_read_line_by_line_with_its_links() -> None:
    """What is folded away lists the sources again, and is no line of its own."""
    found = answer(
        f'<b>Visits</b><br>• <b>Li</b> → Mei <a href="{LINK}">[1]</a><br>• nobody'
        f'<details><summary>1 source</summary><ul><li>• <a href="{LINK}">x</a></li></ul></details>'
    )

    assert [row.text for row in found.items] == ["• Li → Mei [1]", "• nobody"]
    assert found.links == (Link("!room", "$one"),)
    assert misses(found, Expect(lines_min=2, links_min=1)) == ()
    assert misses(found, Expect(lines_min=3, links_min=2, each_linked=True)) == (
        "2 lines, at least 3 expected",
        "links to 1 messages, at least 2 expected",
        "a line without a link: • nobody",
    )
    assert "1 source" not in shown(found)


def test_what_an_answer_must_say() -> None:
    """`lines_with` wants all its words in one line; case does not matter."""
    found = answer("• Li → Mei<br>• Mum → Uncle")

    assert unsaid(found, Expect(contains=["mum"], lacks=["Bob"], lines_with=[["li", "mei"]])) == ()
    assert unsaid(found, Expect(contains=["tea"], lacks=["Mei"], lines_with=[["Li", "Uncle"]])) == (
        "does not say “tea”",
        "says “Mei”",
        "no line with Li + Uncle",
    )


def test_an_edits_new_words_count() -> None:
    """A post that was edited is read as it stands now, under its own id."""
    edit = {"event_id": "$edit", "content": {"body": "* …", "m.new_content": {"body": f"• Tea {LINK}"}}}

    found = read(edit, "$root")

    assert found.event_id == "$root"
    assert found.cited == {"$one"}


def test_only_words_that_nobody_else_said_are_looked_for() -> None:
    """Pairs and runs of Chinese, neighbouring and long words of other scripts; nothing that stands elsewhere."""
    found = sequences("后备箱 full of pomelos", ["后备 and full of tea"])

    assert "备箱" in found
    assert "后备" not in found
    assert "pomelos" in found
    assert "of pomelos" in found
    assert "full of" not in found
    assert "full" not in found
    assert sequences("Yes!", ["oh yes! of course"]) == ()


def test_the_scan_finds_words_in_a_database_its_log_and_in_folders(tmp_path: Path) -> None:
    """The row itself, what SQLite has not yet moved out of its WAL, JSON escapes, and files further down."""
    database = tmp_path / "data" / "some.db"
    database.parent.mkdir()
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE said (words TEXT)")
    connection.execute("INSERT INTO said VALUES ('满满的柚子')")
    connection.commit()
    (tmp_path / "log").write_text(json.dumps("柚子"), encoding="ascii")

    found = scan([tmp_path], ["柚子"])
    connection.close()

    assert {(each.path.name, each.encoding) for each in found} == {("some.db-wal", "UTF-8"), ("log", "JSON escapes")}
    assert scan([tmp_path], ["苹果"]) == ()


def test_each_form_of_a_sequence_is_looked_for_once() -> None:
    """Small ASCII letters are the same bytes in three of the four forms."""
    assert list(encodings("tea")) == ["UTF-8", "UTF-16"]
    assert list(encodings("Tea 茶")) == ["UTF-8", "UTF-8, small letters", "JSON escapes", "UTF-16"]


def test_text_is_as_wide_as_a_terminal_shows_it() -> None:
    """A Chinese character takes two columns; a key sign, a joiner and a combining mark none of their own."""
    assert telling.columns("茶 tea") == 6
    assert telling.columns("2️⃣") == 1
    assert telling.wrapped("一二三四 five", 8) == ["一二三四", "five"]
    assert telling.wrapped("a" * 10, 4) == ["aaaa", "aaaa", "aa"]
    assert telling.listed(["A", "B", "C"]) == "A, B and C"


def test_the_page_about_the_file_shows_one_that_can_be_played_and_names_every_key() -> None:
    """Whoever writes a conversation needs nothing but the page."""
    page = (CONVERSATIONS.parents[1] / "docs" / "reference" / "conversation-file.md").read_text(encoding="utf-8")
    example = parse(page.split("```")[1])
    kinds: list[type[conversation.Part]] = [
        *(conversation.Header, conversation.Someone, Expect, conversation.TakenBack, conversation.Later),
        *(conversation.Reaction, Say, Correct, Ask, conversation.Mark, conversation.Delete, conversation.Await),
    ]
    keys = {field.alias or name for kind in kinds for name, field in kind.model_fields.items()} - {"line"}

    assert len(example.steps) == 5
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
