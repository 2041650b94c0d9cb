"""A weak fallback by sound, for what was typed with the wrong Hanzi: 取件马 for 取件码, 店子发票 for 电子发票.

Used only where Hanzi fail: a character is replaced only if no pair it stands in is a word of the language or is written
anywhere in the shop's passages, and only by one that sounds the same, or nearly so, and makes the query likelier by far
among those passages. So a word is never taken for another: 景点 does not become 经典.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log2

from search.engine.lexical import read
from search.engine.sounds import near, sounds
from search.engine.text import clean
from search.engine.vocabulary import Vocabulary, vocabulary

FOUND_BY = "pinyin"
_RUN = re.compile(r"([\u3400-\u9fff]{2,})")
_MOST = 3
"""Characters that are replaced in one query: one with more errors says something that the shop does not."""
_READ = 120
"""Characters that are read: errors further on hardly matter for finding an entry, and a query must stay fast."""

# Bits that a change must gain. Chosen on phrasings of the demo store that were held out, so that fewer than one in a
# hundred of those without an error is changed.
_ERROR = 10.5
_FUZZY_STEP = 4.0
_FUNCTION_WORD = 2.0

_DISCOUNT = 0.5
_UNSEEN = 0.3
_AT_LARGE = 3000
"""How usual a character is, is judged as if so many characters of the language at large stood in the shop as well: its
own passages may be few."""
_RARE = 1e-5

# Characters that stand anywhere: that one of them would fit says little for it.
_FUNCTION_WORDS = frozenset("的了不是我你有在就和也都这那个一以会可能给到要给么吗大")
# How these are written is a matter of mood: 在嘛 and 好哒 are no errors.
_PARTICLES = frozenset("吗嘛呢呐呀吧呗啊哦啦哒哈诶喔嗯咯")


@dataclass(frozen=True, slots=True)
class Replacement:
    """`said` stands at `start` of the cleaned query; `meant` sounds the same and is as long."""

    said: str
    meant: str
    start: int


@dataclass(frozen=True, slots=True)
class Correction:
    """The cleaned query in the shop's own characters, and what was replaced, in the order of the query."""

    text: str
    pairs: tuple[Replacement, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    bits: float
    start: int
    meant: str


_NO_LANGUAGE = Vocabulary(frozenset(), {})


@dataclass(frozen=True, slots=True)
class _Written:
    """How often pairs of Hanzi and single ones stand in runs of them; `total`: all of those, and one more a run."""

    pairs: dict[str, int]
    chars: dict[str, int]
    total: int

    @classmethod
    def of(cls, texts: Iterable[str]) -> "_Written":
        runs = "".join(f"{run}\n" for text in texts for run in _RUN.findall(read(text).text))
        # One pass over one long string: a loop over the passages would take several times as long.
        pairs, chars = Counter(map("".join, pairwise(runs))), Counter(runs)
        del chars["\n"]
        return cls({pair: often for pair, often in pairs.items() if "\n" not in pair}, chars, len(runs))


def _changed(counts: Mapping[str, int], less: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Of what is no longer written nothing is left."""
    changed = {**counts}
    for said, often in more.items():
        changed[said] = changed.get(said, 0) + often
    for said, often in less.items():
        changed[said] -= often
        if not changed[said]:
            del changed[said]
    return changed


class Homophones:
    """Immutable, built from the shop's passages; `updated` gives another one. Safe to use from several threads."""

    def __init__(self, texts: Iterable[str], language: Callable[[], Vocabulary] = vocabulary) -> None:
        written = _Written.of(texts)
        self._often, self._chars, self._total = written.pairs, written.chars, written.total
        self._load_language = language
        self._language = language() if self._often else _NO_LANGUAGE
        self._by_sound: dict[str, list[str]] = {}
        for pair in self._often:
            for key in _keys(pair):
                self._by_sound.setdefault(key, []).append(pair)

    def updated(self, *, remove: Iterable[str] = (), add: Iterable[str] = ()) -> "Homophones":
        """Without the texts `remove`, each as often as it is named and all among those that it was built from, and with
        those of `add`. Answers as if built from what is left; costs what has changed, and a copy of the counts."""
        gone, came = _Written.of(remove), _Written.of(add)
        new = copy(self)
        new._often = _changed(self._often, gone.pairs, came.pairs)
        new._chars = _changed(self._chars, gone.chars, came.chars)
        new._total = self._total - gone.total + came.total
        new._by_sound = self._by_sound.copy()
        for pair in gone.pairs.keys() - new._often.keys():
            for key in _keys(pair):
                new._by_sound[key] = [other for other in new._by_sound[key] if other != pair]
        for pair in came.pairs.keys() - self._often.keys():
            for key in _keys(pair):
                new._by_sound[key] = [*new._by_sound.get(key, ()), pair]
        new._language = self._load_language() if new._often else _NO_LANGUAGE
        return new

    def corrections(self, query: str) -> tuple[Correction, ...]:
        """The query as the shop would write it; none where nothing is to correct. At most one as yet."""
        text = clean(query)
        read = text[:_READ]
        corrected = "".join(self._corrected(part) if _RUN.fullmatch(part) else part for part in _RUN.split(read))
        pairs = tuple(_replaced(read, corrected))
        if not 0 < sum(len(pair.said) for pair in pairs) <= _MOST:
            return ()
        return (Correction(corrected + text[_READ:], pairs),)

    def _corrected(self, run: str) -> str:
        for _ in range(_MOST + 1):
            best = max(self._changes(run), key=lambda change: (change.bits, change.meant), default=None)
            if best is None or best.bits <= 0:
                break
            run = run[: best.start] + best.meant + run[best.start + len(best.meant) :]
        return run

    def _changes(self, run: str) -> Iterator[_Change]:
        known = [False, *(self._is_known(first + second) for first, second in pairwise(run)), False]
        odd = [
            not before and not after and char not in _PARTICLES
            for char, (before, after) in zip(run, pairwise(known), strict=True)
        ]
        for place in range(len(run) - 1):
            if odd[place] or odd[place + 1]:
                said = run[place : place + 2]
                for meant in {pair for key in _keys(said) for pair in self._by_sound.get(key, ())}:
                    if all(odd[place + at] for at in (0, 1) if said[at] != meant[at]):
                        yield _Change(self._gain(run, place, meant) - _cost(said, meant), place, meant)

    def _is_known(self, pair: str) -> bool:
        return pair in self._often or pair in self._language.pairs

    def _gain(self, run: str, place: int, meant: str) -> float:
        """How many bits likelier the run is with `meant`, by the pairs of characters that the shop writes."""
        before, after = run[max(place - 1, 0) : place], run[place + 2 : place + 3]
        return self._bits(before + meant + after) - self._bits(before + run[place : place + 2] + after)

    def _bits(self, text: str) -> float:
        return log2(self._share(text[0])) + sum(self._pair_bits(first, second) for first, second in pairwise(text))

    def _pair_bits(self, first: str, second: str) -> float:
        often = self._often.get(first + second)
        return log2((often - _DISCOUNT) / self._chars[first] if often else _UNSEEN * self._share(second))

    def _share(self, char: str) -> float:
        at_large = max(self._language.shares.get(char, 0.0), _RARE)
        return (self._chars.get(char, 0) + _AT_LARGE * at_large) / (self._total + _AT_LARGE)


def _cost(said: str, meant: str) -> float:
    replaced = [(old, new) for old, new in zip(said, meant, strict=True) if old != new]
    usual = sum(new in _FUNCTION_WORDS for _old, new in replaced)
    return _ERROR * len(replaced) + _FUZZY_STEP * sum(near(*pair) for pair in replaced) + _FUNCTION_WORD * usual


@lru_cache(maxsize=32768)
def _keys(pair: str) -> tuple[str, ...]:
    return tuple(f"{first}'{second}" for first in sounds(pair[0]) for second in sounds(pair[1]))


def _replaced(said: str, meant: str) -> Iterator[Replacement]:
    place = 0
    while place < len(said):
        end = place
        while end < len(said) and said[end] != meant[end]:
            end += 1
        if end > place:
            yield Replacement(said[place:end], meant[place:end], place)
        place = end + 1
