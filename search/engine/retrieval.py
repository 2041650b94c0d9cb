"""From a query to entries: dense and lexical candidates, fused, phrasings collapsed to their entry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.fusion import fuse, lexical_weights
from search.engine.lexical import LexicalIndex
from search.engine.text import han_share
from search.engine.types import EntryHit, Passage, Vectors
from search.engine.vectors import VectorIndex

POOL = 100
"""Passages taken from each side before fusion: wide enough that an entry with many phrasings does not fill it."""


class Retriever:
    """Immutable once built from passages and their vectors (row i belongs to passage i; None: lexical only)."""

    def __init__(self, passages: Sequence[Passage], vectors: Vectors | None) -> None:
        if vectors is not None and len(vectors) != len(passages):
            raise ValueError(f"{len(passages)} passages but {len(vectors)} vectors")
        self._passages = tuple(passages)
        self._dense = VectorIndex(vectors) if vectors is not None and len(vectors) else None
        self._lexical = LexicalIndex([passage.text for passage in passages])
        self._han = np.array([han_share(passage.text) for passage in passages], dtype=np.float32)

    def __len__(self) -> int:
        return len(self._passages)

    def search(
        self, query: str, vector: NDArray[np.float32] | None, *, limit: int, lexical: bool = True
    ) -> list[EntryHit]:
        """Best entries first. `vector` None: lexical only; `lexical` False: dense only. At most `limit` entries.

        An entry whose nearest phrasing is a negative one is left out.
        """
        if not self._passages:
            return []
        bm25 = self._lexical.scores(query)
        best = float(bm25.max())
        normed = bm25 / best if best > 0 and lexical else np.zeros_like(bm25)
        items = self._candidates(vector, normed)
        if vector is None or self._dense is None:
            dense, fused = np.zeros(len(items), dtype=np.float32), normed[items]
        else:
            dense = self._dense.cosines(vector, items)
            fused = fuse(dense, normed[items], lexical_weights(han_share(query), self._han[items]))
        return self._collapse(_Scored(items, fused, dense, normed[items], bm25[items]), limit)

    def _candidates(self, vector: NDArray[np.float32] | None, lexical: NDArray[np.float32]) -> NDArray[np.int64]:
        pool = min(POOL, len(self._passages))
        top = np.argpartition(-lexical, pool - 1)[:pool]
        chosen = [top[lexical[top] > 0]]
        if vector is not None and self._dense is not None:
            chosen.append(self._dense.nearest(vector, pool))
        return np.unique(np.concatenate(chosen)).astype(np.int64)

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
