"""What a message does to the one before it: agree, decline, object, ask; and which messages answer which. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from circles.core.extract.lines import Line
from circles.core.extract.text import fold, sentences
from circles.core.extract.tokens import terms, without_links
from circles.core.extract.when import masked, time_phrases

NEAR: Final = 8
"""How many later messages of a conversation may still answer one without saying so by a reply."""
NEAR_MS: Final = 18 * 3_600_000

_LEAD: Final = r"^(?:\W*(?:oh|ah|haha+|hm+|well|aw+|hey|wow|哇|哈+|哦|噢|嗨|唉|@?[\w.-]{1,20}[:,，：])\W*){0,2}\W*"
_YES: Final = re.compile(
    _LEAD + r"(?:(?:ok(?:ay|ey|ie)?|okie|kk?|yes|yep|yup|yeah|yea|ya|aye|sure(?: thing)?|deal|perfect|great"
    r"|brilliant|lovely|wonderful|excellent|awesome|cool"
    r"|fine(?: (?:by|with|for) (?:me|us))?|agreed?|absolutely|definitely|of course|certainly|gladly|will"
    r" do|on it|no problem|np|happy to|with pleasure|count (?:me|us) in"
    r"|i agree|i'm in|we're in|i'm on it|i'm (?:fine|ok|good) with|seconded|second that|sounds? (?:good"
    r"|great|fine|perfect|lovely|like a plan)|good idea|great idea"
    r"|works? for (?:me|us)|that works|(?:that )?suits (?:me|us)|makes sense|i can(?: do (?:it"
    r"|that))?(?=\W*$)|i will(?=\W*$)|i'll do (?:it|that)|me too|same here"
    r"|(?:we|i)(?:'d| would) (?:love|be (?:happy|glad|delighted))(?: to)?|(?:we|i)'ll (?:be there|come"
    r"|bring)|see you (?:then|there|on)|let's do (?:it|that)|go for it"
    r"|(?:us|same|works|sounds) (?:too|here|wonderful|nice|amazing|delightful|fun)"
    r"|(?:that|it|this)(?:'s| is|'d be| would be) (?:so |loads |much |way |far |even |actually "
    r"|almost )?(?:better|perfect"
    r"|ideal|great|lovely|brilliant|fun|fine|fair|genius)|that i can (?:live with|do)|(?:(?:i"
    r"|we) )?(?:like|love) (?:that|it"
    r"|this)|(?:she|he|they)(?:'d| would|'ll) love (?:that|it|this)|[\w ]{2,24} sounds? (?:good|great"
    r"|fine|perfect|lovely"
    r"|wonderful|fun)|no objections?|fair(?=\W*$)|nope,? (?:fair|fine|all good|good)|(?:good|great"
    r"|nice) (?:shout|call|one"
    r"|plan)|yess+|bless you|suits me|you win|all for it|all right|alright|go on then|i can live with (?:that|it)"
    r"|i'd (?:do|take) that"
    r"|works(?=\W*$)|same(?=\W*$)|fair enough|done|\+1)(?![\w'])"
    r"|好(?:的|啊|呀|嘞|哒|滴|咧|吧|哇|呢|耶|主意|!|,|，|。|~|～|\s|$|我|那|就|咱|一定)|好|行(?!李|程|政"
    r"|业|动|为)|可以|没问题|没意见|同意|赞成|赞同|支持|成(?:[,，。!]|交|$)|中[,，。!]?$|嗯+|要得|收到"
    r"|明白"
    r"|一定(?:来|到|去)|我们(?:一定)?来|来的|(?:一定)?[来去](?:\W|$)|必须的|带上我|太好了|太棒了"
    r"|听你的|妥|就这样|就这么(?:定|办)|没毛病"
    r"|(?:这个|这样|那样|这主意|这法子|这条)(?:更|挺|很|太|也|就|都|最)?(?:好|行|顺|妥|可以|不错|棒"
    r"|深得我心)|早(?:就)?该(?:这样|如此)|举双手"
    r"|我(?:也)?(?:能|可以)?接受|我(?:都)?无所谓|我都(?:行|可以|成)|都(?:行|可以|成)(?=\W|$)|随你们?"
    r"|你们?说了算|也不是不行"
    r"|没话(?:讲|说)|深得我心|正合我意|有道理|说得(?:对|在理)|不错(?=\W|$)|我投(?:降|一票)"
    r"|\S{1,4}我(?:都)?行(?=\W|$)|👏"
    r"|可$|我(?:来|可以|行|能)|算(?:我|我们)(?:一个|一份)|当然|乐意|没得说"
    r"|[👍👌✅🙆💯🤝🙋]|:\+1:)"
)
_THAT_TIME: Final = re.compile(
    r"^\W*(?:#+|\d{1,2}(?::\d\d)?)\s*(?:可以|行|好|没问题|ok|works|it is"
    r"|(?:is|sounds|would be|'s)\s+(?:also |totally |much"
    r" )?(?:fine|good|perfect|great|ok|okay|lovely|better))"
)
"""Agreement that begins with the time: "Sunday works", 2号可以."""
_NO: Final = re.compile(
    r"\b(?:can'?t(?! wait| believe)|cannot|won't|couldn't|unable"
    r"|not (?:free|possible|able|available|convenient)|doesn't"
    r" (?:work|suit)|won't work|don't think so"
    r"|afraid not|sorry,? (?:no|i|we)|i'm out|no way|i disagree|rather not|no,|nope(?!,? (?:fair|fine"
    r"|good|all good))|nah|not coming|busy)\b"
    r"|^\W*no\b(?! (?:problem|worries))"
    r"|不行|不可以|来不了|去不了|没空|没时间|不方便|不太方便|有事|不同意|反对|不去|不来|不好吧|不太行|够呛|不了"
)
_BUT: Final = re.compile(
    r"\b(?:but|though|however|instead|rather|except)\b|但|不过|可是|就是.{0,6}有点|只是|还是.{1,8}吧|要不"
)
_QUESTION_END: Final = re.compile(r"[?？][\s!！~～)）'\"\W]*$|(?:吗|么|呢|[行好成中]不)[\s。~～]*$")
_ASKS_EN: Final = re.compile(
    r"^(?:(?:so|and|but|ok|also|hey|hi|well|btw|um+|uh+|\w+[:,])\s+){0,3}(?:(?:who|what|when|where|which"
    r"|whose|how|why)(?:'s|\s+(?:is|are|was|do|does|did|can|could|will|would|should|many|much|time|day"
    r"|about|else|long|far|often))"
    r"|(?:do|does|did|is|are|can|could|will|would|should|shall|has|have|may)\s+(?:you|we|i|they|he|she|it"
    r"|the|anyone|anybody|someone|somebody|there|this|that|any)\b|any(?:one|body)\s)"
)
_ASKS_ZH: Final = re.compile(
    r"谁(?!都|也|知道呢)|哪天|哪儿|哪里|哪个|哪位|哪家|什么时候|啥时候|几号|几点|初几|星期几|周几|礼拜几"
    r"|怎么样|如何\W*$|怎么(?!都|也|会|能)|为什么|为啥|多少|什么(?!都|也|的)|有没有|是不是|要不要|能不能"
    r"|可不可以|行不行|好不好|去不去|来不来|用不用|方便不"
)
_SOCIAL_WORDS: Final = (
    "hi hello hey morning afternoon evening night bye goodbye thanks thank thx ty cheers welcome lol haha"
    " hahaha ok okay yes no yeah yep sure great nice cool"
    " good wow hmm hm congratulations congrats everyone everybody all guys folks happy sorry dear there"
    " later see"
)
_SOCIAL: Final = frozenset(_SOCIAL_WORDS.split())
_GREETING_ZH: Final = re.compile(
    r"^(?:大家|各位|老师|同学们?)?(?:早上好|早安|早|晚上好|晚安|下午好|中午好|你好|您好|大家好|谢谢|多谢"
    r"|感谢|辛苦了?|哈+|嘿+|呵+|嗯+|哦+|好的?|收到|拜拜|再见|新年快乐|恭喜|来了|到了)"
    r"(?:大家|各位|了|啊|呀|哦|啦|你|您|老师|们|[^\w])*$"
)


def is_social(text: str) -> bool:
    """Say whether a message is only a greeting, thanks, laughter or emoji."""
    low = fold(without_links(text)).strip()
    words = terms(low)
    if words or not re.search(r"\w", low):
        return _GREETING_ZH.match(low) is not None or all(word in _SOCIAL for word in words)
    return _GREETING_ZH.match(low) is not None


def is_small_talk(text: str) -> bool:
    """Say whether a message has nothing to quote: social, one word or only a link."""
    return is_social(text) or len(set(terms(without_links(text)))) < 2


def agrees(text: str) -> bool:
    """Say whether a message begins by agreeing, takes nothing back and asks nothing."""
    low = fold(text).strip()[:300]
    return accepts_partly(text) and not _NO.search(low) and not _BUT.search(low) and not asks(low)


def accepts_partly(text: str) -> bool:
    """Say whether a message begins by agreeing, whatever follows."""
    low = fold(text).strip()[:300]
    return _YES.match(low) is not None or _THAT_TIME.match(masked(low, time_phrases(low))) is not None


def declines(text: str) -> bool:
    """Say whether a message refuses or cannot."""
    low = fold(text).strip()[:300]
    return _NO.search(low) is not None and "没问题" not in low


def asks(sentence: str) -> bool:
    """Say whether a sentence is a question, with or without its question mark."""
    low = fold(sentence).strip()
    if _QUESTION_END.search(low) or _ASKS_EN.match(low):
        return True
    return _ASKS_ZH.search(low) is not None and not low.endswith(("!", "。"))


def asks_anything(text: str) -> bool:
    """Say whether any sentence of a message is a question."""
    return any(asks(text[start:end]) for start, end in sentences(text))


def later(lines: Sequence[Line], at: int, near: int = NEAR) -> tuple[int, ...]:
    """Return the positions that may answer `lines[at]`: its replies, and the next ones that reply to nothing else."""
    asked = lines[at]
    found: list[int] = []
    passed = 0
    for position in range(at + 1, min(len(lines), at + 200)):
        line = lines[position]
        if line.reply_to == asked.id or (
            line.reply_to is None and _together(line, asked) and line.at - asked.at <= NEAR_MS and passed < near
        ):
            found.append(position)
        passed += _together(line, asked)
    return tuple(found)


def earlier(lines: Sequence[Line], at: int, near: int = NEAR) -> tuple[int, ...]:
    """Return the positions that `lines[at]` may answer, the likeliest first: what it replies to, else what precedes."""
    answer = lines[at]
    if answer.reply_to is not None:
        replied = [position for position in range(at) if lines[position].id == answer.reply_to]
        if replied:
            return (replied[-1],)
    found: list[int] = []
    for position in range(at - 1, max(-1, at - 200), -1):
        line = lines[position]
        if len(found) == near or answer.at - line.at > NEAR_MS:
            break
        if _together(answer, line):
            found.append(position)
    return tuple(found)


def _together(answer: Line, asked: Line) -> bool:
    """Say whether a line stands in the same thread as an earlier one, or in the thread under it."""
    return answer.thread in (asked.thread, asked.id)
