"""Numerals and units, read alike: `七天`, `7日` and `7 天` become `7天`; for matching only.

A Hanzi numeral is converted only before a unit that is known here, or where it has several characters and is well
formed (一百二十, 双十一), so that words which merely hold one stay: 一般, 万一, 三星, 十分, 第一次, 两三天.
"""

import re
from collections.abc import Callable
from decimal import Decimal

_DIGITS = dict(zip("零一二三四五六七八九", range(10), strict=True)) | {"两": 2}
_SCALES = {"百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
# 陆, 伍 and 拾 are words of their own (登陆, 收拾), so they are numerals only beside another one.
_FINANCIAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
_ALSO_WORDS = frozenset("伍陆拾佰仟")

# As said (case folded) -> as counted. Units that letters leave ambiguous keep the letters: 5g is a network, a weight
# and a size of memory, so 克 becomes g and not the other way round.
_SAME_UNIT = {
    "日": "天",
    "个小时": "小时",
    "钟头": "小时",
    "个钟头": "小时",
    "h": "小时",
    "hr": "小时",
    "hrs": "小时",
    "min": "分钟",
    "mins": "分钟",
    "秒钟": "秒",
    "星期": "周",
    "礼拜": "周",
    "个星期": "周",
    "个礼拜": "周",
    "个工作日": "工作日",
    "个季度": "季度",
    "块": "元",
    "块钱": "元",
    "元钱": "元",
    "圆": "元",
    "rmb": "元",
    "cny": "元",
    "yuan": "元",
    "kg": "公斤",
    "千克": "公斤",
    "克": "g",
    "gb": "g",
    "ml": "毫升",
    "升": "l",
    "mm": "毫米",
    "cm": "厘米",
    "公分": "厘米",
    "m": "米",
    "km": "公里",
    "千米": "公里",
    "英寸": "寸",
    "吋": "寸",
    "瓦": "w",
    "千瓦": "kw",
    "伏": "v",
    "毫安": "mah",
    "毫安时": "mah",
    "摄氏度": "度",
    "°c": "度",
    "°": "度",
}
# A unit of one character -> what may not follow it, since it would belong to the next word (一天 but 周一天猫).
_BEFORE_A_WORD = {
    "天": "猫气然才",
    "日": "本用系常期",
    "期": "间待望货限",
    "分": "之期",
    "米": "饭粉线色白黄糊",
    "包": "邮装裹含括退",
    "位": "置于",
    "名": "字称牌",
    "条": "件款",
    "家": "居具电里长",
    "本": "来人店地身",
    "单": "独品号元",
    "代": "金替码购",
    "号": "码召",
    "只": "要有是能好会",
    "支": "付持",
    "根": "据本",
    "次": "日品序",
    "年": "龄级轻货",
    "人": "工民员",
    "款": "项式",
    "尺": "码寸",
    "色": "差",
    "周": "边围",
}
_COUNTED = (
    "天分秒周月年岁元折个件条双套台盒箱袋瓶罐片张枚份组号码级期代斤寸尺层楼倍点度卷桶"
    "颗粒副顶辆批笔种趟遍场位名家本单只支根次人款色米包g%lwv"
)
_UNITS = {
    *_COUNTED,
    *[
        "小时",
        "分钟",
        "刻钟",
        "周年",
        "个月",
        "工作日",
        "季度",
        "公斤",
        "毫升",
        "毫米",
        "厘米",
        "公里",
        "kw",
        "mah",
        "平方米",
        "平米",
    ],
    *_SAME_UNIT.values(),
}

_GENERIC_ONE = {"1" + unit for unit in "个种款次位名家条批"}
_FIXED = {"一点", "一块", "一度", "十分", "一色"}
"""A single numeral and a unit that together are another word."""

_HAN_NUMERAL = "零一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟"
_HAN_NUMBER = rf"(?:[{_HAN_NUMERAL.replace('千', '')}]|千(?![克米瓦])){{1,20}}"
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,6})?"
# 几十天 is no ten days, 第一次 an ordinal, 周一 a day, 统一 and 唯一 are words.
_NOT_AFTER = rf"(?<![第几数周期拜统唯之同逐专单不某{_HAN_NUMERAL}])"


def _unit_pattern(unit: str) -> str:
    if unit.isascii() and unit.isalpha():
        return rf"{unit}(?![a-z0-9])"
    return rf"{re.escape(unit)}(?![{_BEFORE_A_WORD[unit]}])" if unit in _BEFORE_A_WORD else re.escape(unit)


def _any_of(units: set[str]) -> str:
    return "|".join(_unit_pattern(unit) for unit in sorted(units, key=lambda unit: (-len(unit), unit)))


NUMBER_WITH_UNIT = rf"{_NUMBER}(?:{_any_of(_UNITS)})"
"""A number with its unit once `STEPS` have run."""

_NUMERAL = re.compile(rf"[0-9{_HAN_NUMERAL}]")
_PER_CENT = re.compile(rf"百分之({_NUMBER}|{_HAN_NUMBER})")
_PRICE = re.compile(rf"(?:¥|(?<![a-z])(?:rmb|cny)) ?({_NUMBER})(?![0-9])(?:元|块钱?)?")
_TIMES = re.compile(r"(?<=[0-9]) ?[*×x] ?(?=[0-9])")
_BARGAIN = re.compile(r"(?<=[买拍假满])([一二两三四五六七八九十])(送|赠|发|得|减|免|赔|罚)([一二两三四五六七八九十])")
_ORDINAL = re.compile(r"第([1-9])(?![0-9.])")
_WITH_UNIT = re.compile(
    rf"(?:(?<![a-z0-9.])(?P<digits>{_NUMBER})(?![0-9])(?P<scale>[百千万亿](?![克米瓦]))?|{_NOT_AFTER}(?P<han>{_HAN_NUMBER}))"
    rf" ?(?P<unit>{_any_of(_UNITS | _SAME_UNIT.keys())})"
)
_SCALED = re.compile(
    rf"(?<![a-z0-9.])(?P<digits>{_NUMBER})(?P<scale>[百千万亿])(?![克米瓦分0-9{_HAN_NUMERAL}])"
    rf"|{_NOT_AFTER}(?P<han>{_HAN_NUMBER})"
)
_SECTION = re.compile(
    r"(?:([一二三四五六七八九两])千)?(?:零?([一二三四五六七八九两])百)?(?:零?([一二三四五六七八九])?(十))?"
    r"(?:(零)?([一二三四五六七八九两]))?"
)


def value(numeral: str) -> str | None:
    """The digits of a well-formed Hanzi number (一百二十 -> 120, 二零二六 -> 2026, 一万二 -> 12000); else None."""
    read = numeral.translate(_FINANCIAL)
    if all(char in _DIGITS for char in read):
        # Two digits side by side are no number: 两三天, 三七, 五一.
        fitting = len(read) == 1 or (len(read) > 2 and "两" not in read)
        return "".join(str(_DIGITS[char]) for char in read) if fitting else None
    total, rest, last = 0, read, 0
    for scale in "亿万":
        head, mark, tail = rest.partition(scale)
        if mark:
            section = _section(head, 0)
            if not section:
                return None
            total, rest, last = total + section * _SCALES[scale], tail, _SCALES[scale]
    section = _section(rest, last) if rest else 0
    return None if section is None else str(total + section)


def _section(text: str, above: int) -> int | None:
    """The value below ten thousand. `above`: the scale before it, of which a lone last digit is a tenth (一万二)."""
    match = _SECTION.fullmatch(text)
    if not match or not text:
        return None
    thousands, hundreds, tens, ten, zero, ones = match.groups()
    total = 1000 * _DIGITS.get(thousands or "零", 0) + 100 * _DIGITS.get(hundreds or "零", 0)
    total += 10 * _DIGITS.get(tens or "一", 1) if ten else 0
    before = 1 if ten or zero else 100 if hundreds else 1000 if thousands else above
    return total + _DIGITS.get(ones or "零", 0) * max(before // 10, 1)


def _plain(number: str, scale: str | None = None) -> str:
    """Without zeros that say nothing, in full: 1.5 and 万 -> 15000, 120.00 -> 120."""
    text = f"{Decimal(number) * _SCALES.get(scale or '', 1):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(match: re.Match[str]) -> str | None:
    han = match["han"]
    return value(han) if han else _plain(match["digits"], match["scale"])


def _per_cent(match: re.Match[str]) -> str:
    number = "100" if match[1] == "百" else match[1] if match[1].isascii() else value(match[1])
    return f"{_plain(number)}%" if number else match[0]


def _bargain(match: re.Match[str]) -> str:
    return f"{value(match[1]) or 10}{match[2]}{value(match[3]) or 10}"


def _with_unit(match: re.Match[str]) -> str:
    said, unit, number = match["han"] or "", match["unit"], _number(match)
    if unit == "折" and len(said) == 2:
        number = value(said[0] + "百" + said[1])  # 八五折: two digits and yet a number
        number = number and number.rstrip("0")
    fixed = said + unit in _FIXED or said in _ALSO_WORDS or (said == "零" and unit != "元")
    if number is None or fixed:
        return match[0]
    if unit in {"日", "号"} and match.string[match.start() - 1 : match.start()] == "月":
        return f"{number}日"
    if unit == "折" and len(number) == 2 and number.isdigit() and number[1] != "0":
        number = f"{number[0]}.{number[1]}"  # 85折 is 8.5折
    return number + _SAME_UNIT.get(unit, unit)


def _without_unit(match: re.Match[str]) -> str:
    said = match["han"]
    if said and len(said) < 2:
        return match[0]
    return _number(match) or match[0]


def _ordinal(match: re.Match[str]) -> str:
    return "第" + "零一二三四五六七八九"[int(match[1])]


def _step(pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str]) -> Callable[[str], str]:
    def run(text: str) -> str:
        return pattern.sub(replacement, text) if _NUMERAL.search(text) else text

    return run


STEPS: tuple[Callable[[str], str], ...] = (
    _step(_TIMES, "x"),
    _step(_PER_CENT, _per_cent),
    _step(_PRICE, lambda match: f"{_plain(match[1])}元"),
    _step(_BARGAIN, _bargain),
    _step(_ORDINAL, _ordinal),
    _step(_WITH_UNIT, _with_unit),
    _step(_SCALED, _without_unit),
)
"""In this order, on a text that is cleaned and case folded."""


def tells_apart(word: str) -> bool:
    """Whether two texts that differ in this word differ in a number: not for 一个, which is an article."""
    return word not in _GENERIC_ONE and not (word.isdigit() and len(word) > 6)
