import random
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.engine import differences
from search.engine.differences import atom_diff, line_diff, word_diff
from search.engine.segmenting import units
from tests.conftest import ROOT

ODD = "七天退货不能二十五a1é\u0301👨\u200d👩🏽❤\ufe0f🇨🇳🇺1\u20e3\r\n。， 가क\u094dि葛\U000e0100\ud83d\ude00カ\uff9e"
TEXT = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=())), max_size=30)
GLUE = {"\u0301", "\u200d", "\ufe0f", "\u20e3", "\u094d", "🏽", "\U000e0100", "\ude00", "\uff9e"}


def marked(before, after):
    marks = {"same": "{}", "removed": "[{}]", "added": "<{}>"}
    return "".join(marks[part.kind].format(part.text) for part in word_diff(before, after))


def text_of(parts, kind):
    return "".join(part.text for part in parts if part.kind in ("same", kind))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("付款后48小时内发货", "付款后72小时内发货", "付款后[48]<72>小时内发货"),
        ("每箱 3.5 kg", "每箱 4 kg", "每箱 [3.5]<4> kg"),
        ("3kg以内包邮", "5kg以内包邮", "[3]<5>kg以内包邮"),
        ("价格 ¥1,299.00", "价格 ¥999.00", "价格 ¥[1,299.00]<999.00>"),
        ("活动到2027-05-31结束", "活动到2027-06-30结束", "活动到[2027-05-31]<2027-06-30>结束"),
        ("客服9:00上线", "客服8:30上线", "客服[9:00]<8:30>上线"),
        ("请拨打400-800-1234", "请拨打400-800-5678", "请拨打[400-800-1234]<400-800-5678>"),
        ("满100件减200元", "满300件减500元", "满[100]<300>件减[200]<500>元"),
        ("48小时30分", "72小时50分", "[48]<72>小时[30]<50>分"),
        ("会员打九五折", "会员打八折", "会员打[九五]<八>折"),
        ("二十天内可退", "二十五天内可退", "[二十]<二十五>天内可退"),
        ("七天无理由退货", "15天无理由退货", "[七]<15>天无理由退货"),
        ("积分（{{ fact.rate }}）", "积分（{{ fact.points }}）", "积分（[{{ fact.rate }}]<{{ fact.points }}>）"),
    ],
)
def test_a_number_is_changed_whole_and_what_is_counted_stays(before, after, shown):
    assert marked(before, after) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("不能退", "能退", "[不]能退"),
        ("可以退货", "不可以退货", "<不>可以退货"),
        ("没有发票", "有发票", "[没]有发票"),
        ("无线耳机", "有线耳机", "[无]<有>线耳机"),
    ],
)
def test_a_negation_is_marked_by_itself(before, after, shown):
    assert marked(before, after) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("默认发顺丰快递。", "默认发中通快递，偏远地区发邮政。", "默认发[顺丰]<中通>快递<，偏远地区发邮政>。"),
        ("运费由买家承担", "运费由我们承担", "运费由[买家]<我们>承担"),
        ("水温不超过30度", "水温不超过40度，不可漂白", "水温不超过[30]<40>度<，不可漂白>"),
        ("不支持退换货", "不支持退货", "不支持退[换]货"),
        ("天内联系客服", "天内在订单页申请", "天内[联系客服]<在订单页申请>"),
        ("發貨時間是48小時", "發貨時間是72小時", "發貨時間是[48]<72>小時"),
        ("iPhone15 支持吗", "iPhone16 支持吗", "[iPhone15]<iPhone16> 支持吗"),
        ("Ship within 48 hours.", "We ship within 72 hours.", "[Ship]<We ship> within [48]<72> hours."),
        ("I don't know", "I do know", "I [don't]<do> know"),
        ("👨‍👩‍👧家庭装", "👨‍👩‍👦家庭装", "[👨‍👩‍👧]<👨‍👩‍👦>家庭装"),
        ("cafe\u0301 au lait", "cafe au lait", "[cafe\u0301]<cafe> au lait"),
        ("", "新的", "<新的>"),
        ("旧的", "", "[旧的]"),
        ("不变", "不变", "不变"),
    ],
)
def test_words_are_changed_whole(before, after, shown):
    assert marked(before, after) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("红色，蓝色", "绿色，黑色", "[红色，蓝色]<绿色，黑色>"),
        ("店铺的会员", "平台的顾客", "[店铺的会员]<平台的顾客>"),
        ("the red box", "a blue bag", "[the red box]<a blue bag>"),
        (
            "今天天气很好，我们去公园散步吧",
            "退货运费险由平台理赔，到账要两天",
            "[今天天气很好，我们去公园散步吧]<退货运费险由平台理赔，到账要两天>",
        ),
    ],
)
def test_a_mark_or_a_small_word_between_two_changes_is_part_of_them(before, after, shown):
    assert marked(before, after) == shown


def test_two_additions_stay_apart_on_the_two_sides_of_a_full_stop():
    assert marked("同意退货。联系客服", "同意退货吗。请联系客服") == "同意退货<吗>。<请>联系客服"


def test_what_was_put_in_begins_where_a_sentence_does():
    assert marked("可退。可换。", "可退。可修。可换。") == "可退。<可修。>可换。"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("第一段。第二段。", "第一段。\n第二段。", "第一段。<\n>第二段。"),
        ("选退款\n拍照\n等待", "选退款\n等待", "选退款\n[拍照\n]等待"),
        ("红色\n蓝色", "绿色\n黑色", "[红色]<绿色>\n[蓝色]<黑色>"),
        (
            "第一步：打开订单\n第二步：点退款\n最后等待",
            "第一步：打开订单\n第二步：点申请售后\n第三步：选退款\n最后等待",
            "第一步：打开订单\n第二步：点[退款]<申请售后>\n<第三步：选退款\n>最后等待",
        ),
    ],
)
def test_lines_are_compared_with_the_lines_that_they_were(before, after, shown):
    assert marked(before, after) == shown


@given(TEXT, TEXT, TEXT, TEXT)
@example("", "退换货", "货", "")
@example("", "a\u0301", "a", "")
def test_what_is_the_same_with_what_was_removed_or_added_is_the_text_before_or_after(start, old, new, end):
    for before, after in ((old, new), (start + old + end, start + new + end)):
        parts = word_diff(before, after)
        assert (text_of(parts, "removed"), text_of(parts, "added")) == (before, after)


@given(TEXT, TEXT, TEXT, TEXT)
def test_a_long_text_loses_nothing_where_its_lines_are_compared_first(start, old, new, end):
    before, after = f"{start}\n{old}\n{end}", f"{start}\n{new}\n{end}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(differences, "_LONG", 0)
        parts = word_diff(before, after)
    assert (text_of(parts, "removed"), text_of(parts, "added")) == (before, after)


@given(TEXT, TEXT, TEXT, TEXT)
def test_parts_are_merged_not_empty_and_removed_stands_before_added(start, old, new, end):
    parts = word_diff(start + old + end, start + new + end)
    kinds = [part.kind for part in parts]
    assert all(part.text for part in parts)
    assert all(left != right and (left, right) != ("added", "removed") for left, right in pairwise(kinds))


@given(TEXT, TEXT, TEXT, TEXT)
def test_no_part_begins_inside_of_what_is_one_character_to_a_reader(start, old, new, end):
    before, after = start + old + end, start + new + end
    for text, kind in ((before, "removed"), (after, "added")):
        place = 0
        for part in word_diff(before, after):
            if part.kind in ("same", kind):
                assert place == 0 or part.text[0] not in GLUE
                assert place == 0 or text[place - 1] != "\u200d" or ord(part.text[0]) < 0x300
                assert text[max(place - 1, 0) : place + 1] != "\r\n"
                place += len(part.text)


@given(TEXT)
def test_the_units_of_a_text_are_the_text(text):
    assert "".join(units(text)) == text
    assert all(units(text))


def test_a_family_a_flag_and_a_key_are_one_unit_each():
    assert units("👨‍👩‍👧🇨🇳1️⃣👍🏽") == ["👨‍👩‍👧", "🇨🇳", "1️⃣", "👍🏽"]


def test_a_value_that_is_one_thing_is_replaced_whole():
    assert [(part.kind, part.text) for part in atom_diff("ship.fast", "ship.slow")] == [
        ("removed", "ship.fast"),
        ("added", "ship.slow"),
    ]
    assert [part.kind for part in atom_diff("same", "same")] == ["same"]


def test_items_that_were_moved_are_shown_line_by_line():
    parts = line_diff(["甲", "乙", "丙"], ["乙", "丙", "甲"])
    assert [(part.kind, part.text) for part in parts] == [
        ("removed", "甲\n"),
        ("same", "乙\n丙\n"),
        ("added", "甲\n"),
    ]


def chosen(letters, length, seed):
    return "".join(random.Random(seed).choices(letters, k=length))


COMMON = [chr(code) for code in range(0x4E00, 0x9FA6)]
SHOP = "退货发款时间小的了不，。 ab1\n"
LINES = "\n".join(chosen("退货发款时间小", 124, seed) for seed in range(40))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("的" * 5000, "的" * 4990 + "了" * 10),
        ("的不" * 2500, "不，" * 2500),
        (chosen("，。", 5000, 1), chosen("，。！", 5000, 2)),
        (chosen(SHOP, 5000, 1), chosen(SHOP, 5000, 2)),
        (chosen(COMMON, 5000, 1), chosen(COMMON, 5000, 2)),
        (LINES, "\n".join(line[::-1] for line in LINES.split("\n"))),
    ],
    ids=["one character", "two characters", "marks", "a shop's words", "any Hanzi", "forty lines"],
)
def test_five_thousand_characters_are_compared_at_once_whatever_they_are(before, after):
    word_diff("先读", "词典")
    took = []
    for _ in range(5):
        start = time.process_time()
        word_diff(before, after)
        took.append(time.process_time() - start)
    assert min(took) < 0.25  # 0.02 to 0.1 s on a busy core; a slower one may take longer


def test_a_huge_text_is_compared_by_lines_and_the_lines_that_changed_by_words():
    lines = [f"第{number}行：{chosen(SHOP[:-1], 30, number)}" for number in range(3000)]
    after = [*lines[:1000], "付款后72小时内发货", *lines[1000:2000], *lines[2100:]]
    lines.insert(1000, "付款后48小时内发货")
    parts = word_diff("\n".join(lines), "\n".join(after))
    assert [part.text for part in parts[1:3]] == ["48", "72"]
    assert parts[4].kind == "removed"
    assert parts[4].text.count("\n") == 100
    assert len(parts) == 6


def test_a_huge_line_is_compared_without_waiting_for_it():
    before, after = chosen(SHOP[:-1], 100_000, 1), chosen(SHOP[:-1], 100_000, 2)
    start = time.process_time()
    parts = word_diff(before, after)
    assert time.process_time() - start < 10
    assert (text_of(parts, "removed"), text_of(parts, "added")) == (before, after)


def test_texts_are_compared_without_django():
    code = "import sys, search.engine.content_differences; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
