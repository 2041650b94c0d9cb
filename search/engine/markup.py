"""What an answer's HTML says, and what else it holds: links, images, emphasis. It is read, never cleaned: that is done
where it comes from."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

_ON_ITS_OWN_LINE = frozenset(["p", "li", "ol", "ul", "br", "div"])
_STRUCTURE = _ON_ITS_OWN_LINE | {"a", "img"}


@dataclass(slots=True)
class Markup:
    """`text`: as it is read, without what only lays it out. `emphasis`: how often each of the other elements occurs."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    descriptions: list[str] = field(default_factory=list)
    emphasis: Counter[str] = field(default_factory=Counter)


def read_markup(html: str) -> Markup:
    """Of any text; what is no HTML is text."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.found.text = "\n".join(filter(None, map(str.strip, "".join(reader.said).split("\n"))))
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Markup()
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            self.found.links.append(attributes.get("href") or "")
        elif tag == "img":
            self.found.images.append(attributes.get("src") or "")
            self.found.descriptions.append(attributes.get("alt") or "")
        elif tag not in _STRUCTURE:
            self.found.emphasis[tag] += 1
        self._begin_line(tag)

    def handle_endtag(self, tag: str) -> None:
        self._begin_line(tag)

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def _begin_line(self, tag: str) -> None:
        if tag in _ON_ITS_OWN_LINE:
            self.said.append("\n")
