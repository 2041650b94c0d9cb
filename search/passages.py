"""The phrasings of an entry's content that are indexed."""

from collections.abc import Iterator

from cms.content import KINDS, Content
from search.engine.text import has_words
from search.engine.types import Passage


def passages(key: str, content: Content) -> Iterator[Passage]:
    """The title first, then the similar and the negative ones; what has no words cannot be found and is left out."""
    for text in (content["title"], *content["similar"]):
        if has_words(text):
            yield Passage(key, text)
    for text in content["negative"]:
        if has_words(text):
            yield Passage(key, text, negative=True)


def is_entry(content: Content) -> bool:
    """Whether it is an FAQ or a script, and not what a shop has one of."""
    return content["kind"] in KINDS


def phrases(content: Content) -> list[str]:
    return [passage.text for passage in passages("", content)] if is_entry(content) else []
