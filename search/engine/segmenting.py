"""A text cut into what an editor changes: words of Hanzi and of other scripts, numbers, dates, placeholders, marks.

Finer than a dictionary where a change is: numerals, negations and units of measure stand by themselves, as in 七|天,
不|能. Every cut lies between two characters as a reader sees them.
"""

import math
import re
import unicodedata
from functools import cache, lru_cache
from itertools import accumulate, chain, pairwise

from search.engine.text import clean
from search.engine.vocabulary import vocabulary

_H = r"\u3005\u3007\u3400-\u9fff\U00020000-\U0003ffff"
_KANA = r"\u3041-\u3096\u30a1-\u30ff"
_FLAG = "\U0001f1e6-\U0001f1ff"
_UNIT = re.compile(
    rf"\{{\{{[^{{}}\n]*\}}\}}|\r\n|[\n\r\v\f\x85\u2028\u2029]|[{_H}]+|[{_KANA}]+|[{_FLAG}]{{2}}"
    r"|\d{4}([-/.])\d\d?\1\d\d?(?!\d)|\d\d?[:：]\d\d(?:[:：]\d\d)?(?!\d)|\d{3,4}(?:-\d{3,})+|\d+(?:,\d{3}(?!\d))*(?:\.\d+)*"
    rf"|[^\W\d_{_H}{_KANA}](?:[^\W_{_H}{_KANA}]|[\u0300-\u036f]|['’](?=[^\W\d_{_H}{_KANA}]))*"
    r"|[^\S\n\r\v\f\x85\u2028\u2029]+|([^\w\s])\2*|.",
    re.DOTALL,
)
_HAN = re.compile(rf"[{_H}]")
_BREAKS = frozenset("\n\r\v\f\x85\u2028\u2029")
_JOINER = "\u200d"

_NUMERALS = frozenset("零〇一二两三四五六七八九十百千万亿半几")
_MEASURES = frozenset("天日周月年时分秒个件元块角次人份名条张盒支只瓶包袋箱套台单位折倍号度种岁点层家款双片克斤米")
_NEGATIONS = frozenset("不没未无勿")
_NO_NEGATION_OR_COUNT = "不过 不但 不仅 不管 不论 不断 未来 未必 无论 十分 百分 一时 万一"
# What a store's answers are full of and the dictionaries of the web and of phrases lack.
_OF_THE_TRADE = (
    "退款 退货 包邮 保温 开封 截单 签收 下单 赠品 预售 现货 破损 缺货 补货 保修 质保 收货 到货 送货 拒收 改价 价保 满减"
    " 秒杀 拼团 定金 尾款 自理 吊牌 机洗 面料 保质 送达 揽收 驿站 自提 取件 催单 原路 退回 到账 次日 隔天 理赔"
    " 拍下 截图 凭证 面部 偏远 同城 专票 税号 纸质 默认 顺丰 中通 圆通 韵达 申通 邮政 企微 话术 全额 仅退 货品 您好"
)
_ALWAYS_WORDS = frozenset([*_NO_NEGATION_OR_COUNT.split(), *_OF_THE_TRADE.split()])
_WORD_COST = 9.0
_RAREST = 1e-6
_LONGEST_NUMERAL = 12


def units(text: str) -> list[str]:
    """The text, cut where a change may begin or end: never inside a number or in what is shown as one character."""
    cuts = [*chain.from_iterable(_cuts(text, match) for match in _UNIT.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


def is_break(unit: str) -> bool:
    return unit[-1] in _BREAKS


def can_be_cut(text: str, place: int) -> bool:
    """Whether a place in a text is between two units or, inside of a word, between two Hanzi that are no numeral."""
    if not 0 < place < len(text):
        return 0 <= place <= len(text)
    around = text[place - 1 : place + 1]
    if _HAN.match(around[0]) and _HAN.match(around[1]):
        return not _NUMERALS.issuperset(around)
    return False


def _cuts(text: str, match: re.Match[str]) -> list[int]:
    cuts = [match.start()]
    if len(match[0]) > 1 and _HAN.match(match[0]):
        cuts = [*accumulate(map(len, _hanzi_words(match[0])[:-1]), initial=match.start())]
    return cuts[1:] if _glued(text, match.start()) else cuts


def _glued(text: str, place: int) -> bool:
    """Whether what stands before and after the place is one character to a reader, or one word around a mark."""
    if place == 0 or (text[place] < "\u0300" and not text[place].isalpha()):
        return False
    before, after = text[place - 1], text[place]
    if "\u3400" <= after <= "\u9fff":
        return before == _JOINER
    if before == _JOINER or unicodedata.category(after) in {"Mn", "Mc", "Me"} or after in "\u200c\u200d\uff9e\uff9f":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return True
    is_mark = unicodedata.category(before) in {"Mn", "Mc"} and not "\ufe00" <= before <= "\ufe0f"
    return is_mark and after.isalpha() and not _HAN.match(after)


def _hanzi_words(run: str) -> tuple[str, ...]:
    """The run cut into words of two and single Hanzi, so that together they are as usual as can be."""
    read = run if vocabulary().shares.keys() >= set(run) else clean(run)
    if len(read) != len(run):
        read = run
    costs, lengths = [0.0], [0]
    for end in range(1, len(read) + 1):
        cost, length = costs[-1] + _cost(read[end - 1]), 1
        if end > 1 and _is_word(read[end - 2 : end]) and costs[-2] + _WORD_COST < cost:
            cost, length = costs[-2] + _WORD_COST, 2
        if read[end - 1] in _NUMERALS and (numerals := _numerals_before(read, end)) > 1:
            cost, length = costs[-numerals], numerals
        costs.append(cost)
        lengths.append(length)
    found, end = [], len(run)
    while end:
        found.append(run[end - lengths[end] : end])
        end -= lengths[end]
    return tuple(reversed(found))


def _numerals_before(run: str, end: int) -> int:
    length = 0
    while length < min(end, _LONGEST_NUMERAL) and run[end - length - 1] in _NUMERALS:
        length += 1
    return length


@cache
def _cost(char: str) -> float:
    return -math.log(vocabulary().shares.get(char, _RAREST))


@lru_cache(maxsize=32_768)
def _is_word(pair: str) -> bool:
    if pair in _ALWAYS_WORDS:
        return True
    counted = pair[0] in _NUMERALS and (pair[1] in _MEASURES or pair[1] in _NUMERALS)
    return not counted and _NEGATIONS.isdisjoint(pair) and pair in vocabulary().pairs
