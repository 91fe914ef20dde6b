"""Small talk, with plain questions about it: which message answers, or that none does. Written for these tests."""

from __future__ import annotations

from dataclasses import dataclass

from circles.core.extract import Line


@dataclass(frozen=True)
class Asked:
    """A chat as (who, what) lines, and questions: to the number of the line that answers, None where none does."""

    said: tuple[tuple[str, str], ...]
    questions: tuple[tuple[str, int | None], ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The chat as the extractors take it."""
        return tuple(
            Line(id=str(at), sender=f"@{who.lower()}:home.example", name=who, at=at * 60_000, text=text)
            for at, (who, text) in enumerate(self.said)
        )


ENGLISH = (
    Asked(
        (
            ("Ana", "We finally have a parrot! He moved in on Friday"),
            ("Ben", "Wow, congratulations"),
            ("Ana", "He is bright green with a yellow head"),
            ("Cleo", "What does the parrot eat?"),
            ("Ana", "Mostly seeds, and he loves grapes"),
            ("Ben", "Does he talk already?"),
            ("Ana", "Only one word so far: hello"),
            ("Ben", "My sister's dog is afraid of birds"),
            ("Ana", "The parrot is called Captain, the kids chose the name"),
            ("Cleo", "I can feed him while you are in Norway"),
        ),
        (
            ("what is the parrot called?", 8),
            ("when did the parrot move in?", 0),
            ("who can feed the parrot?", 9),
            ("what does the parrot eat?", 4),
            ("how much did the sofa cost?", None),
            ("who won the match?", None),
            ("where is the printer?", None),
        ),
    ),
    Asked(
        (
            ("Tom", "The venue wants 200 euros as a deposit"),
            ("Ivy", "Fine, I'll transfer it tonight"),
            ("Tom", "The band starts at half past eight"),
            ("Max", "Is there parking?"),
            ("Tom", "There's a car park behind the library, it's free after six"),
            ("Ivy", "I booked the photographer, her name is Lena"),
            ("Max", "Should we bring anything?"),
            ("Ivy", "Just a salad or a cake"),
            ("Tom", "The dress code is casual, nobody needs a tie"),
            ("Max", "My flight lands on Thursday"),
        ),
        (
            ("how much is the deposit?", 0),
            ("what time does the band start?", 2),
            ("where can I park?", 4),
            ("who is the photographer?", 5),
            ("what's the dress code?", 8),
            ("when does Max's flight land?", 9),
            ("which hotel did we book?", None),
            ("what is the wifi password?", None),
            ("who brings the projector?", None),
        ),
    ),
    Asked(
        (
            ("Rae", "Morning run was great, 7 km along the river"),
            ("Sol", "My knee still hurts, the doctor said two weeks of rest"),
            ("Rae", "Oh no, get well"),
            ("Uma", "The new shoes arrived, they are a size too small"),
            ("Sol", "You can return them within 30 days"),
            ("Rae", "The race on 12 May costs 25 euros, registration closes on Sunday"),
            ("Uma", "I registered us both"),
            ("Rae", "The coach moved Tuesday's training to the stadium"),
            ("Sol", "Favourite drink afterwards: ginger tea"),
        ),
        (
            ("how far was the run?", 0),
            ("what did the doctor say?", 1),
            ("how long must Sol rest?", 1),
            ("when does registration close?", 5),
            ("where is training on Tuesday?", 7),
            ("what is Sol's favorite drink?", 8),
            ("can the shoes be returned?", 4),
            ("who is the new treasurer?", None),
            ("what colour is the tent?", None),
        ),
    ),
    Asked(
        (
            ("Kim", "The landlord fixed the boiler this morning"),
            ("Lou", "Finally hot water!"),
            ("Kim", "Rubbish goes out on Wednesdays now, not on Mondays"),
            ("Mo", "The spare key is with Mrs Ortega on the second floor"),
            ("Lou", "I painted the kitchen light blue"),
            ("Kim", "The internet bill was 34.90 this month"),
            ("Mo", "I broke the big blue bowl, sorry"),
            ("Lou", "No worries"),
            ("Kim", "The meter reading is 48213"),
        ),
        (
            ("who has the spare key?", 3),
            ("what colour is the kitchen?", 4),
            ("when is rubbish day?", 2),
            ("what was the meter reading?", 8),
            ("how much was the internet?", 5),
            ("who repaired the boiler?", 0),
            ("who broke the bowl?", 6),
            ("what is the cat's name?", None),
            ("when do we fly to Lisbon?", None),
        ),
    ),
)

CHINESE = (
    Asked(
        (
            ("小安", "我们家养了一只鹦鹉，周五接回来的"),
            ("阿本", "哇，恭喜"),
            ("小安", "羽毛是翠绿色的，头顶有点黄"),
            ("可可", "鹦鹉吃什么？"),
            ("小安", "主要吃谷子，也爱吃葡萄"),
            ("阿本", "会说话吗"),
            ("小安", "现在只会说一句你好"),
            ("小安", "鹦鹉的名字叫船长，是孩子们起的"),
            ("可可", "你们去挪威的时候，鹦鹉我来喂"),
        ),
        (
            ("鹦鹉叫什么名字？", 7),
            ("鹦鹉吃什么？", 4),
            ("谁来喂鹦鹉？", 8),
            ("鹦鹉是哪天接回来的？", 0),
            ("沙发多少钱？", None),
            ("打印机在哪里？", None),
            ("昨天谁赢了比赛？", None),
        ),
    ),
    Asked(
        (
            ("老陶", "场地要交两百块押金"),
            ("小艾", "好，我今晚转"),
            ("老陶", "乐队八点半开始"),
            ("阿麦", "有地方停车吗"),
            ("老陶", "图书馆后面有停车场，六点以后免费"),
            ("小艾", "摄影师订好了，叫莱娜"),
            ("阿麦", "要带什么吗"),
            ("小艾", "带个沙拉或者蛋糕就行"),
            ("老陶", "穿便装，不用打领带"),
            ("阿麦", "我的飞机周四到"),
        ),
        (
            ("押金多少？", 0),
            ("乐队几点开始？", 2),
            ("在哪儿停车？", 4),
            ("摄影师是谁？", 5),
            ("阿麦的飞机哪天到？", 9),
            ("要打领带吗？", 8),
            ("订了哪家酒店？", None),
            ("无线密码是什么？", None),
        ),
    ),
    Asked(
        (
            ("小雷", "早上沿着河跑了七公里"),
            ("阿索", "我膝盖还疼，医生说休息两周"),
            ("小雷", "早日康复"),
            ("乌妈", "新鞋到了，小了一码"),
            ("阿索", "三十天内可以退"),
            ("小雷", "五月十二号的比赛报名费二十五块，周日截止"),
            ("乌妈", "我给咱俩都报了"),
            ("小雷", "教练把周二的训练改到体育场了"),
            ("阿索", "我最爱喝姜茶"),
        ),
        (
            ("医生怎么说？", 1),
            ("报名什么时候截止？", 5),
            ("周二在哪儿训练？", 7),
            ("阿索爱喝什么？", 8),
            ("鞋子能退吗？", 4),
            ("跑了多少公里？", 0),
            ("新会计是谁？", None),
            ("帐篷是什么颜色？", None),
        ),
    ),
    Asked(
        (
            ("金金", "房东今早把热水器修好了"),
            ("小楼", "终于有热水了"),
            ("金金", "垃圾改成每周三收，不是周一了"),
            ("阿默", "备用钥匙在二楼的欧太太那儿"),
            ("小楼", "厨房我刷成浅蓝色了"),
            ("金金", "这个月网费三十四块九"),
            ("阿默", "大碗被我打碎了，对不起"),
            ("金金", "电表读数是48213"),
        ),
        (
            ("备用钥匙在谁那儿？", 3),
            ("厨房是什么颜色？", 4),
            ("星期几收垃圾？", 2),
            ("电表读数是多少？", 7),
            ("网费多少钱？", 5),
            ("谁修的热水器？", 0),
            ("猫叫什么名字？", None),
            ("我们哪天飞里斯本？", None),
        ),
    ),
)
