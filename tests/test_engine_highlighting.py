from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.highlighting import highlights

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
TRICKY = st.text("一二两十百七天日元块发發货 05x%¥啊？亲Vх微信A\u200b\u0336😀①", max_size=30)


def marked(query, passage):
    return [passage[start:end] for start, end in highlights(query, passage)]


@pytest.mark.parametrize(
    ("query", "passage", "parts"),
    [
        ("发货时间", "请问什么时候发货？", ["时", "发货"]),
        ("什么时候发货", "請問什麼時候發貨？", ["什麼時候發貨"]),
        ("七天能退吗", "支持 7 天无理由退货", ["7 天", "退"]),
        ("7天", "七天无理由", ["七天"]),
        ("120块", "满一百二十元包邮", ["一百二十元"]),
        ("120元", "只要￥120包邮", ["120"]),
        ("加微信", "加 V\u200bX 好友", ["加 V\u200bX"]),
        ("发货", "发\u200b货了", ["发\u200b货"]),
        ("发货", "发 货了", ["发 货"]),
        ("ABC", "ＡＢＣ款", ["ＡＢＣ"]),
        ("iphone 15", "👍 iPhone15 手机壳", ["iPhone15"]),
        ("退货", "😀😀退货，退货！", ["退货", "退货"]),
        ("在吗", "我的", []),
        ("的", "我的快递", []),
        ("我的快递", "我的快递呢", ["我的快递"]),
        ("refund", "Where is my REFUND?", ["REFUND"]),
        ("", "发货", []),
        ("发货", "", []),
    ],
)
def test_what_both_share_is_marked_in_the_passage_as_it_was_written(query, passage, parts):
    assert marked(query, passage) == parts


@given(ANYTHING | TRICKY, ANYTHING | TRICKY)
def test_places_lie_inside_the_passage_in_order_and_apart(query, passage):
    found = highlights(query, passage)
    assert all(0 <= start < end <= len(passage) for start, end in found)
    assert all(first[1] < second[0] for first, second in pairwise(found))


@given(TRICKY)
def test_a_passage_is_marked_wherever_it_says_something_by_itself(text):
    assert highlights(text, text) == highlights(f" {text}\u200b", text)
