import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.numerals import value
from search.engine.text import (
    clean,
    han_share,
    has_words,
    negations,
    numbers,
    placed,
    text_hash,
    tokens,
    words,
)

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
# Where the rules meet: numerals, units, spaces, particles, marks, look-alikes.
TRICKY = st.text(
    "一二两十百千万零〇○年天日号元块折第几. 05x×%¥啊？！。亲不没吗vVх微信A\u200b\u0336😀①發克斤", max_size=24
)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("什麼時候發貨", "什么时候发货"),
        ("退貨運費險", "退货运费险"),
        ("ＡＢＣ１２３", "ABC123"),
        ("发货　时间", "发货 时间"),
        ("发货\u200b时间", "发货时间"),
        ("微\u200d信\u2060号", "微信号"),
        ("发货\x07时间\x00", "发货时间"),
        ("发̶货̶", "发货"),
        ("  a\t\nb  ", "a b"),
        ("㎏", "kg"),
        ("①退货", "1退货"),
        ("❶➁", "12"),
        ("🅥🅧", "VX"),
        ("1️⃣", "1"),
        ("ⅤⅩ", "VX"),
        ("ⓥⓧ", "VX".lower()),
        ("аррle", "apple"),
        ("Vх", "Vx"),
        ("Москва", "Москва"),
        ("二〇二六年", "二零二六年"),
        ("二○二六年", "二零二六年"),
        ("1○0元", "100元"),
        ("微 信", "微信"),
        ("发 货", "发货"),
        ("什 么 时 候 发 货", "什么时候发货"),
        ("支持 7 天 无理由", "支持7天无理由"),
        ("iPhone 15 手机壳", "iPhone 15手机壳"),
        ("red shoes", "red shoes"),
        ("好的👍", "好的"),
        ("发😀货", "发货"),
        ("ok😀fine", "ok fine"),
        ("😀😀", "😀😀"),
        ("在吗啊啊啊啊啊", "在吗啊"),
        ("在吗？？？！！", "在吗?"),
        ("快点！！！", "快点!"),
        ("好的。。。。", "好的。"),
        ("100000", "100000"),
        ("www", "www"),
        ("谢谢", "谢谢"),
        ("⻓袖", "长袖"),
    ],
)
def test_spellings_of_the_same_text_are_cleaned_to_the_same(left, right):
    assert clean(left) == right
    assert text_hash(left) == text_hash(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("七天无理由", "7天无理由"),
        ("7 天无理由", "柒天无理由"),
        ("七日内", "7天内"),
        ("两百", "200"),
        ("二百", "两百"),
        ("3千克", "3kg"),
        ("三公斤", "3 KG"),
        ("一百二十元", "120块"),
        ("￥120", "120RMB"),
        ("¥120.00", "120块钱"),
        ("24小时", "二十四个小时"),
        ("24h发货", "24 小时发货"),
        ("7×24小时", "7*24小时"),
        ("百分之五", "5%"),
        ("百分之百", "100％"),
        ("1.5万", "15000"),
        ("一万二", "12000"),
        ("双十一", "双11"),
        ("六一八", "618"),
        ("八折", "8折"),
        ("八五折", "85折"),
        ("85折", "8.5折"),
        ("买一送一", "买1送1"),
        ("三个月", "3个月"),
        ("一个星期", "1周"),
        ("三礼拜", "3周"),
        ("三个工作日", "3工作日"),
        ("三十码", "30码"),
        ("165厘米", "165CM"),
        ("五百克", "500g"),
        ("128GB", "128G"),
        ("两升", "2L"),
        ("30℃", "三十度"),
        ("3月7日", "三月七号"),
        ("第1次", "第一次"),
        ("二零二六年", "2026年"),
        ("四件套", "4件套"),
        ("iPhone15", "iphone 15"),
        ("加vx", "加微信"),
        ("薇信", "微信"),
        ("徽信", "WeChat"),
        ("加威信", "加微信"),
        ("zfb付款", "支付宝付款"),
        ("支付包", "支付宝"),
        ("pdd", "拼多多"),
        ("免邮", "包邮"),
        ("kf在吗", "客服在吗"),
        ("亲，在吗", "在吗"),
        ("亲 在吗", "在吗"),
        ("发货了吗亲", "发货了吗"),
        ("亲亲，有货吗", "有货吗"),
    ],
)
def test_ways_of_saying_the_same_have_the_same_words(left, right):
    assert words(left) == words(right)
    assert tokens(left) == tokens(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("七天", "十五天"),
        ("七天", "几天"),
        ("两三天", "23天"),
        ("七八天", "78天"),
        ("几十天", "10天"),
        ("半个月", "15天"),
        ("3个月", "3月"),
        ("3斤", "3公斤"),
        ("三星手机", "3星手机"),
        ("七夕", "7夕"),
        ("一下", "1下"),
        ("一般", "1般"),
        ("十分好", "10分好"),
        ("万一坏了", "10001坏了"),
        ("登陆天猫", "登6天猫"),
        ("周一天猫", "周1天猫"),
        ("威信很高", "微信很高"),
        ("支付包裹", "支付宝裹"),
        ("dvx", "d微信"),
        ("亲子装", "子装"),
        ("亲测好用", "测好用"),
        ("肯德基", "KFC"),
        ("免运费险", "包邮险"),
    ],
)
def test_what_means_something_else_has_other_words(left, right):
    assert words(left) != words(right)


FIXED_WORDS = [
    *("一下", "一般", "一样", "一直", "一起", "统一", "唯一", "万一", "千万", "十分", "三星", "七夕", "百科"),
    *("第一次", "一点", "一块", "一对一", "三七", "零件", "两三天", "几十天"),
]


@pytest.mark.parametrize("word", FIXED_WORDS)
def test_numerals_inside_words_stay(word):
    assert words(word) == [word]


@pytest.mark.parametrize(
    ("numeral", "digits"),
    [
        ("十", "10"),
        ("十五", "15"),
        ("二十", "20"),
        ("一百零五", "105"),
        ("一百二", "120"),
        ("两千五", "2500"),
        ("十二万五", "125000"),
        ("一百二十万零五十", "1200050"),
        ("一亿", "100000000"),
        ("叁拾", "30"),
        ("二零二六", "2026"),
        ("两三", None),
        ("五一", None),
        ("千万", None),
        ("万一", None),
        ("十十", None),
        ("百", None),
    ],
)
def test_hanzi_numbers_are_read_only_if_they_are_well_formed(numeral, digits):
    assert value(numeral) == digits


def test_hanzi_are_counted_as_characters_and_pairs_and_other_scripts_as_words():
    assert tokens("发货 abc 3.5") == ["发", "货", "发货", "abc", "3.5"]


def test_the_parts_of_a_number_with_its_unit_and_of_a_model_count_as_well():
    assert tokens("3.5kg") == ["3.5公斤", "3.5", "公", "斤", "公斤"]
    assert tokens("iPhone15手机") == ["iphone15", "iphone", "15", "手", "机", "手机"]


def test_case_and_punctuation_do_not_count_as_words():
    assert words("Hello，WORLD！？") == ["hello", "world"]


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "？！……", "\u202e\u200f", "---"])
def test_what_says_nothing_has_no_words(text):
    assert not has_words(text)


@pytest.mark.parametrize("text", ["亲", "亲亲", "亲，", "一", "7天"])
def test_a_single_word_is_a_word(text):
    assert has_words(text)


def test_the_share_of_hanzi_tells_chinese_from_english():
    assert han_share("什么时候发货") == 1
    assert han_share("when does it ship, within 24h, for 5 RMB") == 0
    assert 0 < han_share("iPhone 手机壳") < 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("七天内能退吗", {"7天"}),
        ("满二百元减20块", {"200元", "20元"}),
        ("有一个问题", set()),
        ("有M码吗", {"m"}),
        ("华为P40和iPhone 15", {"p40", "iphone15"}),
        ("第二件半价", {"第二"}),
        ("订单号202611220001", set()),
        ("双十一打几折", {"11"}),
        ("降价百分之五", {"5%"}),
        ("什么时候发货", set()),
    ],
)
def test_numbers_are_found_in_one_spelling(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "heads"),
    [
        ("能退吗", set()),
        ("不能退", {"退"}),
        ("不可以退", {"退"}),
        ("无法退货", {"退"}),
        ("退不了", {"退"}),
        ("不让退", {"退"}),
        ("没收到", {"收"}),
        ("还没有收到", {"收"}),
        ("收不到短信", {"收"}),
        ("收到了", set()),
        ("未发货", {"发"}),
        ("没货", {"货"}),
        ("请勿水洗", {"水"}),
        ("不用了", {"用"}),
        ("不想要了", {"要"}),
        ("没给我发货", {"发"}),
        ("不会用", {"用"}),
        ("能不能退", set()),
        ("是不是正品", set()),
        ("有没有货", set()),
        ("要不要钱", set()),
        ("喜欢不喜欢", set()),
        ("可不可以退", set()),
        ("发没发货", set()),
        ("能退不", set()),
        ("发货了没有？", set()),
        ("不是说包邮吗", set()),
        ("不好意思", set()),
        ("特别大", set()),
        ("七天无理由退货", set()),
        ("无线耳机", set()),
        ("质量不错", set()),
        ("can I return it", set()),
        ("I can't return it", {"return"}),
        ("not received yet", {"received"}),
        ("I have not been refunded", {"refunded"}),
        ("does it work without charging", {"charging"}),
    ],
)
def test_negation_is_bound_to_what_it_negates(text, heads):
    assert negations(text) == heads


@given(ANYTHING | TRICKY)
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(ANYTHING | TRICKY)
def test_a_cleaned_text_has_the_tokens_of_the_text(text):
    assert tokens(clean(text)) == tokens(text)


@given(ANYTHING | TRICKY)
def test_any_text_gives_tokens_numbers_negations_and_a_hash(text):
    assert all(tokens(text))
    assert all(numbers(text))
    assert negations(text) == negations(clean(text))
    assert len(text_hash(text)) == 64


@given(ANYTHING | TRICKY)
def test_placed_tokens_are_the_tokens_and_lie_inside_the_text(text):
    found = placed(text)
    assert [token for token, _start, _end in found] == tokens(text)
    assert all(0 <= start <= end <= len(text) for _token, start, end in found)
