"""What a person is shown of what is held about them, and what follows when they want it forgotten. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from circles.core.call import Call, Remake, Tap
from circles.core.effects import Attachment, Effect, Post, Private, TakeBackPerson, WakeAt, Words
from circles.core.ids import EventID, RoomID, UserID, event_link
from circles.core.language import Language
from circles.core.posts import Frame
from circles.core.render import NOTHING, Text, bold, fit, joined, lines, link, one_line, text
from circles.features.mine import strings
from circles_policies import Level, Member

NAME: Final = "mine"
SHOWN: Final = "me"
ASKING: Final = "forget"
EXPORTED: Final = "export"
LEFT: Final = "left"
FILE_NAME: Final = "about-me"
FORGET_KEY: Final = "🗑️"
YES_KEY: Final = "✅"
QUESTION_STANDS: Final = timedelta(days=1)
"""How long a "yes" in words still answers the question; a tap answers the post it is on, whenever."""
LEAVER_KEEPS: Final = timedelta(days=7)
"""So long what is held of somebody who left a circle can still be taken along; then it goes."""
MOST: Final = 30
LINE_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Thing:
    """One kind of thing that is held."""

    kind: str
    count: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resting:
    """A post of the AI's that rests on the person's words. `event_id` None: it stands where they cannot look.

    `in_reach`: the AI is in that room still, and so can take it back.
    """

    stands_in: RoomID
    event_id: EventID | None
    feature: str
    at: int
    via: tuple[str, ...] = ()
    in_reach: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """One request to a model that carried the person's messages."""

    at: int
    purpose: str
    model: str
    host: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the person chose in one circle, or (title None) for all circles to come."""

    title: str | None
    member: Member


@dataclass(frozen=True, slots=True)
class Mine:
    """All of it. `scope` None: everywhere; `title` is what the circle is called."""

    scope: RoomID | None
    title: str
    things: tuple[Thing, ...] = ()
    resting: tuple[Resting, ...] = ()
    uses: tuple[Use, ...] = ()
    choices: tuple[Standing, ...] = ()
    language: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing of theirs is held. Receipts and choices are not theirs to lose: ids, and what is obeyed."""
        return not self.things and not self.resting


def scope_of_call(call: Call) -> RoomID | None:
    """Return what a word is about: in a circle that circle, in a direct message everything."""
    return None if call.room.direct else call.room.room_id


def scope_of_post(about: RoomID, stands_in: RoomID) -> RoomID | None:
    """Return what a list or question was about: one that is about its own direct message is about everything."""
    return None if about == stands_in else about


def left_key(room_id: RoomID, user_id: UserID) -> str:
    """Return the key of the wake that lets go what is held of somebody who left a circle."""
    return f"left:{room_id}:{user_id}"


def offer(user_id: UserID, mine: Mine, left_at: datetime, language: Language) -> tuple[Effect, ...]:
    """Return what somebody who left a circle is told, and when it goes; nothing where nothing of theirs is held."""
    if not mine.things or mine.scope is None:
        return ()
    post = Post(mine.scope, Words(strings.left(mine.title, language)), kind=LEFT, feature=NAME, language=language)
    payload = {"user": user_id, "left": int(left_at.timestamp() * 1000), "offered": True}
    due = WakeAt(NAME, left_key(mine.scope, user_id), mine.scope, left_at + LEAVER_KEEPS, payload)
    return Private(user_id, post), due


def let_go(user_id: UserID, room_id: RoomID) -> tuple[Effect, ...]:
    """Forget what is held of somebody who left. Answers stay, as what they said in the room does."""
    return (TakeBackPerson(user_id, room_id, held=True, silent=True),)


def is_yes(words: str) -> bool:
    """Say whether the words after "forget me" are the confirmation."""
    return one_line(words).lower().strip(" .!。！,，") in strings.YES


# ---- what is shown


def show(call: Call, mine: Mine, frame: Frame) -> tuple[Effect, ...]:
    """Return the list, for the asker alone."""
    words = told(mine, frame)
    buttons = () if mine.is_empty else (FORGET_KEY,)
    return (_alone(call, words, SHOWN, buttons, remake={"zone": frame.zone}),)


def show_again(lost: Remake, mine: Mine, frame: Frame) -> tuple[Effect, ...]:
    """Return the list again, where it stood and for the same person, after something in it was taken back."""
    said = lost.said
    post = Post(
        room_id=said.about,
        words=told(mine, frame, again=True),
        kind=SHOWN,
        feature=NAME,
        buttons=() if mine.is_empty else (FORGET_KEY,),
        answers=said.answers,
        remake=said.remake,
        language=said.language,
    )
    return (post if said.about == said.room_id else Private(UserID(str(said.asker)), post),)


def told(mine: Mine, frame: Frame, *, again: bool = False) -> Words:
    """Return everything in words; `again`: it was said before, and something in it was taken back since."""
    language = frame.language
    where = strings.title(mine.title, language) if mine.scope is not None else strings.TITLE_ALL[language]
    rows: list[Text] = [text(strings.AGAIN[language])] if again else []
    rows.append(bold(where))
    if mine.is_empty:
        rows.append(text(strings.NOTHING_HELD[language]))
    for thing in mine.things:
        rows += _thing(thing, language)
    rows += _block(strings.RESTING[language], [_resting(each, frame) for each in mine.resting], language)
    rows += _block(strings.USES[language], [_use(each, frame) for each in mine.uses], language)
    rows += _block(strings.CHOICES[language], _choices(mine, language), language)
    rows += [NOTHING, text((strings.HOW_TO_FORGET_HERE if mine.scope else strings.HOW_TO_FORGET)[language])] * (
        not mine.is_empty
    )
    return fit(lines(*rows), strings.CUT[language])


def _thing(thing: Thing, language: Language) -> list[Text]:
    kind = strings.KINDS.get(thing.kind, {}).get(language, thing.kind)
    rows = [NOTHING, bold(kind) + text(f" {thing.count}")]
    rows += [text(f"• {one_line(line, LINE_CHARS)}") for line in thing.lines[:MOST]]
    return [*rows, text(strings.CUT[language])] if len(thing.lines) > MOST else rows


def _block(title: str, rows: Sequence[Text], language: Language) -> list[Text]:
    if not rows:
        return []
    more = [text(strings.CUT[language])] if len(rows) > MOST else []
    return [NOTHING, bold(title), *rows[:MOST], *more]


def _resting(each: Resting, frame: Frame) -> Text:
    what = strings.purpose(each.feature, frame.language)
    said = f"{what} {frame.hour(each.at)}"
    if each.event_id is None:
        return text(f"• {said}{strings.PRIVATE_ANSWER[frame.language]}")
    return joined((text("•"), link(said, event_link(each.stands_in, each.event_id, each.via))))


def _use(each: Use, frame: Frame) -> Text:
    what = strings.purpose(each.purpose, frame.language)
    return text(f"• {frame.hour(each.at)} · {what} · {strings.model_at(each.model, each.host, frame.language)}")


def _choices(mine: Mine, language: Language) -> list[Text]:
    rows = [text(f"• {_choice(each, language)}") for each in mine.choices]
    if mine.language is not None:
        rows.append(text(f"• {strings.LANGUAGE[language].format(language=strings.LANGUAGES.get(mine.language, ''))}"))
    return rows


def _choice(standing: Standing, language: Language) -> str:
    member = standing.member
    said = strings.LEVELS[member.level][language]
    if member.kept_out and member.level not in (Level.OUT, Level.NOT_AT_ALL):
        said = strings.KEPT_OUT[language]
    title = standing.title if standing.title is not None else strings.EVERYWHERE[language]
    return strings.labelled(one_line(title, 40), said, language)


# ---- handed over


def export(call: Call, mine: Mine, frame: Frame) -> tuple[Effect, ...]:
    """Return everything as two files, for the asker alone: one to read and one for programs."""
    if mine.is_empty and not mine.uses:
        return (_alone(call, Words(strings.NOTHING_HELD[call.language]), EXPORTED),)
    files = (
        (strings.EXPORTED, "md", "text/markdown", as_markdown(mine, frame)),
        (strings.EXPORTED_JSON, "json", "application/json", as_json(mine, frame)),
    )
    return tuple(
        _alone(
            call,
            Words(said[call.language]),
            EXPORTED,
            attachment=Attachment(f"{FILE_NAME}.{ending}", media_type, content.encode()),
        )
        for said, ending, media_type, content in files
    )


def as_markdown(mine: Mine, frame: Frame) -> str:
    """Return all of it as Markdown, nothing cut."""
    language = frame.language
    parts = [f"# {strings.title(mine.title, language) if mine.scope is not None else strings.TITLE_ALL[language]}"]
    for thing in mine.things:
        kind = strings.KINDS.get(thing.kind, {}).get(language, thing.kind)
        parts.append(_chapter(strings.labelled(kind, str(thing.count), language), thing.lines))
    parts.append(_chapter(strings.RESTING[language], [_resting_line(each, frame) for each in mine.resting]))
    parts.append(_chapter(strings.USES[language], _plain(_use(each, frame) for each in mine.uses)))
    parts.append(_chapter(strings.CHOICES[language], _plain(_choices(mine, language))))
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(mine: Mine, frame: Frame) -> str:
    """Return all of it as one JSON object; instants in ISO 8601, UTC."""

    def instant(at: int) -> str:
        return datetime.fromtimestamp(at / 1000, UTC).isoformat()

    found = {
        "about": mine.title or None,
        "made_at": frame.now.astimezone(UTC).isoformat(timespec="seconds"),
        "things": [{"kind": each.kind, "count": each.count, "items": list(each.lines)} for each in mine.things],
        "posts_on_your_words": [
            {
                "feature": each.feature,
                "at": instant(each.at),
                "link": event_link(each.stands_in, each.event_id, each.via) if each.event_id is not None else None,
            }
            for each in mine.resting
        ],
        "sent_to_a_model": [
            {"at": instant(each.at), "for": each.purpose, "model": each.model, "host": each.host} for each in mine.uses
        ],
        "choices": [
            {
                "circle": each.title,
                "level": each.member.level.value,
                "kept_out": each.member.kept_out,
            }
            for each in mine.choices
        ],
        "language": mine.language,
    }
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def _chapter(title: str, rows: Sequence[str]) -> str:
    """Return a heading and its items; a line break inside one is kept as one of the item's."""
    return "\n".join((f"## {title}", "", *(f"- {row}".replace("\n", "\n  ") for row in rows))) if rows else ""


def _plain(rows: Iterable[Text]) -> list[str]:
    return [lines(row).body.removeprefix("• ") for row in rows]


def _resting_line(each: Resting, frame: Frame) -> str:
    said = f"{strings.purpose(each.feature, frame.language)} {frame.hour(each.at)}"
    if each.event_id is None:
        return said + strings.PRIVATE_ANSWER[frame.language]
    return f"[{said}]({event_link(each.stands_in, each.event_id, each.via)})"


# ---- forgetting


def ask(call: Call, mine: Mine, language: Language) -> tuple[Effect, ...]:
    """Show what would go, and ask; where there is nothing, say so."""
    if mine.is_empty:
        return (_alone(call, Words(strings.NOTHING_TO_FORGET[language]), "forgotten"),)
    return (_alone(call, question(mine, language), ASKING, (YES_KEY,)),)


def question(mine: Mine, language: Language) -> Words:
    """Return what would go, counted, and how to say yes."""
    rows = [bold(strings.would_go(mine.title if mine.scope is not None else "", language))]
    for thing in mine.things:
        kind = strings.KINDS.get(thing.kind, {}).get(language, thing.kind)
        rows.append(text(f"• {strings.labelled(kind, str(thing.count), language)}"))
    in_reach = sum(each.in_reach for each in mine.resting)
    if in_reach:
        rows.append(text(f"• {strings.REWRITTEN[language].format(count=in_reach)}"))
    if in_reach < len(mine.resting):
        rows.append(text(f"• {strings.OUT_OF_REACH[language]}"))
    return lines(*rows, NOTHING, text(strings.CONFIRM[language]), text(strings.STAYS[language]))


def forget(call: Call, mine: Mine, scope: RoomID | None) -> tuple[Effect, ...]:
    """Forget, because of the words "forget me yes". The answer is written first: what follows drops its question."""
    if mine.is_empty:
        return (_alone(call, Words(strings.NOTHING_TO_FORGET[call.language]), "forgotten"),)
    return _alone(call, done(mine, call.language), "forgotten"), TakeBackPerson(
        call.asker, scope, held=True, answers=call.event_id
    )


def forget_by_tap(tap: Tap, mine: Mine) -> tuple[Effect, ...]:
    """Forget, because of ✅ on the question."""
    if mine.is_empty:
        return (_in_place(tap, Words(strings.NOTHING_TO_FORGET[tap.language]), "forgotten"),)
    effect = TakeBackPerson(tap.asker, mine.scope, held=True, answers=tap.event_id)
    return _in_place(tap, done(mine, tap.language), "forgotten"), effect


def ask_by_tap(tap: Tap, mine: Mine) -> tuple[Effect, ...]:
    """Ask, because of 🗑️ on the list."""
    if mine.is_empty:
        return (_in_place(tap, Words(strings.NOTHING_TO_FORGET[tap.language]), "forgotten"),)
    return (_in_place(tap, question(mine, tap.language), ASKING, (YES_KEY,)),)


def done(mine: Mine, language: Language) -> Words:
    """Return what was done, and what cannot be undone, where that is so."""
    rows = [text(strings.done(mine.title if mine.scope is not None else "", language))]
    if any(each.in_reach for each in mine.resting):
        rows.append(text(strings.SAYING_AGAIN[language]))
    if not all(each.in_reach for each in mine.resting):
        rows.append(text(strings.OUT_OF_REACH[language]))
    if mine.uses:
        rows.append(text(strings.MODEL_SAW[language]))
    rows.append(text(strings.STAYS[language]))
    return lines(*rows)


def _alone(
    call: Call,
    words: Words,
    kind: str,
    buttons: tuple[str, ...] = (),
    attachment: Attachment | None = None,
    remake: Mapping[str, str] | None = None,
) -> Effect:
    """Answer the asker and nobody else: by direct message, without a sign in the room."""
    post = Post(
        room_id=call.place,
        words=words,
        kind=kind,
        feature=NAME,
        buttons=buttons,
        answers=call.event_id,
        attachment=attachment,
        remake=remake,
    )
    if call.room.direct or call.place != call.room.room_id:
        return call.answer(words, feature=NAME, kind=kind, buttons=buttons, attachment=attachment, remake=remake)
    return Private(call.asker, post)


def _in_place(tap: Tap, words: Words, kind: str, buttons: tuple[str, ...] = ()) -> Effect:
    """Answer a tap in the direct message it was made in, about the same thing."""
    about = tap.said.about
    post = Post(about, words, kind=kind, feature=NAME, buttons=buttons, answers=tap.event_id)
    return post if about == tap.said.room_id else Private(tap.asker, post)


def may_press(tap: Tap) -> bool:
    """Say whether a tap is by the person the post is for."""
    return tap.said.asker == tap.asker
