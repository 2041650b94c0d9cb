"""Training rows for the confidence from labelled queries."""

from collections.abc import Collection, Iterable
from random import Random

import numpy as np
from numpy.typing import NDArray

from search.engine.confidence import OPTIONS, Confidence, features, fit
from search.engine.types import EntryHit

DEPTH = 6
"""How many hits a row is made from."""


def fit_on(
    asked: Iterable[tuple[str, Collection[str], list[EntryHit]]], *, unanswerable: float, seed: int, wrong_rate: float
) -> Confidence:
    """`asked`: query, its right entries, and its hits, deeper than DEPTH.

    That share of the queries loses its right entries, for that query alone: what the fit then sees is a question that
    nobody has written an answer for. Deterministic for a seed.
    """
    random = Random(seed)  # noqa: S311 a reproducible draw, nothing secret
    rows: list[NDArray[np.float64]] = []
    right, among = [], []
    for query, gold, hits in asked:
        left = [hit for hit in hits if hit.entry not in gold] if random.random() < unanswerable else hits
        if left:
            rows.append(features(query, left[:DEPTH]))
            right.append(left[0].entry in gold)
            among.append(any(hit.entry in gold for hit in left[:OPTIONS]))
    return fit(np.stack(rows), np.array(right), np.array(among), wrong_rate=wrong_rate)
