"""What is written in the language at large: pairs of Hanzi that are words or part of one, and how usual a Hanzi is.

From two dictionaries that are installed anyway: the phrases of pypinyin (many, but without most everyday words) and the
pieces of the encoder's tokenizer (the most frequent words of the web, with their probability).
"""

import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from search.engine.e5_weights import MAGIC, WeightsError, source_path
from search.engine.text import clean

_BEFORE_PIECES = struct.Struct(f"<{len(MAGIC)}sI7ifi5iQ")
"""Magic, version, dimensions, then: number of pieces, four special ids, bytes of the pieces."""
_PIECE = re.compile(r"▁?([\u3400-\u9fff]{1,3})")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`pairs`: words of two Hanzi and the halves of those of three; `shares`: of a Hanzi among all, summing to 1."""

    pairs: frozenset[str]
    shares: Mapping[str, float]


@cache
def vocabulary() -> Vocabulary:
    """Loaded once by each process; it takes about a second."""
    from pypinyin.phrases_dict import phrases_dict  # not at the top: nothing else needs it

    # The pieces are traditional as well.
    pieces = [(clean(piece), score) for piece, score in _pieces()]
    weights: dict[str, float] = {}
    for piece, score in pieces:
        if len(piece) == 1:
            weights[piece] = weights.get(piece, 0.0) + math.exp(score)
    if not weights:
        weights = {char: float(often) for char, often in Counter("".join(phrases_dict)).items()}
    total = sum(weights.values())
    words = [*phrases_dict, *(piece for piece, _score in pieces)]
    return Vocabulary(frozenset(_pairs(words)), {char: weight / total for char, weight in weights.items()})


def _pieces() -> Iterator[tuple[str, float]]:
    """Pieces of up to three Hanzi with their log probability; none where the file is missing or another one: the
    encoder may be another, and then the phrases must do."""
    try:
        with source_path().open("rb") as file:
            magic, *_, count, _bos, _eos, _pad, _unk, length = _BEFORE_PIECES.unpack(file.read(_BEFORE_PIECES.size))
            if magic != MAGIC:
                return
            offsets = struct.unpack(f"<{count + 1}I", file.read(4 * (count + 1)))
            scores = struct.unpack(f"<{count}f", file.read(4 * count))
            blob = file.read(length)
    except (WeightsError, OSError, struct.error):
        return
    for (start, end), score in zip(pairwise(offsets), scores, strict=True):
        if match := _PIECE.fullmatch(blob[start:end].decode(errors="replace")):
            yield match[1], score


def _pairs(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if len(word) <= 3:
            yield from (word[place : place + 2] for place in range(len(word) - 1))
