"""How the CMS reads what editors write in lines, so that it can refuse at once what would never match.

The engine's reading is the one that counts; texts that are equal here are equal there, and a test holds that.
"""

import re
import unicodedata
from functools import cache

from opencc import OpenCC

_WORD = re.compile(r"[^\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


def lines(text: str) -> list[str]:
    """The lines that say something, in order, each once."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def folded(text: str) -> str:
    """Without differences of width, script (traditional, simplified), case and blanks."""
    text = _to_simplified().convert(unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


def asked(text: str) -> str:
    """The words alone: punctuation makes no other question."""
    return " ".join(_WORD.findall(folded(text)))


def is_letter(text: str) -> bool:
    """Whether this is a single character of a script that is written in words: it would stand in every other text."""
    return len(text) == 1 and not _HAN.match(text)
