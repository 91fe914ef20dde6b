"""Someone who sees only the words can say what happens: to every preset, mode, model and language."""

from __future__ import annotations

import re
from itertools import product
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    KEPT_OUT,
    NOT_YOURS_TO_DECIDE,
    PIN_BAR,
    POSTED_AGAIN,
    TAKEN_BACK,
    TAKEN_BACK_UNSENT,
    Actor,
    Keep,
    Lang,
    Policy,
    Preset,
    Reach,
    Read,
    Reason,
    Store,
    Surroundings,
    When,
    Who,
    admission,
    banner,
    joint,
    loosening,
    newcomers,
    phrase,
    plain,
    policy_name,
    preset,
    preset_name,
    reason,
    room_name,
    tightening,
)
from strategies import policies

LANGS: Final[tuple[Lang, ...]] = get_args(Lang)
LOCAL = Surroundings(
    host="home.example", set_by="Anna", since="3 May, 09:12", operator="Anna", inviter="Mei", gated=True
)
LOCAL_ZH = Surroundings(
    host="home.example", set_by="Anna", since="5 月 3 日 09:12", operator="Anna", inviter="小美", gated=True
)
REMOTE = Surroundings(host="api.example.com", remote=True, country="USA", model="gpt-x", names_hidden=True, gated=False)
BARE = Surroundings()


def test_the_banner_has_the_agreed_wording() -> None:
    policy = preset(Preset.ON_CALL)
    assert plain(banner(policy, LOCAL, "en"), "en").split("\n") == [
        "Circle looks back only when called.",
        "Looks: when called, 24 hours back.",
        "Keeps: what you ask, what you ✅.",
        "Sends to: home.example, no one else.",
        'Stay out: tell it "out" in private.',
        "Hide a message: put 🙈 on it.",
        'Check: reply "why". Yours: DM "me".',
        "Set by: Anna. Enforced by: server.",
    ]
    assert plain(banner(policy, LOCAL_ZH, "zh"), "zh").split("\n") == [
        "小圈：叫它才翻看。",
        "看：叫它时才看，前 24 小时",
        "留：让它记的、点 ✅ 的",
        "送：只送 home.example",
        "不想被看：私信“不看我”",
        "这句别看：给它点 🙈",
        "查：回“为什么”，私信“我的”",
        "管：Anna；由服务器强制",
    ]


SEES: Final[dict[tuple[Preset, Lang], str]] = {
    (Preset.RESTING, "en"): "looks at nothing",
    (Preset.RESTING, "zh"): "什么都不看",
    (Preset.ADDRESSED, "en"): "only at what you say to it",
    (Preset.ADDRESSED, "zh"): "只看对它说的话",
    (Preset.ON_CALL, "en"): "back only when called",
    (Preset.ON_CALL, "zh"): "叫它才翻看",
    (Preset.AGREED, "en"): "who said yes. Silence is no",
    (Preset.AGREED, "zh"): "说了可以的人；没说就不看",
    (Preset.NOTEBOOK, "en"): "notebook of all said here",
    (Preset.NOTEBOOK, "zh"): "群笔记",
}
HOW_FAR: Final[dict[tuple[Preset, Lang], str]] = {
    (Preset.RESTING, "en"): "Looks: at nothing",
    (Preset.RESTING, "zh"): "看：什么都不看",
    (Preset.ADDRESSED, "en"): "24 h back",
    (Preset.ADDRESSED, "zh"): "前 24 小时",
    (Preset.ON_CALL, "en"): "24 hours back",
    (Preset.ON_CALL, "zh"): "前 24 小时",
    (Preset.AGREED, "en"): "24 hours back",
    (Preset.AGREED, "zh"): "前 24 小时",
    (Preset.NOTEBOOK, "en"): "all since 3 May, 09:12.\nAt most: 30 days back",
    (Preset.NOTEBOOK, "zh"): "5 月 3 日 09:12 以来的都看\n最远：前 30 天",
}
KEPT: Final[dict[tuple[Preset, Lang], str]] = {
    (Preset.RESTING, "en"): "nothing new.\nReminders: those you set still come",
    (Preset.RESTING, "zh"): "什么都不记\n提醒：你设的提醒照常",
    (Preset.ADDRESSED, "en"): "what you ask, what you ✅",
    (Preset.ADDRESSED, "zh"): "让它记的、点 ✅ 的",
    (Preset.ON_CALL, "en"): "what you ask, what you ✅",
    (Preset.ON_CALL, "zh"): "让它记的、点 ✅ 的",
    (Preset.AGREED, "en"): "what you ask, what you ✅",
    (Preset.AGREED, "zh"): "让它记的、点 ✅ 的",
    (Preset.NOTEBOOK, "en"): "messages 30 days.\nWhat you ✅: kept until deleted",
    (Preset.NOTEBOOK, "zh"): "消息 30 天\n点 ✅ 的：留到删掉为止",
}
MODELS: Final = ("none", "local", "remote")
SENT: Final[dict[tuple[str, Lang], str]] = {
    ("none", "en"): "Sends to: nobody",
    ("none", "zh"): "不送给任何 AI 模型",
    ("local", "en"): "Sends to: home.example, no one else",
    ("local", "zh"): "只送 home.example",
    ("remote", "en"): "gpt-x at api.example.com (USA).\nNames: members' are hidden first",
    ("remote", "zh"): "api.example.com 上的 gpt-x（USA）\n名字：群里人的先遮住",
}


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("key", list(Preset))
def test_the_banner_answers_every_question(key: Preset, lang: Lang, model: str, gated: bool, encrypted: bool) -> None:
    facts = Surroundings(
        host={"none": None, "local": "home.example", "remote": "api.example.com"}[model],
        remote=model == "remote",
        country="USA" if model == "remote" else None,
        model="gpt-x",
        names_hidden=True,
        gated=gated,
        encrypted=encrypted,
        set_by="Anna",
        since="3 May, 09:12" if lang == "en" else "5 月 3 日 09:12",
    )
    lines = banner(preset(key, Reach.LISTED), facts, lang)
    text = plain(lines, lang)
    assert SEES[key, lang] in text, "sees mine?"
    assert HOW_FAR[key, lang] in text, "how far back?"
    assert KEPT[key, lang] in text, "kept how long?"
    assert SENT["none" if key is Preset.RESTING else model, lang] in text, "sent where?"
    assert ("Set by: Anna" if lang == "en" else "管：Anna") in text, "who changes it?"
    assert ('"out" in private' if lang == "en" else "不看我”") in text, "how do I get out?"
    server, program = ("server.", "AI program itself") if lang == "en" else ("由服务器强制", "由程序自己遵守")
    assert (server in text, program in text) == (gated, not gated), "who holds it to that?"
    assert (("end-to-end" if lang == "en" else "端到端") in text) is encrypted
    by_reply = encrypted and gated and key is not Preset.NOTEBOOK
    assert (("reply to it" if lang == "en" else "回复它") in text) is by_reply, "how do I reach it?"
    first = lines[0].plain(lang)
    assert len(first) <= PIN_BAR
    assert first.endswith("." if lang == "en" else "。")


@given(policies(), st.sampled_from((LOCAL, REMOTE, BARE)), st.sampled_from(LANGS))
def test_every_policy_has_a_banner_that_says_no_less(policy: Policy, facts: Surroundings, lang: Lang) -> None:
    lines = banner(policy, facts, lang)
    text = plain(lines, lang)
    assert len(lines[0].plain(lang)) <= PIN_BAR
    if policy.read.hours is not None and policy.read.who is not Who.NOBODY:
        assert str(policy.read.hours) in text or str(policy.read.hours // 24) in text
    if policy.read.messages is not None and policy.read.who is not Who.NOBODY:
        assert str(policy.read.messages) in text
    if policy.store.days is not None:
        assert str(policy.store.days) in text
    assert (facts.host is not None and facts.host in text) is facts.sends(policy)
    assert (("✅ each time" if lang == "en" else "每次先点 ✅") in text) is (policy.act is not Actor.NOBODY)


@pytest.mark.parametrize(("lang", "width"), [("en", 36), ("zh", 16)])
def test_the_lines_of_a_local_room_fit_a_phone(lang: Lang, width: int) -> None:
    facts = LOCAL if lang == "en" else LOCAL_ZH
    for key in Preset:
        for line in banner(preset(key), facts, lang)[1:]:
            text = line.plain(lang)
            # Two Latin characters take the room of one Chinese one.
            taken = len(text) if lang == "en" else sum(0.5 if each.isascii() else 1 for each in text)
            assert taken <= width, text


@pytest.mark.parametrize(
    ("policy", "en", "zh"),
    [
        (Policy(read=Read(who=Who.NOBODY), trigger=True), "Circle looks at nothing.", "小圈：什么都不看。"),
        (Policy(read=Read(who=Who.EVERYONE, when=When.ALWAYS)), "Circle looks at all said here.", "小圈：说的都看。"),
        (Policy(read=Read(who=Who.ADDRESSED)), "Looks: only what you tell it.", "看：只看对它说的"),
        (
            Policy(read=Read(who=Who.EVERYONE, hours=5, messages=9)),
            "when called, 5 h or 9 messages back.",
            "叫它时才看，前 5 小时、前 9 条",
        ),
        (Policy(read=Read(who=Who.EVERYONE)), "when called, all since these rules.", "叫它时才看，这条规矩以来的"),
        (Policy(read=Read(who=Who.EVERYONE)), "Answers: nothing; it only listens.", "答：不答话，只看"),
        (Policy(store=Store(keep=Keep.DERIVED, days=1)), "its own notes, 1 day.", "它自己的笔记，1 天"),
        (Policy(store=Store(keep=Keep.DERIVED)), "its own notes, until deleted.", "它自己的笔记，留到删掉为止"),
        (Policy(store=Store(keep=Keep.UNTIL_DELETED)), "messages, until deleted.", "消息，留到删掉为止"),
        (Policy(act=Actor.ADMINS), "for an admin, after a ✅ each time.", "替管理员办，每次先点 ✅"),
        (Policy(act=Actor.MEMBERS), "for a member, after a ✅ each time.", "替成员办，每次先点 ✅"),
    ],
)
def test_a_rooms_own_values_are_told(policy: Policy, en: str, zh: str) -> None:
    assert en in plain(banner(policy, BARE, "en"), "en")
    assert zh in plain(banner(policy, BARE, "zh"), "zh")


def test_a_long_name_does_not_push_the_first_line_out_of_the_pin_bar() -> None:
    line = banner(preset(Preset.ON_CALL), Surroundings(ai="The Friendly Secretary"), "en")[0]
    assert line.text == "This AI looks back only when called."


def test_a_remote_model_needs_a_policy_that_lets_text_go_that_far() -> None:
    assert "Sends to: nobody." in plain(banner(preset(Preset.ON_CALL, Reach.LOCAL), REMOTE, "en"), "en")


def test_the_admission_notice_has_the_agreed_wording() -> None:
    assert admission(LOCAL, "en").plain("en") == (
        "Hello, I'm Circle, an AI. Mei invited me; Anna runs me. "
        "I look at nothing yet, and never at what came before.\n\n"
        "An admin may tap one:\n"
        "1️⃣ only what you say to me\n"
        "2️⃣ look back 24 h when called, then forget\n"
        "3️⃣ group notebook, kept 30 days\n"
        "❌ not wanted: I leave\n\n"
        "Text goes to: a model on home.example.\n"
        'Stay out: tell me "out" in private. The room is not told.'
    )
    assert admission(LOCAL_ZH, "zh").plain("zh") == (
        "大家好，我是小圈，一个 AI。小美请我来，Anna 运行。我现在什么都不看，以前说的也不看。\n\n"
        "请管理员点一个：\n1️⃣ 只看对我说的话\n2️⃣ 叫我才翻看：24 小时内，看完就忘\n3️⃣ 群笔记，留 30 天\n"
        "❌ 不需要我，我就走\n\n"
        "文字送到：home.example 上的模型\n不想被看：私信我“不看我”，群里不提示。"
    )


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    ("facts", "second", "reach"),
    [(LOCAL, Preset.ON_CALL, Reach.LOCAL), (BARE, Preset.ON_CALL, Reach.NONE), (REMOTE, Preset.AGREED, Reach.LISTED)],
)
def test_what_is_offered_follows_where_text_would_go(
    facts: Surroundings, second: Preset, reach: Reach, lang: Lang
) -> None:
    options = dict(admission(facts, lang).options)
    assert list(options) == ["1️⃣", "2️⃣", "3️⃣"]
    assert options["2️⃣"] == preset(second, reach)


@pytest.mark.parametrize("lang", LANGS)
def test_an_admission_tells_of_encryption_and_of_the_direct_mode(lang: Lang) -> None:
    text = admission(Surroundings(encrypted=True, gated=False, host="h", remote=True), lang).plain(lang)
    assert ("reply to me" if lang == "en" else "回复我") in text
    assert ("receives all messages" if lang == "en" else "会收到全部消息") in text


def test_notices_have_the_agreed_wording() -> None:
    on_call, notebook = preset(Preset.ON_CALL), preset(Preset.NOTEBOOK)
    assert newcomers(["Li"], on_call, "en") == (
        "Welcome, Li. There is an AI here (looks back when called). It skips what you wrote before this line. "
        '"out" in private keeps you out.'
    )
    assert newcomers(["小李"], on_call, "zh") == (
        "欢迎小李。群里有个 AI（叫它才翻看），这条之前你说的话它不看；不想被看，私信它“不看我”。"
    )
    assert loosening("Anna", on_call, notebook, "tomorrow 09:00", "en") == (
        "Anna asks to change me from 'looks back when called' to 'group notebook'. It starts tomorrow 09:00, "
        'for new messages only. 👍 sooner if everyone agrees; "out" in private to stay out.'
    )
    assert loosening("Anna", on_call, notebook, "明天 09:00", "zh") == (
        "Anna 想把我从“叫它才翻看”改为“群笔记”：明天 09:00 开始，只对新消息。全员点 👍 可提前；不想被看，私信“不看我”。"
    )


def test_several_newcomers_share_one_notice() -> None:
    assert newcomers(["Li", "Bo", "Mei"], preset(Preset.ON_CALL), "en").startswith("Welcome, Li, Bo and Mei.")
    assert newcomers(["小李", "小王"], preset(Preset.ON_CALL), "zh").startswith("欢迎小李、小王。")
    assert newcomers([], preset(Preset.ON_CALL), "en").startswith("Welcome, everyone.")
    assert newcomers([], preset(Preset.ON_CALL), "zh").startswith("欢迎大家。")


def test_a_loosening_within_one_name_points_at_the_rules_below() -> None:
    local, listed = preset(Preset.ON_CALL), preset(Preset.ON_CALL, Reach.LISTED)
    assert "the looser rules shown below" in loosening("Anna", local, listed, "soon", "en")
    assert "这份更宽的规矩" in loosening("小美", local, listed, "明天", "zh")


def test_a_loosening_tells_where_text_will_go_if_that_is_farther_or_another_place() -> None:
    local, listed = preset(Preset.ON_CALL), preset(Preset.ON_CALL, Reach.LISTED)
    for old, new in ((local, listed), (listed, preset(Preset.ON_CALL, Reach.LISTED, "cloud"))):
        english = loosening("Anna", old, new, "soon", "en", REMOTE)
        chinese = loosening("Anna", old, new, "明天", "zh", REMOTE)
        assert english.endswith("\nText would then go to: gpt-x at api.example.com (USA), members' names hidden.")
        assert chinese.endswith("\n到时文字送到：api.example.com 上的 gpt-x（USA），群里人的名字先遮住")
    notebook = preset(Preset.NOTEBOOK, Reach.LISTED)
    assert "api.example.com" not in loosening("Anna", listed, notebook, "soon", "en", REMOTE)


def test_a_tightening_counts_what_would_go() -> None:
    assert "120 messages and 1 note would go" in tightening("Anna", 120, 1, "tomorrow 09:00", "en")
    assert "会删 120 条消息、1 条笔记" in tightening("小美", 120, 1, "明天 09:00", "zh")


def test_names_and_phrases_follow_the_values_and_not_the_label() -> None:
    mislabelled = preset(Preset.NOTEBOOK).model_copy(update={"preset": "addressed"})
    assert policy_name(mislabelled, "en") == "Group notebook"
    assert preset_name(None, "zh") == "本群自定的规矩"
    assert phrase(Policy(read=Read(who=Who.EVERYONE, when=When.ALWAYS)), "en") == "looks at everything"


@pytest.mark.parametrize(("key", "lang"), list(product([*Preset, None], LANGS)))
def test_display_names_have_short_suffixes(key: Preset | None, lang: Lang) -> None:
    suffix = re.split(r" ?· ?", room_name(key, lang))[1]
    assert len(suffix) <= (8 if lang == "en" else 4)


def _all_sentences(lang: Lang) -> str:
    texts = [reason(each, lang) for each in Reason]
    texts += [KEPT_OUT[lang], TAKEN_BACK[lang], TAKEN_BACK_UNSENT[lang], POSTED_AGAIN[lang], NOT_YOURS_TO_DECIDE[lang]]
    for key, facts in product(Preset, (LOCAL_ZH, REMOTE, BARE)):
        texts += [plain(banner(preset(key, Reach.LISTED), facts, lang), lang), admission(facts, lang).plain(lang)]
    return "\n".join(texts)


def test_every_sentence_is_kind() -> None:
    assert not re.search("您|请勿|必须|禁止", _all_sentences("zh"))
    assert not re.search(r"\b(must|forbidden|illegal|invalid|error)\b", _all_sentences("en"), re.IGNORECASE)
    for each in Reason:
        assert reason(each, "en").endswith(".")
        assert reason(each, "zh").endswith("。")


def test_what_a_room_hears_of_denials_has_no_number_and_no_name() -> None:
    assert KEPT_OUT == {"en": "Some messages were kept out.", "zh": "有些消息没有看。"}


def test_a_line_without_a_label_has_no_joint() -> None:
    first = banner(preset(Preset.ON_CALL), LOCAL, "en")[0]
    assert joint(first, "en") == ""
