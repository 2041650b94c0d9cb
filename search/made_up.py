"""Shoppers' questions and their vectors, made up for measuring: many, quick, and shaped like real ones.

Words: on 15 000 real questions a query reads 1.0 postings a passage (a shop's: 1.2), the vocabulary is 42 000; here
1.5 and 30 000. Vectors: the cosines are those of multilingual-e5-small on 186 535 phrasings of real questions: to the
nearest one 0.94, to the 10th 0.92, to the 100th 0.88, between any two 0.83. In random ones there is nothing near.
"""

import numpy as np
from numpy.typing import NDArray

from search.engine.types import Vectors

PHRASINGS = 5
"""Of one entry: these stand beside each other."""
_LEVELS = ((5_000, 0.85), (500, 0.87), (120, 0.885), (40, 0.90), (15, 0.92), (PHRASINGS, 0.94))
"""Neighbourhoods, from a field of trade to an entry: so many phrasings, and the cosine of any two of them."""
_ANY_TWO = 0.83

_OPENERS = "请问|亲，|你好，|想问一下|老板，|在吗，|麻烦问下|急！|我想知道|打扰一下，|咨询一下，|问一句，|那个"
_PRODUCTS = "保温杯|蓝牙耳机|电饭煲|羊毛衫|跑鞋|面霜|四件套|羽绒被|茶叶|坚果礼盒|猫粮|纸尿裤|行李箱|雨伞|台灯|Type-C线"
_CONCERNS = (
    "多久发货|什么时候能到|怎么退货|怎么换货|退款多久到账|发票怎么开公司抬头|能改收货地址吗|运费谁出|质保几年|坏了怎么修|"
    "收到是破的|有色差|怎么选尺码|能便宜点吗|有优惠券吗|支持货到付款吗|怎么取消订单|还有货吗|是正品吗|敏感肌可以用吗"
)
_ENDINGS = "？|呢|啊|，谢谢|！|～|，急用|，在线等|，麻烦了|？？|…"
_SOMETIMES = 0.4
_HANZI, _FIRST = 3_000, 0x4E00


def questions(count: int, *, seed: int | None = 0) -> list[str]:
    """So many different questions of shoppers; the same for the same seed, others at every call for None."""
    random = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        for row in random.random((1024, 8)).tolist():
            found[_question(row)] = None
    return list(found)[:count]


def _question(chances: list[float]) -> str:
    """Of eight numbers from 0 to 1. The name of a brand, of Hanzi that are seldom the same, is the long tail."""
    opened, opener, *name, product, concern, ended, ending = chances
    return "".join(
        [
            _one(_OPENERS, opener) if opened < _SOMETIMES else "",
            *(chr(_FIRST + int(_HANZI * chance**2)) for chance in name),
            _one(_PRODUCTS, product),
            _one(_CONCERNS, concern),
            _one(_ENDINGS, ending) if ended < _SOMETIMES else "",
        ]
    )


def _one(words: str, chance: float) -> str:
    choices = words.split("|")
    return choices[int(len(choices) * chance)]


def vectors(count: int, asked: int, dimension: int, *, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Of `count` phrasings, shape (count, dimension), PHRASINGS of an entry in a row, and of `asked` queries, each one
    more phrasing of some entry."""
    random = np.random.default_rng(seed)
    sizes, cosines = zip((count, _ANY_TWO), *_LEVELS, strict=True)
    shares = np.sqrt(np.diff([0.0, *cosines, 1.0])).astype(np.float32)
    centres = [random.standard_normal((count // size + 1, dimension), dtype=np.float32) for size in sizes]

    def phrase(items: NDArray[np.int64]) -> Vectors:
        found = random.standard_normal((len(items), dimension), dtype=np.float32) * shares[-1]
        for share, size, rows in zip(shares, sizes, centres, strict=False):
            found += share * rows[items // size]
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)

    return phrase(np.arange(count)), phrase(random.integers(count, size=asked))
