"""From a query to entries: candidates, their scores, one fused score, phrasings pooled into their entry.

What is found is a function of the passages, bit for bit: whatever was there before, in whatever order they came, in
whatever process. So nothing here may depend on a passage's number, and no sum on the order of its parts.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import accumulate, groupby, islice

import numpy as np
from numpy.typing import NDArray

from search.engine.adapter import Adapter
from search.engine.codebook import Codebook, Exact
from search.engine.fusion import fuse, lexical_weights, pooled
from search.engine.lexical import LexicalIndex, Matches, read
from search.engine.text import han_share, tokens
from search.engine.types import EntryHit, Passage, Vectors
from search.engine.vectors import VectorIndex

POOL = 100
"""Passages taken from each side before fusion: wide enough that an entry with many phrasings does not fill it."""
CONTENDERS = 8
"""Entries whose phrasings are all scored, beside those asked for: what is far behind by its best phrasing stays so."""
MOST_CHANGES = (0.2, 8_000)
"""From this share of the built passages, or from so many, changes make searches slow."""


class Retriever:
    """Immutable once built from passages and their vectors (row i belongs to passage i; None: lexical only).

    `updated` gives another one, and shares with it what has not changed. An item is a passage's number: its place in
    the order in which they were added. Removed ones keep theirs and are never found. `adapter`: the shop's own reading
    of the vectors, given here and in `search` as the encoder made them. `codebook`: see VectorIndex; with one that is
    given, with EXACT, or up to FLAT_UP_TO passages, all ways to the same passages give the same hits.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: Vectors | None,
        *,
        adapter: Adapter | None = None,
        codebook: Codebook | Exact | None = None,
    ) -> None:
        if vectors is not None and len(vectors) != len(passages):
            raise ValueError(f"{len(passages)} passages but {len(vectors)} vectors")
        readings = [read(passage.text) for passage in passages]
        self._passages = tuple(passages)
        self._live = self._built = len(passages)
        self._adapter, self._given = adapter, codebook
        dense = vectors is not None and len(vectors)
        self._dense = VectorIndex(self._adapted(vectors), codebook=codebook) if vectors is not None and dense else None
        self._lexical = LexicalIndex([reading.tokens for reading in readings])
        self._han = np.array([reading.han for reading in readings], dtype=np.float32)
        self._negative = np.array([passage.negative for passage in passages], dtype=np.bool_)
        self._items = self._by_entry(range(len(passages)))

    def __len__(self) -> int:
        """How many passages can be found."""
        return self._live

    @property
    def codebook(self) -> Codebook | None:
        """By which the vectors are compressed; None: they are searched exactly, or there are none."""
        return self._dense.codebook if self._dense else None

    @property
    def rebuild_due(self) -> bool:
        """Whether so much was removed and added since the last full build that the next one is better a full one."""
        share, most = MOST_CHANGES
        added = len(self._passages) - self._built
        removed = len(self._passages) - self._live
        return added + removed > min(share * self._built, most)

    def updated(
        self, *, remove: Collection[str] = (), add: Sequence[tuple[Passage, NDArray[np.float32] | None]] = ()
    ) -> "Retriever":
        """Another retriever, without the passages of the entries `remove`, then with those of `add` and their vectors.

        Costs what has changed since the last full build, not the corpus, and finds what a full build would find. Raises
        ValueError for a vector too few, or one too many.
        """
        passages, vectors = [passage for passage, _ in add], [vector for _, vector in add if vector is not None]
        if not self._built:
            rows = np.stack(vectors) if vectors else None
            return Retriever(passages, rows, adapter=self._adapter, codebook=self._given) if add else self
        if len(vectors) != (0 if self._dense is None else len(add)):
            raise ValueError(f"{len(add)} passages but {len(vectors)} vectors")
        entries = frozenset(remove)
        gone = [item for entry in entries for item in self._items.get(entry, ())]
        readings = [read(passage.text) for passage in passages]
        new = copy(self)
        new._passages = (*self._passages, *passages)
        new._lexical = self._lexical.updated(remove=gone, add=[reading.tokens for reading in readings])
        new._live = len(new._passages) - new._lexical.removed
        new._han = np.append(self._han, np.array([reading.han for reading in readings], dtype=np.float32))
        new._negative = np.append(self._negative, np.array([one.negative for one in passages], dtype=np.bool_))
        if self._dense is not None:
            more = self._adapted(np.stack(vectors)) if vectors else None
            new._dense = self._dense.updated(remove=gone, add=more)
        new._items = self._items.copy()
        for entry in entries:
            new._items.pop(entry, None)
        for entry, items in new._by_entry(range(len(self._passages), len(new._passages))).items():
            new._items[entry] = new._in_order((*new._items.get(entry, ()), *items))
        return new

    def _adapted(self, vectors: Vectors) -> Vectors:
        """As `Adapter` does it, shape (n, dimension) or (dimension,), but so that a row depends on no other one."""
        if self._adapter is None:
            return vectors
        mapped = np.vecdot(vectors[..., None, :], self._adapter.matrix)
        lengths = np.sqrt(np.vecdot(mapped, mapped))[..., None]
        return np.asarray(mapped / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def _by_entry(self, items: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """Entry -> those of `items` that are its passages, in order."""
        found: dict[str, list[int]] = {}
        for item in items:
            found.setdefault(self._passages[item].entry, []).append(item)
        return {entry: self._in_order(items) for entry, items in found.items()}

    def _in_order(self, items: Sequence[int]) -> tuple[int, ...]:
        return tuple(items) if len(items) == 1 else tuple(sorted(items, key=self._place))

    def _place(self, item: int) -> tuple[str, str, bool]:
        """By what is ordered whatever scores the same. Equal passages may stand for each other."""
        passage = self._passages[item]
        return passage.entry, passage.text, passage.negative

    def exact(self) -> "Retriever":
        """The same one, that compares a query with every vector, however many there are: what recall is measured by."""
        new = copy(self)
        new._dense = self._dense and self._dense.exact()
        return new

    def search(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        *,
        limit: int,
        lexical: bool = True,
        hidden: Passage | None = None,
    ) -> list[EntryHit]:
        """Best entries first. `vector` None: lexical only; `lexical` False: dense only. At most `limit` entries.

        An entry whose nearest phrasing is a negative one is left out. `hidden`: as if this passage, and those equal to
        it, were not there; only how many passages hold a word is counted with it.
        """
        away = self._equal_to(hidden) if hidden else ()
        matches = self._lexical.match(tokens(query), without=away)
        if vector is not None:
            vector = self._adapted(vector)
        items = self._candidates(matches if lexical else None, vector, away)
        scored = self._scored(query, vector, items, matches, lexical=lexical)
        entries = self._contenders(scored, limit + CONTENDERS)
        phrasings = [self._items[entry] for entry in entries]
        if away:
            phrasings = [tuple(item for item in items if item not in away) for items in phrasings]
        items = np.array([item for items in phrasings for item in items], dtype=np.int64)
        scored = self._scored(query, vector, items, matches, lexical=lexical)
        return self._collapse(scored, [len(items) for items in phrasings], limit)

    def _equal_to(self, passage: Passage) -> tuple[int, ...]:
        return tuple(item for item in self._items.get(passage.entry, ()) if self._passages[item] == passage)

    def _candidates(
        self, matches: Matches | None, vector: NDArray[np.float32] | None, away: Sequence[int]
    ) -> NDArray[np.int64]:
        """Items worth a full score, each once, shape (candidates,): the best POOL of each side."""
        chosen = [np.empty(0, dtype=np.int64)]
        if matches is not None:
            items = matches.top(POOL)
            chosen.append(items if len(items) <= POOL else self._cut(items, matches.of(items)))
        if vector is not None and self._dense is not None:
            items = self._dense.nearest(vector, POOL, without=away)
            chosen.append(items if len(items) <= POOL else self._cut(items, self._dense.cosines(vector, items)))
        return np.unique(np.concatenate(chosen))

    def _cut(self, items: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """POOL of the items, of which fewer than POOL score more than the lowest."""
        lowest = scores.min()
        better, tied = items[scores > lowest], items[scores == lowest]
        return np.append(better, sorted(tied.tolist(), key=self._place)[: POOL - len(better)])

    def _scored(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        items: NDArray[np.int64],
        matches: Matches,
        *,
        lexical: bool,
    ) -> "_Scored":
        """Every score of these items, and the fused one."""
        bm25 = matches.of(items)
        normed = bm25 / matches.best if lexical and matches.best > 0 else np.zeros_like(bm25)
        if vector is None or self._dense is None:
            return _Scored(items, normed, np.zeros_like(bm25), normed, bm25)
        dense = self._dense.cosines(vector, items)
        fused = fuse(dense, normed, lexical_weights(han_share(query), self._han[items]))
        return _Scored(items, fused, dense, normed, bm25)

    def _contenders(self, scored: "_Scored", limit: int) -> list[str]:
        """The entries of the best candidates, without those whose best one is a negative phrasing."""
        best: dict[str, bool] = {}
        items = scored.items.tolist()
        for place in _best_first(scored.fused, lambda place: self._place(items[place])):
            passage = self._passages[items[place]]
            best.setdefault(passage.entry, not passage.negative)
            if len(best) == limit:
                break
        return [entry for entry, speaks_for in best.items() if speaks_for]

    def _collapse(self, scored: "_Scored", counts: Sequence[int], limit: int) -> list[EntryHit]:
        """One hit an entry, best first; `scored` holds the items of one entry after the other, `counts` of each."""
        if not counts:
            return []
        starts = [0, *accumulate(counts)]
        fused = np.where(self._negative[scored.items], np.float32(-np.inf), scored.fused)
        scores = pooled(fused, np.array(starts[:-1]))
        items, best = scored.items.tolist(), fused.tolist()
        hits = []
        for place in islice(_best_first(scores, lambda place: self._place(items[starts[place]])), limit):
            of_entry = best[starts[place] : starts[place + 1]]
            first = starts[place] + of_entry.index(max(of_entry))
            hits.append(scored.hit(self._passages[items[first]], first, float(scores[place])))
        return hits


def _best_first(scores: NDArray[np.float32], place: Callable[[int], tuple[str, str, bool]]) -> Iterator[int]:
    """The indices of `scores`, highest first, equal ones by what `place` says of them; as far as they are asked for."""
    known: list[float] = scores.tolist()
    for _, indices in groupby(np.argsort(-scores, kind="stable").tolist(), key=known.__getitem__):
        group = list(indices)
        yield from sorted(group, key=place) if len(group) > 1 else group


@dataclass(frozen=True, slots=True)
class _Scored:
    """Candidate passages and their scores, all of shape (candidates,)."""

    items: NDArray[np.int64]
    fused: NDArray[np.float32]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    bm25: NDArray[np.float32]

    def hit(self, passage: Passage, place: int, score: float) -> EntryHit:
        """The entry by its best passage, at `place`; `score` is pooled over all that speak for it."""
        cosine, overlap = float(self.dense[place]), float(self.lexical[place])
        by = tuple(name for name, value in (("dense", cosine), ("lexical", overlap)) if value > 0)
        return EntryHit(passage.entry, passage.text, score, cosine, overlap, by, float(self.bm25[place]))
