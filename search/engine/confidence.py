"""How likely the first hit is right: a small logistic regression over the shape of the result list.

A cosine alone is not a confidence: unrelated short questions lie at 0.85 and more with this family of encoders. A fit
belongs to one encoder recipe; a recipe without a fit is judged by the lexical features alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.homophones import FOUND_BY as FOUND_BY_SOUND
from search.engine.text import tokens, words
from search.engine.types import Decision, EntryHit, Reason, Wording

FEATURES = ("cosine", "margin", "spread", "lexical", "query_covered", "passage_covered")
WRONG_RATES = (0.02, 0.05, 0.10)
"""The wrong-answer rates that a shop can ask for."""
_RIDGE = 1e-2
_NEVER = 1.01


OPTIONS = 4
"""At most so many entries are offered where the first one is not sure."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Probability of an event from a row of FEATURES; `centre` is the mean row of what it was fitted on."""

    weights: tuple[float, ...]
    bias: float
    centre: tuple[float, ...]

    def of(self, row: NDArray[np.float64]) -> float:
        return float(1.0 / (1.0 + np.exp(-(row @ np.asarray(self.weights) + self.bias))))

    def effects(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature adds to the log odds, against its mean; shape as `row`."""
        return np.asarray((row - np.asarray(self.centre)) * np.asarray(self.weights))


@dataclass(frozen=True, slots=True)
class Effect:
    """A feature of a result list: above 0 `effect` speaks for the first hit, below against it (log odds)."""

    feature: str
    value: float
    effect: float


@dataclass(frozen=True, slots=True)
class Confidence:
    """A fit: `first` (the first hit is right), `among` (one of the first OPTIONS is), when to answer and to ask back.

    `answer_at`: (wrong-answer rate, the probability from which it is kept) of each of WRONG_RATES. Options cost a
    shopper one look, "no answer" a wait for a person: so they are shown well before they are likely.
    """

    first: Logistic
    among: Logistic
    answer_at: tuple[tuple[float, float], ...]
    choose_at: float = 0.4

    def threshold(self, wrong_rate: float) -> float:
        """The probability from which to answer: that of the nearest fitted rate which is no laxer than the one asked
        for; above 1, so never reached, where no fitted rate is that strict."""
        kept = [probability for rate, probability in self.answer_at if rate <= wrong_rate]
        return min(kept, default=_NEVER)

    def decide(
        self, query: str, hits: Sequence[EntryHit], *, wrong_rate: float = 0.05
    ) -> tuple[float, Decision, Reason]:
        """The probability, 0 to 1, that the first hit answers the query, and what to do about it where at most
        `wrong_rate` of the answers given may be wrong. Judged by the wording that found the first hit."""
        if not hits:
            return 0.0, Decision.ABSTAIN, Reason.NO_MATCH
        asked = hits[0].wording or Wording(query)
        # What only sounds like an editor's words is a guess.
        if asked.by != FOUND_BY_SOUND and is_verbatim(asked.text, hits):
            return 1.0, Decision.ANSWER, Reason.VERBATIM
        row = features(asked.text, hits)
        probability = self.first.of(row)
        if probability >= self.threshold(wrong_rate):
            return probability, Decision.ANSWER, Reason.CONFIDENT
        if self.among.of(row) >= self.choose_at:
            return probability, Decision.CHOOSE, Reason.AMBIGUOUS
        return probability, Decision.ABSTAIN, Reason.NO_MATCH

    def explain(self, query: str, hits: Sequence[EntryHit]) -> tuple[Effect, ...]:
        """What spoke for the first hit and against it, the strongest first; nothing where there is none."""
        if not hits:
            return ()
        row = features((hits[0].wording or Wording(query)).text, hits)
        found = zip(FEATURES, row, self.first.effects(row), strict=True)
        return tuple(
            sorted(
                (Effect(name, round(float(value), 4), round(float(effect), 3)) for name, value, effect in found),
                key=lambda one: -abs(one.effect),
            )
        )


def is_verbatim(query: str, hits: Sequence[EntryHit]) -> bool:
    """Whether an editor wrote these very words for the first entry, and for no other among the hits."""
    asked = words(query)
    return words(hits[0].text) == asked and all(words(hit.text) != asked for hit in hits[1:])


def features(query: str, hits: Sequence[EntryHit]) -> NDArray[np.float64]:
    """One row in the order of FEATURES for a result list that is not empty. Shares are 0 to 1."""
    first, others = hits[0], [hit.score for hit in hits[1:5]]
    asked, given = set(tokens(query)), set(tokens(first.text))
    shared = len(asked & given)
    # An only hit stands ahead of nothing: that there is no second one says nothing for the first.
    margin = first.score - others[0] if others else 0.0
    spread = first.score - sum(others) / len(others) if others else 0.0
    return np.array(
        [first.dense, margin, spread, first.lexical, shared / (len(asked) or 1), shared / (len(given) or 1)],
        dtype=np.float64,
    )


def fit(rows: NDArray[np.float64], right: NDArray[np.bool_], among: NDArray[np.bool_]) -> Confidence:
    """`rows`: (n, len(FEATURES)); `right`, `among`: (n,), whether the first hit, or one of the OPTIONS, was right.

    The threshold of a wrong-answer rate is the lowest probability from which at most that share of these rows is wrong.
    """
    first = fit_logistic(rows, right)
    chance = np.array([first.of(row) for row in rows])
    answer_at = tuple((rate, _lowest(chance, right, rate)) for rate in WRONG_RATES)
    return Confidence(first, fit_logistic(rows, among), answer_at)


def fit_logistic(rows: NDArray[np.float64], event: NDArray[np.bool_]) -> Logistic:
    """Ridge logistic regression by Newton's method (Hastie et al., ESL 4.4.1); deterministic."""
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale == 0] = 1.0
    design = np.hstack([(rows - centre) / scale, np.ones((len(rows), 1))])
    penalty = np.diag([_RIDGE * len(rows)] * rows.shape[1] + [1e-9])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-design @ weights))
        slope = design.T @ (event - chance) - penalty @ weights
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curve, slope)
        weights += step
        if float(np.abs(step).max()) < 1e-9:
            break
    plain = weights[:-1] / scale
    return Logistic(
        tuple(round(float(value), 4) for value in plain),
        round(float(weights[-1] - centre @ plain), 4),
        tuple(round(float(value), 4) for value in centre),
    )


def _lowest(chance: NDArray[np.float64], right: NDArray[np.bool_], wrong_rate: float) -> float:
    """The lowest threshold at which the share of wrong among those at or above it is within `wrong_rate`."""
    order = np.argsort(-chance, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(wrong <= wrong_rate)
    return round(float(chance[order][kept[-1]]), 4) if len(kept) else _NEVER
