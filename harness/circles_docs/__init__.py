"""The generated parts of docs/ and of the README, written from the code. Development only; `scripts/docs` runs it.

What a person may rely on (commands, keys, events, effects, metrics, log lines) is listed from the values the program
itself uses, so that a page cannot say less or more than the code. Texts around the lists are in the modules here.
"""

from circles_docs.pages import ROOT, Part, fill, parts, whole_pages

__all__ = ["ROOT", "Part", "fill", "parts", "whole_pages"]
