"""What a remote model is not shown, and that its answer is read back as it was meant."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.ids import RoomID, UserID
from circles.core.masking import Mask
from circles.core.prompt import Prompt
from circles.core.prompting import chat_messages
from circles.testing import ROOM, said

MEI, MING, WILL = UserID("@mei:home.example"), UserID("@ming:home.example"), UserID("@will:far.example")
NAMES = {MEI: "Mei Wang", MING: "王小明", WILL: "Will"}
AT = datetime(2027, 2, 7, 9, 12, tzinfo=UTC)


def a_mask(*texts: str, question: str | None = None, names: dict[UserID, str] | None = None, key: bytes = b"k") -> Mask:
    talk = tuple(said(MEI if place % 2 == 0 else MING, text, AT) for place, text in enumerate(texts))
    asked = said(MEI, question, AT) if question is not None else None
    return Mask(key, Prompt("ask", ROOM, MEI, "Answer.", talk, asked, names=NAMES if names is None else names))


def hidden(text: str) -> str:
    return a_mask(text).masked().talk[0].text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ask a.b+c@example.org about it", "ask MAIL1 about it"),
        ("写信到 li@例子.中国 吧", "写信到 MAIL1 吧"),
        ("call +49 170 1234567 or 138-1234-5678", "call NUMBER1 or NUMBER2"),
        ("电话13812345678，微信一样", "电话‹NUMBER1›，微信一样"),
        ("(030) 1234 5678 please", "NUMBER1 please"),
        ("card 4111 1111 1111 1111", "card NUMBER1"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN NUMBER1"),
        ("身份证11010519491231002X的", "身份证‹NUMBER1›的"),
        ("passport E12345678", "passport NUMBER1"),
        ("the wifi password is hunter2!", "the wifi password is KEY1!"),
        ("密码是 abc123", "密码是 KEY1"),
        ("门禁码：4711#", "门禁码：KEY1#"),
        ("the code for the door is 4711.", "the code for the door is KEY1."),
        ("key sk-abcdefghij1234567890", "key KEY1"),
        ("token: 9f86d081884c7d659a2feaa0c55ad015", "token: KEY1"),
        ("tell @anna:far.example please", "tell ID1 please"),
    ],
)
def test_secrets_are_hidden(text: str, left: str) -> None:
    """Mail addresses, long numbers, keys, what somebody calls a password, and user IDs."""
    assert hidden(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "on 2026-11-22 at 10:30, or 12.11.2026 09:00",
        "10:00-12:00, room 101, 1200 euro, 1,000,000 people",
        "the code of conduct is good, and the password is easy",
        "初五下午三点，38号楼502",
        "Meier and willing people",
    ],
)
def test_days_hours_and_prices_stay(text: str) -> None:
    """A summary without them would be none."""
    assert hidden(text) == text


def test_people_stand_under_the_same_pseudonym_wherever_they_are_named() -> None:
    """As speakers, in full, by one word of their name, by their given name; and in no other word."""
    mask = a_mask("王小明 and Mei Wang come", "小明说Mei也来", question="What does Will say?")
    shown = mask.masked()
    mei, ming, will = (shown.names[person] for person in (MEI, MING, WILL))
    content = "\n".join(message.content for message in chat_messages(shown))

    assert shown.talk[0].text == f"{ming} and {mei} come"
    assert shown.talk[1].text == f"‹{ming}b›说‹{mei}b›也来"
    assert shown.question is not None
    assert shown.question.text == f"What does {will} say?"
    for name in ("Mei", "Wang", "小明", "Will"):
        assert name not in content


def test_a_pseudonym_is_the_same_in_every_request_of_a_circle_and_in_no_other_circle() -> None:
    """So that an endpoint cannot follow a person from one circle to the next."""
    first, again = (a_mask(text).masked().names[MEI] for text in ("hello", "something else"))
    elsewhere = Mask(b"k", Prompt("ask", RoomID("!other"), MEI, "", (said(MEI, "hello", AT),), names=NAMES)).masked()
    other_key = a_mask("hello", key=b"other").masked().names[MEI]

    assert first == again
    assert len({first, elsewhere.names[MEI], other_key}) == 3


def test_the_answer_is_read_back() -> None:
    """In every string of an object; codes that stand for nothing stay."""
    mask = a_mask("小明 knows the code: ab12cd", question="who?")
    ming = mask.masked().names[MING]
    data = {"found": True, "answer": f"{ming}b knows KEY1, ‹{ming}› and KEY9", "messages": [1], "more": [{"a": "KEY1"}]}

    assert mask.revealed_data(data) == {
        "found": True,
        "answer": "小明 knows ab12cd, 王小明 and KEY9",
        "messages": [1],
        "more": [{"a": "ab12cd"}],
    }


def test_somebody_who_writes_like_a_code_is_not_taken_for_one() -> None:
    """Codes are made so that nobody wrote them."""
    mask = a_mask("my KEY1 and NUMBER1, password: hunter22")

    assert mask.masked().talk[0].text == "my KEY1 and NUMBER1, password: KEY2"
    assert mask.revealed("KEY1 KEY2") == "KEY1 hunter22"


def test_a_mask_shows_nothing_when_printed() -> None:
    """Not in a log, not in a traceback."""
    assert "hunter2" not in repr(a_mask("password: hunter2"))


_PIECES = st.sampled_from(
    (
        *("Mei", "Wang", "Mei Wang", "王小明", "小明", "Will", "a@b.example", "+49 170 1234567", "4111111111111111"),
        *(
            "密码",
            "pin",
            "password: ",
            "hunter2",
            "KEY1",
            "NUMBER1",
            "‹",
            "›",
            "@",
            ":",
            " ",
            "说",
            "b",
            "1",
            "-",
            "\n",
        ),
        *("2026-11-22", "_"),
    )
)
_TEXTS = st.lists(_PIECES | st.text(max_size=4), max_size=12).map("".join)


@given(
    texts=st.lists(_TEXTS, min_size=1, max_size=4), names=st.dictionaries(st.sampled_from([MEI, MING, WILL]), _TEXTS)
)
def test_what_is_hidden_comes_back_letter_for_letter(texts: list[str], names: dict[UserID, str]) -> None:
    """So that a quote is found in the message again, whatever people and names look like."""
    mask = a_mask(*texts, names=names)

    assert [mask.revealed(message.text) for message in mask.masked().talk] == texts


@pytest.mark.parametrize("text", ["‹Mei›", "‹Mei", "Mei›", "‹‹Mei››", "‹a@b.example›"])
def test_marks_of_somebodys_own_stay_theirs(text: str) -> None:
    """The marks around a code are not taken for those that somebody wrote around a name."""
    mask = a_mask(text, names={MEI: "Mei"})

    assert [mask.revealed(message.text) for message in mask.masked().talk] == [text]


@given(texts=st.lists(_TEXTS, min_size=1, max_size=4))
def test_no_name_leaves_as_a_word_of_its_own(texts: list[str]) -> None:
    """Whatever stands around it."""
    for message in a_mask(*texts).masked().talk:
        assert re.search(r"(?<![^\W_])(?:Mei|Wang|Will)(?![^\W_])|小明", message.text) is None
