"""What a shop's own phrasings teach: an adapter on the vectors, and a confidence fitted to what it then finds.

Both are judged, and the confidence is fitted, on phrasings that were held out of the index and of the adapter.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.engine.adapter import Adapter, fit_adapter
from search.engine.confidence import Confidence
from search.engine.fitting import DEPTH, Asked, fit_on, similar
from search.engine.retrieval import Retriever
from search.engine.types import Passage, Vectors

FOLDS = 4
ENOUGH = 200
"""Similar questions that a shop needs before it learns from them: with fewer a gain cannot be told from luck."""
UNANSWERABLE = 0.3
"""The share of questions that are asked with their entry taken away: what `evaluate` is judged with."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How held-out phrasings were answered: shares right at once without the adapter and with it, and how many only
    one of the two got right."""

    asked: int
    without: float
    adapted: float
    wins: int
    losses: int

    @property
    def convincing(self) -> bool:
        """More wins than losses, by two standard deviations of a coin: a sign test at one in forty."""
        return self.wins - self.losses > 2 * math.sqrt(self.wins + self.losses)


@dataclass(frozen=True, slots=True)
class Lesson:
    """`adapter` None: none was better than none. `confidence` None: too few phrasings, the shipped fit holds."""

    adapter: Adapter | None
    confidence: Confidence | None
    trial: Trial | None
    seconds: float


NOTHING_LEARNT = Lesson(None, None, None, 0.0)


def learn(passages: Sequence[Passage], vectors: Vectors, *, seed: int = 7) -> Lesson:
    """Row i of `vectors` belongs to passage i. Deterministic for a seed."""
    started = time.perf_counter()
    if len(similar(passages)) < ENOUGH:
        return Lesson(None, None, None, time.perf_counter() - started)
    pairs = list(_held_out_both(passages, vectors, seed))
    trial = _trial(pairs)
    adapter = _fitted(passages, vectors, seed) if trial.convincing else None
    asked = [with_it if adapter else without for without, with_it in pairs]
    confidence = fit_on(asked, unanswerable=UNANSWERABLE, seed=seed)
    return Lesson(adapter, confidence, trial, time.perf_counter() - started)


def _held_out_both(passages: Sequence[Passage], vectors: Vectors, seed: int) -> Iterator[tuple[Asked, Asked]]:
    """Each similar question, asked while it is held out: of an index without an adapter, and of one with an adapter
    that has not seen it."""
    held = similar(passages)
    for fold in range(FOLDS):
        asked = held[fold::FOLDS]
        kept = sorted(set(range(len(passages))) - set(asked))
        kept_passages, kept_vectors = [passages[item] for item in kept], vectors[kept]
        adapter = _fitted(kept_passages, kept_vectors, seed)
        plain = Retriever(kept_passages, kept_vectors)
        adapted = Retriever(kept_passages, kept_vectors, adapter=adapter)
        for item in asked:
            text, gold = passages[item].text, {passages[item].entry}
            found = (retriever.search(text, vectors[item], limit=2 * DEPTH) for retriever in (plain, adapted))
            without, with_it = ((text, gold, hits) for hits in found)
            yield without, with_it


def _fitted(passages: Sequence[Passage], vectors: Vectors, seed: int) -> Adapter | None:
    rows = [row for row, passage in enumerate(passages) if not passage.negative and vectors[row].any()]
    return fit_adapter(vectors[rows], [passages[row].entry for row in rows], seed=seed)


def _trial(pairs: Sequence[tuple[Asked, Asked]]) -> Trial:
    right = [(_is_right(without), _is_right(with_it)) for without, with_it in pairs]
    return Trial(
        asked=len(right),
        without=sum(without for without, _ in right) / len(right),
        adapted=sum(with_it for _, with_it in right) / len(right),
        wins=sum(with_it and not without for without, with_it in right),
        losses=sum(without and not with_it for without, with_it in right),
    )


def _is_right(asked: Asked) -> bool:
    _query, gold, hits = asked
    return bool(hits) and hits[0].entry in gold
