"""How likely the first hit is right: a small logistic regression over the shape of the result list.

A cosine alone is not a confidence: unrelated short questions lie at 0.85 and more with this family of encoders. A fit
belongs to one encoder recipe; a recipe without a fit is judged by the lexical features alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.text import tokens
from search.engine.types import Decision, EntryHit, Reason

FEATURES = ("cosine", "margin", "spread", "lexical", "query_covered", "passage_covered")
_RIDGE = 1e-2


@dataclass(frozen=True, slots=True)
class Confidence:
    """A fit: `weights` over FEATURES, and the probabilities from which to answer and to offer a choice."""

    weights: tuple[float, ...]
    bias: float
    answer_at: float
    choose_at: float

    def of(self, query: str, hits: Sequence[EntryHit]) -> float:
        """Probability, 0 to 1, that the first hit answers the query; 0 without hits."""
        return self.of_features(features(query, hits)) if hits else 0.0

    def of_features(self, row: NDArray[np.float64]) -> float:
        return float(1.0 / (1.0 + np.exp(-(row @ np.asarray(self.weights) + self.bias))))

    def decide(self, probability: float) -> tuple[Decision, Reason]:
        if probability >= self.answer_at:
            return Decision.ANSWER, Reason.CONFIDENT
        if probability >= self.choose_at:
            return Decision.CHOOSE, Reason.AMBIGUOUS
        return Decision.ABSTAIN, Reason.NO_MATCH


def features(query: str, hits: Sequence[EntryHit]) -> NDArray[np.float64]:
    """One row in the order of FEATURES for a result list that is not empty. Shares are 0 to 1."""
    first, second = hits[0], hits[1] if len(hits) > 1 else None
    asked, given = set(tokens(query)), set(tokens(first.text))
    shared = len(asked & given)
    margin = first.score - second.score if second else first.score
    others = [hit.score for hit in hits[1:5]]
    spread = first.score - sum(others) / len(others) if others else first.score
    return np.array(
        [first.dense, margin, spread, first.lexical, shared / (len(asked) or 1), shared / (len(given) or 1)], dtype=np.float64
    )


def fit(rows: NDArray[np.float64], right: NDArray[np.bool_], *, wrong_rate: float = 0.05) -> Confidence:
    """Ridge logistic regression by Newton's method (Hastie et al., ESL 4.4.1); deterministic.

    `rows`: (n, len(FEATURES)); `right`: (n,). `answer_at` is the lowest probability from which at most `wrong_rate` of
    these rows are wrong; `choose_at` the one from which at most half are.
    """
    scale = rows.std(axis=0)
    scale[scale == 0] = 1.0
    centre = rows.mean(axis=0)
    design = np.hstack([(rows - centre) / scale, np.ones((len(rows), 1))])
    target = right.astype(np.float64)
    weights = np.zeros(design.shape[1])
    penalty = np.diag([_RIDGE * len(rows)] * rows.shape[1] + [0.0])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-design @ weights))
        slope = design.T @ (target - chance) - penalty @ weights
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + penalty + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights += step
        if float(np.abs(step).max()) < 1e-9:
            break
    plain = weights[:-1] / scale
    bias = float(weights[-1] - centre @ plain)
    chance = 1.0 / (1.0 + np.exp(-(rows @ plain + bias)))
    return Confidence(
        weights=tuple(round(float(value), 4) for value in plain),
        bias=round(bias, 4),
        answer_at=_lowest(chance, right, wrong_rate),
        choose_at=_lowest(chance, right, 0.5),
    )


def _lowest(chance: NDArray[np.float64], right: NDArray[np.bool_], wrong_rate: float) -> float:
    """The lowest threshold at which the share of wrong among those at or above it is within `wrong_rate`."""
    order = np.argsort(-chance, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(wrong <= wrong_rate)
    return round(float(chance[order][kept[-1]]), 4) if len(kept) else 1.0
