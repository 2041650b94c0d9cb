from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.intents import IntentRule, IntentRules
from search.engine.phrases import Terms, contains, reading, word_inside
from search.engine.pins import Pin, Pins
from search.engine.synonyms import REWRITINGS, Group, Synonyms
from search.engine.text import clean

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
WECHAT = Group(("微信", "薇信", "VX"))
TEXTS = st.text("微信薇kfcvx发0. ", max_size=12)
GROUPS = st.lists(
    st.builds(Group, st.lists(st.text("微信薇kfcvx", min_size=1, max_size=3), max_size=4).map(tuple), st.booleans()),
    max_size=5,
)


def rewritten(query, *groups, texts=()):
    return [found.text for found in Synonyms(groups, texts).expand(query)]


@pytest.mark.parametrize(
    ("text", "term", "stands"),
    [
        ("加vx聊", "vx", True),
        ("dvx", "vx", False),
        ("vx2", "vx", False),
        ("my vx", "vx", True),
        ("dvx or vx", "vx", True),
        ("满7天", "7天", True),
        ("满17天", "7天", False),
        ("3.5公斤", "5公斤", False),
        ("加微信好友", "微信", True),
        ("", "微信", False),
        ("微信", "", False),
    ],
)
def test_hanzi_are_found_anywhere_and_other_words_whole(text, term, stands):
    assert contains(text, term) is stands
    assert bool(Terms([term]).places(text)) is stands


def test_the_longest_term_is_found_and_none_overlaps():
    assert Terms(["微信", "微信支付", "支付宝"]).places("微信支付宝微信") == [(0, "微信支付"), (5, "微信")]


@given(TEXTS, st.lists(TEXTS, max_size=5))
def test_places_point_at_whole_terms_that_do_not_overlap(text, terms):
    read, end = reading(text), 0
    for start, term in Terms(map(reading, terms)).places(read):
        assert start >= end
        assert read[start : start + len(term)] == term
        end = start + len(term)
        assert not {start, end} & word_inside(read)


def test_any_term_of_a_two_way_group_means_the_others():
    assert rewritten("怎么加薇信", WECHAT) == ["怎么加微信", "怎么加VX"]
    assert rewritten("怎么加vx", WECHAT) == ["怎么加微信", "怎么加薇信"]
    assert rewritten("怎么加微信", WECHAT) == ["怎么加薇信", "怎么加VX"]


def test_a_one_way_group_leads_to_its_first_term_only():
    group = Group(("顺丰", "sf", "丰巢哥"), one_way=True)
    assert rewritten("发sf吗", group) == ["发顺丰吗"]
    assert rewritten("发顺丰吗", group) == []


def test_an_expansion_says_what_was_said_and_what_is_meant():
    (found,) = Synonyms([Group(("KFC", "肯德基"))]).expand("ＫＦＣ的Coupon")
    assert (found.text, found.pairs) == ("肯德基的Coupon", (("kfc", "肯德基"),))


def test_what_is_put_in_is_never_replaced_again():
    cycle = [Group(("甲", "乙"), one_way=True), Group(("乙", "丙"), one_way=True), Group(("丙", "甲"), one_way=True)]
    assert rewritten("丙", *cycle) == ["乙"]


def test_a_word_put_beside_another_one_does_not_grow_together_with_it():
    assert rewritten("微信pay", WECHAT)[-1] == "VX pay"
    assert rewritten("pay微信", WECHAT)[-1] == "pay VX"


def test_the_term_that_stands_in_the_phrasings_is_tried_first():
    many = Group(("甲种", "乙种", "丙种", "丁种", "戊种"))
    assert rewritten("甲种", many, texts=["戊种好吗", "有戊种吗", "丙种"]) == ["戊种", "丙种", "乙种"]
    both = [WECHAT, Group(("KFC", "肯德基"))]
    assert rewritten("KFC收VX吗", *both, texts=["肯德基", "微信"])[0] == "肯德基收微信吗"


@given(GROUPS, TEXTS)
def test_every_expansion_ends_differs_from_the_query_and_says_how(groups, query):
    found = Synonyms(groups).expand(query)
    assert len({one.text for one in found}) == len(found) <= REWRITINGS
    assert all(one.pairs and one.text != clean(query) for one in found)


@given(GROUPS, TEXTS, st.lists(TEXTS, max_size=3))
def test_compiling_is_deterministic_and_giving_a_group_twice_changes_nothing(groups, query, texts):
    once = Synonyms(groups, texts).expand(query)
    assert Synonyms(groups, texts).expand(query) == once
    assert Synonyms([*groups, *groups], texts).expand(query) == once


@given(GROUPS, TEXTS, st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4), st.integers(0, 4))
def test_updated_synonyms_answer_as_if_compiled_with_what_is_left(groups, query, before, more, gone):
    changed = Synonyms(groups, before).updated(remove=before[:gone], add=more)
    assert changed.expand(query) == Synonyms(groups, [*more, *before[gone:]]).expand(query)


@given(st.text(max_size=60), st.lists(st.text(max_size=4), max_size=4))
def test_no_text_breaks_an_expansion(query, terms):
    assert len(Synonyms([Group(tuple(terms))]).expand(query)) <= REWRITINGS


def test_a_query_full_of_terms_is_expanded_at_once():
    groups = [Group(tuple(f"{first}{second}" for second in "甲乙丙丁戊己庚辛")) for first in "子丑寅卯辰巳午未申酉"]
    assert len(rewritten("子甲丑甲寅甲卯甲辰甲巳甲午甲未甲申甲酉甲" * 20, *groups)) == REWRITINGS


def test_an_exact_pin_reads_past_punctuation_width_and_script():
    pins = Pins([Pin("faq:1", ("发票怎么开？",))])
    assert pins.of("發票怎么开", NOW).first == (("faq:1", "发票怎么开？"),)
    assert pins.of("发票怎么开呢", NOW).first == ()


def test_a_containing_pin_needs_whole_words():
    pins = Pins([Pin("faq:1", ("vip",), contains=True)])
    assert pins.of("VIP多少钱", NOW).first == (("faq:1", "vip"),)
    assert pins.of("vipshop", NOW).first == ()


def test_the_more_specific_pin_comes_first():
    pins = Pins(
        [
            Pin("faq:1", ("发票",), contains=True),
            Pin("faq:2", ("发票怎么开",), contains=True),
            Pin("faq:3", ("发票怎么开",)),
        ]
    )
    assert [entry for entry, _text in pins.of("发票怎么开", NOW).first] == ["faq:3", "faq:2", "faq:1"]


def test_never_wins_over_first():
    pins = Pins([Pin("faq:1", ("发票",)), Pin("faq:1", ("发票",), never=True)])
    assert (pins.of("发票", NOW).first, pins.of("发票", NOW).never) == ((), {"faq:1"})


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [(None, None, True), (0, 1, True), (-1, 0, False), (1, None, False), (None, -1, False), (-1, 1, True)],
)
def test_a_pin_holds_from_its_beginning_until_before_its_end(starts, ends, holds):
    begin, end = (None if hours is None else NOW + timedelta(hours=hours) for hours in (starts, ends))
    assert bool(Pins([Pin("faq:1", ("发票",), starts=begin, ends=end)]).of("发票", NOW).first) is holds


@given(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3), st.booleans())
def test_a_query_without_words_is_never_pinned(query, queries, containing):
    found = Pins([Pin("faq:1", tuple(queries), contains=containing)]).of(query, NOW)
    assert not found.first or any(char.isalnum() for char in query)


def test_the_first_rule_with_a_keyword_gives_the_intent():
    rules = IntentRules([IntentRule("complaint.service", ("投诉", "12315"), urgent=True), IntentRule("x", ("我要",))])
    assert rules.of("我要投诉你们").intent == "complaint.service"
    assert rules.of("打123155电话") is None


def test_an_example_matches_itself_and_what_says_all_of_it():
    rules = IntentRules([IntentRule("aftersale.refund", examples=("马上退钱", "give me my money"))])
    assert rules.of("马上退钱！")
    assert rules.of("give my money back to me")
    assert rules.of("你给我马上退钱")
    assert rules.of("退钱要多久") is None


@given(st.text(max_size=20))
def test_a_rule_without_words_matches_nothing(query):
    assert IntentRules([IntentRule("x", ("", "😀"), ("？",)), IntentRule("y")]).of(query) is None
