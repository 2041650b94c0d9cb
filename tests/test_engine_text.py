import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.text import clean, han_share, has_words, text_hash, tokens, words

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("什麼時候發貨", "什么时候发货"),
        ("退貨運費險", "退货运费险"),
        ("ＡＢＣ１２３", "ABC123"),
        ("发货　时间", "发货 时间"),
        ("发货\u200b时间", "发货时间"),
        ("发货\x07时间\x00", "发货时间"),
        ("  a\t\nb  ", "a b"),
        ("㎏", "kg"),
    ],
)
def test_spellings_of_the_same_text_are_cleaned_to_the_same(left, right):
    assert clean(left) == right
    assert text_hash(left) == text_hash(right)


def test_hanzi_are_counted_as_characters_and_pairs_and_other_scripts_as_words():
    assert tokens("发货 iPhone15 3.5kg") == ["发", "货", "发货", "iphone15", "3.5", "kg"]


def test_case_and_punctuation_do_not_count_as_words():
    assert words("Hello，WORLD！？") == ["hello", "world"]


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "？！……", "\u202e\u200f", "---"])
def test_what_says_nothing_has_no_words(text):
    assert not has_words(text)


def test_the_share_of_hanzi_tells_chinese_from_english():
    assert han_share("什么时候发货") == 1
    assert han_share("when does it ship") == 0
    assert 0 < han_share("iPhone 手机壳") < 1


@given(ANYTHING)
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(ANYTHING)
def test_any_text_gives_tokens_and_a_hash(text):
    assert all(tokens(text))
    assert len(text_hash(text)) == 64
