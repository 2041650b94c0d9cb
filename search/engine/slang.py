"""How shoppers write the platforms' names and a few words of the trade, wherever they shop; for matching only.

Only what is certain everywhere. A brand's other names (肯德基, KFC) are an editor's synonyms.
"""

import re

_WORD = r"(?<![a-z0-9])(?:{})(?![a-z0-9])"
# What is said -> what is meant. Where a spelling is also a word of its own, its neighbours decide.
_MEANT = {
    _WORD.format("vx|wx|weixin|wechat")
    + r"|[薇徽]信|v信|(?<=[加+])(?:威信|[v薇](?![a-z信]))|威信(?=号|支付|付款)": "微信",
    _WORD.format("zfb|alipay") + r"|支付包(?![裹含装邮])": "支付宝",
    _WORD.format("pdd"): "拼多多",
    _WORD.format("xhs"): "小红书",
    _WORD.format("jd") + r"(?=上|店|买|下单|订单|快递|物流)": "京东",
    _WORD.format("tb") + r"(?=上|店|买|下单|订单|客服|账号)": "淘宝",
    _WORD.format("dy") + r"(?=上|店|买|下单|订单|直播|小店|账号)": "抖音",
    _WORD.format("sf") + r"(?=快递|速运|包邮|发货|吗)": "顺丰",
    _WORD.format("kf") + r"(?! ?[0-9])": "客服",
    r"免(?:邮费?|运费)(?!险)": "包邮",
}
_SLANG = re.compile("|".join(f"(?P<w{place}>{said})" for place, said in enumerate(_MEANT)))
_READINGS = {f"w{place}": meant for place, meant in enumerate(_MEANT.values())}
# 亲 as an address; 亲子, 亲自, 亲测 are words. A text that is nothing else keeps it.
_ADDRESS = re.compile(
    r"^(?:亲{1,3}|亲爱的)(?:[,~!。.? ]+|(?=在吗|你好|您好|请|我|这|有|什么|怎么|能|可以|多久|几|问))(?=.)"
    r"|(?<=[吗呢吧啊呀了哦么,~!?。 ])亲{1,3}(?=[~!。.? ]*$)"
)
# A model is one word, with or without the space.
_MODEL = re.compile(r"(?<![a-z0-9])(iphone|ipad|airpods|mate|nova|reno|redmi|pura|galaxy) (?=[0-9])")
_HOPELESS = re.compile(r"[a-z亲免]|[薇徽威]信|支付包")


def plain(text: str) -> str:
    """Without slang; on a text that is cleaned and case folded."""
    if not _HOPELESS.search(text):
        return text
    text = _SLANG.sub(lambda match: _READINGS[match.lastgroup or ""], text)
    return _ADDRESS.sub("", _MODEL.sub(r"\1", text))
