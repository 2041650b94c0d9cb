"""One side of the gate: a release, or one to be, and what it says to golden questions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cms.models import Channel
from search import encoding
from search.answering import judge
from search.engine.text import clean
from search.engine.types import Decision, Reason
from search.releases.golden import Golden, Kind, audience_of
from search.snapshots import Snapshot

Vector = NDArray[np.float32]
_NEIGHBOURS = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a side said. `first`: the group found first; `said`: key and title of what the reader would be told first,
    None where nothing, as the first one has no answer for this reader. `near`: the groups found, best first."""

    first: str
    said: dict[str, str] | None
    decision: Decision
    confidence: float
    near: tuple[str, ...]


class Side:
    """Vectors of the questions are looked up in bulk; only what is asked in other words, and cases, are encoded."""

    def __init__(self, snapshot: Snapshot, moment: datetime) -> None:
        self.snapshot = snapshot
        self._moment = moment
        self._vectors: dict[str, Vector | None] = {}

    def holds(self, golden: Golden) -> bool:
        """Whether the entry that has to answer is there for whoever asks."""
        return golden.group in audience_of(self.snapshot, golden.question).groups

    def prepare(self, questions: Iterable[Golden]) -> None:
        if self.snapshot.for_agents.degraded:
            return
        texts = list({one.question.query for one in questions if not one.is_case})
        vectors = encoding.stored_vectors(texts, name=self.snapshot.reading.encoder)
        if vectors is not None:
            found = {clean(text): vector for text, vector in zip(texts, vectors, strict=True) if vector.any()}
            self._vectors.update(found)

    def ask(self, golden: Golden) -> Outcome:
        verdict = judge(self.snapshot, golden.question, self._moment, hidden=golden.hidden, encode=self._encode)
        found, hits = verdict.found, verdict.ranking.hits
        has_answer = bool(found) and verdict.reason != Reason.NO_ANSWER_HERE
        pinned = verdict.reason == Reason.PINNED
        first = found[0].group if pinned else hits[0].entry if hits else ""
        return Outcome(
            first,
            {"key": found[0].id, "title": found[0].content["title"]} if has_answer else None,
            verdict.decision,
            verdict.confidence,
            tuple(hit.entry for hit in hits[:_NEIGHBOURS]),
        )

    def _encode(self, text: str) -> Vector | None:
        key = clean(text)
        if key not in self._vectors:
            self._vectors[key] = self.snapshot.for_agents.query_vector(text)
        return self._vectors[key]


def is_right(golden: Golden, outcome: Outcome) -> bool:
    """The right entry comes first and has an answer for whoever asks; where none may answer, none does."""
    if golden.kind == Kind.MUST_NOT:
        return outcome.decision != Decision.ANSWER
    return bool(golden.group) and outcome.first == golden.group and outcome.said is not None


def passes(golden: Golden, outcome: Outcome) -> bool:
    """What is asked of a case: beside being right, a shopper has to be told, or offered, the entry."""
    shown = golden.question.channel == Channel.AGENT or outcome.decision != Decision.ABSTAIN
    return is_right(golden, outcome) and (shown or golden.kind == Kind.MUST_NOT)


def tally(questions: Iterable[tuple[Golden, Outcome]]) -> dict[str, int]:
    """The figures `before` and `after` of a report."""
    figures: dict[str, Any] = dict.fromkeys(("right", "answered_right", "answered_wrong", "asked_back", "abstained"), 0)
    for golden, outcome in questions:
        right = is_right(golden, outcome)
        answered = "answered_right" if right else "answered_wrong"
        named = {Decision.ANSWER: answered, Decision.CHOOSE: "asked_back", Decision.ABSTAIN: "abstained"}
        figures["right"] += right
        figures[named[outcome.decision]] += 1
    return figures
