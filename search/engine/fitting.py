"""Training rows for the confidence from nothing but a shop's own phrasings.

Each similar question is asked while it is held out of the index (in folds: Hastie et al., ESL 7.10). A share of them
loses its entry, for that query alone: what the fit then sees is a question that nobody has written an answer for.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from search.engine.confidence import OPTIONS, Confidence, features, fit
from search.engine.retrieval import Retriever
from search.engine.types import EntryHit, Passage, Vectors

FOLDS = 8
DEPTH = 6
"""How many hits a row is made from; twice as many are asked for, since some may be taken away."""

Asked = tuple[str, Collection[str], list[EntryHit]]
"""A query, its right entries, and its hits."""


def held_out(passages: Sequence[Passage], vectors: Vectors | None) -> Iterator[Asked]:
    """Every phrasing but the first of its entry, which is its title, asked of the rest. Row i of `vectors` belongs to
    passage i; None: lexical."""
    held = similar(passages)
    for fold in range(FOLDS):
        asked = held[fold::FOLDS]
        kept = sorted(set(range(len(passages))) - set(asked))
        retriever = Retriever([passages[item] for item in kept], vectors[kept] if vectors is not None else None)
        for item in asked:
            vector = vectors[item] if vectors is not None else None
            yield (
                passages[item].text,
                {passages[item].entry},
                retriever.search(passages[item].text, vector, limit=2 * DEPTH),
            )


def similar(passages: Sequence[Passage]) -> list[int]:
    """The items that can be held out: phrasings for an entry that has had one before."""
    seen: set[str] = set()
    found = []
    for item, passage in enumerate(passages):
        if passage.entry in seen and not passage.negative:
            found.append(item)
        seen.add(passage.entry)
    return found


def fit_on(asked: Iterable[Asked], *, unanswerable: float, seed: int) -> Confidence:
    """Deterministic for a seed. `unanswerable`: the share that loses its entries. Raises ValueError for no rows."""
    random = Random(seed)  # noqa: S311 a reproducible draw, nothing secret
    rows: list[NDArray[np.float64]] = []
    right, among = [], []
    for query, gold, hits in asked:
        left = [hit for hit in hits if hit.entry not in gold] if random.random() < unanswerable else hits
        if left:
            rows.append(features(query, left[:DEPTH]))
            right.append(left[0].entry in gold)
            among.append(any(hit.entry in gold for hit in left[:OPTIONS]))
    if not rows:
        raise ValueError("nothing was found, so nothing can be fitted")
    return fit(np.stack(rows), np.array(right), np.array(among))
