"""The English shapes of a visit: "we're visiting Grandma on the 2nd", "come to us on Sunday". Pure."""

from __future__ import annotations

import re
from typing import Final

from circles.core.extract.replies import asks
from circles.core.extract.visit_frames import ADDRESSEE, PERSON, SPEAKER, UNKNOWN, Frame, Mood, Template
from circles.core.extract.when import When, fuller

_FAMILY: Final = r"(?:the |my |our )?(?:kids|children|girls|boys|family|whole family|little ones|twins|baby|dog)"
_P: Final = rf"{PERSON}(?:(?:,| and| &|, and)\s+(?:{PERSON}|{_FAMILY})){{0,4}}"
_HOUSE: Final = r"(?:place|house|home|flat|apartment|cottage|farm|village)"
_MINE: Final = rf"(?:ours|our {_HOUSE}|mine|my {_HOUSE}|us|me|our)(?![\w'])"
_YOURS: Final = rf"(?:yours|your {_HOUSE}|you(?: (?:guys|all|two|both|lot))?|you)(?![\w'])"
_THEIRS: Final = rf"(?:(?:his|her|their) {_HOUSE}|theirs|hers|him|her|them)(?![\w'])"
_WHOSE: Final = rf"(?:whom?|whose {_HOUSE}|whose)(?![\w'])"
_TARGET: Final = rf"(?P<target>{_MINE}|{_YOURS}|{_THEIRS}|{_WHOSE}|{_P}(?:'s?)?(?:\s+{_HOUSE})?)"
_MOVE: Final = (
    r"(?:go(?:es|ing)?|com(?:e|es|ing)|driv(?:e|es|ing)|head(?:s|ing)?|travel(?:s|ling|ing)?|fly(?:ing)?"
    r"|flies|pop(?:s|ping)?|drop(?:s|ping)?|stop(?:s|ping)?|swing(?:s|ing)?|walk(?:s|ing)?|nip(?:ping)?"
    r"|get(?:ting)?|be|are|is|am|'re|'m|'s"
    r"|stay(?:s|ing)?|spend(?:s|ing)?|celebrat(?:e|es|ing)|eat(?:s|ing)?|sleep(?:s|ing)?|have|having|has"
    r"|join(?:s|ing)?|meet(?:ing)?|gather(?:ing)?|do|doing|bring(?:ing)?|take|taking)"
)
_FILL: Final = (
    r"(?:\s+(?!you\b|we\b|i\b|they\b|he\b|she\b|to\b|at\b|by\b|with\b|and\b|or\b|but\b|from\b|if\b|when\b|before\b|after\b|because\b|so\b"
    r"|that\b|without\b)[\w'#-]+){0,5}?"
)
_GO: Final = re.compile(
    rf"(?:\b|(?<=\w)(?='))(?P<verb>{_MOVE})(?P<fill>{_FILL})\s+(?P<prep>(?:over |round |around |up |down "
    r"|back |out |along |straight |in )?(?:to|at|by|with)|round|over at)\s+(?:visit |see |stay (?:with|at)"
    rf" )?{_TARGET}(?P<rest>.*)"
)
_VISIT: Final = re.compile(
    r"\b(?P<verb>visit(?:s|ing)?|(?:go(?:ing|es)?|com(?:e|es|ing)|drop(?:ping)?|pop(?:ping)?|driv(?:e"
    r"|ing))(?:\s+(?:over|round|down|up|by|#|in))*\s+(?:to|and)\s+(?:visit|see|check on)|drop(?:ping)? in"
    r" on|look(?:ing)? in on|call(?:ing)? on|pay(?:ing)? a visit to"
    rf"|see(?:ing)?)\s+(?:with\s+)?{_TARGET}(?!'s? (?:doctor|teacher|school|film|concert|match|game|report"
    r"|dentist|office))"
)
_BARE: Final = re.compile(
    r"\b(?P<verb>com(?:e|es|ing)|pop(?:s|ping)?|drop(?:s|ping)?|stop(?:s|ping)?|swing(?:s|ing)?"
    r"|be)\s+(?:(?:over|round|around|by|here|along|in)(?!\w)|(?:#\s*)?(?:for|to)\s+(?:an? |the |some"
    r" )?(?:\w+ )?(?:dinner|lunch|brunch|breakfast|tea|coffee|supper|drinks?|cake|stay|visit|eat|meal"
    r"|party|barbecue|bbq|christmas|easter|thanksgiving|weekend|play|#)|(?:on |at )?#|and (?:stay|eat"
    r"|visit|see us))"
    r"|\b(?P<visiting>visiting|is visiting|are visiting|come(?:s)? to visit)(?=\s*(?:on |for |this |#|[.!?]|$))"
)
_HOST: Final = re.compile(
    rf"\b(?:having|have|hosting|host|expecting|expect|have invited|got)\s+(?P<guest>{_P})\s*(?:over|round"
    r"|around|here|to (?:stay|visit|ours|our place|dinner|lunch|us)|for (?:\w+ )?(?:dinner|lunch|brunch"
    r"|tea|coffee|supper|drinks|christmas|easter|#)|staying|visiting|coming|(?:on )?#|with us)"
)
_PARTY: Final = re.compile(
    r"\b(?:dinner|lunch|brunch|breakfast|party|bbq|barbecue|tea|coffee|supper|drinks|game night|movie"
    rf" night|christmas|thanksgiving|easter|celebration|#)[^.?!]{{0,25}}\s(?:at|round|over"
    rf" at)\s+(?P<target>{_MINE})"
)
_INVITES: Final = re.compile(
    r"(?:^|[,.!:;-]\s*|\b(?:please|do|then|so|just|and|ok(?:ay)?|why don't you(?: all| guys)?|would you"
    r" (?:all |guys |two |both )?(?:like|love|care|want) to|do you (?:all |guys |two |both )?(?:want|fancy"
    r"|care) to|d'you want to|want to|wanna|fancy|can you(?: all| guys)?|could you|will you|you (?:should"
    r"|must|could|can)|how about(?: you)?|what about(?: you)?|(?:you're|you are|everyone is|everybody is"
    r"|all are|all)?\s*(?:very |most |so )?(?:welcome|invited) to|feel free to|we'd (?:love|like) (?:for"
    r" )?you(?: all)? to|we'd love to have you|i'd (?:love|like) (?:for )?you(?: all)? to|hope you(?: can"
    r"|'ll)?|i invite you to|let me invite you to|everyone|everybody|you all|you guys|on #|#|perhaps"
    r"|maybe)\s+(?:all |both |just |please |you )*)$"
)
_AUX: Final = re.compile(
    r"(?:\s*(?:'ll|'re|'s|'m|'d|\bwill|\bare|\bis|\bam|\bshall|\bcan|\bcould|\bwould|\blike|\blove|\bwant"
    r"|\bwants|\bto|\bplan|\bplans|\bplanning|\bplanned|\bgoing|\bgonna|\bhave|\bhas|\bneed|\bhope"
    r"|\bhoping|\bdecided|\bintend|\bthinking of|\bbe|\ball|\bboth|\balso|\bdefinitely|\bprobably|\bjust"
    r"|\bthen|\bonly|\binstead|\bnow|\bactually|\bon #|\bat #|#|\beither|\bstill|\bagree[d]? to|\bsaid (?:they|he"
    r"|she|we|i)|\babout|\bsuggest|\bdriving|\bfirst|\btogether|\bup|\bdo|\bdoes|,))+\s*$"
)
_SUBJECT: Final = re.compile(
    rf"(?:^|(?<=[\s,.;:!?(]))(?:(?P<us>(?:{_P},? and (?:i|we|me)|me and {_P}|(?:i|we)(?:,? and {_P})?))"
    rf"|(?P<you>you(?: (?:guys|all|two|both|lot))?(?:,? and (?:{_FAMILY}|{_P}))?|y'all)|(?P<all>everyone"
    r"|everybody)|(?P<who>who(?:"
    rf" else)?)|(?P<they>they|he|she)|(?P<kids>{_FAMILY})|(?P<named>{_P}))(?:\s+(?:all|both|two))?$"
)
_AND_ALSO: Final = re.compile(
    r"^\W*(?:(?:and|then|also|plus)\W+)*(?:(?:on |at )?#\W*)?(?:(?:to|with|at"
    rf"|by)\s+)?(?P<target>{_P}(?:'s?)?(?:\s+{_HOUSE})?)(?:\W+(?:on |at )?#)?\W*$"
)
"""A list that goes on: "… Grandma on Sunday, (and then to) Uncle Tom on Monday"."""
_LISTED: Final = re.compile(
    r"^\W*(?:(?:and|then|so|plan)\W+)*(?:on )?#,?\s+(?:(?:we're|i'm|we|i|all|everybody|everyone|dinner"
    rf"|lunch|with the \w+)\s+)?(?:is |are )?(?:at|with|to)\s+{_TARGET}\W*$"
)
"""A plan without verbs: "Christmas Eve at my parents', Boxing Day everybody at ours"."""
_CANCELS: Final = re.compile(
    r"\b(?:can't|cannot|can not|won't|couldn't|unable to|not able to|isn't|aren't|not going to|not)(?:"
    r" \w+){0,2} (?:com(?:e|ing)|mak(?:e|ing)|visit(?:ing)?|go(?:ing)?|be (?:there|coming|able)|travel"
    r"|drive|see|join|get)\b|\b(?:cancel|cancelled|canceled|cancelling|call(?:ed|ing)? (?:it |the \w+"
    r" )?off|won't work|off the table|(?:is|it's|visit's) off\b|have to (?:skip|miss|pass|drop out)|not"
    r" coming|don't come)"
)
_UNSURE: Final = re.compile(
    r"\b(?:if (?!you)|maybe|might|perhaps|possibly|may\b|wish|would have|used to|unless|should have"
    r"|whether|thinking (?:about|of)|never|usually|always|didn't|don't|doesn't|wasn't|could have"
    r"|supposed to)"
)
_PAST: Final = re.compile(
    r"\b(?:went|visited|came|stayed|was|were|drove|saw|had|have been|has been|'ve been|flew|ago|last)\b"
)
_WHEN_ASKED: Final = re.compile(r"\b(?:when|what day|which day|what date|what time)\b")


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
        last_when = fuller(part.whens[-1] if part.whens else None, last_when)
        more = _AND_ALSO.match(part.shape) if found and part.whens else None
        if roles is None and more:
            roles = found[-1].who, part.words(more["target"]), False
        if roles is None:
            continue
        who, whom, invites = roles
        subject = who if who not in (None, ADDRESSEE) else subject
        when = last_when or next((each.whens[0] for each in parts[at + 1 :] if each.whens), None)
        if when and when.is_past:
            continue
        found.append(Frame(who, whom, when, _mood(part, sentence, who, whom, invites)))
    return tuple(found)


def _roles(part: Template, carried: str | None, last: str | None) -> tuple[str | None, str | None, bool] | None:
    roles = _roles_as_put(part, carried, last)
    if roles and _UNSURE.search(part.shape) and roles[:2] != (ADDRESSEE, SPEAKER):
        return None
    return roles


def _roles_as_put(part: Template, carried: str | None, last: str | None) -> tuple[str | None, str | None, bool] | None:
    shape = part.shape.strip()
    if cancels(shape) or _PAST.search(shape):
        return None
    party = _PARTY.search(shape)
    if (
        party
        and _place(part, party["target"], last) == SPEAKER
        and not re.search(rf"\b(?:is|are|'s|'re) (?:coming|joining)|{PERSON}", shape[: party.start("target")])
    ):
        return ADDRESSEE, SPEAKER, True
    host = _HOST.search(shape)
    if host and re.search(r"\b(?:we|i)\b", shape[: host.start()]):
        return part.words(host["guest"]), SPEAKER, False
    for pattern in (_VISIT, _GO):
        found = pattern.search(shape)
        if found and _fits(found, shape):
            place = _place(part, found["target"], last)
            guest = _guest(part, shape[: found.start()], found["verb"], place, carried, last)
            return guest if guest is None or guest[:2] != (SPEAKER, SPEAKER) else None
    if re.fullmatch(r"(?:at |it's at )?(?:(?:my|our) place|ours|mine)\W*", shape):
        return ADDRESSEE, SPEAKER, True
    listed = _LISTED.search(shape)
    if listed:
        place = _place(part, listed["target"], last)
        return (ADDRESSEE, SPEAKER, True) if place == SPEAKER else (carried or SPEAKER, place, False)
    bare = _BARE.search(shape)
    if bare:
        guest = _guest(part, shape[: bare.start()], bare["verb"] or "come", SPEAKER, carried, last)
        if guest and guest[0] and SPEAKER in guest[0]:
            return guest[0], ADDRESSEE, guest[2]
        return guest
    return None


def _fits(found: re.Match[str], shape: str) -> bool:
    target, fill = found["target"], found.groupdict().get("fill") or ""
    verb = found["verb"] if not re.search(_MOVE, fill) else fill.split()[-1]
    bare_you = re.match(r"(?:you|us|me|him|her|them)\b", target) is not None
    if verb.startswith("see") and (bare_you or "#" not in shape):
        return False
    prep = found.groupdict().get("prep")
    if prep is None:
        return True
    if prep.endswith("with"):
        return re.match(r"stay|spend|celebrat|sleep", verb) is not None
    if prep.endswith("to"):
        return re.match(
            r"go|com|driv|head|travel|fly|flies|pop|walk|nip|get|drop|swing|be|are|is|am|'|bring|tak|stop", verb
        ) is not None and not re.match(
            r"\s*(?:'s )?(?:birthday|wedding|concert|match|game|recital|funeral|graduation|school|office|room)",
            found["rest"],
        )
    if prep.endswith("by"):
        return re.match(r"com|drop|stop|swing|pop|go", verb) is not None
    return not bare_you and not re.match(
        r"\s*(?:birthday|wedding|concert|match|game|recital|funeral|graduation|school|office)", found["rest"]
    )


def _place(part: Template, target: str, last: str | None) -> str | None:
    if re.match(_WHOSE, target):
        return None
    if re.match(_MINE, target):
        return SPEAKER
    if re.match(_YOURS, target):
        return ADDRESSEE
    if re.match(_THEIRS, target):
        return part.people[0] if part.people else last or UNKNOWN
    return part.words(target)


def _guest(
    part: Template, before: str, verb: str, whom: str | None, carried: str | None, last: str | None
) -> tuple[str | None, str | None, bool] | None:
    """Find the subject before the verb; an imperative invites, a bare -ing form goes on with the last subject."""
    bare = _AUX.sub("", before).rstrip()
    found = _SUBJECT.search(bare)
    if found is None:
        if whom == SPEAKER and not verb.endswith("ing") and (not bare.strip() or _INVITES.search(before)):
            return ADDRESSEE, whom, True
        if whom == SPEAKER and _INVITES.search(before):
            return ADDRESSEE, whom, True
        if re.search(r"\b(?:let's|shall|why don't)(?: all| we)*\s*$", bare):
            return SPEAKER, whom, True
        if carried and re.search(r"(?:^|\b(?:and|then|also|plus)\s*)$", bare):
            return carried, whom, False
        if (
            whom != SPEAKER
            and re.fullmatch(r"\W*(?:then|and|also|so|yes|yeah|ok|well|actually|just|will|am|probably|\W)*", before)
            and re.match(r"go|head|visit|driv|see|spend|stay|travel", verb)
        ):
            return SPEAKER, whom, False
        return None
    offers = re.search(r"(?:would|'d)\s+(?:love|like|be (?:happy|glad))", before) is not None
    if found["us"]:
        others = part.words(found["us"])
        who: str | None = f"{SPEAKER} and {others}" if others else SPEAKER
    elif found["you"]:
        who = ADDRESSEE
    elif found["all"]:
        who = ADDRESSEE if whom == SPEAKER else found["all"]
    elif found["who"]:
        who = None
    elif found["they"]:
        who = last or UNKNOWN
    elif found["kids"]:
        who = SPEAKER if whom != SPEAKER else UNKNOWN
    else:
        who = part.words(found["named"])
    return who, whom, offers


def _mood(part: Template, sentence: str, who: str | None, whom: str | None, invites: bool) -> Mood:
    if who is None or whom is None or _WHEN_ASKED.search(part.shape):
        return Mood.ASKS
    if who == ADDRESSEE and whom == SPEAKER:
        return Mood.INVITES
    if who == ADDRESSEE:
        return Mood.ASKS
    if invites:
        return Mood.PROPOSES
    if asks(sentence):
        return Mood.INVITES if whom == SPEAKER else Mood.PROPOSES
    return Mood.SAYS
