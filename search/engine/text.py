"""One reading of a text for both sides of a match. For matching only: what is stored and shown is never changed.

`clean` is what the encoder reads, `tokens` is what the lexical index counts. Both are deterministic, and `clean` is
idempotent.
"""

import re
import unicodedata
from functools import cache, lru_cache
from hashlib import sha256

from opencc import OpenCC

_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn"}  # control, format, surrogate, private, unassigned
_SPACES = re.compile(r"\s+")
_WORDS = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+|[^\W_]+(?:\.\d+)?")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


@lru_cache(maxsize=8192)
def clean(text: str) -> str:
    """Full-width to half-width, traditional to simplified, no control characters, single spaces; may be empty."""
    text = unicodedata.normalize("NFKC", _SPACES.sub(" ", text))
    text = "".join(char for char in text if unicodedata.category(char) not in _DROPPED)
    text = unicodedata.normalize("NFKC", _to_simplified().convert(text))
    return _SPACES.sub(" ", text).strip()


def words(text: str) -> list[str]:
    """Runs of Hanzi, and words or numbers of other scripts, case folded: `发3.5kg ABC` -> 发, 3.5, kg, abc."""
    return _WORDS.findall(clean(text).casefold())


def tokens(text: str) -> list[str]:
    """Character 1- and 2-grams of Hanzi and whole words of other scripts: right for Chinese without a dictionary."""
    found: list[str] = []
    for word in words(text):
        if _HAN.match(word):
            found += word
            found += [word[start : start + 2] for start in range(len(word) - 1)]
        else:
            found.append(word)
    return found


def has_words(text: str) -> bool:
    """False for what says nothing: blanks, punctuation, emoji only."""
    return bool(words(text))


def han_share(text: str) -> float:
    """Share of Hanzi among the letters and digits, 0 to 1; 0 for a text without any."""
    joined = "".join(words(text))
    return len(_HAN.findall(joined)) / len(joined) if joined else 0.0


def text_hash(text: str) -> str:
    """The identity of what the encoder reads: texts with the same hash have the same vector."""
    return sha256(clean(text).encode()).hexdigest()
