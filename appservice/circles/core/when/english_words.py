"""English numbers, names of days and months, and the patterns that several rules share. Pure."""

from __future__ import annotations

import re
from re import Pattern

_ONES = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90}
_NUMBERS = {word: number for number, word in enumerate(_ONES, 1)} | _TENS | {"a": 1, "an": 1, "a couple of": 2}
_WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

N = rf"(?:[0-9]{{1,9}}(?:\.5)?|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
HOUR = rf"(?:[01]?[0-9]|2[0-4]|{'|'.join(_ONES[:12])})"
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b\.?"
)
FULL_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
DAY = rf"(?:{FULL_DAY}|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
PART = r"(?:morning|afternoon|evening|night)"
NUMBER_ENDS = r"(?![0-9])(?![.,:][0-9])"
FOLLOWED = (
    r"(?=\s*(?:$|[.,;:!?)\]]|[^\x00-\x7f]|(?:to|that|on|in|for|about|and|or|at|please|sharp|tomorrow|today|tonight|"
    rf"every|each|this|next|from|until|till|with|o'?clock|{DAY}s?)\b))"
)
"""What may follow a bare number for it to be an hour: "at 20 to …", not "at 20 Baker Street"."""
UNCOUNTED = (
    r"(?!\s*(?:[%°$€£]|-[a-z]|(?:percent|people|person|men|women|children|kids|degrees?|km|kg|miles?|euros?|dollars?|"
    rf"bucks|points?|times)\b))(?!\s+(?!(?:this|always|{FULL_DAY}s|weekdays|weekends|{PART}s)\b)"
    r"(?-i:[a-z]{2,}[a-rt-z]s\b))"
)
"""Nor is it one if things are counted: "at 9 people", "may 3 times"."""


def english(pattern: str) -> Pattern[str]:
    """Compile a pattern for ASCII words in any case."""
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


def number(word: str) -> float:
    """Return the value of digits or a number word up to twenty, and some more."""
    word = " ".join(word.lower().split())
    return float(_NUMBERS[word]) if word in _NUMBERS else float(word)


def weekday(name: str) -> int:
    """Return a weekday's number; Monday is 0."""
    return _WEEKDAYS.index(name[:2].lower())


def month(name: str) -> int:
    """Return a month's number; January is 1."""
    return _MONTHS.index(name[:3].lower()) + 1
