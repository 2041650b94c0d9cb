"""From a query to entries: candidates, their scores, one fused score, phrasings collapsed to their entry."""

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.fusion import fuse, lexical_weights
from search.engine.lexical import LexicalIndex, Matches
from search.engine.text import han_share, tokens
from search.engine.types import EntryHit, Passage, Vectors
from search.engine.vectors import VectorIndex

POOL = 100
"""Passages taken from each side before fusion: wide enough that an entry with many phrasings does not fill it."""
MOST_CHANGES = (0.2, 8_000)
"""From this share of the built passages, or from so many, changes make statistics wrong or searches slow."""


class Retriever:
    """Immutable once built from passages and their vectors (row i belongs to passage i; None: lexical only).

    `updated` gives another one, and shares with it what has not changed. An item is a passage's number: its place in
    the order in which they were added. Removed ones keep theirs and are never found.
    """

    def __init__(self, passages: Sequence[Passage], vectors: Vectors | None) -> None:
        if vectors is not None and len(vectors) != len(passages):
            raise ValueError(f"{len(passages)} passages but {len(vectors)} vectors")
        read = _Read.of(passages)
        self._passages = tuple(passages)
        self._live = self._built = len(passages)
        self._dense = VectorIndex(vectors) if vectors is not None and len(vectors) else None
        self._lexical = LexicalIndex(read.tokens)
        self._han = read.han

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
            return Retriever(passages, np.stack(vectors) if vectors else None) if add else self
        if len(vectors) != (0 if self._dense is None else len(add)):
            raise ValueError(f"{len(add)} passages but {len(vectors)} vectors")
        entries = frozenset(remove)
        gone = [item for item, passage in enumerate(self._passages) if passage.entry in entries] if entries else []
        read = _Read.of(passages)
        new = copy(self)
        new._passages = (*self._passages, *passages)
        new._lexical = self._lexical.updated(remove=gone, add=read.tokens)
        new._live = len(new._passages) - new._lexical.removed
        new._han = np.concatenate([self._han, read.han])
        if self._dense is not None:
            new._dense = self._dense.updated(remove=gone, add=np.stack(vectors) if vectors else None)
        return new

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
        items = self._candidates(matches if lexical else None, vector)
        return self._collapse(self._scored(query, vector, items, matches, lexical=lexical), limit)

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

    def _collapse(self, scored: "_Scored", limit: int) -> list[EntryHit]:
        hits: dict[str, EntryHit | None] = {}
        found = 0
        for place in np.argsort(-scored.fused, kind="stable"):
            passage = self._passages[scored.items[place]]
            if passage.entry in hits:
                continue
            hits[passage.entry] = None if passage.negative else scored.hit(passage, int(place))
            found += not passage.negative
            if found == limit:
                break
        return [hit for hit in hits.values() if hit]


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of passages: their tokens, and their share of Hanzi, shape (passages,)."""

    tokens: list[list[str]]
    han: NDArray[np.float32]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> "_Read":
        # Both at once: to clean a text costs most of it, and only the last few thousand are remembered.
        both = [(tokens(passage.text), han_share(passage.text)) for passage in passages]
        return cls([words for words, _ in both], np.array([share for _, share in both], dtype=np.float32))


@dataclass(frozen=True, slots=True)
class _Scored:
    """Candidate passages and their scores, all of shape (candidates,)."""

    items: NDArray[np.int64]
    fused: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    bm25: NDArray[np.float32]

    def hit(self, passage: Passage, place: int) -> EntryHit:
        cosine, overlap = float(self.dense[place]), float(self.lexical[place])
        by = tuple(name for name, value in (("dense", cosine), ("lexical", overlap)) if value > 0)
        return EntryHit(
            passage.entry, passage.text, float(self.fused[place]), cosine, overlap, by, float(self.bm25[place])
        )
