import base64
import random
from copy import deepcopy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.engine.content_differences import content_diff, counts
from search.engine.markup import read_markup

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["kind", "title", "similar", "answers", "facts", "products", "pins", "synonyms", "adapter", "x"]
)
RECORDS = st.lists(
    st.dictionaries(
        st.sampled_from(["key", "product", "value", "channel", "text", "html", "blocks", "terms", "entry"]),
        JSON | st.sampled_from(["any", "<p>七天<b>可退</b></p>", "<p>七天可退", "48小时"]),
        max_size=4,
    ),
    max_size=4,
)
CONTENT = st.none() | st.dictionaries(NAMES, JSON | RECORDS | st.lists(st.text(max_size=6), max_size=5), max_size=5)


def answer(channel, text, html=None):
    html = html or f"<p>{text}</p>"
    return {"channel": channel, "text": text, "html": html, "blocks": [{"type": "paragraph", "html": html}]}


ENTRY = {
    "kind": "faq",
    "group": "3f0c",
    "locale": "zh-hans",
    "title": "多久发货？",
    "similar": ["几天能发货", "什么时候发货", "发货要多久"],
    "negative": [],
    "category": "shipping",
    "intent": "shipping.time",
    "mode": "both",
    "valid_from": None,
    "valid_to": None,
    "answers": [answer("any", "付款后48小时内发货，急单请联系客服。"), answer("wechat", "亲，很快就发哦~")],
}
FACT = {"key": "ship_within", "product": None, "value": "48小时", "value_en": "48 hours", "valid_from": None}
FACTS = {
    "kind": "facts",
    "products": {"tea": {"name": "绿茶", "name_en": "Green tea"}},
    "facts": [FACT, FACT | {"key": "weight", "product": "tea", "value": "250克", "value_en": "250 g"}],
}
PIN = {"entry": "faq:3", "queries": ["退货"], "never": False, "contains": False, "starts": None, "ends": None}
RULES = {
    "kind": "rules",
    "synonyms": [{"terms": ["发货", "寄出"], "one_way": False}],
    "pins": [PIN],
    "intents": [
        {"intent": "human", "keywords": ["人工"], "examples": [], "urgent": False},
        {"intent": "complaint", "keywords": ["投诉"], "examples": ["我要投诉"], "urgent": True},
    ],
}


def lines(before, after):
    marks = {"same": "{}", "removed": "[{}]", "added": "<{}>"}
    return [
        (change.field, change.item, change.kind, "".join(marks[part.kind].format(part.text) for part in change.parts))
        for change in content_diff(before, after)
    ]


def test_equal_contents_have_no_changes():
    assert content_diff(ENTRY, deepcopy(ENTRY)) == ()
    assert content_diff(None, None) == ()


def test_an_edited_phrasing_is_one_change_and_not_a_removed_and_an_added_one():
    after = ENTRY | {"similar": ["几天发货", "发货要多久", "物流到哪了"], "title": "多久可以发货？"}
    assert lines(ENTRY, after) == [
        ("title", "", "changed", "多久<可以>发货？"),
        ("similar", "", "removed", "[什么时候发货]"),
        ("similar", "", "changed", "几天[能]发货"),
        ("similar", "", "added", "<物流到哪了>"),
    ]


def test_phrasings_in_another_order_are_said_to_be_moved():
    after = ENTRY | {"similar": ["发货要多久", "几天能发货", "什么时候发货"]}
    assert [(field, kind) for field, _item, kind, _text in lines(ENTRY, after)] == [("similar", "moved")]


def test_codes_and_dates_are_replaced_whole():
    after = ENTRY | {"category": "shipping-fast", "valid_to": "2027-06-30T00:00:00+08:00"}
    assert lines(ENTRY, after) == [
        ("category", "", "changed", "[shipping]<shipping-fast>"),
        ("valid_to", "", "added", "<2027-06-30T00:00:00+08:00>"),
    ]


def test_a_new_entry_is_all_added_and_a_deleted_one_all_removed():
    assert {kind for _field, _item, kind, _text in lines(None, ENTRY)} == {"added"}
    assert {kind for _field, _item, kind, _text in lines(ENTRY, None)} == {"removed"}
    assert ("answers", "wechat", "added", "<亲，很快就发哦~>") in lines(None, ENTRY)
    assert {"kind", "group", "negative"}.isdisjoint(field for field, *_rest in lines(None, ENTRY))


def test_an_answer_keeps_its_partner_when_another_is_put_before_it():
    new = [
        answer("phone", "我们两天内发货。"),
        answer("any", "付款后72小时内发货，急单请联系客服。"),
        ENTRY["answers"][1],
    ]
    assert lines(ENTRY, ENTRY | {"answers": new}) == [
        ("answers", "phone", "added", "<我们两天内发货。>"),
        ("answers.text", "any", "changed", "付款后[48]<72>小时内发货，急单请联系客服。"),
    ]


def test_an_answer_that_went_to_another_channel_is_changed_and_not_replaced():
    after = ENTRY | {"answers": [ENTRY["answers"][0], ENTRY["answers"][1] | {"channel": "phone"}]}
    assert lines(ENTRY, after) == [("answers.channel", "phone", "changed", "[wechat]<phone>")]


def with_html(html):
    return ENTRY | {"answers": [answer("any", "看图", html)]}


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("<p>看图</p>", "<p>看<b>图</b></p>", ("answers.html", "any", "formatting", "")),
        ("<p>看图</p>", "<ul><li>看图</li></ul>", ("answers.html", "any", "formatting", "")),
        (
            '<a href="https://a.cn/1">看图</a>',
            '<a href="https://a.cn/2">看图</a>',
            ("answers.links", "any", "changed", "[https://a.cn/1]<https://a.cn/2>"),
        ),
        (
            '<img src="/1" alt="步骤图">',
            '<img src="/1" alt="流程图">',
            ("answers.descriptions", "any", "changed", "[步骤]<流程>图"),
        ),
        (
            '<img src="/a/1.webp" alt="图">',
            '<img src="/a/2.webp" alt="图">',
            ("answers.images", "any", "changed", "[/a/1.webp]</a/2.webp>"),
        ),
        ("<p>看图</p>", "<p>看大图</p>", ("answers.body", "any", "changed", "看<大>图")),
        ('<img src="/1" width="9">', '<img src="/1" width="8">', ("answers.html", "any", "formatting", "")),
    ],
)
def test_what_only_the_body_of_an_answer_tells_is_shown(before, after, shown):
    assert lines(with_html(before), with_html(after)) == [shown]


def test_an_edit_of_text_and_body_alike_is_told_once():
    before, after = answer("any", "48小时内发货"), answer("any", "72小时内发货")
    assert lines({"answers": [before]}, {"answers": [after]}) == [
        ("answers.text", "any", "changed", "[48]<72>小时内发货")
    ]


def test_a_link_that_only_the_blocks_hold_is_not_silent():
    before = with_html("<p>看图</p>")
    after = deepcopy(before)
    after["answers"][0]["blocks"].append({"type": "link", "url": "https://a.cn"})
    assert lines(before, after) == [("answers.html", "any", "formatting", "")]


def test_facts_are_told_by_their_key_and_never_paired_with_another():
    facts = [FACT | {"value": "72小时"}, FACTS["facts"][1] | {"key": "gross_weight"}]
    after = FACTS | {"products": {"tea": {"name": "明前绿茶", "name_en": "Green tea"}}, "facts": facts}
    assert lines(FACTS, after) == [
        ("products.name", "tea", "changed", "<明前>绿茶"),
        ("facts", "weight · tea", "removed", "[250克 · 250 g]"),
        ("facts.value", "ship_within", "changed", "[48]<72>小时"),
        ("facts", "gross_weight · tea", "added", "<250克 · 250 g>"),
    ]


def test_a_fact_with_two_periods_is_paired_with_the_period_that_it_had():
    may, june = FACT | {"valid_from": "2027-05-01"}, FACT | {"value": "24小时", "valid_from": "2027-06-01"}
    before, after = FACTS | {"facts": [may, june]}, FACTS | {"facts": [june | {"value": "12小时"}]}
    assert lines(before, after) == [
        ("facts", "ship_within", "removed", "[48小时 · 48 hours · 2027-05-01]"),
        ("facts.value", "ship_within", "changed", "[24]<12>小时"),
    ]


def test_a_product_that_came_or_went_is_named_by_its_key():
    assert lines(FACTS, FACTS | {"products": {}}) == [("products", "tea", "removed", "[绿茶 · Green tea]")]


def test_rules_are_compared_one_by_one():
    after = {
        "kind": "rules",
        "synonyms": [{"terms": ["发货", "寄出", "出库"], "one_way": True}],
        "pins": [PIN | {"entry": "faq:5"}, PIN | {"entry": "faq:9", "queries": ["优惠券"], "never": True}],
        "intents": RULES["intents"][::-1],
    }
    assert lines(RULES, after) == [
        ("synonyms.terms", "发货、寄出、出库", "added", "<出库>"),
        ("synonyms.one_way", "发货、寄出、出库", "changed", "[false]<true>"),
        ("pins.entry", "faq:5", "changed", "[faq:3]<faq:5>"),
        ("pins", "faq:9", "added", "<优惠券 · never>"),
        ("intents", "", "moved", "<complaint\n>human\n[complaint\n]"),
    ]


def test_settings_are_compared_value_by_value():
    before = {"kind": "settings", "open": True, "greeting": "您好，欢迎光临", "limits": {"shown": 3}}
    after = {"kind": "settings", "open": False, "greeting": "您好，欢迎光临本店", "limits": {"shown": 5}}
    assert lines(before, after) == [
        ("open", "", "changed", "[true]<false>"),
        ("greeting", "", "changed", "您好，欢迎光临<本店>"),
        ("limits.shown", "", "changed", "[3]<5>"),
    ]


@pytest.mark.parametrize("name", ["adapter", "codebook", "weights", "trial"])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"data": value}, lambda value: [{"data": value}]])
def test_what_no_editor_can_read_is_never_shown(name, wrap):
    secret = base64.b64encode(random.Random(1).randbytes(300)).decode()
    for before, after in ((None, secret), (secret, secret[::-1]), (secret, 5), (secret, None), ("x", secret)):
        found = content_diff({name: before and wrap(before)}, {name: after and wrap(after)})
        assert found
        assert not any(secret[:20] in part.text or secret[::-1][:20] in part.text for c in found for part in c.parts)


def test_long_rows_of_numbers_are_said_to_have_changed():
    assert lines({"v": [0.1] * 300}, {"v": [0.2] * 300}) == [("v", "", "changed", "")]


def test_a_reading_is_compared_and_its_confidence_by_name():
    before = {"kind": "reading", "recipe": "r1", "adapter": None, "confidence": {"bias": 0.5}}
    after = {"kind": "reading", "recipe": "r2", "adapter": "QUJD", "confidence": {"bias": 0.6}}
    assert lines(before, after) == [
        ("recipe", "", "changed", "[r1]<r2>"),
        ("adapter", "", "added", ""),
        ("confidence.bias", "", "changed", "[0.5]<0.6>"),
    ]


@given(CONTENT, CONTENT)
@example({"a": None}, {})
@example({"similar": ["甲", "乙"]}, {"similar": ["乙", "甲"]})
@example({"answers": [{"html": 5}]}, {"answers": [{"html": 6}]})
@example({"x": ""}, {"x": None})
@example({"similar": ["甲", "甲"]}, {"similar": ["甲"]})
def test_contents_that_differ_at_all_differ_in_at_least_one_change(before, after):
    assert bool(content_diff(before, after)) == (before != after)


@given(CONTENT, CONTENT)
def test_every_change_is_plain_enough_for_a_template(before, after):
    for change in content_diff(before, after):
        assert change.kind in ("added", "removed", "changed", "moved", "formatting")
        assert all(part.text and part.kind in ("same", "removed", "added") for part in change.parts)


@given(st.lists(st.sampled_from("甲乙丙丁"), max_size=6), st.lists(st.sampled_from("甲乙丙丁"), max_size=6))
def test_the_added_and_removed_lines_are_those_that_one_list_has_more_of(before, after):
    changes = content_diff({"similar": before}, {"similar": after})
    assert counts(changes).get("added", 0) - counts(changes).get("removed", 0) == len(after) - len(before)


def test_changes_are_counted_by_kind():
    assert counts(content_diff(RULES, RULES | {"pins": [], "synonyms": []})) == {"removed": 2}


def test_a_thousand_new_phrasings_are_compared_in_no_time():
    before = [f"第{number}个问题怎么办" for number in range(1000)]
    after = [f"有{number}号问题吗" for number in range(1000)]
    assert len(content_diff({"similar": before}, {"similar": after})) == 2000


def test_what_lays_a_text_out_is_not_read_as_its_words():
    markup = read_markup('<p>甲<br>乙 <b>丙</b></p><a href="/x">丁</a><img src="/i" alt="戊">&lt;')
    assert markup.text == "甲\n乙 丙\n丁<"
    assert (markup.links, markup.images, markup.descriptions) == (["/x"], ["/i"], ["戊"])
    assert markup.emphasis == {"b": 1}
