"""Recall and rank of a retriever on labelled queries, and what could be answered by itself at a given precision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class RankReport:
    """Means over the answerable queries; `ms` is the mean time of one query in milliseconds, encoding included."""

    queries: int
    r1: float
    r3: float
    r10: float
    mrr10: float
    ms: float

    def as_dict(self) -> dict[str, float]:
        return {"r@1": self.r1, "r@3": self.r3, "r@10": self.r10, "mrr@10": self.mrr10, "ms": self.ms}


def first_rank(ranked: Sequence[str], gold: Collection[str]) -> int | None:
    """1-based place of the first right entry; None where none is among them."""
    return next((place for place, entry in enumerate(ranked, 1) if entry in gold), None)


def rank_report(ranks: Sequence[int | None], *, seconds: float, asked: int) -> RankReport:
    """`ranks`: `first_rank` of each answerable query. `seconds` were spent on `asked` queries."""
    count = len(ranks) or 1

    def within(limit: int) -> float:
        return sum(1 for rank in ranks if rank and rank <= limit) / count

    mrr = sum(1 / rank for rank in ranks if rank and rank <= 10) / count
    return RankReport(len(ranks), within(1), within(3), within(10), mrr, 1000 * seconds / (asked or 1))


def coverage(scores: Sequence[float], right: Sequence[bool], *, answerable: int, precision: float) -> float:
    """Share of the answerable queries that are answered rightly, by the lowest threshold on `scores` at which at least
    `precision` of the answers given are right. Queries of equal score are answered together; 0 where nothing keeps it.
    """
    if not scores:
        return 0.0
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked, hits = np.asarray(scores)[order], np.cumsum(np.asarray(right)[order])
    shares = hits / np.arange(1, len(order) + 1)
    ends = np.append(ranked[1:] < ranked[:-1], True)
    kept = np.flatnonzero(ends & (shares >= precision))
    return float(hits[kept[-1]]) / (answerable or 1) if len(kept) else 0.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Queries whose probability lay in [low, high): how many, what was promised on average, what was right."""

    low: float
    high: float
    queries: int
    promised: float
    right: float


def reliability(probabilities: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> list[Bin]:
    """The reliability table (DeGroot & Fienberg 1983): promise beside truth, in bins of equal width, empty ones left
    out; 1.0 belongs to the last one."""
    places = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    table = []
    for place in np.unique(places):
        inside = places == place
        promised, true = np.asarray(probabilities)[inside].mean(), np.asarray(right)[inside].mean()
        table.append(Bin(place / bins, (place + 1) / bins, int(inside.sum()), float(promised), float(true)))
    return table
