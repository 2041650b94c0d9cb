"""From a query to entries: candidates, their scores, one fused score, phrasings pooled into their entry."""

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.adapter import Adapter
from search.engine.fusion import fuse, lexical_weights, pooled
from search.engine.lexical import LexicalIndex, Matches
from search.engine.text import han_share, tokens
from search.engine.types import EntryHit, Passage, Vectors
from search.engine.vectors import VectorIndex

POOL = 100
"""Passages taken from each side before fusion: wide enough that an entry with many phrasings does not fill it."""
CONTENDERS = 8
"""Entries whose phrasings are all scored, beside those asked for: what is far behind by its best phrasing stays so."""
MOST_CHANGES = (0.2, 8_000)
"""From this share of the built passages, or from so many, changes make statistics wrong or searches slow."""


class Retriever:
    """Immutable once built from passages and their vectors (row i belongs to passage i; None: lexical only).

    `updated` gives another one, and shares with it what has not changed. An item is a passage's number: its place in
    the order in which they were added. Removed ones keep theirs and are never found. `adapter`: the shop's own reading
    of the vectors, given here and in `search` as the encoder made them.
    """

    def __init__(self, passages: Sequence[Passage], vectors: Vectors | None, *, adapter: Adapter | None = None) -> None:
        if vectors is not None and len(vectors) != len(passages):
            raise ValueError(f"{len(passages)} passages but {len(vectors)} vectors")
        read = _Read.of(passages)
        self._passages = tuple(passages)
        self._live = self._built = len(passages)
        self._adapter = adapter
        self._dense = VectorIndex(self._adapted(vectors)) if vectors is not None and len(vectors) else None
        self._lexical = LexicalIndex(read.tokens)
        self._han = read.han
        self._negative = read.negative
        self._items = _by_entry(passages)

    def __len__(self) -> int:
        """How many passages can be found."""
        return self._live

    @property
    def rebuild_due(self) -> bool:
        """Whether so much was removed and added since the last full build that the next one is better a full one."""
        share, most = MOST_CHANGES
        added = len(self._passages) - self._built
        removed = len(self._passages) - self._live
        return added + removed > min(share * self._built, most)

    def updated(
        self, *, remove: Collection[str] = (), add: Sequence[tuple[Passage, NDArray[np.float32] | None]] = ()
    ) -> "Retriever":
        """Another retriever, without the passages of the entries `remove`, then with those of `add` and their vectors.

        Costs what has changed since the last full build, not the corpus. Until the next one the statistics of the words
        stay, so no score of another passage moves. Raises ValueError for a vector too few, or one too many.
        """
        passages, vectors = [passage for passage, _ in add], [vector for _, vector in add if vector is not None]
        if not self._built:
            return Retriever(passages, np.stack(vectors) if vectors else None, adapter=self._adapter) if add else self
        if len(vectors) != (0 if self._dense is None else len(add)):
            raise ValueError(f"{len(add)} passages but {len(vectors)} vectors")
        entries = frozenset(remove)
        gone = sorted(item for entry in entries for item in self._items.get(entry, ()))
        read = _Read.of(passages)
        new = copy(self)
        new._passages = (*self._passages, *passages)
        new._lexical = self._lexical.updated(remove=gone, add=read.tokens)
        new._live = len(new._passages) - new._lexical.removed
        new._han = np.concatenate([self._han, read.han])
        new._negative = np.concatenate([self._negative, read.negative])
        if self._dense is not None:
            more = self._adapted(np.stack(vectors)) if vectors else None
            new._dense = self._dense.updated(remove=gone, add=more)
        new._items = {entry: items for entry, items in self._items.items() if entry not in entries}
        for entry, items in _by_entry(passages, start=len(self._passages)).items():
            new._items[entry] = (*new._items.get(entry, ()), *items)
        return new

    def _adapted(self, vectors: Vectors) -> Vectors:
        return self._adapter(vectors) if self._adapter else vectors

    def exact(self) -> "Retriever":
        """The same one, that compares a query with every vector, however many there are: what recall is measured by."""
        new = copy(self)
        new._dense = self._dense and self._dense.exact()
        return new

    def search(
        self, query: str, vector: NDArray[np.float32] | None, *, limit: int, lexical: bool = True
    ) -> list[EntryHit]:
        """Best entries first. `vector` None: lexical only; `lexical` False: dense only. At most `limit` entries.

        An entry whose nearest phrasing is a negative one is left out.
        """
        matches = self._lexical.match(tokens(query))
        if vector is not None and self._adapter:
            vector = self._adapter(vector)
        items = self._candidates(matches if lexical else None, vector)
        scored = self._scored(query, vector, items, matches, lexical=lexical)
        entries = self._contenders(scored, limit + CONTENDERS)
        items = np.array([item for entry in entries for item in self._items[entry]], dtype=np.int64)
        scored = self._scored(query, vector, items, matches, lexical=lexical)
        return self._collapse(scored, entries, limit)

    def _candidates(self, matches: Matches | None, vector: NDArray[np.float32] | None) -> NDArray[np.int64]:
        """Items worth a full score, each once, shape (candidates,): the best POOL of each side."""
        chosen = [np.empty(0, dtype=np.int64)]
        if matches is not None:
            chosen.append(matches.top(POOL))
        if vector is not None and self._dense is not None:
            chosen.append(self._dense.nearest(vector, POOL))
        return np.unique(np.concatenate(chosen))

    def _scored(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        items: NDArray[np.int64],
        matches: Matches,
        *,
        lexical: bool,
    ) -> "_Scored":
        """Every score of these items, and the fused one."""
        bm25 = matches.of(items)
        normed = bm25 / matches.best if lexical and matches.best > 0 else np.zeros_like(bm25)
        if vector is None or self._dense is None:
            return _Scored(items, normed, np.zeros_like(bm25), normed, bm25)
        dense = self._dense.cosines(vector, items)
        fused = fuse(dense, normed, lexical_weights(han_share(query), self._han[items]))
        return _Scored(items, fused, dense, normed, bm25)

    def _contenders(self, scored: "_Scored", limit: int) -> list[str]:
        """The entries of the best candidates, without those whose best one is a negative phrasing."""
        best: dict[str, bool] = {}
        for place in np.argsort(-scored.fused, kind="stable"):
            passage = self._passages[scored.items[place]]
            best.setdefault(passage.entry, not passage.negative)
            if len(best) == limit:
                break
        return [entry for entry, speaks_for in best.items() if speaks_for]

    def _collapse(self, scored: "_Scored", entries: Sequence[str], limit: int) -> list[EntryHit]:
        """One hit an entry, best first; `scored` holds the items of each of `entries`, one entry after the other."""
        if not entries:
            return []
        ends = np.cumsum([len(self._items[entry]) for entry in entries])
        fused = np.where(self._negative[scored.items], np.float32(-np.inf), scored.fused)
        scores = pooled(fused, np.concatenate([[0], ends[:-1]]))
        hits = []
        for place in np.argsort(-scores, kind="stable")[:limit]:
            start = ends[place] - len(self._items[entries[place]])
            best = int(start + np.argmax(fused[start : ends[place]]))
            hits.append(scored.hit(self._passages[scored.items[best]], best, float(scores[place])))
        return hits


def _by_entry(passages: Sequence[Passage], *, start: int = 0) -> dict[str, tuple[int, ...]]:
    """Entry -> the items of its passages, the first one being `start`."""
    found: dict[str, list[int]] = {}
    for item, passage in enumerate(passages, start):
        found.setdefault(passage.entry, []).append(item)
    return {entry: tuple(items) for entry, items in found.items()}


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of passages: tokens; share of Hanzi and whether they speak against, both of shape (passages,)."""

    tokens: list[list[str]]
    han: NDArray[np.float32]
    negative: NDArray[np.bool_]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> "_Read":
        # Both at once: to clean a text costs most of it, and only the last few thousand are remembered.
        both = [(tokens(passage.text), han_share(passage.text)) for passage in passages]
        return cls(
            [words for words, _ in both],
            np.array([share for _, share in both], dtype=np.float32),
            np.array([passage.negative for passage in passages], dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class _Scored:
    """Candidate passages and their scores, all of shape (candidates,)."""

    items: NDArray[np.int64]
    fused: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    bm25: NDArray[np.float32]

    def hit(self, passage: Passage, place: int, score: float) -> EntryHit:
        """The entry by its best passage, at `place`; `score` is pooled over all that speak for it."""
        cosine, overlap = float(self.dense[place]), float(self.lexical[place])
        by = tuple(name for name, value in (("dense", cosine), ("lexical", overlap)) if value > 0)
        return EntryHit(passage.entry, passage.text, score, cosine, overlap, by, float(self.bm25[place]))
