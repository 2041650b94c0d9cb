"""BM25 (the variant of Lucene) from an inverted index in numpy: a query reads the postings of its own tokens, no more.

bm25s (Lù 2024, arXiv:2407.03618), which a test compares with, gives the same scores, but can only be built as a whole.
Here a few thousand postings are added aside with the statistics of the last build: an edit moves no other score.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.75
Items = NDArray[np.int64]
"""Numbers of passages: their place in the order in which they were added."""


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
        """The items with the highest scores above 0, in no order; fewer where fewer share a token. `limit`: 1 or more.

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
            found = found[np.argpartition(self.scores[found], len(found) - limit)[len(found) - limit :]]
        return found


_BLOCK = 64


@dataclass(frozen=True, slots=True)
class _Postings:
    """`items` that hold token t, and what it gives each of them: at `starts[t]` to `starts[t + 1]`."""

    starts: NDArray[np.int64]
    items: Items
    impacts: NDArray[np.float32]

    def add(self, token: int, times: int, scores: NDArray[np.float32]) -> None:
        here = slice(self.starts[token], self.starts[token + 1])
        np.add.at(scores, self.items[here], self.impacts[here] * times if times > 1 else self.impacts[here])


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

    def postings(self, idf: NDArray[np.float64], average: float) -> _Postings:
        """`idf`: shape (tokens known,); `average`: tokens a text."""
        token, text, times = self.counted()
        norm = K1 * (1 - B + B * self.lengths[text] / average)
        starts = np.searchsorted(token, np.arange(len(idf) + 1))
        return _Postings(starts, text, (idf[token] * times / (norm + times)).astype(np.float32))


class LexicalIndex:
    """Immutable: `updated` gives another one. Safe to query from several threads."""

    def __init__(self, token_lists: Sequence[Sequence[str]]) -> None:
        self._vocabulary: dict[str, int] = {}
        texts = _numbered(token_lists, self._vocabulary, {})
        self._built = self._size = len(token_lists)
        self._average = float(texts.lengths.mean()) if texts.tokens.size else 1.0
        holders = np.bincount(texts.counted()[0], minlength=len(self._vocabulary))
        self._idf = np.log(1 + (self._built - holders + 0.5) / (holders + 0.5))
        self._postings = texts.postings(self._idf, self._average)
        self._removed: Items = np.empty(0, dtype=np.int64)
        self._new_vocabulary: dict[str, int] = {}
        self._added = _numbered([], {}, {})
        self._added_postings: _Postings | None = None

    @property
    def removed(self) -> int:
        return len(self._removed)

    def match(self, query: Iterable[str]) -> Matches:
        """The passages that share a token with the query's tokens; a token asked twice counts twice."""
        scores = np.zeros(self._size, dtype=np.float32)
        for word, times in Counter(query).items():
            token = self._vocabulary.get(word)
            if token is not None:
                self._postings.add(token, times, scores)
            if self._added_postings is not None:
                token = self._new_vocabulary.get(word) if token is None else token
                if token is not None:
                    self._added_postings.add(token, times, scores[self._built :])
        scores[self._removed] = 0
        return Matches(scores)

    def updated(self, *, remove: Collection[int], add: Sequence[Sequence[str]]) -> "LexicalIndex":
        """Without the items `remove` and with the token lists `add`, numbered from the highest number on.

        Costs what has been added since the last build, whose idf and average length stay; a token it did not know has
        the idf of one that no passage holds.
        """
        new = copy(self)
        new._removed = np.union1d(self._removed, np.asarray([*remove], dtype=np.int64))
        if add:
            new._new_vocabulary = dict(self._new_vocabulary)
            new._added = self._added + _numbered(add, new._new_vocabulary, self._vocabulary)
            new._size = self._size + len(add)
            unseen = np.full(len(new._new_vocabulary), np.log(1 + (self._built + 0.5) / 0.5))
            new._added_postings = new._added.postings(np.concatenate([self._idf, unseen]), self._average)
        return new


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
