"""What an edit changed, in words: what stayed, what was removed, what was added, as an editor would mark it.

The shortest difference is not the most readable one: what stayed the same but is too little to hold on to counts as
changed, changes begin where a line or sentence does, and lines that say much the same are compared with each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from typing import Literal, NamedTuple

from search.engine.segmenting import can_be_cut, is_break, units

PartKind = Literal["same", "removed", "added"]

_LONG = 20_000
"""Characters; longer texts are compared by lines first, and only the lines that changed by words."""
_MOST_CELLS = 10**8
"""Units of the one text times those of the other; where there are more, all of it counts as changed."""
_MOST_LINE_PAIRS = 1600
LIKE = 0.5
"""Two texts that share this part of their words are two states of one."""
_WORTH = 1.5
"""Lines are kept together unless that marks this many times what could be marked."""

_PARTICLES = "的了地得着是在和与或及也就都请您你我吗呢吧啊之以为有会可将把被于到从向对而但则并让给"
_SMALL_WORDS = "a an the of to in on at by and or is are be for with it your you we our"
_FUNCTION = frozenset([*_PARTICLES, *_SMALL_WORDS.split()])
_AFTER = {**dict.fromkeys("。！？；!?;.", 3), **dict.fromkeys("，、,:：)）】」》 ", 2)}


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text. What is the same and what was removed make the text before; the same and the added, after."""

    kind: PartKind
    text: str


class _Block(NamedTuple):
    """A run of units that both have: `size` of them, from `before[at]` and from `after[to]`."""

    at: int
    to: int
    size: int

    @property
    def ends(self) -> tuple[int, int]:
        return self.at + self.size, self.to + self.size


def word_diff(before: str, after: str) -> list[Part]:
    """Removed stands before added, neighbours differ in kind, nothing is empty. The worst of 5 000 characters against
    5 000 takes less than 0.1 s, once the vocabulary is loaded."""
    if max(len(before), len(after)) <= _LONG:
        return _merged(_by_words(before, after))
    return _merged(_by_lines(before, after))


def line_diff(before: Sequence[str], after: Sequence[str]) -> list[Part]:
    """Of lists whose items are moved, put in or taken out whole; a line an item."""
    lines = [[f"{line}\n" for line in before], [f"{line}\n" for line in after]]
    return _merged(_parts(_matches(*lines), *lines))


def atom_diff(before: str, after: str) -> list[Part]:
    """Of values that are one thing, a code or a date: the old one and the new one."""
    if before == after:
        return _merged([Part("same", before)])
    return _merged([Part("removed", before), Part("added", after)])


def words_of(text: str) -> frozenset[str]:
    """What two texts are compared by, when it is asked whether the one is an edit of the other."""
    return _said(units(text))


def _said(units: Iterable[str]) -> frozenset[str]:
    return frozenset(unit.casefold() for unit in units if _says(unit))


def likeness(before: frozenset[str], after: frozenset[str]) -> float:
    """Share of the words that two texts have in common, 0 to 1."""
    total = len(before) + len(after)
    return 2 * len(before & after) / total if total else 0.0


def _by_words(before_text: str, after_text: str) -> Iterator[Part]:
    before, after = units(before_text), units(after_text)
    blocks = _readable(_matches(before, after), before, after)
    lines = _lines(before), _lines(after)
    if len(lines[0]) + len(lines[1]) > 2 and len(lines[0]) * len(lines[1]) <= _MOST_LINE_PAIRS:
        by_line = _line_by_line(*lines)
        if _marked(by_line, before, after) <= _WORTH * _marked(blocks, before, after):
            blocks = by_line
    return _parts(blocks, before, after)


def _by_lines(before: str, after: str) -> Iterator[Part]:
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    removed = ""
    for part in _parts(_matches(*lines), *lines):
        if part.kind == "removed":
            removed = part.text
        elif part.kind == "added":
            yield from _by_words(removed, part.text)
        else:
            yield part


def _merged(parts: Iterable[Part]) -> list[Part]:
    merged: list[Part] = []
    for part in parts:
        if part.text and merged and merged[-1].kind == part.kind:
            merged[-1] = Part(part.kind, merged[-1].text + part.text)
        elif part.text:
            merged.append(part)
    return merged


def _parts(blocks: list[_Block], before: Sequence[str], after: Sequence[str]) -> Iterator[Part]:
    """In each gap a removed and an added part, one of which may be empty, and what is the same around them."""
    at = to = 0
    for block in [*blocks, _Block(len(before), len(after), 0)]:
        yield from _replaced(before[at : block.at], after[to : block.to])
        at, to = block.ends
        yield Part("same", "".join(before[block.at : at]))


def _replaced(removed: Sequence[str], added: Sequence[str]) -> Iterator[Part]:
    """Without what both begin or end with, where words were cut in the one and not in the other: 退|换货 and 退货."""
    old, new = "".join(removed), "".join(added)
    if not old or not new or (old[0] != new[0] and old[-1] != new[-1]):
        yield from (Part("removed", old), Part("added", new))
        return
    cuts = {*accumulate(map(len, removed)), *accumulate(map(len, added))}
    shared = _start_in_common(old, new)
    start = max((cut for cut in cuts if cut <= shared and _divides(old, new, cut, cut)), default=0)
    yield Part("same", old[:start])
    old, new = old[start:], new[start:]
    cuts = {len(old), len(new), *accumulate(map(len, reversed(removed))), *accumulate(map(len, reversed(added)))}
    shared = _start_in_common(old[::-1], new[::-1])
    fitting = (cut for cut in cuts if cut <= shared and _divides(old, new, len(old) - cut, len(new) - cut))
    tail = max(fitting, default=0)
    yield Part("removed", old[: len(old) - tail])
    yield Part("added", new[: len(new) - tail])
    yield Part("same", old[len(old) - tail :])


def _divides(old: str, new: str, at: int, to: int) -> bool:
    return can_be_cut(old, at) and can_be_cut(new, to)


def _matches(before: Sequence[str], after: Sequence[str]) -> list[_Block]:
    """The longest common subsequence, in runs; what both begin and end with is taken as it is."""
    start = _start_in_common(before, after)
    tail = _start_in_common(before[start:][::-1], after[start:][::-1])
    middle = _common(before[start : len(before) - tail], after[start : len(after) - tail])
    blocks = [_Block(0, 0, start), *(_Block(start + at, start + to, 1) for at, to in middle)]
    return _joined([*blocks, _Block(len(before) - tail, len(after) - tail, tail)])


def _start_in_common(before: Sequence[str], after: Sequence[str]) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((place for place, (old, new) in pairs if old != new), min(len(before), len(after)))


def _joined(blocks: Iterable[_Block]) -> list[_Block]:
    joined: list[_Block] = []
    for block in blocks:
        if joined and joined[-1].ends == block[:2]:
            joined[-1] = _Block(joined[-1].at, joined[-1].to, joined[-1].size + block.size)
        elif block.size:
            joined.append(block)
    return joined


def _common(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Places of a longest common subsequence, by Hyyrö's bits: one operation on an integer compares a unit with all
    those of the other text, so no pair of texts is much slower than another."""
    if not before or not after or len(before) * len(after) > _MOST_CELLS:
        return []
    places: dict[str, int] = {}
    for place, unit in enumerate(before):
        places[unit] = places.get(unit, 0) | 1 << place
    row = everything = (1 << len(before)) - 1
    rows = []
    for unit in after:
        matching = row & places.get(unit, 0)
        row = (row + matching | row - matching) & everything
        rows.append(row)
    return _traced(rows, before, after)


def _traced(rows: Sequence[int], before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    found, at, to = [], len(before), len(after)
    while at and to:
        if before[at - 1] == after[to - 1]:
            at, to = at - 1, to - 1
            found.append((at, to))
        elif rows[to - 1] >> (at - 1) & 1:
            at -= 1
        else:
            to -= 1
    return found[::-1]


def _readable(blocks: list[_Block], before: Sequence[str], after: Sequence[str]) -> list[_Block]:
    return _without_islands(_slid(blocks, before, after), before, after)


def _slid(blocks: list[_Block], before: Sequence[str], after: Sequence[str]) -> list[_Block]:
    """What was only removed or only added is moved to where a line or a sentence begins, if it reads the same there."""
    slid = [_Block(0, 0, 0), *blocks, _Block(len(before), len(after), 0)]
    for place, right in enumerate(slid[1:], 1):
        left = slid[place - 1]
        (at, to), room = left.ends, (left.size, right.size)
        if at == right.at and to < right.to:
            by = _best_shift(after, to, right.to, room)
        elif to == right.to and at < right.at:
            by = _best_shift(before, at, right.at, room)
        else:
            continue
        slid[place - 1] = _Block(left.at, left.to, left.size + by)
        slid[place] = _Block(right.at + by, right.to + by, right.size - by)
    return _joined(slid)


def _best_shift(units: Sequence[str], start: int, end: int, room: tuple[int, int]) -> int:
    low = high = 0
    while low < room[0] and units[start - low - 1] == units[end - low - 1]:
        low += 1
    while high < room[1] and units[start + high] == units[end + high]:
        high += 1
    return max(range(-low, high + 1), key=lambda by: (_begins(units, start + by), by))


def _begins(units: Sequence[str], place: int) -> int:
    """How well a change begins here."""
    if place == 0 or is_break(units[place - 1]):
        return 4
    return _AFTER.get(units[place - 1][-1], 1)


def _without_islands(blocks: list[_Block], before: Sequence[str], after: Sequence[str]) -> list[_Block]:
    """Without what stayed the same between two changes and is too little to hold on to while reading."""
    weights = _weights(before), _weights(after)
    breaks = [0, *accumulate(map(is_break, before))]
    kept = [_Block(0, 0, 0)]
    for block in [*blocks, _Block(len(before), len(after), 0)]:
        while len(kept) > 1 and breaks[kept[-1].at] == breaks[kept[-1].at + kept[-1].size]:
            if not _is_island(kept[-2].ends, kept[-1], block, weights):
                break
            kept.pop()
        kept.append(block)
    return kept[1:-1]


def _is_island(left: tuple[int, int], island: _Block, right: _Block, weights: tuple[list[int], list[int]]) -> bool:
    """`left`: where the block before it ends. Weighed against the changes on its two sides."""
    low, high = island[:2], island.ends
    if left == low or high == right[:2]:
        return False
    gone, new = (
        (weight[low[side]] - weight[left[side]], weight[right[side]] - weight[high[side]])
        for side, weight in enumerate(weights)
    )
    stayed = weights[0][high[0]] - weights[0][low[0]]
    if stayed == 0:
        return sum(gone) > 0 and sum(new) > 0
    return 2 * stayed <= min(max(gone[0], new[0]), max(gone[1], new[1]))


def _weights(units: Sequence[str]) -> list[int]:
    """Of what stands before each place: words that say something count, marks and function words do not."""
    return [0, *accumulate(map(_says, units))]


@lru_cache(maxsize=8192)
def _says(unit: str) -> bool:
    return unit.casefold() not in _FUNCTION and any(map(str.isalnum, unit))


def _lines(units: Sequence[str]) -> list[Sequence[str]]:
    ends = [place for place, unit in enumerate(units, 1) if is_break(unit)]
    return [units[start:end] for start, end in pairwise([0, *ends, len(units)]) if start < end]


def _marked(blocks: Iterable[_Block], before: Sequence[str], after: Sequence[str]) -> int:
    removable, addable = _weights(before), _weights(after)
    same = sum(removable[block.ends[0]] - removable[block.at] for block in blocks)
    return removable[-1] + addable[-1] - 2 * same


def _line_by_line(before: list[Sequence[str]], after: list[Sequence[str]]) -> list[_Block]:
    """Each line against the one that it was, and the lines between two such pairs against each other."""
    starts = [0, *accumulate(map(len, before))], [0, *accumulate(map(len, after))]
    old, new = list(chain(*before)), list(chain(*after))
    pairs = _aligned(before, after)
    edges = sorted({(0, 0), *pairs, *((row + 1, column + 1) for row, column in pairs), (len(before), len(after))})
    blocks = []
    for (row, column), (next_row, next_column) in pairwise(edges):
        at, to = starts[0][row], starts[1][column]
        lines = old[at : starts[0][next_row]], new[to : starts[1][next_column]]
        matches = _readable(_matches(*lines), *lines)
        blocks += [_Block(at + block.at, to + block.to, block.size) for block in matches]
    return _joined(blocks)


def _aligned(before: list[Sequence[str]], after: list[Sequence[str]]) -> list[tuple[int, int]]:
    rows, columns = list(map(_said, before)), list(map(_said, after))
    worth = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for row, column in _cells(before, after):
        shared = 0.1 if before[row] == after[column] else 0.0
        if likeness(rows[row], columns[column]) >= LIKE:
            shared += len(rows[row] & columns[column])
        pair = worth[row][column] + shared if shared else 0.0
        worth[row + 1][column + 1] = max(pair, worth[row][column + 1], worth[row + 1][column])
    pairs, row, column = [], len(before), len(after)
    while row and column:
        if worth[row][column] == worth[row - 1][column]:
            row -= 1
        elif worth[row][column] == worth[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            pairs.append((row, column))
    return pairs[::-1]


def _cells(before: Sequence[object], after: Sequence[object]) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(len(before)) for column in range(len(after)))
