"""Editors' synonyms, at query time: the stored phrases stay as they are, the query is read in other words as well.

One pass over the query and no chains: what was put in is never replaced again, so cyclic and overlapping groups end.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from search.engine.lexical import read
from search.engine.phrases import Terms, reading, word_inside
from search.engine.text import clean, has_words

REWRITINGS = 3
"""A query is asked at most so many times more; each costs one encoding where it is new."""
_TRIED = 16
FOUND_BY = "synonym"


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that mean the same. `one_way`: the first is what is meant, the others are also said for it."""

    terms: tuple[str, ...]
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Expansion:
    """The query in other words; `pairs` are (said, meant), in the order of the query."""

    text: str
    pairs: tuple[tuple[str, str], ...]


class Synonyms:
    """Groups, compiled. Immutable; `updated` gives another one.

    `texts` are the phrasings that can be found: of several terms that could be meant, those which stand there most
    often are tried first.
    """

    def __init__(self, groups: Iterable[Group], texts: Iterable[str] = ()) -> None:
        meant = _meant(groups)
        self._meant = meant
        self._terms = Terms(meant)
        self._counted = Terms({other for others in meant.values() for other in others} | meant.keys())
        self._often = self._counts(texts)
        self._options = self._by_likelihood()

    def updated(self, *, remove: Iterable[str] = (), add: Iterable[str] = ()) -> "Synonyms":
        """The same groups where the texts `remove` are gone, each as often as it is named, and those of `add` came.

        Reads these alone, and answers as if compiled with all that are left.
        """
        if not self:
            return self
        new = copy(self)
        new._often = Counter(self._often)
        new._often.subtract(self._counts(remove))
        new._often.update(self._counts(add))
        new._options = new._by_likelihood()
        return new

    def _counts(self, texts: Iterable[str]) -> Counter[str]:
        """How often the terms stand in these texts, which nobody reads where there are none."""
        if not self:
            return Counter()
        readings = (read(text).text.casefold() for text in texts)
        return Counter(term for text in readings for _start, term in self._counted.places(text))

    def _by_likelihood(self) -> dict[str, list[str | None]]:
        """Term -> what may be meant by it, the likeliest first; None stands for the term left as it is."""
        # Sorting is stable: first itself, then the editor's order.
        return {
            said: [
                None if other == said else others[other]
                for other in sorted([said, *others], key=lambda other: -self._often[other])
            ]
            for said, others in self._meant.items()
        }

    def __bool__(self) -> bool:
        return bool(self._meant)

    def expand(self, query: str) -> tuple[Expansion, ...]:
        """The query in other words, the likeliest first; none where no term is said."""
        text = clean(query)
        read = text.casefold()
        # Case folding can make a text longer; where it does not, the rest of the query keeps its case.
        text = text if len(text) == len(read) else read
        places = self._terms.places(read)
        said = list(dict.fromkeys(term for _start, term in places))
        found: dict[str, Expansion] = {}
        for choice in islice(_choices([len(self._options[term]) for term in said]), _TRIED):
            meant = {
                term: option
                for term, rank in zip(said, choice, strict=True)
                if (option := self._options[term][rank]) is not None
            }
            rewritten = _rewritten(text, [place for place in places if place[1] in meant], meant)
            if meant and rewritten != text:
                found.setdefault(rewritten, Expansion(rewritten, tuple(meant.items())))
            if len(found) == REWRITINGS:
                break
        return tuple(found.values())


def _meant(groups: Iterable[Group]) -> dict[str, dict[str, str]]:
    """Reading said -> reading meant -> as it was written."""
    meant: dict[str, dict[str, str]] = {}
    for group in groups:
        written: dict[str, str] = {}
        for term in filter(has_words, group.terms):
            written.setdefault(reading(term), clean(term))
        for said in written:
            for other in list(written)[: 1 if group.one_way else None]:
                if other != said:
                    meant.setdefault(said, {}).setdefault(other, written[other])
    return meant


def _choices(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to take one rank of each size, lowest sums first; lazily, since there may be very many."""
    if not sizes:
        return
    first = (0,) * len(sizes)
    waiting, seen = [(0, first)], {first}
    while waiting:
        total, choice = heappop(waiting)
        yield choice
        for place, size in enumerate(sizes):
            following = (*choice[:place], choice[place] + 1, *choice[place + 1 :])
            if following[place] < size and following not in seen:
                seen.add(following)
                heappush(waiting, (total + 1, following))


def _rewritten(text: str, places: Sequence[tuple[int, str]], meant: Mapping[str, str]) -> str:
    parts, done = [""], 0
    for start, term in places:
        parts += [text[done:start], meant[term]]
        done = start + len(term)
    joined = ""
    for part in (*parts, text[done:]):
        # A word put next to another one would become part of it.
        joined += f" {part}" if joined and part and len(joined) in word_inside(joined + part) else part
    return clean(joined)
