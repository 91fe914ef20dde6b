"""The Chinese shapes of a visit: 初二我们去外婆家, 初三来我家吃饭吧, 舅舅要来看我们. Pure."""

from __future__ import annotations

import re
from typing import Final

from circles.core.extract.replies import asks
from circles.core.extract.visit_frames import ADDRESSEE, PERSON, SPEAKER, UNKNOWN, Frame, Mood, Template
from circles.core.extract.when import When, fuller

_P: Final = rf"{PERSON}(?:(?:和|跟|与|、|还有)?{PERSON}){{0,4}}(?:他们|她们|一家人?|全家|俩|两口子)?"
_HOME: Final = (
    r"(?:的?家(?:里|那边|那儿)?(?!具|长|电|务|族|常|教|政|乡)|(?:那里|那边|那儿|那(?=[吃过住玩拜坐])|这里"
    r"|这边|这儿|这(?=[吃过住玩拜坐])))"
)
_STRANGER: Final = (
    r"(?![你我他她它您咱谁哪自大人老国回搬宜酒全皇专作画商厂独公住居各每管东这那一"
    r"了])[\u4e00-\u9fff][\u4e00-\u9fff]{0,3}?(?<![回搬国大人老全宜商专作厂公在谁])(?=家)"
)
_MINE: Final = r"(?:(?:我们?|咱们?|俺)(?:自己)?(?:家|这|老家)(?:里|边|儿)?|家里)"
_YOURS: Final = r"(?:你们?|您)(?:家|那)(?:里|边|儿)?"
_THEIRS: Final = r"(?:他们?|她们?)(?:家|那)(?:里|边|儿)?"
_TARGET: Final = rf"(?P<target>{_MINE}|{_YOURS}|{_THEIRS}|(?:谁|哪)家|(?:{_P}){_HOME}|娘家|婆家|{_STRANGER}家(?:里)?)"
_STEP: Final = r"(?:一趟|趟|一下|过|到|回|往|上|来|去|#|\s)*"
_GO: Final = re.compile(rf"(?P<verb>去|到|回|上|往|来|在|住|过来|飞)(?:{_STEP}){_TARGET}(?P<rest>.*)")
_IN_DOES: Final = re.compile(r"^.{0,3}(?:吃|过|住|聚|玩|拜|团|坐|做客|跨|见|#|包|打|守|烧烤)")
_SEE: Final = re.compile(
    rf"(?P<verb>(?:去|来|回去|过去|过来|回来|回|到)(?:老家|[\u4e00-\u9fff]{{2,4}})?(?:{_STEP})(?:看望|探望"
    r"|看看|看一?看|看|见见|见|陪陪|陪"
    rf"|找|探|拜访)|看望|探望|拜访|探亲)(?P<target>我们?|咱们?|你们?|您|谁|{_P})(?!.?(?:电影|比赛|病房"
    r"|演出))"
    r"|(?P<verb2>(?:去|来|过来|过去)?(?:给|跟|向|和|陪))(?P<target2>我们?|咱们?|你们?|您|谁"
    rf"|{_P})(?:{_STEP})(?:拜年|拜寿|祝寿|过生日|庆生|过年|请安|过节)"
)
_COME: Final = re.compile(
    r"(?P<verb>过来|回来|回去|(?<![出起下上回进拿发带送说看过原后本未])来|到(?=[。!,]|$))(?:这边|这里|这儿"
    r"|家)?(?:一起)?(?:吃(?:个|顿|年|晚|午|早|团|便)?|做客|坐坐|坐|玩"
    r"|串门|拜年|聚聚?|喝|过年|过节|住|看看|烧烤|打麻将|包饺子|#|(?=[吧吗呀啊哦了,。!?~]|$))"
)
_HOST: Final = re.compile(
    rf"(?:请|接|叫|喊|邀请|邀|约|让)(?P<guest>{_P})(?:{_STEP})(?:来|过来|到|上)(?P<rest>{_MINE}"
    rf"|.{{0,2}}(?:吃|做客|坐|玩|住|过年|过节|聚|#|$))"
)
_ADVERB: Final = re.compile(
    r"(?:什么时候|啥时候|哪一?天|几号|初几|周几|星期几|何时|就|都|要|会|想|准备|打算|计划|决定|可以|能|得"
    r"|应该|应当|先|再|也|还是|还|一起|一块儿?|全家人?"
    r"|一家人?|一家[三四五六]口|直接|正好|肯定|一定|顺便|开车|坐车|坐高铁|早点|说好了?|约好了?|那天|当天"
    r"|又|然后|接着|那|才|等|必须|今年|明年|带着?[^,]{1,5}|改|已经?定|是|吃完(?:早|午|晚)?饭|白天|有空"
    r"|有时间|特地|专门|们|的时候|，|,|\s|#)+$"
)
_SUBJECT: Final = re.compile(
    rf"(?P<us>(?:我们|我|咱们|咱|俺们?)(?:(?:和|跟|与|带|带着|、){_P})?|{_P}(?:和|跟|与|、)(?:我们"
    r"|我))(?:一家|全家|俩|两个|几个)?$|(?P<all>大家|大伙儿?|各位|诸位)$|(?P<you>你们|你|您)(?:一家|全家"
    rf"|俩|两个|几个|都|也)?$|(?P<who>谁)$|(?P<they>他们|她们|他|她)$|(?P<named>{_P})(?:两|几个)?$"
)
_AND_ALSO: Final = re.compile(rf"^(?:然后|再|接着|还有|,)*#(?:是|再|去|到)*(?P<target>{_P})(?:{_HOME})?$")
"""A list that goes on: 初二去外婆家，初三舅舅家."""
_TOPIC: Final = re.compile(
    rf"^(?P<target>{_MINE}|{_YOURS}|(?:{_P})(?:{_HOME})?)(?P<subject>#?(?:我们|我|咱们|你们|你|他们|她们"
    rf"|{_P})?(?:一家|全家)?#?)(?:打算|准备|就|要|会|再|都|想)*(?P<verb>去|回去|过去)(?:#|[吧呢吗了的?。!]"
    r"|拜年|看看|一趟|吃饭)*$"
)
"""The place first: 外婆家我们初三去."""
_CANCELS: Final = re.compile(
    r"(?:[去来回过到]|赶)不(?:了|成)|(?:没法|没办法|不能|无法|不用|别|甭|不再|不想|不打算|不会"
    r"|没)(?:再)?[^,。]{0,6}[去来回]|(?<![去来要能会行好])不(?:去|来|过来|过去|回)(?!不)|取消|泡汤|黄了"
    r"|不(?:去|来)了"
)
_UNSURE: Final = re.compile(
    r"如果|要是|万一|假如|可能|也许|说不定|不一定|或许|没准|要不是|希望|真想|好想|本来|原来|原本|差点|万一"
    r"|的话(?!.*吧)|想不想知道"
)
_PAST: Final = re.compile(
    r"(?:去|来|看|回|到)(?:了|过)(?![吧吗呀]?$)(?!年|节|生日|来|去)|(?:去|来|看望"
    r"|拜访)[^,]{0,8}(?:家)?[了过](?=[^,]{0,4}(?:才|回来|一次|一趟))|(?:上次|以前|小时候|每年|往年|刚才"
    r"|刚刚|那时)"
)
_WHEN_ASKED: Final = re.compile(r"哪一?天|什么时候|啥时候|几号|初几|星期几|周几|礼拜几|何时")
_WHO: Final = re.compile(r"谁|哪位|哪几")
_CALLS: Final = re.compile(r"欢迎|要不|记得|一定|有空|有时间|没事|请|不如|可以|干脆|赶紧|快|说好|都")
"""What stands before 来 in an invitation; other words there are somebody whom nobody here knows."""
_TAG: Final = re.compile(r"(?:好吗|好不好|行吗|行不行|可以吗|怎么样|如何|方便吗|[?？])\W*$")
_ELSE_ASKED: Final = re.compile(r"[,，].*(?:谁|有没有人|有人|哪|几|什么)[^,，]*$")
"""Another question behind the statement: 我周末去看李老师，有没有人一起？"""
_SOFT: Final = re.compile(
    r"(?:吧|怎么样|如何|好吗|好不好|行吗|行不行|可以吗|可不可以|方便吗|方便不|成不|ok吗|欢迎)[~。!?\s)]*$"
    r"|欢迎|要不要|不如|要不|有空"
)


def cancels(shape: str) -> bool:
    """Say whether a sentence calls a visit off or refuses it."""
    return _CANCELS.search(shape) is not None


def frames(parts: tuple[Template, ...], sentence: str) -> tuple[Frame, ...]:
    """Return the visits that the clauses of one sentence put."""
    found: list[Frame] = []
    subject: str | None = None
    last_when: When | None = None
    last_person: str | None = None
    for at, part in enumerate(parts):
        roles = _roles(part, subject, last_person)
        last_person = part.people[-1] if part.people else last_person
        own = part.whens[-1] if part.whens else None
        last_when = fuller(own, last_when)
        more = _AND_ALSO.match(part.shape.replace(" ", "")) if found else None
        if roles is None and more:
            roles = found[-1].who, part.words(more["target"])
        if roles is None:
            continue
        who, whom = roles
        subject = who if who not in (None, ADDRESSEE) else subject
        when = last_when or next((each.whens[0] for each in parts[at + 1 :] if each.whens), None)
        if when and when.is_past:
            continue
        tagged = part is parts[-1] or not parts[-1].whens
        found.append(Frame(who, whom, when, _mood(part, sentence if tagged else "", who, whom)))
    return tuple(found)


def _roles(part: Template, carried: str | None, last: str | None) -> tuple[str | None, str | None] | None:
    shape = part.shape.replace(" ", "")
    if (cancels(shape) and not asks(shape)) or _UNSURE.search(shape) or _PAST.search(shape):
        return None
    host = _HOST.search(shape)
    if host:
        return part.words(host["guest"]), SPEAKER
    topic = _TOPIC.match(shape)
    if topic:
        return _guest(part, topic["subject"].strip("#"), _place(part, topic["target"], last), carried, last)
    go = _GO.search(shape)
    if go and (go["verb"] not in ("在", "住") or _IN_DOES.match(go["rest"]) or "#" in shape):
        return _guest(part, shape[: go.start()], _place(part, go["target"], last), carried, last)
    see = _SEE.search(shape)
    if see:
        target = see["target"] or see["target2"]
        return _guest(part, shape[: see.start()], _place(part, target, last), carried, last)
    come = _COME.search(shape)
    if come and (
        part.whens or carried or part.people or _WHEN_ASKED.search(shape) or re.search(r"[你大您]|^(?:过?来)", shape)
    ):
        who, _ = _guest(part, shape[: come.start()], SPEAKER, carried, last)
        if come["verb"] in ("到", "回去") and who == ADDRESSEE and not re.search(r"[你您大各]", shape):
            who = SPEAKER
        if who is None and not _WHO.search(shape):
            return None
        if come["verb"] == "回去" and who != SPEAKER:
            return None
        return who, ADDRESSEE if who == SPEAKER or (who and SPEAKER in who) else SPEAKER
    return None


def _place(part: Template, target: str, last: str | None) -> str | None:
    if re.match(r"[谁哪]", target):
        return None
    if re.match(_MINE, target) or re.fullmatch(r"我们?|咱们?", target):
        return SPEAKER
    if re.match(_YOURS, target) or re.fullmatch(r"你们?|您", target):
        return ADDRESSEE
    if re.match(_THEIRS, target):
        return part.people[0] if part.people else last or UNKNOWN
    words = part.words(target)
    return words or re.sub(r"家里?$", "", target) if target not in ("娘家", "婆家") else target


def _guest(
    part: Template, before: str, whom: str | None, carried: str | None, last: str | None
) -> tuple[str | None, str | None]:
    """Find the subject in what stands before the verb; left out, it is the one before, "you" who come to me, or me."""
    bare = _ADVERB.sub("", before)
    found = _SUBJECT.search(bare)
    who: str | None
    if found is None:
        told = re.search(rf"(?P<teller>{PERSON})[说问叫]$", bare)
        if told or re.search(r"[说问叫]$", bare):
            who = part.words(told["teller"]) if told else UNKNOWN
        elif _WHEN_ASKED.search(before) or re.search(r"[吗没][?？]*$", part.shape):
            who = ADDRESSEE
        elif whom == SPEAKER and re.search(r"[\u4e00-\u9fff]{3}", bare) and not _CALLS.search(bare):
            who = None
        elif whom == SPEAKER:
            who = carried if carried and carried != SPEAKER else ADDRESSEE
        else:
            who = carried or SPEAKER
    elif found["us"]:
        others = part.words(found["us"])
        who = f"{SPEAKER}和{others}" if others else SPEAKER
    elif found["you"]:
        who = ADDRESSEE
    elif found["all"]:
        who = ADDRESSEE if whom == SPEAKER else found["all"]
    elif found["who"]:
        who = None
    elif found["they"]:
        who = last or UNKNOWN
    else:
        who = part.words(found["named"])
    return who, whom


def _mood(part: Template, sentence: str, who: str | None, whom: str | None) -> Mood:
    asked = (
        asks(part.shape)
        or (_TAG.search(sentence) is not None and not _ELSE_ASKED.search(sentence))
        or _WHEN_ASKED.search(part.shape) is not None
    )
    if who is None or whom is None or _WHEN_ASKED.search(part.shape):
        return Mood.ASKS
    if who == ADDRESSEE and whom == SPEAKER:
        return Mood.INVITES
    if who == ADDRESSEE:
        return Mood.ASKS
    if whom == SPEAKER and (asked or _SOFT.search(part.shape)):
        return Mood.INVITES
    if asked or _SOFT.search(part.shape):
        return Mood.PROPOSES
    return Mood.SAYS
