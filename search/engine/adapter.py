"""A linear map on the vectors, learnt from a shop's own phrasings: those of an entry attract, all others repel.

A contrastive loss (InfoNCE: van den Oord et al., arXiv:1807.03748, over batch and random negatives), begun at the
identity and pulled back to it, so that what the encoder knows beyond these phrasings is kept. Plain numpy: seconds on
a CPU, and one matrix-vector product a query.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.types import Vectors

EPOCHS = 10
TEMPERATURE = 0.08
"""Of 0.05 and 0.08 the latter, and of 8 to 20 epochs 10, did best on held-out phrasings of the demo store."""
PULL = 1.0
RATE = 1e-3
BATCH = 256
NEGATIVES = 4 * BATCH

_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Adapter:
    """`matrix`: float32, shape (dimension, dimension)."""

    matrix: Vectors

    def __call__(self, vectors: Vectors) -> Vectors:
        """Shape (n, dimension) or (dimension,), of length 1 again; rows of zeros, which are missing vectors, stay."""
        mapped = np.asarray(vectors @ self.matrix.T, dtype=np.float32)
        lengths = np.linalg.norm(mapped, axis=-1, keepdims=True)
        return np.asarray(mapped / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)

    def to_bytes(self) -> bytes:
        """float16, little endian: half the room, and cosines move by less than 0.0005."""
        return self.matrix.astype("<f2").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Adapter":
        """Raises ValueError for bytes that are no square matrix."""
        flat = np.frombuffer(data, dtype="<f2").astype(np.float32)
        side = round(len(flat) ** 0.5)
        return cls(flat.reshape(side, side))


def fit_adapter(vectors: Vectors, entries: Sequence[Hashable], *, seed: int = 7) -> Adapter | None:
    """`vectors` (n, dimension), row i a phrasing of entries[i]. Deterministic for a seed.

    None where no entry has two phrasings. Adam (Kingma & Ba, arXiv:1412.6980) on the matrix.
    """
    pairs = _Pairs.of(entries)
    if not len(pairs.anchors):
        return None
    random = np.random.default_rng(seed)
    matrix = np.eye(vectors.shape[1], dtype=np.float32)
    mean, power, step = np.zeros_like(matrix), np.zeros_like(matrix), 0
    for _ in range(EPOCHS):
        order = random.permutation(pairs.anchors)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            others = np.concatenate([pairs.partners(chosen, random), pairs.some(NEGATIVES, random)])
            slope = _slope(matrix, vectors, pairs.numbers, chosen, others)
            step += 1
            mean = 0.9 * mean + 0.1 * slope
            power = 0.999 * power + 0.001 * slope * slope
            matrix = matrix - RATE * (mean / (1 - 0.9**step)) / (np.sqrt(power / (1 - 0.999**step)) + 1e-8)
    return Adapter(np.asarray(matrix, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Phrasings sorted by entry: `order` (n,) lists their rows, and the phrasings of the entry of row i stand in it
    from `first[i]`, `count[i]` of them, row i itself at `place[i]`. `numbers` (n,) are the entries."""

    numbers: _Ints
    order: _Ints
    first: _Ints
    count: _Ints
    place: _Ints

    @classmethod
    def of(cls, entries: Sequence[Hashable]) -> "_Pairs":
        known: dict[Hashable, int] = {}
        numbers = np.array([known.setdefault(entry, len(known)) for entry in entries], dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        counts = np.bincount(numbers, minlength=len(known))
        firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(numbers, order, firsts[numbers], counts[numbers], place)

    @property
    def anchors(self) -> _Ints:
        """The rows whose entry has another phrasing."""
        return np.flatnonzero(self.count > 1)

    def partners(self, rows: _Ints, random: np.random.Generator) -> _Ints:
        """For each row another phrasing of its entry."""
        shift = 1 + (random.random(len(rows)) * (self.count[rows] - 1)).astype(np.int64)
        return self.order[self.first[rows] + (self.place[rows] - self.first[rows] + shift) % self.count[rows]]

    def some(self, most: int, random: np.random.Generator) -> _Ints:
        return np.asarray(random.choice(len(self.numbers), min(most, len(self.numbers)), replace=False))


def _slope(matrix: Vectors, vectors: Vectors, numbers: _Ints, rows: _Ints, others: _Ints) -> Vectors:
    """The loss's gradient by the matrix; others[i] is the partner of rows[i], the rest are negatives."""
    asked, given = vectors[rows], vectors[others]
    mapped_asked, asked_length = _unit(asked @ matrix.T)
    mapped_given, given_length = _unit(given @ matrix.T)
    logits = mapped_asked @ mapped_given.T / TEMPERATURE
    diagonal = np.arange(len(rows))
    # A phrasing of the same entry is no negative.
    own = numbers[rows][:, None] == numbers[others][None, :]
    own[diagonal, diagonal] = False
    logits[own] = -np.inf
    chance = np.exp(logits - logits.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    chance[diagonal, diagonal] -= 1
    chance /= len(rows) * TEMPERATURE
    by_asked = _through_unit(chance @ mapped_given, mapped_asked, asked_length)
    by_given = _through_unit(chance.T @ mapped_asked, mapped_given, given_length)
    pull = 2 * PULL / len(matrix) * (matrix - np.eye(len(matrix), dtype=np.float32))
    return np.asarray(by_asked.T @ asked + by_given.T @ given + pull, dtype=np.float32)


def _unit(mapped: Vectors) -> tuple[Vectors, Vectors]:
    length = np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-9)
    return mapped / length, length


def _through_unit(slope: Vectors, unit: Vectors, length: Vectors) -> Vectors:
    """The gradient before a vector was brought to length 1."""
    return np.asarray((slope - (slope * unit).sum(axis=1, keepdims=True) * unit) / length, dtype=np.float32)
