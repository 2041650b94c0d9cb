"""Type-ahead over phrasings: their characters, or pinyin for Hanzi, whole, by initial letter, or both in one query.

`发货`, `fahuo`, `fa huo`, `fahuosh`, `fhsj`, `发huo` and `fa货` all find 发货时间. Every reading of a character counts
(行: hang, heng, xing). All phrasings stand in one array of characters; a query keeps only the places where it can still
go on, so the work is what its first characters leave over, and the answer is exact.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from search.engine.text import clean

Numbers = NDArray[np.int64]
Weights = Numbers
"""How often each entry was asked, in the order of the index's entries."""

_LONGEST = 6  # zhuang
_DROPPED = frozenset("CMPZ")  # control and the like, marks, punctuation, spaces: nobody types them the same way twice
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_INITIALS = ("zh", "ch", "sh")  # typed as one letter by most, as two by some
_NEAR = ("prefix", "infix", "pinyin", "pinyin")  # the last two: from the beginning of the phrasing, within it
_NOWHERE: Numbers = np.empty(0, dtype=np.int64)
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Completion:
    """`by`: prefix, infix or pinyin."""

    entry: str
    text: str
    by: str


def readings(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Each text as it is compared: as written and, where that differs, simplified character by character.

    Free of case, width, accents, punctuation and spaces; nothing is left of `？`. Each character is read by itself, so
    that a part of a text is always found in it.
    """
    both = zip(_read(texts, _folded), _read(texts, _simplified), strict=True)
    return [tuple(dict.fromkeys(filter(None, each))) for each in both]


def _read(texts: Sequence[str], reading: Callable[[str], str]) -> list[str]:
    joined = "\0".join(text.replace("\0", "") for text in texts)
    table = {ord(char): reading(char) for char in set(joined)} | {0: "\0"}
    return joined.translate(table).split("\0") if texts else []


@lru_cache(maxsize=16384)
def _folded(char: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    return "".join(part for part in folded if unicodedata.category(part)[0] not in _DROPPED)


@lru_cache(maxsize=16384)
def _simplified(char: str) -> str:
    return "".join(map(_folded, clean(char)))


@lru_cache(maxsize=16384)
def _syllables(char: str) -> frozenset[str]:
    """Every reading, without tones: 行 -> hang, heng, xing; 绿 -> lv, lu; nothing for what is not Hanzi."""
    if char.isascii():
        return frozenset()
    from pypinyin import Style, pinyin  # loads a dictionary of phrases: a third of a second that no command needs

    found = {
        "".join(map(_folded, one)) for row in pinyin(char, Style.NORMAL, heteronym=True, errors="ignore") for one in row
    }
    found |= {one.replace("v", "u") for one in found}
    return frozenset(one for one in found if one and _LETTERS.issuperset(one))


def _spellings(alphabet: Sequence[str]) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    """Letters -> the characters (as numbers) that they stand for; the same for letters that may yet go on.

    A character stands for itself, too. Where more is typed after them, letters are a syllable or its initial.
    """
    whole: dict[str, set[int]] = defaultdict(set)
    begun: dict[str, set[int]] = defaultdict(set)
    for number, char in enumerate(alphabet):
        whole[char].add(number)
        begun[char].add(number)
        for syllable in _syllables(char):
            for typed in (syllable, syllable[0], *(each for each in _INITIALS if syllable.startswith(each))):
                whole[typed].add(number)
            for end in range(1, len(syllable) + 1):
                begun[syllable[:end]].add(number)
    return _sorted(whole), _sorted(begun)


def _sorted(numbers: Mapping[str, set[int]]) -> dict[str, Numbers]:
    return {typed: np.array(sorted(found), dtype=np.int64) for typed, found in numbers.items()}


class CompletionIndex:
    """Immutable once built from (entry, phrasing) pairs; safe to ask from several threads."""

    def __init__(self, phrasings: Iterable[tuple[str, str]]) -> None:
        # The rows are sorted by length, so that a row's number is its own last sort key.
        given = sorted(phrasings, key=lambda phrasing: len(phrasing[1]))
        read = readings([text for _entry, text in given])
        rows = [(*phrasing, reading) for phrasing, both in zip(given, read, strict=True) for reading in both]
        self._texts = [text for _entry, text, _reading in rows]
        self._entries = list(dict.fromkeys(entry for entry, _text, _reading in rows))
        numbers = {entry: number for number, entry in enumerate(self._entries)}
        self._entry_of = np.array([numbers[entry] for entry, _text, _reading in rows], dtype=np.int64)
        # "\0", which no reading holds, stands around every row; it is the lowest character, so its number is 0.
        joined = "\0".join(["", *(reading for _entry, _text, reading in rows), ""])
        points = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
        alphabet, codes = np.unique(points, return_inverse=True)
        self._codes = codes.astype(np.uint16 if len(alphabet) < 2**16 else np.uint32)
        self._row_of = np.cumsum(self._codes == 0) - 1
        self._places = np.argsort(self._codes, kind="stable")
        self._states = 2 * self._places + 2 + self._is_within(self._places)
        self._begins = np.concatenate([[0], np.cumsum(np.bincount(self._codes))])
        chars = [chr(point) for point in alphabet]
        self._numbers = {char: number for number, char in enumerate(chars)}
        self._whole, self._begun = _spellings(chars)

    def weights(self, asked: Mapping[str, int]) -> Weights:
        """How often the entries were asked, as `search` takes it; an entry that is not named was never asked."""
        return np.array([asked.get(entry, 0) for entry in self._entries], dtype=np.int64)

    def search(self, typed: str, *, limit: int, weights: Weights | None = None) -> list[Completion]:
        """One line an entry: asked most first, then prefix, infix, pinyin, then the shorter phrasing."""
        rows, nearness = self._matches(typed)
        if not len(rows):
            return []
        entries, size = self._entry_of[rows], len(self._texts)
        merit = nearness if weights is None else nearness - len(_NEAR) * weights[entries]
        best = np.full(len(self._entries), _NONE)
        np.minimum.at(best, entries, merit * size + rows)
        first = np.partition(best, limit - 1)[:limit] if limit < len(best) else best
        return [self._completion(int(key)) for key in np.sort(first[first < _NONE])]

    def _completion(self, key: int) -> Completion:
        merit, row = divmod(key, len(self._texts))
        return Completion(self._entries[self._entry_of[row]], self._texts[row], _NEAR[merit % len(_NEAR)])

    def _matches(self, typed: str) -> tuple[Numbers, Numbers]:
        """Rows that fit, some more than once, and how near each is: a place in `_NEAR`."""
        rows, nearness = [_NOWHERE], [_NOWHERE]
        # Cleaned as a whole, too: only its neighbours say what some traditional characters stand for.
        for reading in dict.fromkeys(chain(*readings([typed, clean(typed)]))):
            at = self._written(reading)
            rows.append(self._row_of[at])
            nearness.append(self._is_within(at))
            if not _LETTERS.isdisjoint(reading):
                states = self._spoken(reading)
                rows.append(self._row_of[(states >> 1) - 1])
                nearness.append(2 + (states & 1))
        return np.concatenate(rows), np.concatenate(nearness)

    def _is_within(self, at: Numbers) -> Numbers:
        """0 where a row begins, 1 elsewhere."""
        return np.asarray(self._codes[at - 1] != 0, dtype=np.int64)

    def _written(self, reading: str) -> Numbers:
        """The places where these very characters begin, reached from the rarest of them."""
        codes = [self._numbers.get(char, 0) for char in reading]
        if 0 in codes:
            return _NOWHERE
        counts = self._begins[np.array(codes) + 1] - self._begins[codes]
        rarest = int(np.argmin(counts))
        at = self._places_of(codes[rarest]) - rarest
        at = at[(at > 0) & (at + len(codes) < len(self._codes))]
        for place, code in enumerate(codes):
            if place != rarest:
                at = at[self._codes[at + place] == code]
        return at

    def _spoken(self, reading: str) -> Numbers:
        """Where a run of characters ends that can be typed like this: 2 * place, plus 1 if it began within a row.

        Every cut of the letters into syllables and initials is followed at once: `reached[end]` holds the states after
        so many characters of what was typed. States that two cuts share are counted once, or `shsh…` would explode.
        """
        reached: list[list[Numbers]] = [[] for _ in range(len(reading) + 1)]
        for start in range(len(reading)):
            if start and not reached[start]:
                continue
            here = _merged(reached[start])
            now = self._codes[here >> 1]
            for end in range(start + 1, min(start + _LONGEST, len(reading)) + 1):
                meant = (self._begun if end == len(reading) else self._whole).get(reading[start:end])
                if meant is None:
                    continue
                there = here[self._mask(meant)[now]] + 2 if start else self._starts(meant)
                if len(there):
                    reached[end].append(there)
        return _merged(reached[-1])

    def _starts(self, codes: Numbers) -> Numbers:
        return np.concatenate([self._states[self._begins[code] : self._begins[code + 1]] for code in codes])

    def _mask(self, codes: Numbers) -> NDArray[np.bool_]:
        mask = np.zeros(len(self._numbers), dtype=np.bool_)
        mask[codes] = True
        return mask

    def _places_of(self, code: int) -> Numbers:
        return self._places[self._begins[code] : self._begins[code + 1]]


def _merged(parts: Sequence[Numbers]) -> Numbers:
    if len(parts) < 2:
        return parts[0] if parts else _NOWHERE
    found: Numbers = np.sort(np.concatenate(parts))  # np.unique would hash, ten times as long
    return np.asarray(found[np.append(True, found[1:] != found[:-1])])
