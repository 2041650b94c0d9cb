"""How the two scores of a passage become one.

score = cosine + weight * BM25 / the query's best BM25. Max-normalised addition beat reciprocal rank fusion and either
score alone on held-out customer questions. Across languages shared tokens are accidents (a year, a brand) and cost
recall, so there the weight is nothing.
"""

import numpy as np
from numpy.typing import NDArray

LEXICAL_WEIGHT = 0.08


def lexical_weights(query_han: float, passage_han: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of the lexical score of each passage, shape (n,), from the shares of Hanzi: only where both sides have
    some, or neither."""
    return np.where((passage_han > 0) == (query_han > 0), np.float32(LEXICAL_WEIGHT), np.float32(0.0))


def fuse(dense: NDArray[np.float32], lexical: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """All of shape (n,); `lexical` normalised to 0 to 1."""
    return np.asarray(dense + weights * lexical, dtype=np.float32)


POOL_TEMPERATURE = 0.02
"""Of 0.005 to 0.05 the one that helped most on held-out phrasings, with an adapter and without."""


def pooled(scores: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """The scores of entries, shape (entries,), from those of their phrasings, shape (phrasings,), entry i's from
    `starts[i]`: the best one, and a little more for each that comes near it (log-sum-exp).

    A score of -inf is no phrasing; each entry needs one that is finite.
    """
    best = np.maximum.reduceat(scores, starts)
    counts = np.diff(starts, append=len(scores))
    near = np.add.reduceat(np.exp((scores - np.repeat(best, counts)) / POOL_TEMPERATURE), starts)
    return np.asarray(best + POOL_TEMPERATURE * np.log(near), dtype=np.float32)
