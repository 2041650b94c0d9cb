"""Where a passage says what the query says: places in the passage as it was written, for marking them to a reader."""

from search.engine.text import placed, tokens

# By themselves these say nothing that a reader would look for; inside a longer match they are marked with it.
_FUNCTION_WORDS = frozenset("的了吗呢吧啊呀么嘛我你您他她它们是在有个这那不就都也还和与或把被给要会能可以到去来上下")


def highlights(query: str, passage_text: str) -> tuple[tuple[int, int], ...]:
    """(start, end) of what both share, in characters of `passage_text` itself; in order, apart from each other.

    Texts are compared as they are for the lexical index, so 七天 is found in `7 天` and 發貨 in 发货.
    """
    asked = set(tokens(query)) - _FUNCTION_WORDS
    found = sorted((start, end) for token, start, end in placed(passage_text) if token in asked and start < end)
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
