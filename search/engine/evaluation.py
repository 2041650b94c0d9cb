"""Recall and rank of a retriever on labelled queries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


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
