"""How the two scores of a passage become one.

score = cosine + weight * BM25 / the query's best BM25. Max-normalised addition beat reciprocal rank fusion and either
score alone on held-out customer questions (README, "Measured"). Across languages shared tokens are accidents (numbers,
brand names) and cost recall, so the weight falls with the difference in script.
"""

import numpy as np
from numpy.typing import NDArray

LEXICAL_WEIGHT = 0.05


def lexical_weights(query_han: float, passage_han: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of the lexical score a passage, from the share of Hanzi on both sides (0 to 1): same script, full weight."""
    return np.asarray(LEXICAL_WEIGHT * (1.0 - np.abs(query_han - passage_han)), dtype=np.float32)


def fuse(
    dense: NDArray[np.float32], lexical: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """All of shape (n,); `lexical` normalised to 0 to 1."""
    return np.asarray(dense + weights * lexical, dtype=np.float32)
