"""The signs of a mood that stand in a message: words of the lexicon, character n-grams, marks, waiting, deadlines.

Nothing here is fitted: the same text has the same signs, whatever model weighs them. What a sign shows is a piece of
the text, so that a reader can be told what spoke for an emotion. Not read through `search.engine.text`, which rightly
drops for a match what shows a mood: emoji, `!!!`, drawn-out words.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from opencc import OpenCC

HERE = Path(__file__).parent
NGRAM_SCALE = 3.0
"""The length of a message's n-grams taken together, whatever their number: a long message says no more than a short."""
_SHORTEST, _LONGEST = 2, 3
_MOST = 3.0
_WORDS = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+|[^\W_]+(?:'[^\W_]+)?")
_URLS = re.compile(r"(?:https?://|www\.)\S+")
_SECTION = re.compile(r"\[([a-z ]+)\]")
_NUMBER = r"(?:\d+|[一二两三四五六七八九十半几多]+)"
_DAY = (
    r"(?:今天|明天|后天|今晚|明晚|明早|周[一二三四五六日天末]|星期[一二三四五六日天]|下周[一二三四五六日]?|\d+[号日点])"
)
_PATTERNS = {
    "waited": re.compile(rf"{_NUMBER}多?个?(?:天|周|星期|礼拜|月|小时|年)了"),
    "deadline": re.compile(
        rf"{_DAY}(?:上午|下午|早上|晚上)?(?:之?前|就|要|必须|得|的)|\bby (?:to|mon|tue|wed|thu|fri|sat|sun)"
    ),
    "shouted": re.compile(r"!{2,}"),
    "exclaimed": re.compile(r"(?<!!)!(?!!)"),
    "pressed": re.compile(r"\?{2,}"),
    "asked": re.compile(r"(?<!\?)\?(?!\?)"),
    "stunned": re.compile(r"\?!|!\?"),
    "trailed off": re.compile(r"\.{3,}|。{2,}"),
    "lilted": re.compile(r"~"),
    "drawn out": re.compile(r"([^\W\d_])\1{2,}"),
}
_NOT_BEFORE = re.compile(r"(?:不|没|没有|不是|不太|不怎么|别|毫无|非)$|(?:\bnot|n't|\bnever|\bno)(?: \w+)? $")
_KEEPS_ITS_SIGN = {"again", "asking", "harmless", "if", "occasion", "polite", "thanks", "waiting", "youblame"}
_CAPITALS_FROM = 8


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


def plain(text: str) -> str:
    """Half-width, simplified, without control characters and addresses; all marks and emoji as often as they stand."""
    text = unicodedata.normalize("NFKC", _URLS.sub(" ", text)).replace("’", "'")
    if not text.isprintable():
        # A half of a surrogate pair is none of Unicode's characters, and the converter refuses it.
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(str(_to_simplified().convert(text)).split())


class Sign(NamedTuple):
    """`name` is what a model has a weight for; `shown` is what of the text it stands for."""

    name: str
    shown: str
    value: float


def sections(path: Path) -> dict[str, list[str]]:
    """Lines under the last `[name]` above them, blank ones and `# …` left out."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        head = _SECTION.fullmatch(line)
        if head:
            found[head[1]] = []
        elif line and line != "#" and not line.startswith("# "):
            found[next(reversed(found))].append(line)
    return found


@cache
def _lexicon() -> dict[str, list[tuple[str, str]]]:
    """(term, group) by the term's first character, the longest first."""
    groups: dict[str, str] = {}
    for group, lines in sections(HERE / "lexicon.txt").items():
        terms = "".join(lines) if group.endswith(" signs") else ",".join(lines).split(",")
        for term in terms:
            # The group that comes first in the file has a term that stands in two.
            groups.setdefault(plain(term).casefold(), group)
    by_first: dict[str, list[tuple[str, str]]] = {}
    for term in sorted(groups, key=lambda term: (-len(term), term)):
        by_first.setdefault(term[0], []).append((term, groups[term]))
    return by_first


def signs(text: str) -> list[Sign]:
    """Each sign once; empty for a text that says nothing."""
    read = plain(text)
    folded = read.casefold()
    counted: dict[str, list[str]] = {}
    for name, shown in (*_terms(folded), *_marks(read, folded)):
        counted.setdefault(name, []).append(shown)
    found = [Sign(name, shown[0], min(float(len(shown)), _MOST) ** 0.5) for name, shown in counted.items()]
    grams = dict.fromkeys(_ngrams(folded))
    value = NGRAM_SCALE / max(len(grams), 4) ** 0.5
    return found + [Sign(f"={gram}", gram, value) for gram in grams]


def _terms(folded: str) -> Iterator[tuple[str, str]]:
    """The lexicon's groups in the order in which their terms stand in the text; terms do not overlap."""
    lexicon, start = _lexicon(), 0
    while start < len(folded):
        for term, group in lexicon.get(folded[start], ()):
            if folded.startswith(term, start) and _stands_alone(folded, start, start + len(term)):
                negated = group not in _KEEPS_ITS_SIGN and _NOT_BEFORE.search(folded[max(0, start - 16) : start])
                yield (f"not {group}" if negated else group), (negated[0] if negated else "") + term
                start += len(term)
                break
        else:
            start += 1


def _stands_alone(folded: str, start: int, end: int) -> bool:
    """An English term is a word of its own; Hanzi have no gaps between them."""
    if not folded[start].isascii() or not folded[start].isalnum():
        return True
    before, after = folded[start - 1 : start], folded[end : end + 1]
    return not (before.isascii() and before.isalnum()) and not (after.isascii() and after.isalnum())


def _marks(read: str, folded: str) -> Iterator[tuple[str, str]]:
    for name, pattern in _PATTERNS.items():
        found = pattern.search(folded)
        if found:
            yield f"<{name}>", found[0]
    letters = [char for char in read if char.isascii() and char.isalpha()]
    if len(letters) >= _CAPITALS_FROM and sum(char.isupper() for char in letters) > 0.7 * len(letters):
        yield "<capitals>", read[:20]
    if len(read) > 25:
        yield "<long>", ""
    elif len(read) <= 4:
        yield "<short>", ""


def _ngrams(folded: str) -> Iterator[str]:
    """Two or three Hanzi in a row; words of other scripts, and two of them in a row."""
    before = ""
    for word in _WORDS.findall(folded):
        if word.isdecimal():
            continue
        if word[0].isascii():
            yield word
            if before:
                yield f"{before} {word}"
            before = word
            continue
        before = ""
        for size in range(_SHORTEST, _LONGEST + 1):
            for start in range(len(word) - size + 1):
                yield word[start : start + size]
