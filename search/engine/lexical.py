"""BM25 over the tokens of the passages (bm25s: Lù 2024, arXiv:2407.03618), scored exactly."""

import logging
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from search.engine.text import tokens

logging.getLogger("bm25s").setLevel(logging.WARNING)  # on import it turns its own debug messages on


class LexicalIndex:
    """Immutable once built; safe to query from several threads."""

    def __init__(self, texts: Sequence[str]) -> None:
        token_lists = [tokens(text) for text in texts]
        self._size = len(texts)
        self._bm25: bm25s.BM25 | None = None
        if any(token_lists):
            self._bm25 = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
            self._bm25.index(token_lists, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """BM25 of every passage, shape (n,), 0 where no token is shared."""
        known = self._bm25.get_tokens_ids(tokens(query)) if self._bm25 else []
        if not known or self._bm25 is None:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._bm25.get_scores_from_ids(known), dtype=np.float32)
