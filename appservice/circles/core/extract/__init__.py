"""The engine without a model: it extracts and quotes what people wrote, with the id of each line, and invents nothing.

Pure: no await, no clock, no database, no network; the standard library only.
"""

from __future__ import annotations

from circles.core.extract.decisions import decisions
from circles.core.extract.key_points import key_points
from circles.core.extract.lines import Finding, Line
from circles.core.extract.people import Mention, mentioned_people
from circles.core.extract.questions import disagreements, open_questions
from circles.core.extract.search import ScoredId, search
from circles.core.extract.todos import Todo, todos
from circles.core.extract.tokens import index_terms, query_terms, terms
from circles.core.extract.visit_ledger import Visit
from circles.core.extract.visits import visits
from circles.core.extract.when import When, time_phrases

__all__ = [
    "Finding",
    "Line",
    "Mention",
    "ScoredId",
    "Todo",
    "Visit",
    "When",
    "decisions",
    "disagreements",
    "index_terms",
    "key_points",
    "mentioned_people",
    "open_questions",
    "query_terms",
    "search",
    "terms",
    "time_phrases",
    "todos",
    "visits",
]
