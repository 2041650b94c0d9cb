"""One reading of a text for both sides of a match. For matching only: what is stored and shown is never changed.

`clean` is what the encoder reads, so it stays natural text; `tokens` is what the lexical index counts, where numerals,
units and the platforms' slang are read alike as well. Both are deterministic, `clean` is idempotent, and
`tokens(clean(text)) == tokens(text)`. Rarely used: `placed`, the same tokens with their places in the text as written.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import cache, lru_cache
from hashlib import sha256

from opencc import OpenCC

from search.engine import negation, numerals, slang

_H = r"\u3400-\u9fff\U00020000-\U0003ffff"
_KANA = r"\u3041-\u3096\u30a1-\u30fa"
_SPACES = re.compile(r"\s+")
_HAN = re.compile(rf"[{_H}]")
_SPACED_SCRIPT = rf"[^\W_{_H}{_KANA}]"
_WORDS = re.compile(rf"[{_H}]+|[{_KANA}]+|{numerals.NUMBER_WITH_UNIT}|{_SPACED_SCRIPT}+(?:\.[0-9]+)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_PARTS = re.compile(r"[0-9]+(?:\.[0-9]+)?|[^\W0-9_]+")

_PLAIN = re.compile(r"[\u4e00-\u9fffA-Za-z0-9 ,.?!:;()~%、。]*")
_MARKS = re.compile(rf"[\ufe00-\ufe0f\u20e3\U000e0100-\U000e01ef]+|(?<=[{_H}])[\u0300-\u036f\u20d0-\u20ff]+")
_PICTURES = re.compile(r"[\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]+")
_SAYS = re.compile(r"[^\W_]")
_MIXED_SCRIPT = re.compile(
    r"[A-Za-z\u0370-\u03ff\u0400-\u052f]*[\u0370-\u03ff\u0400-\u052f][A-Za-z\u0370-\u03ff\u0400-\u052f]*"
)
_LATIN = re.compile("[A-Za-z]")
_LOOKS_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеіјорсухѕԁԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧον", "ABESIJKMHOPCTYXaeijopcyxsdqwhABEZHIKMNOPTYXov"
)
# What NFKC leaves: negative and double circled digits and letters, radicals out of PDF files, a cross for "times".
_ENCLOSED = (
    {0x2776 + place: str(place + 1) for place in range(10)}
    | {start + place: str(place + 1) for start in (0x2780, 0x278A, 0x24F5) for place in range(10)}
    | {0x24EB + place: str(place + 11) for place in range(10)}
    | {start + place: chr(65 + place) for start in (0x1F150, 0x1F170) for place in range(26)}
    | str.maketrans("⻓⻋⻔⻅⻉⻛⻢⻥⻦⻨⻩⻬⻮⻰⻳⺠⻘⻚⻜⻝✕✖〇", "长车门见贝风马鱼鸟麦黄齐齿龙龟民青页飞食××零")
)
_ZEROS = re.compile(r"(?<=[0-9])[○◯零]+(?=[0-9元块件天])|(?<=[一二三四五六七八九零])[○◯]+(?=[一二三四五六七八九零年])")

# A lone Hanzi between spaces was stretched out; a space between longer words says that they are two.
_STRETCHED = re.compile(
    rf"(?<=[{_H}]) (?=[{_H}](?![{_H}]))|(?<=(?<![{_H}])[{_H}]) (?=[{_H}])"
    rf"|(?<=[{_H}]) (?=[0-9A-Za-z])|(?<=[0-9A-Za-z]) (?=[{_H}])"
)
_ASKED = re.compile(r"[?!][?!]+")
_DRAWN_OUT = re.compile(
    r"([,。、;:~…—―·.=啊呀哦噢喔嗯呢吗嘛吧啦哈呵嘿嗨哇呜唉哎诶欸额呃嗷喂嘻哼咦哟咯嘞呐了的亲急快好对是求在-])\1\1+"
)
_PASSES = 4


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


def _compatible(text: str) -> str:
    """NFKC, without what cannot be seen: control, format, surrogate, private and unassigned characters."""
    text = unicodedata.normalize("NFKC", _SPACES.sub(" ", text))
    if text.isprintable():
        return text
    return "".join(char for char in text if char.isprintable() or char.isspace())


def _simplified(text: str) -> str:
    return str(_to_simplified().convert(text))


def _undecorated(text: str) -> str:
    """Without emoji and marks put on Hanzi, and with letters of other scripts that only look Latin made Latin."""
    if _PLAIN.fullmatch(text):
        return text
    text = _MARKS.sub("", text.translate(_ENCLOSED))
    text = _ZEROS.sub(lambda match: ("0" if match.string[match.start() - 1] < "A" else "零") * len(match[0]), text)
    text = _MIXED_SCRIPT.sub(_latin, text)
    without = _PICTURES.sub(" ", text)
    # A text that is nothing but emoji keeps them: there is nothing else to read.
    return without if _SAYS.search(without) else text


def _latin(match: re.Match[str]) -> str:
    """A word of Latin and look-alikes; words of Greek or Cyrillic alone are what they are."""
    word = match[0].translate(_LOOKS_LATIN)
    return word if word.isascii() and _LATIN.search(match[0]) else match[0]


def _squeezed(text: str) -> str:
    text = _ASKED.sub(lambda match: "?" if "?" in match[0] else "!", text)
    return _DRAWN_OUT.sub(r"\1", text)


def _joined(text: str) -> str:
    return _STRETCHED.sub("", _SPACES.sub(" ", text).strip()) if " " in text else text


_CLEANING: tuple[Callable[[str], str], ...] = (_compatible, _simplified, _undecorated, _joined, _squeezed)


def _stages(text: str) -> Iterator[str]:
    """The text after each step of the cleaning, until nothing changes: what one step leaves can be work for another."""
    for _ in range(_PASSES):
        before = text
        for step in _CLEANING:
            text = step(text)
            yield text
        if text == before:
            return


@lru_cache(maxsize=8192)
def clean(text: str) -> str:
    """Full-width to half-width, traditional to simplified, nothing invisible, no emoji, nothing drawn out; may be
    empty."""
    for stage in _stages(text):
        text = stage
    return text


_LEXICAL: tuple[Callable[[str], str], ...] = (str.casefold, slang.plain, *numerals.STEPS)


@lru_cache(maxsize=8192)
def _read(text: str) -> str:
    text = clean(text)
    for step in _LEXICAL:
        text = step(text)
    return text


def words(text: str) -> list[str]:
    """Runs of Hanzi, numbers with their unit, and words of other scripts, case folded:
    `发三千克 Abc` -> 发, 3公斤, abc."""
    return _WORDS.findall(_read(text))


def tokens(text: str) -> list[str]:
    """Character 1- and 2-grams of Hanzi and whole words of other scripts: right for Chinese without a dictionary.

    Of a number with its unit, and of a model, the parts count as well: 3公斤, 3, 公斤; iphone15, iphone, 15.
    """
    return [token for token, _start, _end in _placed(_read(text))]


def _placed(read: str) -> Iterator[tuple[str, int, int]]:
    for word in _WORDS.finditer(read):
        start, text = word.start(), word[0]
        if _HAN.match(text):
            yield from _grams(text, start)
        else:
            yield text, start, word.end()
            if not (text.isalpha() or _NUMBER.fullmatch(text)):
                yield from _parts(text, start)


def _grams(run: str, start: int) -> Iterator[tuple[str, int, int]]:
    for place, char in enumerate(run, start):
        yield char, place, place + 1
    for place in range(len(run) - 1):
        yield run[place : place + 2], start + place, start + place + 2


def _parts(word: str, start: int) -> Iterator[tuple[str, int, int]]:
    for part in _PARTS.finditer(word):
        if _HAN.match(part[0]):
            yield from _grams(part[0], start + part.start())
        # A single letter says nothing by itself: the p of p40.
        elif len(part[0]) > 1 or part[0].isdigit():
            yield part[0], start + part.start(), start + part.end()


def has_words(text: str) -> bool:
    """False for what says nothing: blanks, punctuation, emoji only."""
    return bool(_WORDS.search(_read(text)))


def han_share(text: str) -> float:
    """Share of Hanzi among the letters and digits, 0 to 1; 0 for a text without any."""
    said = _SAYS.findall(clean(text))
    return sum(1 for char in said if _HAN.match(char)) / len(said) if said else 0.0


def text_hash(text: str) -> str:
    """The identity of what the encoder reads: texts with the same hash have the same vector."""
    return sha256(clean(text).encode()).hexdigest()


_SIZES = frozenset(["xs", "s", "m", "l", "xl", "xxl", "xxxl"])
_NUMBERED = re.compile(r"第[一二三四五六七八九十]")


def numbers(text: str) -> frozenset[str]:
    """Numbers with their unit, ordinals, sizes and model codes, each in one spelling: 7天, 200元, 第二, m, iphone15.

    An article (一个) and long digit strings (an order's number) are no numbers that tell one question from another.
    """
    read = _read(text)
    found = [word for word in _WORDS.findall(read) if word in _SIZES or any(char.isdigit() for char in word)]
    return frozenset([*filter(numerals.tells_apart, found), *_NUMBERED.findall(read)])


def negations(text: str) -> frozenset[str]:
    """What is negated, by its first character or word: `不能退`, `退不了` -> 退; `not received` -> received.

    Questions of the form A-not-A and rhetorical ones negate nothing.
    """
    return negation.negated(clean(text).casefold())


def placed(text: str) -> list[tuple[str, int, int]]:
    """The `tokens` with start and end in the text as it was written; slower than they are."""
    read, starts, ends = text, list(range(len(text))), list(range(1, len(text) + 1))
    for after in _all_stages(text):
        if after != read:
            starts, ends = _carried(read, after, starts, ends)
            read = after
    return [(token, starts[start], max(ends[start:end])) for token, start, end in _placed(read)]


def _all_stages(text: str) -> Iterator[str]:
    for stage in _stages(text):
        text = stage
        yield text
    for step in _LEXICAL:
        text = step(text)
        yield text


def _carried(before: str, after: str, starts: list[int], ends: list[int]) -> tuple[list[int], list[int]]:
    """The places of the characters of `after`, given those of `before`. What was replaced by a text of another length
    stands for the whole of it; what was put in stands at its place, without any length."""
    new_starts, new_ends = [], []
    for kind, low, high, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal" or high - low == end - start:
            new_starts += starts[low:high]
            new_ends += ends[low:high]
        elif high > low:
            new_starts += [starts[low]] * (end - start)
            new_ends += [ends[high - 1]] * (end - start)
        else:
            edge = ends[low - 1] if low else 0
            new_starts += [edge] * (end - start)
            new_ends += [edge] * (end - start)
    return new_starts, new_ends
