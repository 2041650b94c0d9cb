"""BM25 (the variant of Lucene) from an inverted index in numpy: a query reads the postings of its own tokens, no more.

bm25s (Lù 2024, arXiv:2407.03618), which a test compares with, gives the same scores, but can only be built as a whole.
Here a few thousand postings are added aside. What a passage scores is a function of the passages that are there, bit
for bit: how many hold a token is counted exactly and weighed when it is asked for, and what a token gives a passage
depends on that passage alone.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from math import log
from sys import intern

import numpy as np
from numpy.typing import NDArray

from search.engine.text import clean, tokens

K1, B = 1.2, 0.75
AVERAGE_LENGTH = 20.15
"""Tokens of a phrasing, by which long ones count less: the mean of the formal Chinese wordings in `tuning/phrasings`,
which are written as an editor's are. The corpus's own mean would move every score with every edit. On questions that
are held out (`general_lcqmc`, whose mean is 19.3) both rank alike, and with the mean of all wordings, 15.7, R@1 is
0.004 lower."""
Items = NDArray[np.int64]
"""Numbers of passages: their place in the order in which they were added."""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A phrasing as it is cleaned and counted; `han`: whether there are Hanzi in it."""

    text: str
    tokens: tuple[str, ...]
    han: bool


@lru_cache(maxsize=65_536)
def read(phrasing: str) -> Reading:
    """Remembered, as a phrasing is read for words and for sounds, for agents and for shoppers, and again at a rebuild:
    reading is most of what a build costs."""
    text = clean(phrasing)
    # The same few thousand tokens stand in all of them.
    return Reading(text, tuple(map(intern, tokens(phrasing))), bool(_HAN.search(text)))


@dataclass(frozen=True, slots=True)
class Matches:
    """What a query's tokens found: `scores`, shape (passages,), BM25, 0 where no token is shared or it was removed."""

    scores: NDArray[np.float32]

    @property
    def best(self) -> float:
        return float(self.scores.max(initial=0.0))

    def of(self, items: Items) -> NDArray[np.float32]:
        """BM25 of each of `items`, shape (len(items),)."""
        return self.scores[items]

    def top(self, limit: int) -> Items:
        """The `limit` items with the highest scores above 0 and those that score as the last of them, in no order;
        fewer where fewer share a token. `limit`: 1 or more.

        With `limit` or more blocks, at least so many scores reach the limit-th highest maximum of a block, so that the
        best lie there: two plain passes cost a quarter of a partition of everything.
        """
        blocks = len(self.scores) // _BLOCK
        floor = np.float32(0.0)
        if blocks >= limit:
            # Every block is a stride through the array: maxima across rows are what numpy vectorises.
            highest = self.scores[: blocks * _BLOCK].reshape(_BLOCK, blocks).max(axis=0)
            floor = np.partition(highest, blocks - limit)[blocks - limit]
        found = np.flatnonzero(self.scores >= floor if floor > 0 else self.scores)
        if len(found) > limit:
            scores = self.scores[found]
            found = found[scores >= np.partition(scores, len(found) - limit)[len(found) - limit]]
        return found


_BLOCK = 64


@dataclass(frozen=True, slots=True)
class _Postings:
    """`items` that hold token t, and what it gives each of them, unweighted: at `starts[t]` to `starts[t + 1]`."""

    starts: NDArray[np.int64]
    items: Items
    impacts: NDArray[np.float32]

    @classmethod
    def of(cls, texts: "_Texts", known: int) -> "_Postings":
        """`known`: how many tokens have a number."""
        token, text, times = texts.counted()
        norm = K1 * (1 - B + B * texts.lengths[text] / AVERAGE_LENGTH)
        starts = np.concatenate([[0], np.cumsum(np.bincount(token, minlength=known))])
        return cls(starts, text, (times / (norm + times)).astype(np.float32))

    def add(self, tokens: Items, weights: NDArray[np.float32], scores: NDArray[np.float32]) -> None:
        """Token by token, in this order, so that a passage's score is the same sum wherever it lies."""
        spans = zip(self.starts[tokens].tolist(), self.starts[tokens + 1].tolist(), weights, strict=True)
        for start, end, weight in spans:
            np.add.at(scores, self.items[start:end], self.impacts[start:end] * weight)


@dataclass(frozen=True, slots=True)
class _Texts:
    """Token numbers of several texts, one after the other, and each text's length in tokens, shape (texts,)."""

    tokens: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __add__(self, others: "_Texts") -> "_Texts":
        tokens, lengths = (self.tokens, others.tokens), (self.lengths, others.lengths)
        return _Texts(np.concatenate(tokens), np.concatenate(lengths))

    def counted(self) -> tuple[NDArray[np.int64], Items, NDArray[np.int64]]:
        """(token, text, how often) of every pair that occurs, sorted by token, then text."""
        count = max(len(self.lengths), 1)
        pairs, times = np.unique(
            self.tokens * count + np.repeat(np.arange(len(self.lengths)), self.lengths), return_counts=True
        )
        return pairs // count, pairs % count, times

    def of(self, items: Items) -> "_Texts":
        lengths = self.lengths[items]
        ends = np.cumsum(self.lengths)[items]
        chosen = [self.tokens[end - length : end] for end, length in zip(ends, lengths, strict=True)]
        return _Texts(np.concatenate([self.tokens[:0], *chosen]), lengths)

    def holders(self, known: int) -> NDArray[np.int64]:
        """How many of these texts hold each token, shape (known,)."""
        return np.bincount(self.counted()[0], minlength=known)


class LexicalIndex:
    """Immutable: `updated` gives another one. Safe to query from several threads."""

    def __init__(self, token_lists: Sequence[Sequence[str]]) -> None:
        self._vocabulary: dict[str, int] = {}
        self._texts = _numbered(token_lists, self._vocabulary, {})
        self._built = self._size = len(token_lists)
        self._postings = _Postings.of(self._texts, len(self._vocabulary))
        self._holders = np.diff(self._postings.starts)
        self._removed: Items = np.empty(0, dtype=np.int64)
        self._new_vocabulary: dict[str, int] = {}
        self._added = _numbered([], {}, {})
        self._added_postings: _Postings | None = None

    @property
    def removed(self) -> int:
        return len(self._removed)

    def match(self, query: Iterable[str], *, without: Sequence[int] = ()) -> Matches:
        """The passages that share a token with the query's tokens; a token asked twice counts twice.

        The items `without` score nothing, but are counted among those that hold a token.
        """
        scores = np.zeros(self._size, dtype=np.float32)
        counted = [(self._number(word), times) for word, times in Counter(query).items()]
        known = [(token, times) for token, times in counted if token is not None]
        numbers, weights = np.array([token for token, _ in known], dtype=np.int64), self._weights(known)
        if self._added_postings is None:
            self._postings.add(numbers, weights, scores)
        else:
            built = numbers < len(self._vocabulary)
            self._postings.add(numbers[built], weights[built], scores)
            self._added_postings.add(numbers, weights, scores[self._built :])
        scores[self._removed] = 0
        if without:
            scores[[*without]] = 0
        return Matches(scores)

    def _number(self, word: str) -> int | None:
        token = self._vocabulary.get(word)
        return self._new_vocabulary.get(word) if token is None else token

    def _weights(self, known: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """Of (token, how often it is asked for): that often its inverse document frequency."""
        count = self._size - len(self._removed)
        holders = self._holders[[token for token, _ in known]].tolist()
        found = zip(known, holders, strict=True)
        # One by one: numpy may compute a logarithm in another way in another place of an array.
        weights = [times * log(1 + (count - held + 0.5) / (held + 0.5)) for (_, times), held in found]
        return np.array(weights, dtype=np.float32)

    def updated(self, *, remove: Collection[int], add: Sequence[Sequence[str]]) -> "LexicalIndex":
        """Without the items `remove` and with the token lists `add`, numbered from the highest number on.

        Costs what has been added since the last build, and finds what a new build of what is left would find.
        """
        new = copy(self)
        gone = np.setdiff1d(np.asarray([*remove], dtype=np.int64), self._removed)
        new._removed = np.union1d(self._removed, gone)
        if add:
            new._new_vocabulary = dict(self._new_vocabulary)
            new._added = self._added + _numbered(add, new._new_vocabulary, self._vocabulary)
            new._size = self._size + len(add)
            new._added_postings = _Postings.of(new._added, len(self._vocabulary) + len(new._new_vocabulary))
        new._holders = self._holders_after(gone, new)
        return new

    def _holders_after(self, gone: Items, new: "LexicalIndex") -> NDArray[np.int64]:
        known = len(new._vocabulary) + len(new._new_vocabulary)
        came = new._added.of(np.arange(len(self._added.lengths), len(new._added.lengths)))
        left = self._texts.of(gone[gone < self._built]), self._added.of(gone[gone >= self._built] - self._built)
        holders = came.holders(known) - left[0].holders(known) - left[1].holders(known)
        holders[: len(self._holders)] += self._holders
        return holders


def _numbered(token_lists: Sequence[Sequence[str]], grown: dict[str, int], known: dict[str, int]) -> _Texts:
    """Tokens that are not `known` get the next numbers, in `grown`."""
    first = len(known)
    numbers = (
        known[word] if word in known else grown.setdefault(word, first + len(grown))
        for words in token_lists
        for word in words
    )
    lengths = np.fromiter(map(len, token_lists), dtype=np.int64, count=len(token_lists))
    return _Texts(np.fromiter(numbers, dtype=np.int64, count=int(lengths.sum())), lengths)
