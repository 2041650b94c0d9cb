import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin, pinyin

from search.engine.completion import CompletionIndex, readings
from tests.conftest import ROOT

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=30)
COMMON = [bytes([high, low]).decode("gb2312") for high in range(0xB0, 0xD7) for low in range(0xA1, 0xFA)]
HANZI = st.text(st.sampled_from(COMMON), min_size=1, max_size=20)
MIXED = st.text(
    st.one_of(st.sampled_from("发货時間退貨行长重abzhSH 3，？'é"), st.characters()), min_size=1, max_size=20
)
SHOP = CompletionIndex(
    [
        ("faq:1", "发货时间"),
        ("faq:1", "几天发货"),
        ("faq:2", "银行卡支付"),
        ("faq:3", "重量和长度"),
        ("faq:4", "绿茶保质期"),
        ("faq:5", "西安能送到吗"),
        ("faq:6", "Type-C 线怎么退？"),
        ("faq:7", "What's an invoice?"),
    ]
)


def entries(index, typed, limit=20, weights=None):
    return [line.entry for line in index.search(typed, limit=limit, weights=weights)]


@pytest.mark.parametrize(
    ("typed", "entry"),
    [
        *(
            (typed, "faq:1")
            for typed in ("fhsj", "fhshj", "FHSJ", "fahuoshijian", "fa huo shi jian", "fahuosh", "fa h s j")
        ),
        *((typed, "faq:1") for typed in ("发huo", "fa货", "f货sj", "货shijian", "发h", "發貨", "發huo", "ｆｈｓｊ")),
        *((typed, "faq:2") for typed in ("yinhang", "yh", "yinxing", "hangka", "银hk")),
        *((typed, "faq:3") for typed in ("zhongliang", "chongliang", "zlhcd", "changdu", "zhangdu", "chang")),
        *((typed, "faq:4") for typed in ("lvcha", "lücha", "lucha", "lvc")),
        *((typed, "faq:5") for typed in ("xian", "xi'an", "xa", "xi an")),
        *((typed, "faq:6") for typed in ("typec", "TYPE-C", "typecxian", "c线", "cxzmt")),
        *((typed, "faq:7") for typed in ("whats", "What’s", "what s an", "INVOICE", "invo")),
    ],
)
def test_what_is_typed_in_characters_or_pinyin_finds_the_phrasing(typed, entry):
    assert entry in entries(SHOP, typed)


@pytest.mark.parametrize(
    "typed", ["货发", "fhx", "fahuoshijianx", "ahuo", "fahuoshx", "xfh", "时间发", "", "？！", "😀"]
)
def test_what_no_phrasing_holds_in_this_order_finds_nothing(typed):
    assert entries(SHOP, typed) == []


def test_prefix_comes_before_infix_before_pinyin_and_then_the_shorter_phrasing():
    texts = ["哈喽方法 app", "那个 app 好用吗", "app 好用吗", "app 好", "啊泡泡"]
    found = CompletionIndex([(str(number), text) for number, text in enumerate(texts)]).search("app", limit=9)
    assert [line.text for line in found] == ["app 好", "app 好用吗", "哈喽方法 app", "那个 app 好用吗", "啊泡泡"]
    assert [line.by for line in found] == ["prefix", "prefix", "infix", "infix", "pinyin"]


def test_what_is_asked_more_comes_first_whatever_it_was_found_by():
    index = CompletionIndex([("a", "发货"), ("b", "怎么发货呢"), ("c", "多久发货")])
    assert entries(index, "发货", weights=index.weights({})) == ["a", "c", "b"]
    assert entries(index, "发货", weights=index.weights({"b": 2, "c": 1, "gone": 9})) == ["b", "c", "a"]
    assert entries(index, "发货", limit=1, weights=index.weights({"b": 2})) == ["b"]


def test_an_entry_is_named_by_its_nearest_phrasing():
    index = CompletionIndex([("a", "请问几天发货"), ("a", "发货要几天呢"), ("a", "发货要几天")])
    assert [line.text for line in index.search("发货", limit=9)] == ["发货要几天"]


def test_an_index_of_nothing_finds_nothing():
    assert entries(CompletionIndex([]), "fh") == entries(CompletionIndex([("a", " ？ ")]), "？") == []


def test_many_threads_get_the_answers_that_one_gets():
    typed = ["fhsj", "发货", "yh", "zhong", "typec"] * 40
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: entries(SHOP, text), typed)) == [entries(SHOP, text) for text in typed]


def test_a_long_run_of_letters_that_can_be_cut_in_many_ways_is_answered():
    index = CompletionIndex([("a", "折和" * 250), ("b", "是" * 500), ("c", "a" * 500)])
    assert entries(index, "sh" * 250) == ["a", "b"]
    assert entries(index, "a" * 500) == ["c"]
    assert entries(index, "zhh" * 160) == ["a"]


def test_importing_the_engine_loads_no_pinyin():
    code = "import sys, search.engine.completion; print('pypinyin' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@given(st.lists(st.one_of(HANZI, MIXED), min_size=1, max_size=6), st.data())
def test_any_part_of_a_phrasing_finds_its_entry(texts, data):
    number = data.draw(st.integers(0, len(texts) - 1))
    start = data.draw(st.integers(0, len(texts[number]) - 1))
    part = texts[number][start : data.draw(st.integers(start + 1, len(texts[number])))]
    index = CompletionIndex([(str(place), text) for place, text in enumerate(texts)])
    assert str(number) in entries(index, part) or readings([part]) == [()]


@given(HANZI)
def test_initials_and_syllables_of_any_hanzi_find_them(text):
    index = CompletionIndex([("a", text)])
    for typed in (lazy_pinyin(text, style=Style.FIRST_LETTER), lazy_pinyin(text), lazy_pinyin(text)[:-1]):
        assert entries(index, "".join(typed)) == entries(index, " ".join(typed)) == (["a"] if typed else [])


@given(HANZI, st.data())
def test_every_reading_of_every_character_counts(text, data):
    spelt = pinyin(text, style=Style.NORMAL, heteronym=True)
    typed = [data.draw(st.sampled_from([char, *forms])) for char, forms in zip(text, spelt, strict=True)]
    assert entries(CompletionIndex([("a", text)]), "".join(typed)) == ["a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), ANYTHING), max_size=8), ANYTHING)
@example([("a", "\0")], "\0")
@example([("a", "a\0b"), ("b", "")], "ab")
def test_anything_can_be_indexed_and_typed_and_no_entry_comes_twice(phrasings, typed):
    index = CompletionIndex(phrasings)
    for text in (typed, *(text for _entry, text in phrasings)):
        found = index.search(text, limit=2)
        assert len(found) == len({line.entry for line in found}) <= 2
        assert all((line.entry, line.text) in phrasings for line in found)
