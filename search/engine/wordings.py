"""A query in more than one wording: the customer's own, the editors' synonyms, what it sounds like.

Each wording is searched, and of an entry the best hit counts.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search.engine import homophones, synonyms
from search.engine.confidence import is_verbatim
from search.engine.homophones import Homophones
from search.engine.retrieval import Retriever
from search.engine.synonyms import Synonyms
from search.engine.text import clean
from search.engine.types import EntryHit, Passage, Wording

PINYIN_DISCOUNT = 0.01
"""What is found by its sound only stands behind what is as near by its characters."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Entries, best first. `words_only`: there was no vector."""

    hits: tuple[EntryHit, ...]
    words_only: bool = False


class Reader:
    """The retriever of an audience with all that reads a query in other words. Immutable."""

    def __init__(
        self, retriever: Retriever, *, homophones: Homophones | None = None, synonyms: Synonyms | None = None
    ) -> None:
        self._retriever = retriever
        self._homophones = homophones
        self._synonyms = synonyms

    def rank(
        self,
        query: str,
        encode: Callable[[str], Vector | None],
        *,
        limit: int,
        without: Collection[str] = frozenset(),
        hidden: Passage | None = None,
    ) -> Ranking:
        """At most `limit` entries, never those `without`. `encode` gives a text's vector, or None: words alone.

        `hidden`: as if this passage were not there (see Retriever.search); homophones and synonyms still count it.
        """
        search = partial(self._hits, limit=limit, without=without, hidden=hidden)
        vector = encode(query)
        own = search(query, vector)
        if own and is_verbatim(query, own):
            return Ranking(tuple(own), vector is None)
        lists = [(Wording(query), own)]
        for wording in self._others(query):
            meant = None if vector is None else encode(wording.text)
            # Scores with and without a vector cannot be compared.
            if (meant is None) == (vector is None):
                lists.append((wording, search(wording.text, meant)))
        return replace(merge(lists, limit=limit), words_only=vector is None)

    def _hits(
        self, text: str, vector: Vector | None, *, limit: int, without: Collection[str], hidden: Passage | None
    ) -> list[EntryHit]:
        found = self._retriever.search(text, vector, limit=limit + len(without), hidden=hidden)
        return [hit for hit in found if hit.entry not in without][:limit]

    def _others(self, query: str) -> list[Wording]:
        found = []
        if self._synonyms:
            found += [Wording(one.text, synonyms.FOUND_BY, one.pairs) for one in self._synonyms.expand(query)]
        if self._homophones:
            for one in self._homophones.corrections(query):
                pairs = tuple((pair.said, pair.meant) for pair in one.pairs)
                found.append(Wording(one.text, homophones.FOUND_BY, pairs))
        return list({one.text: one for one in reversed(found) if one.text != clean(query)}.values())[::-1]


def merge(lists: Sequence[tuple[Wording, Sequence[EntryHit]]], *, limit: int) -> Ranking:
    """The customer's own wording first. Own words win where scores are equal; of two
    entries, the one whose name comes first.

    Scores of words alone are shares of the best in their own list, so there the raw ones are compared.
    """
    lexical_only = all(hit.dense == 0 for _wording, hits in lists for hit in hits)
    top = max((hit.bm25 for _wording, hits in lists for hit in hits), default=0.0)
    best: dict[str, EntryHit] = {}
    for wording, hits in lists:
        for hit in hits:
            if lexical_only and top > 0:
                hit = replace(hit, score=hit.bm25 / top, lexical=hit.bm25 / top)
            if wording.by == homophones.FOUND_BY:
                hit = replace(hit, score=hit.score - PINYIN_DISCOUNT)
            if hit.entry not in best or hit.score > best[hit.entry].score:
                best[hit.entry] = replace(hit, by=(*hit.by, wording.by), wording=wording) if wording.by else hit
    ranked = sorted(best.values(), key=lambda hit: (-hit.score, hit.entry))[:limit]
    return Ranking(tuple(ranked))
