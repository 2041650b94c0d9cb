"""Training rows for the confidence from nothing but a shop's own phrasings.

Each similar question is asked while it is held out of the index, once with its entry present and once without it: the
second is a question that nobody has written an answer for yet. (Held-out evaluation in folds: Hastie et al., ESL 7.10.)
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.engine.confidence import Confidence, features, fit
from search.engine.retrieval import Retriever
from search.engine.types import Passage, Vectors

FOLDS = 4
_LIMIT = 6


def fit_on(passages: Sequence[Passage], vectors: Vectors | None) -> Confidence:
    """The fit for an encoder, from its vectors of these passages (row i belongs to passage i); None: lexical.

    Raises ValueError where no entry has a second phrasing to hold out.
    """
    rows, right = held_out(passages, vectors)
    return fit(rows, right)


def held_out(
    passages: Sequence[Passage], vectors: Vectors | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Feature rows and whether the first hit was the right entry."""
    similar = _similar(passages)
    if not similar:
        raise ValueError("no entry has a similar question to hold out")
    rows: list[NDArray[np.float64]] = []
    right: list[bool] = []
    for fold in range(FOLDS):
        asked = similar[fold::FOLDS]
        kept = [item for item in range(len(passages)) if item not in set(asked)]
        retriever = Retriever([passages[item] for item in kept], vectors[kept] if vectors is not None else None)
        for item in asked:
            _ask(retriever, passages[item], vectors[item] if vectors is not None else None, rows, right)
    return np.stack(rows), np.array(right)


def _similar(passages: Sequence[Passage]) -> list[int]:
    """Every phrasing but the first of its entry; the first is the title, which an entry always has."""
    seen: set[str] = set()
    found = []
    for item, passage in enumerate(passages):
        if passage.entry in seen and not passage.negative:
            found.append(item)
        seen.add(passage.entry)
    return found


def _ask(
    retriever: Retriever,
    passage: Passage,
    vector: NDArray[np.float32] | None,
    rows: list[NDArray[np.float64]],
    right: list[bool],
) -> None:
    hits = retriever.search(passage.text, vector, limit=_LIMIT)
    without = [hit for hit in hits if hit.entry != passage.entry]
    for seen in (hits, without):
        if seen:
            rows.append(features(passage.text, seen))
            right.append(seen[0].entry == passage.entry)
