"""The pinned banner: the effective policy in plain words, one fact a line (PRODUCT.md, "Presets and their words").

Someone who reads nothing else must be able to say: does it see mine, how far back, how long is it kept, where is it
sent, who changes it, how do I get out.  Every line comes from a value the engine judges by, so pass the policy as the
operator's ceiling leaves it (`minimum.within`).  Holds no message text, so it may be edited in place.
"""

from __future__ import annotations

from typing import Final

from circles_policies.engine import DAY_MS, HOUR_MS
from circles_policies.explain import Lang, Line, Surroundings
from circles_policies.model import Actor, Keep, Policy, Preset, Read, Store, When, Who, preset_of
from circles_policies.retention import Retention

PIN_BAR: Final = 46
"""How many characters of a pinned message a phone shows: line 1 fits."""


def banner(policy: Policy, facts: Surroundings, lang: Lang) -> tuple[Line, ...]:
    """Return the banner's lines; the first stands alone and ends with a full stop."""
    write = _english if lang == "en" else _chinese
    return tuple(write(_as_kept(policy, facts.retention), facts))


def _as_kept(policy: Policy, retention: Retention) -> Policy:
    """Return the policy as it is told where the room lets nothing stay at all."""
    if not nothing_stays(retention):
        return policy
    return policy.model_copy(update={"store": Store(keep=min(policy.store.keep, Keep.ASKED))})


def nothing_stays(retention: Retention) -> bool:
    """Say whether a room lets nothing stay at all."""
    return retention.unreadable or retention.max_lifetime == 0


def stays(store: Store, retention: Retention, lang: Lang) -> str:
    """Return in words how long what is kept stays at most, by the policy or the room; '' for no end."""
    end = _stays(store, retention)
    return "" if end is None else _time_english(end) if lang == "en" else _time_chinese(end)


def looks_back(read: Read, retention: Retention, lang: Lang) -> str:
    """Return in words how far the AI looks back at most, by the policy or the room; '' for no end."""
    far = _far(read, retention)
    if far is None:
        return ""
    if far == DAY_MS:  # "1 day" could be "yesterday"
        return "24 h" if lang == "en" else "24 小时"
    return _short(_time_english(far)) if lang == "en" else _time_chinese(far)


def _stays(store: Store, retention: Retention) -> int | None:
    """Return how long (ms) what is kept stays at most: by the policy or the room, whichever is stricter."""
    return _stricter(store.days and store.days * DAY_MS, retention.max_lifetime)


def _far(read: Read, retention: Retention) -> int | None:
    """Return how far back (ms) the AI looks at most, by the policy or the room."""
    return _stricter(read.hours and read.hours * HOUR_MS, retention.max_lifetime)


def _stricter(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _rounded(ms: int) -> tuple[int, str]:
    """Return a time in whole days, hours or minutes, never less than it is: so many, and of what."""
    if ms and ms % DAY_MS == 0:
        return ms // DAY_MS, "day"
    if ms >= 2 * HOUR_MS or ms == HOUR_MS:
        return -(-ms // HOUR_MS), "hour"
    return max(1, -(-ms // _MINUTE_MS)), "minute"


_MINUTE_MS: Final = 60_000


def _first_english(policy: Policy, name: str) -> str:
    match policy.read.who:
        case Who.NOBODY if preset_of(policy) is Preset.RESTING:
            says = "is resting: it looks at nothing."
        case Who.NOBODY:
            says = "looks at nothing."
        case Who.ADDRESSED:
            says = "looks only at what you say to it."
        case Who.CONSENTING:
            says = "looks only at people who said yes."
        case Who.EVERYONE if policy.read.when is When.CALLED:
            says = "looks back only when called."
        case Who.EVERYONE:
            says = "keeps a notebook of all said here." if _keeps_messages(policy.store) else "looks at all said here."
    whole = f"{name} {says}"
    return whole if len(whole) <= PIN_BAR else f"This AI {says}"


def _english(policy: Policy, facts: Surroundings) -> list[Line]:
    who = policy.read.who
    lines = [Line("", _first_english(policy, facts.name("en")))]
    if who is Who.CONSENTING:
        lines.append(Line("Whose:", "who said yes. Silence is no."))
    lines += _looks_english(policy.read, facts)
    if not policy.trigger and who is not Who.NOBODY:
        lines.append(Line("Answers:", "nothing; it only listens."))
    lines += _keeps_english(policy.store, facts.retention)
    lines += _sends_english(policy, facts)
    if policy.act is not Actor.NOBODY:
        asker = "an admin" if policy.act is Actor.ADMINS else "a member"
        lines.append(Line("Acts outside:", f"for {asker}, after a ✅ each time."))
    if facts.encrypted:
        heard = "reply to it to be heard; " if _hears_replies_only(policy, facts) else ""
        lines.append(Line("Encryption:", f"{heard}what it looks at is not end-to-end encrypted any more."))
    if who is Who.CONSENTING:
        lines.append(Line("You:", '"in" or "out" in private.'))
    else:
        lines.append(Line("Stay out:", 'tell it "out" in private.'))
    lines.append(Line("Hide a message:", "put 🙈 on it."))
    lines.append(Line("Check:", 'reply "why". Yours: DM "me".'))
    set_by = facts.set_by or "an admin"
    if facts.gated:
        lines.append(Line("Set by:", f"{set_by}. Enforced by: server."))
    else:
        lines.append(Line("Set by:", f"{set_by}."))
        lines.append(Line("Enforced by:", "the AI program itself; it receives all messages and drops the rest unread."))
    return lines


def _looks_english(read: Read, facts: Surroundings) -> list[Line]:
    label, far, since = "Looks:", _far_english(read, facts.retention), facts.since
    match read.who:
        case Who.NOBODY:
            return [Line(label, "at nothing.")]
        case Who.ADDRESSED:
            return [Line(label, f"what you tell it, {_short(far)} back." if far else "only what you tell it.")]
        case Who.CONSENTING | Who.EVERYONE if read.when is When.CALLED:
            return [
                Line(label, f"when called, {far} back." if far else f"when called, all since {since or _START_EN}.")
            ]
        case Who.CONSENTING | Who.EVERYONE:
            looks = Line(label, f"all since {since or _START_EN}.")
            return [looks, Line("At most:", f"{far} back.")] if far else [looks]


_START_EN: Final = "these rules"


def _far_english(read: Read, retention: Retention) -> str:
    far = _far(read, retention)
    hours = "" if far is None else "24 hours" if far == DAY_MS else _time_english(far)  # "1 day" could be "yesterday"
    if hours and read.messages:
        return f"{_short(hours)} or {read.messages} messages"
    return hours or (f"{read.messages} messages" if read.messages else "")


def _short(far: str) -> str:
    return far.replace(" hours", " h")


def _keeps_english(store: Store, retention: Retention) -> list[Line]:
    stays, end = Line("What you ✅:", "kept until deleted."), _stays(store, retention)
    match store.keep:
        case Keep.NOTHING:
            return [Line("Keeps:", "nothing new."), Line("Reminders:", "those you set still come.")]
        case Keep.ASKED:
            return [Line("Keeps:", "what you ask, what you ✅.")]
        case Keep.DERIVED:
            return [Line("Keeps:", f"its own notes, {_end_english(end)}."), stays]
        case Keep.MESSAGES:
            return [Line("Keeps:", f"messages {_end_english(end)}."), stays]
        case Keep.UNTIL_DELETED if end is not None:
            return [Line("Keeps:", f"messages {_end_english(end)}."), stays]
        case Keep.UNTIL_DELETED:
            return [Line("Keeps:", "messages, until deleted.")]


def _end_english(end: int | None) -> str:
    return "until deleted" if end is None else _time_english(end)


def _time_english(ms: int) -> str:
    count, unit = _rounded(ms)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _sends_english(policy: Policy, facts: Surroundings) -> list[Line]:
    if facts.missing:
        return [Line("Sends to:", "nobody."), Line("Model:", f'"{facts.chosen}" is not set up here.')]
    if not facts.sends(policy):
        return [Line("Sends to:", "nobody." if facts.host else "nobody. No AI model here.")]
    chosen = [Line("Model:", f'"{facts.chosen}", this circle\'s choice.')] if facts.chosen else []
    if not facts.remote:
        return [Line("Sends to:", f"{facts.host}, no one else."), *chosen]
    return [
        Line("Sends to:", f"{remote_place(facts, 'en')}."),
        *chosen,
        Line("Names:", "members' are hidden first." if facts.names_hidden else "sent as they are."),
    ]


def remote_place(facts: Surroundings, lang: Lang) -> str:
    """Return model, host and country of a remote endpoint, as far as they are known."""
    if lang == "en":
        place = f"{facts.model} at {facts.host}" if facts.model else f"{facts.host}"
        return f"{place} ({facts.country})" if facts.country else place
    place = f"{facts.host} 上的 {facts.model}" if facts.model else f"{facts.host}"
    return f"{place}（{facts.country}）" if facts.country else place


def _first_chinese(policy: Policy) -> str:
    match policy.read.who:
        case Who.NOBODY if preset_of(policy) is Preset.RESTING:
            return "休息中，什么都不看。"
        case Who.NOBODY:
            return "什么都不看。"
        case Who.ADDRESSED:
            return "只看对它说的话。"
        case Who.CONSENTING:
            return "谁同意，看谁的。"
        case Who.EVERYONE if policy.read.when is When.CALLED:
            return "叫它才翻看。"
        case Who.EVERYONE:
            return "群笔记，都看都记。" if _keeps_messages(policy.store) else "说的都看。"


def _chinese(policy: Policy, facts: Surroundings) -> list[Line]:
    who = policy.read.who
    lines = [Line("", f"{facts.name('zh')}：{_first_chinese(policy)}")]
    if who is Who.CONSENTING:
        lines.append(Line("看谁：", "说了可以的人；没说就不看"))
    lines += _looks_chinese(policy.read, facts)
    if not policy.trigger and who is not Who.NOBODY:
        lines.append(Line("答：", "不答话，只看"))
    lines += _keeps_chinese(policy.store, facts.retention)
    lines += _sends_chinese(policy, facts)
    if policy.act is not Actor.NOBODY:
        asker = "管理员" if policy.act is Actor.ADMINS else "成员"
        lines.append(Line("办事：", f"替{asker}办，每次先点 ✅"))
    if facts.encrypted:
        heard = "回复它，它才听得到；" if _hears_replies_only(policy, facts) else ""
        lines.append(Line("加密：", f"{heard}它看到的内容不再端到端加密"))
    if who is Who.CONSENTING:
        lines.append(Line("说：", "私信“可以看我”或“不看我”"))
    else:
        lines.append(Line("不想被看：", "私信“不看我”"))
    lines.append(Line("这句别看：", "给它点 🙈"))
    lines.append(Line("查：", "回“为什么”，私信“我的”"))
    enforced = "由服务器强制" if facts.gated else "由程序自己遵守：它会收到全部消息，不该看的不看就丢"
    lines.append(Line("管：", f"{facts.set_by or '管理员'}；{enforced}"))
    return lines


def _looks_chinese(read: Read, facts: Surroundings) -> list[Line]:
    label, far = "看：", _far_chinese(read, facts.retention)
    everything = f"{facts.since} 以来的" if facts.since else "这条规矩以来的"
    match read.who:
        case Who.NOBODY:
            return [Line(label, "什么都不看")]
        case Who.ADDRESSED:
            return [Line(label, f"对它说的，{far}" if far else "只看对它说的")]
        case Who.CONSENTING | Who.EVERYONE if read.when is When.CALLED:
            return [Line(label, f"叫它时才看，{far or everything}")]
        case Who.CONSENTING | Who.EVERYONE:
            looks = Line(label, f"{everything}都看")
            return [looks, Line("最远：", far)] if far else [looks]


def _far_chinese(read: Read, retention: Retention) -> str:
    far = _far(read, retention)
    hours = "" if far is None else f"前 {'24 小时' if far == DAY_MS else _time_chinese(far)}"
    messages = f"前 {read.messages} 条" if read.messages else ""
    return "、".join(bound for bound in (hours, messages) if bound)


def _keeps_chinese(store: Store, retention: Retention) -> list[Line]:
    stays, end = Line("点 ✅ 的：", "留到删掉为止"), _stays(store, retention)
    match store.keep:
        case Keep.NOTHING:
            return [Line("留：", "什么都不记"), Line("提醒：", "你设的提醒照常")]
        case Keep.ASKED:
            return [Line("留：", "让它记的、点 ✅ 的")]
        case Keep.DERIVED:
            return [Line("留：", f"它自己的笔记，{_end_chinese(end)}"), stays]
        case Keep.MESSAGES:
            return [Line("留：", f"消息 {_end_chinese(end)}"), stays]
        case Keep.UNTIL_DELETED if end is not None:
            return [Line("留：", f"消息 {_end_chinese(end)}"), stays]
        case Keep.UNTIL_DELETED:
            return [Line("留：", "消息，留到删掉为止")]


def _end_chinese(end: int | None) -> str:
    return "留到删掉为止" if end is None else _time_chinese(end)


_UNITS_CHINESE: Final = {"day": "天", "hour": "小时", "minute": "分钟"}


def _time_chinese(ms: int) -> str:
    count, unit = _rounded(ms)
    return f"{count} {_UNITS_CHINESE[unit]}"


def _sends_chinese(policy: Policy, facts: Surroundings) -> list[Line]:
    if facts.missing:
        return [Line("送：", "不送给任何 AI 模型"), Line("模型：", f"这里没有叫 {facts.chosen} 的")]
    if not facts.sends(policy):
        return [Line("送：", "不送给任何 AI 模型")]
    chosen = [Line("模型：", f"{facts.chosen}，本群选的")] if facts.chosen else []
    if not facts.remote:
        return [Line("送：", f"只送 {facts.host}"), *chosen]
    return [
        Line("送：", remote_place(facts, "zh")),
        *chosen,
        Line("名字：", "群里人的先遮住" if facts.names_hidden else "照原样送"),
    ]


def _hears_replies_only(policy: Policy, facts: Surroundings) -> bool:
    """Say whether a name called in an encrypted room stays unheard: the gate sees replies, and no words."""
    read = policy.read
    return facts.gated and not (read.who is Who.EVERYONE and read.when is not When.CALLED)


def _keeps_messages(store: Store) -> bool:
    return store.keep >= Keep.MESSAGES
