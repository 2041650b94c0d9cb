"""What goes into the engine and what comes out: small frozen values that say how they were made."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (n, dimension), rows of length 1; a row of zeros stands for a vector that is missing."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One phrasing of an entry: its title or a similar question; a negative one speaks against the entry."""

    entry: str
    text: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """A query as it was searched. `by` None: the customer's own words; else what rewrote them, and `pairs` of
    (said, meant)."""

    text: str
    by: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EntryHit:
    """An entry with its best passage. `dense` is a cosine, `lexical` is `bm25` over the query's best, 0 to 1; `score`
    is fused, and pooled over the entry's passages. `wording` is what found it, None for the query itself."""

    entry: str
    text: str
    score: float
    dense: float
    lexical: float
    by: tuple[str, ...]
    bm25: float = 0.0
    wording: Wording | None = None


class Decision(StrEnum):
    ANSWER = "answer"
    CHOOSE = "choose"
    ABSTAIN = "abstain"


class Reason(StrEnum):
    PINNED = "pinned"
    VERBATIM = "verbatim"
    CONFIDENT = "confident"
    AMBIGUOUS = "ambiguous"
    NO_MATCH = "no_match"
    NO_WORDS = "no_words"
    NO_ANSWER_HERE = "no_answer_here"
