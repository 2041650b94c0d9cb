"""Exact nearest neighbours by cosine: a thin, safe face on a flat FAISS index."""

import faiss
import numpy as np
from numpy.typing import NDArray

from search.engine.types import Vectors


class VectorIndex:
    """Immutable once built; row i of `vectors` is item i. Safe to query from several threads."""

    def __init__(self, vectors: Vectors) -> None:
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(self, query: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
        """Items with the highest cosine to `query` (shape (dimension,)), best first; fewer where there are fewer."""
        limit = min(limit, len(self))
        if limit == 0:
            return np.empty(0, dtype=np.int64)
        _scores, items = self._index.search(query[None, :].astype(np.float32), limit)
        return np.asarray(items[0], dtype=np.int64)

    def cosines(self, query: NDArray[np.float32], items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of `query` to each of `items`, shape (len(items),)."""
        return np.asarray(self._index.reconstruct_batch(items) @ query, dtype=np.float32)
