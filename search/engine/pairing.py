"""Which item of a list became which of another: the equal ones, then those with one identity, then the likest."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from search.engine.differences import LIKE, likeness

Pair = tuple[int | None, int | None]
"""Places in the list before and in the list after; None: removed, or added."""

_MOST_PAIRS = 10_000
"""Where there are more to weigh, only those with one identity are."""


@dataclass(frozen=True, slots=True)
class Item:
    """`whole`: equal for equal items only. `identity`: what an edit seldom changes; None where nothing is."""

    whole: str
    words: frozenset[str]
    identity: Hashable = None


def paired(before: Sequence[Item], after: Sequence[Item], *, only_by_identity: bool = False) -> list[Pair]:
    """Each item once: what was removed, in its order, then what is there now, in its order."""
    pairs = dict(_equal(before, after))
    old = [place for place in range(len(before)) if place not in pairs]
    new = sorted({*range(len(after))} - {*pairs.values()})
    found = []
    for row, column in _candidates(before, after, old, new):
        score = _score(before[row], after[column], only_by_identity)
        if score >= LIKE:
            found.append((-score, abs(row - column), row, column))
    taken = set(pairs.values())
    for *_order, row, column in sorted(found):
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    was = {column: row for row, column in pairs.items()}
    removed: list[Pair] = [(row, None) for row in range(len(before)) if row not in pairs]
    return removed + [(was.get(column), column) for column in range(len(after))]


def _equal(before: Sequence[Item], after: Sequence[Item]) -> Iterator[tuple[int, int]]:
    places: dict[str, deque[int]] = defaultdict(deque)
    for place, item in enumerate(after):
        places[item.whole].append(place)
    for place, item in enumerate(before):
        if places[item.whole]:
            yield place, places[item.whole].popleft()


def _candidates(
    before: Sequence[Item], after: Sequence[Item], old: list[int], new: list[int]
) -> Iterator[tuple[int, int]]:
    if len(old) * len(new) <= _MOST_PAIRS:
        yield from product(old, new)
        return
    places: dict[Hashable, list[int]] = defaultdict(list)
    for column in new:
        if after[column].identity is not None:
            places[after[column].identity].append(column)
    for row in old:
        yield from ((row, column) for column in places.get(before[row].identity, ()))


def _score(before: Item, after: Item, only_by_identity: bool) -> float:
    if before.identity is not None and before.identity == after.identity:
        return 1.0 + likeness(before.words, after.words)
    return 0.0 if only_by_identity else likeness(before.words, after.words)
