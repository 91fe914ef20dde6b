"""Text folded for matching and cut into sentences and clauses, with offsets that still fit the original. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_CHARS: Final = 2_000
"""What the rules look at of one message: a longer one is a pasted document, not something a person said."""

MAX_SENTENCE: Final = 400
"""From this length on, a run without an end is no sentence that somebody promised or invited in."""

# Traditional, simplified, traditional, simplified … : the characters that cues, dates, kinship and everyday nouns use.
_PAIRS: Final = (
    "來来個个們们這这說说時时後后會会對对嗎吗麼么沒没過过還还給给買买帶带負负責责發发聯联繫系訂订寫写準准"
    "備备問问誰谁幾几點点號号"
    "週周禮礼飯饭門门間间開开關关從从應应該该讓让請请幫帮辦办處处決决議议論论認认為为覺觉贊赞換换遲迟約约"
    "見见現现裡里裏里邊边媽妈"
    "爺爷親亲孫孙嬸婶陳陈張张劉刘趙赵楊杨黃黄吳吴馬马羅罗鄭郑謝谢韓韩馮冯蔣蒋許许鄧邓蕭萧葉叶呂吕蘇苏盧卢"
    "鐘钟譚谭陸陆鄒邹龍龙萬万"
    "錢钱節节曆历農农歲岁舊旧聖圣誕诞國国慶庆勞劳動动學学習习課课報报導导師师網网電电話话訊讯檔档圖图書书"
    "車车場场館馆費费帳账賬账"
    "單单體体運运練练醫医藥药傳传機机飛飞樓楼東东進进長长員员組组隊队業业務务產产計计劃划畫画項项結结總总"
    "復复覆复確确審审術术極极"
    "樣样種种類类頭头臉脸聽听讀读語语詞词題题實实驗验啟启蘋苹魚鱼雞鸡蝦虾麵面餅饼餃饺湯汤難难歡欢樂乐愛爱"
    "氣气熱热涼凉靜静當当"
    "點点將将與与並并無无舉举興兴選选達达適适連连遠远邀邀郵邮錯错鍋锅際际隨随雙双離离雲云靈灵順顺須须預预"
    "願愿顧顾養养馀余騎骑"
    "麗丽黨党齊齐齡龄龜龟條条業业榮荣櫃柜權权歸归殘残殺杀氈毡決决溫温滿满濟济灣湾災灾燈灯爭争牆墙獎奖環环"
    "瓊琼療疗監监盤盘碼码禍祸"
    "稅税穩稳競竞筆笔簡简簽签籃篮紅红紙纸級级細细終终絕绝統统經经綠绿維维緊紧線线練练縣县織织續续罰罚義义"
    "職职腦脑舖铺蘭兰虧亏蟲虫"
    "衛卫裝装規规視视覽览觀观訓训記记設设評评試试詢询誤误課课調调談谈證证識识護护變变貓猫貝贝財财貨货貴贵"
    "資资賓宾賞赏賣卖質质購购"
    "軟软較较載载輕轻輛辆輪轮輸输轉转農农迴回遊游違违遞递選选鄉乡釋释針针鈴铃銀银鋼钢錄录鍵键鎖锁鏡镜閒闲"
    "閱阅陣阵階阶隻只雜杂霧雾"
    "響响頁页頂顶頓顿領领頻频顏颜額额風风飄飘飲饮飽饱餘余騙骗驚惊髮发鬆松鬧闹鮮鲜鳥鸟鴨鸭鹽盐麥麦"
)
_FOLD: Final = {
    **{ord(a): ord(b) for a, b in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)},
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},  # full-width signs, digits and letters
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u00b4`"), ord("'")),
    0x3000: 0x20,
    0x00A0: 0x20,
}
_SENTENCE: Final = re.compile(r"[^。！？!?；;\n]*?(?:[。！？!?；;\n]+|\.{1,6}(?=\s|$)|…+|$)")
_CLAUSE: Final = re.compile(r"[^，,、：:]+")


class Span(NamedTuple):
    """A piece of a text: its first offset and the offset behind it."""

    start: int
    end: int


def fold(text: str) -> str:
    """Return `text` of the same length in lower case, full-width and traditional forms folded, apostrophes plain."""
    if text.isascii():
        return text.replace("`", "'").lower()
    text = text.translate(_FOLD)
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without white space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def sentences(text: str) -> tuple[Span, ...]:
    """Return the sentences of the first `MAX_CHARS` of `text`, each with its closing punctuation."""
    spans = (trimmed(text, *found.span()) for found in _SENTENCE.finditer(text[:MAX_CHARS]))
    return tuple(span for span in spans if span.end > span.start)


def clauses(text: str, sentence: Span) -> tuple[Span, ...]:
    """Return the parts of a sentence between commas and colons."""
    found = _CLAUSE.finditer(text, sentence.start, sentence.end)
    spans = (trimmed(text, *part.span()) for part in found)
    return tuple(span for span in spans if span.end > span.start)
