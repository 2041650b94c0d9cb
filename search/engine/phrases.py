"""Where an editor's words stand in a customer's: the one matcher of synonyms, pins and intent rules.

Hanzi are found anywhere. Words and numbers of spaced scripts are found whole: `vx` never inside `dvx`, `5` never inside
`3.5`, but both beside Hanzi.
"""

import re
from collections.abc import Iterable

from search.engine.text import clean

# What is written without spaces ends a word of the others.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[^\W_{_UNSPACED}]+(?:\.\d+)?")


def reading(text: str) -> str:
    """What two texts are compared by: cleaned and case folded."""
    return clean(text).casefold()


def word_inside(text: str) -> frozenset[int]:
    """The places of `text` at which a cut would go through a word: those between two of its characters."""
    return frozenset(place for word in _WORD.finditer(text) for place in range(word.start() + 1, word.end()))


def contains(text: str, term: str) -> bool:
    """Whether the reading `term` stands in the reading `text`."""
    if not term or term not in text:
        return False
    inside = word_inside(text)
    start = text.find(term)
    while start >= 0:
        if start not in inside and start + len(term) not in inside:
            return True
        start = text.find(term, start + 1)
    return False


class Terms:
    """Readings, compiled once. Immutable; safe to use from several threads."""

    def __init__(self, terms: Iterable[str]) -> None:
        self._by_first: dict[str, list[str]] = {}
        for term in sorted(set(terms) - {""}, key=lambda term: (-len(term), term)):
            self._by_first.setdefault(term[0], []).append(term)

    def places(self, text: str) -> list[tuple[int, str]]:
        """(start, term) of those found in the reading `text`: leftmost first, the longest there, none overlapping."""
        found = []
        place, inside = 0, word_inside(text)
        while place < len(text):
            term = self._longest_at(text, place, inside)
            if term:
                found.append((place, term))
            place += len(term) or 1
        return found

    def _longest_at(self, text: str, place: int, inside: frozenset[int]) -> str:
        if place in inside:
            return ""
        fitting = (term for term in self._by_first.get(text[place], ()) if text.startswith(term, place))
        return next((term for term in fitting if place + len(term) not in inside), "")
