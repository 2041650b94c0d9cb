"""What a question negates: 能退 and 不能退 share all their words but one and want different answers."""

import re

_H = r"\u3400-\u9fff"
# Words that hold a negation and negate nothing that tells two questions apart.
_NO_NEGATION = re.compile(
    r"不好意思|不过|不但|不仅|不光|不管|不论|不如|不错|不断|不久|不同|不得不|不然|不锈钢|不粘|不干胶|不倒翁|对不起|了不起"
    r"|不一定|不一样|说不定|差不多|不止|不只|不料|不愧|不禁|不已|不妨|不免|不时|不满意?|来不及|不知道?|不懂|不清楚|不明白"
    r"|没事|没关系|没问题|没错|无线|无人机|无糖|无理由|无忧|无论|无非|无疑|无敌|无限|无缝|无痕|无极|无锡|无印|无钢圈|无纺"
    r"|未来|未免|未必|特别|分别|级别|类别|性别|区别|个别|识别|鉴别|告别|派别|别人|别的|别墅|别致|别名|别家|别处"
    r"|非常|除非|非洲|是非|莫非"
    # Rhetorical: the speaker means that it is so.
    rf"|不就?是(?=[^,。?!;]*(?:吗|嘛))|难道(?:不|没有?)|(?:不也?|岂不)(?:都|是)(?=[^,。?!;]*吗)|可不是"
    # A-not-A: 能不能, 有没有, 喜欢不喜欢, 可不可以.
    rf"|([{_H}]{{1,2}})[不没]有?\1|有没有?|是否"
    # At the end it asks: 能退不, 到了没有.
    rf"|(?<=[{_H}])(?:不|没有?)(?=$|[ ,。?!;~])"
)
_COMPLEMENT = re.compile(rf"([{_H}])不(?:了|到|上|起|下|出|开|动|进|回|掉|着|成|通)")
_MODAL = "能可以会想要让给用支持有得法办再太怎么曾被把肯允许我你您他她它"
_PARTICLES = frozenset("了吗呢吧啊呀的嘛么")
_BEFORE_VERB = re.compile(rf"(?:不|没有?|无法?|未|别|勿|非|甭|休)([{_MODAL}]*)([{_H}]?)")
_ENGLISH = re.compile(
    r"(?:\b(?:not|no|never|without|cannot|cant|dont|doesnt|didnt|wont|isnt|havent|hasnt)\b|n't\b)"
    r"(?: (?:been|be|yet|any|the|a|an|able|to|have|has|had|get|got|it|my|i|you|able))*(?: ([a-z]+))?"
)


def negated(text: str) -> frozenset[str]:
    """The heads of what is negated, on a text that is cleaned and case folded; "" where nothing follows."""
    found = [match[1] or "" for match in _ENGLISH.finditer(text.replace("’", "'"))]
    text = _NO_NEGATION.sub(" ", text)
    found += _COMPLEMENT.findall(text)
    for modals, verb in _BEFORE_VERB.findall(_COMPLEMENT.sub(" ", text)):
        found.append(verb if verb and verb not in _PARTICLES else modals[-1:])
    return frozenset(found)
