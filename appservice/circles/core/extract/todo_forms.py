"""The sentence shapes of a to-do: somebody commits, somebody is asked, something is due. English and Chinese. Pure."""

from __future__ import annotations

import re
from typing import Final

_ADV: Final = (
    r"(?:(?:also|just|then|now|definitely|probably|gladly|happily|quickly|certainly|try to|try and|go and"
    r"|go ahead and|be able to|make sure to|have to|need to|be the one to|#+)\s+){0,3}"
)
_NOT_A_TASK: Final = (
    r"(?:be(?!\s+(?:bringing|buying|booking|sending|writing|making|cooking|preparing|posting|ordering"
    r"|picking|collecting|calling))|see|think|know|guess|say|admit|miss|try(?!\s+(?:to|and|out))|go(?!"
    r" (?:and|to the|through|over|pick|get|buy|collect|via|ahead and))|come|have(?! (?:to|a draft|it|the|a"
    r" look|that|this))"
    r"|live|love|like|want|wish|hope|wait|sit|sleep|eat|join|stay|leave|bet|feel|assume|imagine|understand"
    r"|remember|forget|believe|agree|hear|let you go|let him|skip|pass|head|get (?:back from|there|home|up"
    r"|used)|do (?:what|my best|so)|not|never|no|always|still|you|it|that|this|a|the|to|at|in|on|i|kill"
    r"|die|go to (?:bed|sleep)"
    r"|arrive|return|stop|start with|give up|keep (?:quiet|you)|mention|quote|explain why|explain later"
    r"|tell you (?:that|what|this|one)|of course|only|relent|defer|accept|pretend|support|second|vote"
    r"|abstain|help)(?![\w'])"
)
_TASK: Final = (
    r"(?:add|announce|arrange|ask|assign|bake|book|bring|build|buy|call|cancel|change|check|chair|clean"
    r"|collect|compile|complete|confirm|contact|cook|copy|coordinate|create|decorate|deliver|document|do"
    r"|draft|drive|drop|edit|email|e-mail|examine|fetch|fill|find|finish|fix|follow|forward|gather|get"
    r"|give"
    r"|grab|handle|hand|host|implement|install|invite|investigate|lead|lend|look (?:into|at|for|after|up)"
    r"|make|mail|measure|merge|message|move|notify|order|organi[sz]e|pack|pay|phone|pick|ping|plan|post"
    r"|prepare|present|print|proofread|propose|publish|push|put|read|record|register|release|remind|rent"
    r"|repair|reply|report|request|research|reserve|review|ring"
    r"|run|scan|schedule|search|send|set|share|show|sign|solve|sort|speak to|submit|summari[sz]e|take|talk"
    r" to|tell|test|text|tidy|translate|update|upload|verify|volunteer|walk|wash|water|work on"
    r"|write)(?:e?s|ing)?\b"
)
FIRST_PERSON: Final = re.compile(
    rf"(?<![\w'])(?:"
    r"(?:i'll|i will|i shall|i'm (?:going to|gonna|about to)|i am going to|i promise to|i (?:plan|intend"
    rf"|volunteer|offer) to|ill)\s+{_ADV}(?!{_NOT_A_TASK})[a-z]+"
    r"|(?:let me|i'm happy to|i am happy to|i'd be happy to|happy to|i can|i could|i'd|we'll|we will|we"
    rf" can|i have to|i need to|i must|i should|i've got to|i gotta|i better|i'd better)\s+{_ADV}{_TASK}"
    rf"|(?:leave|give) (?:it|that|this|the \w+|[\w ]{{2,30}}) (?:to|with) me\b|i've got (?:it|this|that|the"
    r" \w+)(?! (?:from|in|working|here))|i'm (?:on (?:it|the \w+)|(?:doing|getting) (?:the|a|some) )|i'll"
    r" (?:take|handle|own|cover|do) (?:it"
    r"|that|this|care|the|those|\w+)"
    r"|i(?:'m| am) (?:bringing|buying|booking|sending|writing up|making|cooking|preparing|ordering|picking"
    r" up|collecting|organi[sz]ing|handling|in charge of)\b"
    r"|i'll be (?:bringing|buying|booking|sending|writing|making|cooking|preparing|posting|ordering"
    r"|picking|collecting|calling)|count on me (?:to|for)"
    r"|(?:(?<=then )|(?<=and )|(?<=, ))i (?:do|take|make|bring|write|handle|cover|cook|book|get) (?:the|a|some|care)"
    r"|^\W*i (?:bring|bake|cook)(?! (?:my|up|it|them)\b)(?!.*\b(?:always|usually|often|sometimes|every|never)\b) \w+"
    r"|i'?d take (?:the|care))"
    rf"|(?:^|[,;-]\s)\W*(?:will|can|gonna|going to)\s+{_ADV}{_TASK}|^\W*#*\s*i'll\b.*#"
)
_ADV_ZH: Final = (
    r"(?:今天|明天|#+|就|会|要|可以|能|得|也|先|再|顺便|顺路|一会儿?|等下|等会儿?|待会儿?|马上|这就|回头"
    r"|晚点|到时候?|尽快|还|都|一起|负责|来|去|重新|再次|亲自|另外|单独|统一|下班[后前]?|下课[后前]?|回家"
    r"|回去|饭后|自己|直接|帮(?:你们?|大家|忙"
    r"|她|他)?|给(?:你们?|大家|她|他)?|跟\S{1,4}|和\S{1,4}|今晚|\s)"
)
_TASK_ZH: Final = (
    r"(?:买|带|订|定(?!了|时|期|义)|预[定订约]|发(?!现|烧|愁|觉|生)|做(?!梦|不)|写|联系|问(?!题)|查|准备"
    r"|整理|安排|接(?!受|着|近|下)|送|拿|取|打印|打(?=电话"
    r"|个电话)|印|改(?!天|变)|修|补|更新|提交|交(?!给我)|上传|下载|转发|转告|通知|告诉|提醒|确认|核对|检查|组织"
    r"|统计|收集|汇总|报名|报(?!纸)|付|交钱|转(?!眼)|缴|垫|约|借|还(?=书|钱|给|回)|洗|打扫|收拾|布置|烧|炒|包(?=饺子"
    r"|汤圆|粽子|馄饨)|煮|炖|蒸|烤"
    r"|拍|录|剪|画|设计|翻译|校对|审|看看|看一下|跟进|处理|解决|搞定|搞|办(?!公|法)|弄|教(?!室|练|材|授)"
    r"|主持|记录|记(?=录|一下"
    r"|笔记)|开(?=门|车|会议|文档|个群)|建(?=群|个|文档|表)|拉(?=群|个群|人)|申请|租|搬|找(?!不)|放(?!心|假"
    r"|弃|松|学)|挂|出(?=题|方案|文档|图|稿|报告|个)|给(?=你们?#|大家)|擦|扫|拖|晒|叠|切|倒|搭|扛|刷|充|盛"
    r"|端|采购|对接|画|讲(?!真|道理|究)|领(?!导|情)|叫(?=车"
    r"|外卖)|催|备|测|试|搜|贴|填|寄|盯|陪|照顾|喂|遛|浇|换(?=成|掉|灯)|装|下单|签|学(?!校|期|生|长|姐|弟)"
    r"|练|总结|分享|预习"
    r"|组队|替(?=你|他|她|班)|排)"
)
FIRST_PERSON_ZH: Final = re.compile(
    rf"^(?:{_ADV_ZH}){{0,2}}#+(?:{_ADV_ZH}){{0,2}}(?:给|帮|替)(?:你们?|大家)\S{{0,4}}{_TASK_ZH}|"
    rf"(?<!让)(?<!叫)(?:我们?|咱|俺)(?:这边|这儿)?(?:{_ADV_ZH}){{0,6}}(?:把|将|{_TASK_ZH})|(?:由我"
    rf"|我们?)(?:{_ADV_ZH}){{0,4}}(?:负责"
    r"|包了|来(?=\W*$|吧|弄|做)|搞定|承担|认领)|(?<![前#])(?:交给|包在|放|留给)我(?!家|们家|爸|妈|的|这)(?:身上|吧"
    r"|来|们|好了|就)?"
    r"|我来(?!了|晚|迟|过|自|的时|电|回|不|说|看看?$)|让我来|我(?:来)?(?:当|做)(?:主持|司机|后勤|志愿者)"
    r"|我出\S"
    rf"|(?:^|[\s,，#])(?:{_ADV_ZH}){{0,3}}(?:明天|#)(?:{_ADV_ZH}){{0,3}}我(?:{_ADV_ZH}){{0,3}}{_TASK_ZH}"
    rf"|我(?:{_ADV_ZH}){{0,3}}去(?={_TASK_ZH})|我(?:{_ADV_ZH}){{1,4}}(?:给|帮|跟|和)\S{{1,8}}{_TASK_ZH}"
)
DONE: Final = re.compile(
    r"\b(?:already|yesterday|i(?:'ve| have) (?:sent|done|booked|bought|finished|posted|written)|i did|last"
    r" (?:week|night|month|year)|used to|would have|if i were)\b"
    rf"|已经|刚才|刚刚|我刚|早就|上次|昨天|去年|以前|{_TASK_ZH}(?:好|完|过|到)?了(?!吧|就|再|以后|之后)"
    rf"|买的|带的(?!话)|做的|发的|{_TASK_ZH}过"
)
STILL: Final = re.compile(r"(?<![觉懂舍记值获懒])(?:得|要|该|需要|记得|别忘了?)[^,，]{0,12}把")
"""What is still to be got done, though its verb ends as one that is over: 还得把船订了."""
NEGATED: Final = re.compile(
    r"\b(?:i (?:can't|cannot|won't|don't|didn't|couldn't|wouldn't|shouldn't)|i'll (?:not|never)|not going"
    r" to|no need|needn't|if i|unless|wish i|in case i|do i|should i|shall i|can i|could i|may i|will i"
    r"|let me (?:know|think|see|guess|in|out|go|be|say|rephrase|put it)|i'll (?:have|get) (?:the|a)"
    r" (?:coffee|tea|beer|soup|nap))\b"
    r"|我[^,，]{0,3}(?:不|没|别)(?!问题)|不用我|不是我|不能|要不要我|需要我.{0,8}吗|要我.{0,10}吗|我(?:去"
    r"|来)年|如果|要是|的话|我想(?!把|去)|我觉得|我以为|我怎么|我靠|我去[!！]|我看(?!看|一下)"
)
REQUESTS: Final = re.compile(
    r"(?:\b(?:can|could|would|will) (?:you|u)(?: (?:please|two|both|all|guys))?\b(?! (?:not|please not|believe|see|hear"
    r"|imagine|tell|make it|come|join|explain what))|\bplease\b(?! (?:note|be|let me know if|excuse"
    r"|forgive|don't))|\b(?:would|do) you mind\b|\byou(?:'ll| will) (?:need to|have to)?\s?\w+|\bmake sure"
    r" (?:you|to)\b|\bdon't forget to\b|\bremember to\b|\byour (?:job|task|turn)\b|\bkindly\b|\bi(?:'d)?"
    r" (?:need|want|like) you to\b|(?<!think )(?<!believe )\byou (?:need to|have to|must)\b)"
    r"|(?:麻烦|劳烦|辛苦|拜托)(?:你|您|大家|@)?|请(?!问|假|客|教|求|吃)|帮(?:我|忙|大家|咱|我们)|(?:你|您"
    r"|你们)(?:来|去|能|可以|可不可以|能不能|负责|有空|顺便|记得|明天|先|把)|记得|别忘|务必|交给你"
    r"|能不能(?!说)|可不可以|(?:来|去)(?:一下|弄|安排).*(?:好吗|行吗|可以吗)"
)
OPEN_REQUEST: Final = re.compile(
    r"\b(?:can|could|would|will) (?:someone|somebody|anyone|anybody|one of (?:us|you))\b|\bwho(?:'s| is|"
    r" can| will|'ll| could| wants to| would)(?: going to| able to| happy to)? (?!that\b|this\b|it\b|he\b"
    r"|she\b|coming|in\b|there|going|running|joining|free|around|up for|available|attending|with\b"
    r"|from\b)\w+|\b(?:any|looking for|need(?: a)?) volunteers?\b|\banyone (?:able"
    r"|willing|happy|free|up) (?:to|for)\b|\bsomeone (?:should|needs to|has to|must)\b"
    r"|谁(?:[来去](?!\W*$)|能|可以|有空|愿意|方便|负责|带|买|做|帮)|有(?:没有)?(?:谁|人)(?:能|可以|愿意|来|方便"
    r"|有空)|哪位(?:能|来|可以|愿意|方便)"
)
OF_WHAT: Final = re.compile(
    r"\bwho(?:'s| is| can| will|'ll| could| wants to| would)?\b.{1,40}\b(?:what|which)\b"
    r"|\bwhat\b.{1,40}\b(?:everyone|everybody|each|you all)\b|谁.{0,8}(?:什么|啥|哪些?|多少)"
    r"|(?:大家|各位|你们)(?:都|各)?(?:带|买|做|准备|负责)(?:点|些)?(?:什么|啥|哪些?)"
)
"""Asks who does what: nothing to do in itself, only in the answers."""
IMPERSONAL: Final = re.compile(
    r"\b(?:must|needs? to|has to|have to)\b|"
    r"\b(?:must|needs? to|has to|have to|should|is|are|to be|was)\b[^.]{0,60}\b(?:due|submitted|sent|paid"
    r"|handed|finished|returned|completed|confirmed|booked|ready|done|in)\b|\bdue\b|\bdeadline\b|\bdon't"
    r" forget\b|\bremember to\b|\breminder\b|\bwe (?:need|have|must|should|ought)(?: to)?\b|\bmake sure\b"
    r"|\bhand in\b|\bsubmit\b"
    r"|截止|务必|必须|记得|别忘|需要|之前?(?:要|得)|要在|得在|须|(?<![觉懂舍记值获懒])得|前(?:要|得|交|发"
    r"|完成|提交|确认|给|付|报|把"
    r"|定)|提交|上交|deadline|ddl"
)
_THIRD_VERB: Final = (
    rf"(?:'ll|\s+will)\s+{_ADV}(?!{_NOT_A_TASK})[a-z]+\b(?=.*#)|"
    r"(?:'ll|\s+will|\s+still (?:has|needs) to|\s+is going to|\s+is gonna"
    r"|\s+should|\s+needs to|\s+has to|\s+can|\s+could|\s+to"
    rf"|\s+and \w+ (?:will|to)|\s+volunteered to|\s+agreed to|\s+offered to|\s+promised to)\s+{_ADV}{_TASK}"
    rf"|\s+(?:said|says|promised)(?: that)? (?:she|he|they)(?:'ll|'d| will| would| can| could)\s+{_ADV}{_TASK}"
    r"|\s+is (?:bringing|buying|booking|sending|making|cooking|preparing|ordering|picking up|collecting"
    r"|organi[sz]ing|handling|in charge of|responsible for|on)\b|\s+(?:brings|buys|books|cooks|bakes|orders|handles"
    r"|prepares|organi[sz]es|collects|fetches|picks up"
    r"|takes care)\b"
)
THIRD: Final = re.compile(_THIRD_VERB)
THIRD_ZH: Final = re.compile(rf"(?:(?:说|答应)[他她]?)?(?:{_ADV_ZH}){{0,5}}(?:负责|把|{_TASK_ZH})")
ASSIGNS_ZH: Final = re.compile(r"(?:让|由|叫|请|安排|交给|派|麻烦)\s*$")
LEAVES_TO_YOU: Final = re.compile(r"(?<!谢)你们?(?!说|看|猜|好|真|们)[^,，]{1,12}吧\W*$")
STRANGER: Final = re.compile(
    r"\W*(?!(?:hi|hey|hello|ok|okay|so|and|but|also|btw|well|yes|no|sure|thanks|oh|then|if|please|guys|all|everyone|team|sorry)\b)"
    r"[A-Za-z][\w-]*[,:]\s+(?:can|could|would|will|please)\b",
    re.IGNORECASE,
)
"""Somebody is called who is no member known here: whoever says yes need not be that person."""
OFFERS: Final = re.compile(
    rf"\b(?:should|shall|can) i (?:also )?{_TASK}|\bdo you want me to \w|(?:要不要|需要|要)我(?:来|去"
    rf"|也)?{_TASK_ZH}|我(?:来|去)?{_TASK_ZH}.{{0,12}}(?:要吗|好吗|行吗|可以吗|怎么样)\W*$"
)
IMPERATIVE: Final = re.compile(
    rf"\W*(?!do (?:you|we|i|they)\b)(?:please\s+(?:{_TASK}|(?!{_NOT_A_TASK})[a-z]+\b)|{_TASK})"
    rf"|\s*(?:请|麻烦)?\s*(?:{_ADV_ZH}){{0,4}}(?:把|帮)"
    rf"|\s*[,，]?\s*(?:你(?:{_ADV_ZH}){{0,3}}(?:{_TASK_ZH}|替)|you\s+{_TASK})"
)
CLAIMS: Final = re.compile(
    r"^\W*(?:(?:ok|okay|yes|yeah|sure|oh|well|hm+|好|行|嗯|那)[\s,，.!。！]*)?(?:i can|i could|i'll|i will"
    r"|me\b(?! too| neither)|i'm (?:free|happy|on it|up|in|able)|i am|happy to|let me|i'd be happy|i"
    r" volunteer|i don't mind|my turn|i've got|i do\b|我(?:来|可以|去|能|行|有空|负责|吧|带|买|做|订|帮"
    r"|愿意|方便|$|[!！。,，])|交给我|包在我)"
)
IS_TASK: Final = re.compile(rf"(?<![\w'])(?:{_TASK})|{_TASK_ZH}|把|负责")
