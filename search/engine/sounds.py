"""How Hanzi sound: toneless pinyin of single characters, and which sounds many speakers do not tell apart."""

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache

_COMMON_SHARE = 0.15
"""A second reading counts if so many of the words with this character have it."""


@cache
def _tables() -> tuple[dict[int, str], dict[str, Counter[str]]]:
    # Loading the dictionaries takes half a second, which no command needs that corrects nothing.
    from pypinyin.phrases_dict import phrases_dict
    from pypinyin.pinyin_dict import pinyin_dict

    readings: dict[str, Counter[str]] = {}
    for phrase, syllables in phrases_dict.items():
        for char, syllable in zip(phrase, syllables, strict=False):
            readings.setdefault(char, Counter())[_toneless(syllable[0])] += 1
    return pinyin_dict, readings


@lru_cache(maxsize=4096)
def _toneless(syllable: str) -> str:
    letters = unicodedata.normalize("NFD", syllable).replace("u\u0308", "v")
    return "".join(char for char in letters if not unicodedata.combining(char))


@lru_cache(maxsize=32768)
def readings(char: str) -> tuple[str, ...]:
    """Toneless syllables of a Hanzi, the first of the table and others that are common; none for another character."""
    by_char, in_phrases = _tables()
    listed = list(dict.fromkeys(_toneless(one) for one in by_char.get(ord(char), "").split(",") if one))
    said = in_phrases.get(char, Counter())
    total = sum(said.values())
    return tuple(
        one for place, one in enumerate(listed) if not place or (said[one] >= 5 and said[one] >= _COMMON_SHARE * total)
    )


_INITIAL = re.compile(r"^(zh|ch|sh|n|f)")
_FUZZY_INITIAL = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "f": "h"}
_INITIALS = re.compile(r"[zcs]h?|[nlfh]")
_FINAL = re.compile(r"(?<=[aei]n)g$")


@lru_cache(maxsize=1024)
def fuzzy(syllable: str) -> str:
    """One spelling of the syllables that are often confused: zh/z, ch/c, sh/s, n/l, f/h, an/ang, en/eng, in/ing."""
    return _FINAL.sub("", _INITIAL.sub(lambda match: _FUZZY_INITIAL[match[0]], syllable))


@lru_cache(maxsize=32768)
def sounds(char: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fuzzy(one) for one in readings(char)))


@lru_cache(maxsize=65536)
def near(one: str, other: str) -> int:
    """How many confusions lie between two characters that share a fuzzy sound; 0 if they sound the same."""
    if one == other:
        return 0
    return min(
        _steps(left, right) for left in readings(one) for right in readings(other) if fuzzy(left) == fuzzy(right)
    )


def _steps(left: str, right: str) -> int:
    return int(_heads(left) != _heads(right)) + int(bool(_FINAL.search(left)) != bool(_FINAL.search(right)))


def _heads(syllable: str) -> str:
    match = _INITIALS.match(syllable)
    return match[0] if match else ""
