"""What a family types, as they type it: each phrase reaches the command it means, without a model."""

import pytest

from circles.core.commands import Invocation, parse
from circles.registry import FORMS
from circles_policies.words import parse_control

PHRASES = {
    "summary": (
        "sum it up please|what's new?|can I have a summary?|what did I miss?|summary since yesterday|"
        "fill me in|bring me up to speed|recap of the last 20 messages|"
        "what happened while I was away?|TLDR please|总结一下|帮我看看最近10条说了啥|今天聊了什么？|"
        "我错过了什么？|给我个总结|概括一下|刚才大家聊了什么|从昨天开始总结|最近20条说了什么|小结|"
        "帮忙总结一下今天的|give me a summary|what happened today?|大家聊了什么|sum up please"
    ),
    "decisions": (
        "what did we decide?|what have we decided?|decisions|what was agreed?|我们定了什么？|"
        "决定了什么|今天定了什么？|最后定了什么"
    ),
    "todos": (
        "what are the to-dos?|who does what?|to-do list|what do I have to do?|有哪些待办？|我要做什么？|谁要做什么"
    ),
    "open_questions": ("any open questions?|what's still open?|还有什么没定？|什么还没定"),
    "visits": ("who visits whom?|who is going to whose house on Sunday?|谁去谁家？|周日谁去谁家？|谁哪天去谁家"),
    "remind": (
        "remind me tomorrow at 9 to call mum|please remind us on Friday at 6pm to pack|"
        "Could you remind me in 20 minutes to turn off the oven?|"
        "set a reminder for tomorrow at 9 to call|remind me every Monday at 8 to water the plants|"
        "don't let me forget to buy milk at 5pm|I want you to remind me at noon to eat|"
        "remind everyone on Saturday to bring cake|remind Joe tomorrow at 9 to bring salad|"
        "every day at 8 remind me to take my pills|next week remind me to pay the rent|"
        "明天早上九点提醒我给妈妈打电话|提醒大家周六下午两点出发|半小时后提醒我关火|"
        "每周一早上八点提醒我浇花|麻烦明天中午提醒我吃药|能不能晚上八点提醒我一下|"
        "每天早上八点提醒我吃药|明天九点提醒小乔带沙拉|请提醒我下周二看牙|帮我设个提醒，明天九点开会|"
        "记得明天八点提醒我|到时候提醒我一下，周五六点|can you remind me at 9|"
        "could you remind Joe tomorrow at 9 to sing|半小时后提醒我"
    ),
    "alarm": ("wake me at 7|wake me up tomorrow at 6|set an alarm for 7|明早七点叫我起床|设个闹钟七点|闹钟 明早六点半"),
    "reminders": (
        "what reminders do I have?|show my reminders|list all reminders|what are the reminders?|"
        "我有什么提醒？|看看提醒|提醒列表|有哪些提醒|列出我的提醒|show reminders|我有什么提醒|"
        "有哪些提醒？"
    ),
    "cancel": (
        "cancel the pills reminder|cancel 1|delete reminder 2|don't remind me about the dentist|"
        "please cancel 2|cancel all reminders|取消所有提醒|取消吃药的提醒|"
        "取消 1|删除提醒 2|别提醒我吃药了|不用提醒我了|取消第2条"
    ),
    "done": ("done 2|done!|tick off 2|完成 2|做完了|搞定了"),
    "snooze": (
        "snooze 2 for 30 minutes|snooze|remind me later|postpone 2 to tomorrow at 10|推迟 2 半小时|"
        "稍后提醒我|晚点再提醒我|过会儿再提醒我"
    ),
    "digest": (
        "digest every day at 8|weekly digest on Sunday at 18:00|send us a digest every evening at 8|"
        "stop the digest|digest now|daily digest at 20:00|turn off the digest|每天晚上八点发摘要|"
        "日报 每晚八点|别发摘要了|摘要 每周日 18:00|现在发个摘要|每周日发周报|停掉日报|"
        "no more digests please|每天早上八点发日报"
    ),
    "keep": (
        "remember that the gate code is 4711|please note: Tom has the key|"
        "write down that we meet at 4|make a note that the boat is blue|记住门的密码是4711|"
        "麻烦记一下：钥匙在小汤那里|帮我记下来我们四点见|请记下船是蓝色的|记一下六点吃饭"
    ),
    "notes": ("show me the notes|what did you note?|notes|看一下笔记|笔记|我们记了什么？|有哪些笔记"),
    "out": (
        "out|opt me out|stop reading my messages|please don't read my messages|I want out|"
        "leave me out|don't look at what I say|不看我|别看我|我想退出|别看我的消息|请不要看我说的话|"
        "我不想被看|别再看我的消息|退出吧"
    ),
    "in": (
        "in|I want in again|opt me in|you may look at my messages again|"
        "you can read my messages again|可以看我|可以看我的消息了|我又愿意了|又可以看我了"
    ),
    "keep_out": ("keep out @joe:x"),
    "off_record": ("off the record|off the record for an hour|别记|这里别记|接下来一小时别记|别记了"),
    "on_record": ("on the record|back on the record|可以记了|接着记"),
    "why": ("why|why?|为什么|为啥？"),
    "grounds": (
        "how do you know that?|what's your source?|why did you say that?|你怎么知道的？|依据是什么|为什么这么说？"
    ),
    "me": (
        "me|what do you know about me?|what do you keep about me?|what do you have about me?|"
        "show me my data|我的|你知道我什么？|你都记了我什么|你存了我什么|你有我的什么"
    ),
    "forget": ("forget me|delete my data|forget everything about me|忘了我|把我的都忘了|删除我的数据|把我忘了"),
    "export": ("export my data|导出我的数据"),
    "invite": (
        "invite|invite link please|how can others join?|give me the link|QR code|邀请|给我邀请链接|"
        "怎么邀请别人？|二维码|发个邀请链接"
    ),
    "help": ("help|help me|help remind|commands|?|帮助|怎么用|有哪些命令|帮助 提醒"),
    "introduction": (
        "what can you do?|who are you?|how do I use you?|how does this work?|你会做什么？|你是谁|救命|你有什么功能？"
    ),
    "rules": (
        "what are the rules here?|what can you see?|do you read everything?|这里的规矩是什么？|"
        "你能看到什么？|你都看什么"
    ),
    "choice": (
        "do you read my messages?|am I out?|are you spying on me?|你在看我吗|你在监视我吗？|"
        "我退出了吗|can you see my messages?|我被看到了吗"
    ),
    "zone": (
        "my time zone is Berlin|zone London|what's my time zone?|set my time zone to Paris|时区 上海|"
        "我的时区是北京|我的时区是什么？|我是什么时区"
    ),
    "language": ("speak Chinese|language English|please speak English|说英文|语言 中文|请说中文"),
    "voice": ("talk less|be quiet|少说点|安静"),
    "quiet": ("quiet hours 22:00 to 7:00|don't disturb me from 22 to 7|免打扰 22点到7点|晚上十点到早上七点别吵我"),
    "greeting": "hi|Hello!|good morning|你好|在吗？|嘿小圈",
    "farewell": "bye|Goodbye!|see you later|再见|拜拜！",
    "thanks": "thanks!|Thank you so much|谢谢|辛苦了！",
    "create": "create a circle for New Year|make a circle for the picnic",
}


@pytest.mark.parametrize(
    ("command", "said"), [(name, one) for name, all_ in PHRASES.items() for one in all_.split("|")]
)
def test_a_phrase_reaches_the_command_it_means(command: str, said: str) -> None:
    control, found = parse_control(said, (), addressed=True), parse(said, FORMS)

    assert (control[0].value if control else isinstance(found, Invocation) and found.name) == command


@pytest.mark.parametrize(
    "said",
    [
        *("hi everyone, who brings cake?", "thanks to Joe we have a boat", "can you see the lake"),
        *("what did we decide about the boat?", "who does what she likes?", "what do you see on the photo?"),
        *("谁三点提醒过我？", "昨天三点提醒过我了吗", "今天提醒得太多了", "你半小时后提醒的那个是什么", "早上提醒了吗"),
        *("你提醒我了吗", "怎么没提醒我", "晚上提醒太多", "谁提醒大家的", "决定去罗马的是谁"),
    ],
)
def test_talk_that_only_begins_like_a_command_is_a_question(said: str) -> None:
    assert not isinstance(parse(said, FORMS), Invocation)


def test_the_goal_of_a_new_circle_is_what_follows_for() -> None:
    found = parse("create a circle for New Year visits", FORMS)

    assert isinstance(found, Invocation)
    assert found.argument == "New Year visits"
