"""Conversations in English, written before the rules met them, with what a careful reader finds in each."""

from __future__ import annotations

from unit.core.extract.chat import Chat

CHATS = (
    Chat(
        """
        Priya: hey folks, the Hendersons are moving out in March so we need to sort the farewell
        Tomas: oh no! ok. what if we did it the weekend of the 14th
        Priya: 14th is good for me
        Wei: can't do the 14th, I'm away. 15th?
        Tomas: 15th works
        Priya: ok so Sunday 15th, our garden, 2pm
        Wei: perfect. I'm doing the cake
        Tomas: I'll sort the card and pass it round before then
        Priya: Wei could you also ask Julia about the gazebo?
        Wei: yep
        Tomas: are we giving them a present as well?
        Priya: someone needs to tell the neighbours about the noise
        Wei: leave the neighbours to me
        Tomas: I think a gift card is a bit impersonal tbh
        Priya: has anyone got a spare table?
        """,
        decisions=("$5",),
        todos=(
            ("$6", "Wei"),
            ("$7", "Tomas"),
            ("$8", "Wei"),
            ("$11", "Wei"),
        ),
        questions=(
            "$10",
            "$14",
        ),
    ),
    Chat(
        """
        Nadia: standup notes: api is green, the login bug is back
        Oskar: I'll have a look at the login thing after lunch
        Nadia: thanks. what's blocking the release?
        Oskar: only the migration script
        Jun: I disagree, the docs aren't ready either
        Nadia: right. let's push the release to Thursday
        Jun: +1
        Oskar: fine by me
        Nadia: Jun, please finish the docs by Wednesday noon
        Jun: will do
        Oskar: do we still support python 3.8?
        Nadia: we agreed last month to drop it
        Jun: Also the changelog needs to be done before Thursday
        Nadia: Can someone rotate the staging keys?
        Oskar: me, tomorrow morning
        """,
        decisions=("$5",),
        todos=(
            ("$1", "Oskar"),
            ("$8", "Jun"),
            ("$12", None),
            ("$13", "Oskar"),
        ),
        disagreements=("$4",),
    ),
    Chat(
        """
        Coach Rita: who is running on Saturday?
        Ben: me
        Lola: I'm in
        Coach Rita: Shall we meet at the north gate at 7?
        Ben: 7 is brutal haha
        Lola: I'd rather start at 8, it's still dark at 7
        Coach Rita: ok 8 then, north gate
        Ben: deal
        Lola: I can drive, room for three
        Ben: should I bring the foam rollers?
        Coach Rita: yes please
        Lola: my knee hurts after last week
        Coach Rita: Lola, send me a video of your stride tonight
        Lola: ok
        """,
        decisions=("$6",),
        todos=(
            ("$8", "Lola"),
            ("$9", "Ben"),
            ("$12", "Lola"),
        ),
        disagreements=("$5",),
    ),
    Chat(
        """
        Maya: group project: the presentation is on the 20th
        Elif: I'd take the intro and the history part
        Sam: then I do the experiments
        Maya: and I'll make the slides, send me your text by Sunday please
        Elif: ok
        Sam: which template are we using?
        Maya: the university one I guess
        Elif: Does anybody know how long the talk should be?
        Sam: We'll rehearse on Monday at 5 in the library, agreed?
        Elif: agreed
        Maya: agreed!
        Sam: Prof said citations have to be in APA
        """,
        decisions=("$8",),
        todos=(
            ("$1", "Elif"),
            ("$2", "Sam"),
            ("$3", "Maya"),
            ("$3", None),
        ),
        questions=("$7",),
    ),
    Chat(
        """
        Rosa: Happy almost new year everyone! We're having Grandma Lu over on New Year's Eve.
        Hugo: nice. Are you around on the 2nd? We'd love to come by
        Rosa: yes! the 2nd is perfect, come for lunch
        Inez: Hugo, when will you be at Mum's?
        Hugo: the 4th I think
        Inez: ok I'm going to Mum's on the 3rd then
        Paul: Come over to ours on the 5th, all of you?
        Inez: We'll be there!
        Rosa: We can't on the 5th, sorry
        Hugo: Sorry, something came up, can't do the 4th at Mum's. I'll go on the 6th instead
        Inez: Aunt Bea and Uncle Joe are staying with us on the 1st
        Paul: I had the best time at Grandpa's last Sunday
        """,
        visits=(
            ("Grandma Lu", "Rosa", "new year's eve"),
            ("Hugo", "Rosa", "the 2nd"),
            ("Hugo", "mum", "the 6th"),
            ("Inez", "mum", "the 3rd"),
            ("Inez", "Paul", "the 5th"),
            ("Aunt Bea and Uncle Joe", "Inez", "the 1st"),
        ),
    ),
    Chat(
        """
        Kate: our plan: Christmas Eve at my parents', Christmas Day at Dan's mum's, and Boxing Day everybody at ours
        Dan: good
        Luke: we'll come on Boxing Day with the kids!
        Sofie: me too
        Luke: And on the 27th we're driving down to see Aunt Carol
        Kate: Luke, do you want to come to us on New Year's Day too?
        Luke: thanks but we're at Sofie's that day
        Sofie: Actually can we make it the 2nd? I have to work on New Year's Day
        Luke: sure, the 2nd is fine
        """,
        visits=(
            ("Kate", "parents", "christmas eve"),
            ("Kate", "dan's mum", "christmas day"),
            ("Luke", "Kate", "boxing day"),
            ("Sofie", "Kate", "boxing day"),
            ("Luke", "Aunt Carol", "the 27th"),
            ("Luke", "Sofie", "the 2nd"),
        ),
    ),
    Chat(
        """
        Mei: Would you and the boys like to visit us on Saturday?
        Jonas: Yes, we'd love that. What time?
        Mei: come around 3
        Jonas: great
        Mei: my sister is coming on Sunday
        Jonas: I'm visiting my brother next weekend
        Jonas: actually he's ill, so that's cancelled
        """,
        visits=(
            ("Jonas", "Mei", "saturday"),
            ("sister", "Mei", "sunday"),
        ),
    ),
    Chat(
        """
        Gwen: Hi all, school fair is coming up, who does what?
        Hassan: I'm happy to run the lemonade stand again
        Irene: I could do face painting if somebody lends me brushes
        Gwen: great. We need a cash box too
        Hassan: got one at home, will bring it
        Joel: Why don't we skip the raffle this year? It was a lot of work
        Irene: agree, nobody missed it
        Gwen: fine, no raffle
        Joel: Hassan, would you mind picking up the ice on the way?
        Hassan: not at all
        Gwen: the permit form has to be at the town hall before the 12th
        Irene: what happens if it rains?
        Joel: my kids are so excited
        """,
        decisions=("$5",),
        todos=(
            ("$1", "Hassan"),
            ("$4", "Hassan"),
            ("$8", "Hassan"),
            ("$10", None),
        ),
        questions=("$11",),
    ),
    Chat(
        """
        Pat: quick retro? the deploy took 4 hours
        Quinn: main issue was the flaky test suite
        Rafi: I'd say quarantine the flaky ones for now
        Quinn: no, that just hides the problem
        Pat: Let's timebox: quarantine this week, fix by end of month
        Quinn: ok, I can live with that
        Rafi: yep
        Rafi: I'll open the tickets today
        Pat: Quinn will pair with Sana on the db fixtures tomorrow
        Sana: sounds good
        Pat: what was the root cause of the timeout btw?
        Quinn: dns, I think
        Rafi: nobody answered the vendor's email yet
        """,
        decisions=("$4",),
        todos=(
            ("$7", "Rafi"),
            ("$8", "Quinn"),
        ),
        disagreements=("$3",),
    ),
    Chat(
        """
        Uma: Gym crew, new timetable from Monday
        Vic: spin moves to 6am?? no thanks
        Uma: shall we switch to the Wednesday evening class then
        Vic: yes please
        Will: Wednesday evening suits me
        Uma: cool, I'll reserve 3 spots
        Vic: can you also ask if they have lockers?
        Uma: will ask
        Will: I hurt my back so no deadlifts for me
        Vic: Will could you send the stretching video you mentioned
        Will: sure, later tonight
        """,
        decisions=("$2",),
        todos=(
            ("$5", "Uma"),
            ("$6", "Uma"),
            ("$9", "Will"),
        ),
    ),
    Chat(
        """
        Tessa: So what's everyone up to over the break?
        Umar: Driving up to my sister's on the 23rd, then staying with Nana until the 27th
        Vera: You should stop by ours on your way back, Umar!
        Umar: oh lovely, the 28th then?
        Vera: 28th it is
        Tessa: Mum and Dad are flying in to see us on New Year's Eve
        Walt: Anyone free on Saturday? My place, board games, 7pm
        Tessa: I'm in!
        Vera: can't, sorry
        Umar: count me in
        Walt: Great-aunt Flo invited us for tea on Thursday, so we'll be at hers
        Vera: Tessa, could we come and see you on the 30th?
        Tessa: of course!
        Tessa: Update: Mum and Dad's flight got moved, they arrive on the 2nd now
        """,
        visits=(
            ("Umar", "sister", "the 23rd"),
            ("Umar", "Nana", "the 27th"),
            ("Umar", "Vera", "the 28th"),
            ("Mum and Dad", "Tessa", "the 2nd"),
            ("Tessa", "Walt", "Saturday"),
            ("Umar", "Walt", "Saturday"),
            ("Walt", "Great-aunt Flo", "Thursday"),
            ("Vera", "Tessa", "the 30th"),
        ),
    ),
    Chat(
        """
        Liam: Dinner at ours on Friday? Cooking a big curry
        Noor: Yes please!!
        Oli: Friday's no good for us, we're visiting Zoe's parents
        Liam: shame. How about Sunday, Oli?
        Oli: Sunday works
        Noor: I'll come round to yours at 7 then
        Liam: perfect
        Noor: btw my cousin Rami is visiting next week
        Oli: we went to Zoe's parents last month too lol
        Noor: Ugh, I have a fever. Won't make it on Friday after all
        """,
        visits=(
            ("Oli", "Zoe's parents", "friday"),
            ("Oli", "Liam", "sunday"),
            ("cousin Rami", "Noor", "next week"),
        ),
    ),
    Chat(
        """
        Grandma: Are you coming to see me at Easter?
        Peter: Yes! We'll be there on Easter Sunday
        Sue: we can only come on Monday, is that ok Grandma?
        Grandma: of course dear
        Peter: Sue, are you still going to Uncle Max's on Saturday?
        Sue: yes
        """,
        visits=(
            ("Peter", "Grandma", "easter sunday"),
            ("Sue", "Grandma", "monday"),
            ("Sue", "Uncle Max", "saturday"),
        ),
    ),
    Chat(
        """
        Marta: boiler is making that noise again
        Nick: I'll phone the plumber first thing tomorrow
        Marta: thank you! also we are out of dishwasher tablets
        Nick: can grab some on my way home
        Olga: Who's feeding the cat while we're at the lake?
        Pavel: happy to do it
        Marta: let's leave at 8 on Saturday to beat the traffic
        Olga: 8 ok
        Nick: works
        Olga: do we bring the big cooler or the small one?
        Pavel: lol the cat hates me
        """,
        decisions=("$6",),
        todos=(
            ("$1", "Nick"),
            ("$3", "Nick"),
            ("$4", "Pavel"),
        ),
        questions=("$9",),
    ),
    Chat(
        """
        Dr Lee: Reading group: chapter 4 or the new survey next?
        Anya: survey, it's shorter
        Bo: I vote survey too
        Dr Lee: Right, survey it is. Anya, could you lead the discussion?
        Anya: gladly
        Bo: I don't think the appendix is worth reading
        Dr Lee: I disagree, the appendix has the proofs
        Bo: where is the room booked for next week?
        Dr Lee: Please everyone post two questions by Tuesday evening
        Anya: I'll print copies
        """,
        decisions=("$3",),
        todos=(
            ("$3", "Anya"),
            ("$8", None),
            ("$9", "Anya"),
        ),
        questions=("$7",),
        disagreements=("$6",),
    ),
    Chat(
        """
        Femi: marathon in 6 weeks, who has the plan?
        Greta: I've got it, will share it tonight
        Femi: thx. long run sunday 9?
        Hugo2: sunday 9 sounds good
        Greta: same
        Femi: Hugo2, you bring the gels this time ok?
        Hugo2: ok ok
        Greta: my shoes are dead
        Hugo2: what pace are we aiming for?
        Femi: 5:40 max
        """,
        decisions=("$2",),
        todos=(
            ("$1", "Greta"),
            ("$5", "Hugo2"),
        ),
    ),
    Chat(
        """
        Ella: ok family calendar! We'll be at Gran's for Christmas Eve like every year
        Finn: and Gran comes to us on Boxing Day
        Georgia: Ella and Finn, dinner at mine on the 29th?
        Ella: sounds wonderful, yes
        Finn: sorry I'm working that night
        Henry: Georgia, I could drop in on you on the 30th to fix the shelf
        Georgia: please do!
        Ella: Gran isn't feeling great so she won't be coming on Boxing Day
        Henry: Mum is spending New Year's with the Parkers
        Georgia: Uncle Ted arrives Saturday, he's staying with me
        Henry: hm the 30th is tricky, can we say the 31st?
        Georgia: yep 31st is fine
        """,
        visits=(
            ("Ella", "Gran", "Christmas Eve"),
            ("Ella", "Georgia", "the 29th"),
            ("Henry", "Georgia", "31st"),
            ("Uncle Ted", "Georgia", "Saturday"),
        ),
    ),
    Chat(
        """
        Lin: Grandpa, we are coming over on the second day of the new year!
        Grandpa: Wonderful. Who comes on the first?
        Tao: we do, with the twins
        Lin: Tao, will you visit Auntie Fang this year?
        Tao: yes, on the 4th
        Mei: Auntie Fang is coming to ours on the 5th
        Mei: Everyone is invited to our house on the 6th
        Lin: we'll be there
        Tao: us too
        Lin: I need to swap: we'll come to Grandpa's on the 3rd instead of the 2nd
        """,
        visits=(
            ("Lin", "Grandpa", "3rd"),
            ("Tao", "Grandpa", "first"),
            ("Tao", "Auntie Fang", "4th"),
            ("Auntie Fang", "Mei", "5th"),
            ("Lin", "Mei", "6th"),
            ("Tao", "Mei", "6th"),
        ),
    ),
)
