"""The people a text speaks of: names of the circle, kinship words as said, and names the window itself shows. Pure.

A name found here is always a piece of the text or the name of a member; nothing is looked up or guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from circles.core.extract.lines import Line
from circles.core.extract.text import MAX_CHARS, fold

_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
KIN_ZH: Final = (
    r"(?:(?:大|二|三|四|五|六|小|老|表|堂|干|亲家)?(?:外公外婆|爷爷奶奶|姥姥姥爷|公公婆婆|岳父岳母"
    r"|爸爸?妈妈?|外婆|外公|姥姥|姥爷|奶奶|爷爷|阿公|阿婆"
    r"|妈妈|爸爸|老妈|老爸|爸妈|父母|公婆|岳父|岳母|丈人|丈母娘|婆婆|公公|舅舅|舅妈|舅公|舅婆|舅|阿姨|姨妈"
    r"|姨父|姨丈|姨婆|姨|姑姑|姑妈|姑父|姑丈|姑婆|姑"
    r"|叔叔|婶婶|叔公|叔|婶|伯伯|伯父|伯母|大伯|伯|哥哥|弟弟|姐姐|妹妹|姐夫|妹夫|嫂子|嫂嫂|弟妹|大哥|大姐"
    r"|表哥|表弟|表姐|表妹|堂哥|堂弟|堂姐|堂妹"
    r"|外甥女?|侄子|侄女|孙子|孙女|儿子|女儿|女婿|儿媳|亲家|太奶奶|太爷爷|(?:男|女)?朋友(?!圈|们)|(?:男"
    r"|女)友|同学(?!们)|同事(?!们)|邻居|室友|闺蜜|老板|老乡|导师|师父"
    rf"|(?:[小老阿][{_SURNAMES}]|大[刘李王张陈赵吴周])"
    r"(?=家|来|去|说|那|和|跟|也|还|要|得|带|把|负责|你|的|他|周|今天|明天|,|，|、|#|$)"
    r"|[大二三四五小](?:哥|姐|弟|妹))"
    r"|(?![去到回来看给陪和跟我你他她的是找要请在叫让请由])[\u4e00-\u9fff](?:哥|姐)"
    rf"|[{_SURNAMES}](?:老师|导师|阿姨|叔叔|伯伯|奶奶|爷爷|总|医生|教练|师傅)"
    r"|(?<![的一])(?:妈|爸|哥|姐"
    r"|弟|妹)(?=家|他们|说|来|去|要|，|,|、|和|那|这|带|买|做|负责|你|#|$))"
)
KIN_EN: Final = (
    r"(?:grand(?:ma|pa|mother|father|parents|dad|mum|mom)|granny|gran|grandson|granddaughter|nana|nan|oma"
    r"|opa|mum(?:my)?|mom(?:my)?|dad(?:dy)?|mother|father"
    r"|parents|folks|in-laws|(?:mother|father|sister|brother|son|daughter)-in-law|brother|sister|aunt(?:ie"
    r"|y)?|uncle|cousins?|nephew|niece"
    r"|stepmum|stepmom|stepdad|great-(?:aunt|uncle)|popo|gonggong|nai ?nai|ye ?ye|wai ?po|wai ?gong"
    r"|friends?|neighbou?rs?|colleagues?|boss|boyfriend|girlfriend|roommate|flatmate)"
)
_KIN_EN_RE: Final = re.compile(rf"\b(?:{KIN_EN})\b")
_KIN_ZH_RE: Final = re.compile(KIN_ZH)
_TITLED: Final = re.compile(
    r"\b(?:Mrs?|Ms|Miss|Dr|Prof(?:essor)?|Coach)\b\.?\s+[A-Z][\w-]+"
    r"|\bthe [A-Z][a-z]+s(?='|\s+(?:over|are|for|round|will|come|to dinner)\b)"
)
_CAPITAL: Final = r"[A-Z][a-zà-ÿ]+(?:-[A-Z][a-zà-ÿ]+)?"
_SHOWN: Final = re.compile(
    rf"(?<!\w)(?P<first>{_CAPITAL})(?:(?: and {_CAPITAL})?(?:'s (?:place|house|home|flat|family|parents)\b|'ll\b|"
    r" (?:still |also )?(?:(?:will|can|has)(?! (?:i|we|you|they|he|she|it|the|this|that|there|any\w+|some\w+|be)\b)"
    r"|says|said|(?:is|are) (?:coming|visiting|bringing)|wants|and I|asked|offered)\b))"
    rf"|\b(?:to|at|and) (?P<hosts>{_CAPITAL})'s(?! (?:day|eve)\b)"
    rf"|\b(?:hi|hey|hello|thanks|thank you|dear|love,) (?P<greeted>{_CAPITAL})\b",
    re.IGNORECASE,
)
_NOT_NAMES_WORDS: Final = (
    "i it that this there what who he she they we you everyone everybody someone somebody anyone nobody"
    " one the then when where how why yes no ok okay"
    " and but so or if monday tuesday wednesday thursday friday saturday sunday january february march"
    " april may june july august september october"
    " november december christmas easter here all both each mine yours ours which these those please also"
    " maybe well now just not my our your his her their its"
    " today tomorrow tonight everything something nothing anything let think hope sure great good fine"
    " sorry love morning afternoon evening guys team folks"
    " actually usually hopefully unfortunately perhaps still otherwise anyway later instead only even"
    " nobody mcdonald wendy domino sainsbury macy lowe denny valentine new mother father"
)
_NOT_NAMES: Final = frozenset(_NOT_NAMES_WORDS.split())
_ALL_ZH: Final = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Mention:
    """A person named in a text.

    Attributes:
        start, end: where.
        said: the words there.
        user_id: the member of that name, or None for someone who is named only in words.
    """

    start: int
    end: int
    said: str
    user_id: str | None


@lru_cache(maxsize=512)
def _name_pattern(names: tuple[str, ...]) -> re.Pattern[str] | None:
    ordered = sorted((name for name in names if name), key=len, reverse=True)
    if not ordered:
        return None
    return re.compile("|".join(f"(?P<n{at}>{_bounded(name)})" for at, name in enumerate(ordered)))


def _bounded(name: str) -> str:
    return re.escape(name) if _ALL_ZH.search(name) else rf"(?<!\w){re.escape(name)}(?!\w)"


def short_names(people: Mapping[str, str]) -> dict[str, str]:
    """Return folded names and unambiguous first names with the user ID each stands for."""
    found: dict[str, set[str]] = {}
    for user_id, name in people.items():
        low = fold(name).strip()
        first = re.split(r"[\s(（|·@]", low, maxsplit=1)[0]
        for form in {low, first}:
            if len(form) > 1 or _ALL_ZH.search(form):
                found.setdefault(form, set()).add(user_id)
    return {form: ids.pop() for form, ids in found.items() if len(ids) == 1 and form not in _NOT_NAMES}


def mentioned_people(text: str, people: Mapping[str, str], known: Iterable[str] = ()) -> tuple[Mention, ...]:
    """Return who is named in `text`: members, kinship words and titles as said, and the `known` further names."""
    text = text[:MAX_CHARS]
    low = fold(text)
    forms = short_names(people)
    extra = [fold(name) for name in known]
    found: list[Mention] = []
    pattern = _name_pattern(tuple(sorted({*forms, *extra})))
    if pattern:
        found += [Mention(*hit.span(), text[slice(*hit.span())], forms.get(hit[0])) for hit in pattern.finditer(low)]
    for kin in (*_KIN_ZH_RE.finditer(low), *_KIN_EN_RE.finditer(low)):
        start, end = kin.span()
        title = re.compile(r"\s+[A-Z][\w-]+").match(text, end) if kin[0].isascii() else None
        found.append(Mention(start, title.end() if title else end, text[start : title.end() if title else end], None))
    found += [Mention(*hit.span(), hit[0], None) for hit in _TITLED.finditer(text)]
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda each: (each.start, -each.end, each.user_id is None)):
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return tuple(kept)


def shown_names(lines: Sequence[Line]) -> frozenset[str]:
    """Return the names that the window itself uses like a person's: "Anna's place", "Anna will", "hi Anna"."""
    names: set[str] = set()
    for line in lines:
        for found in _SHOWN.finditer(line.text[:MAX_CHARS].replace("\u2019", "'")):
            name = found["first"] or found["hosts"] or found["greeted"]
            if name[0].isupper() and name.lower() not in _NOT_NAMES and not _KIN_EN_RE.fullmatch(name.lower()):
                names.add(name)
    return frozenset(names)
