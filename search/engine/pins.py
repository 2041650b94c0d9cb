"""Editors' pins: for these queries this entry first, or never. Time-boxes are judged at the moment of the query."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from search.engine.phrases import contains, reading
from search.engine.text import words

FOUND_BY = "pin"


@dataclass(frozen=True, slots=True)
class Pin:
    """`contains`: a query that holds these words is meant too. In force from `starts` until before `ends`."""

    entry: str
    queries: tuple[str, ...]
    never: bool = False
    contains: bool = False
    starts: datetime | None = None
    ends: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether the pin is in force at that moment."""
        return (self.starts is None or self.starts <= moment) and (self.ends is None or moment < self.ends)


@dataclass(frozen=True, slots=True)
class Pinned:
    """`first`: (entry, the editor's query that matched), the most specific pin first; `never` wins over it."""

    first: tuple[tuple[str, str], ...] = ()
    never: frozenset[str] = frozenset()


class Pins:
    """Pins, compiled once, in the editors' order."""

    def __init__(self, pins: Iterable[Pin]) -> None:
        self._exact: dict[tuple[str, ...], list[tuple[str, Pin]]] = {}
        self._containing: list[tuple[str, str, Pin]] = []
        for pin in pins:
            for query in pin.queries:
                if not words(query):
                    continue
                if pin.contains:
                    self._containing.append((reading(query), query, pin))
                else:
                    self._exact.setdefault(tuple(words(query)), []).append((query, pin))
        # The more words a pin asks for, the more specific it is.
        self._containing.sort(key=lambda row: -len(row[0]))

    def of(self, query: str, moment: datetime) -> Pinned:
        """What the pins in force say about this query: exact ones come before those that only ask for some words."""
        read = reading(query)
        matching = [
            *self._exact.get(tuple(words(query)), ()),
            *((text, pin) for term, text, pin in self._containing if contains(read, term)),
        ]
        held = [(text, pin) for text, pin in matching if pin.holds(moment)]
        never = frozenset(pin.entry for _text, pin in held if pin.never)
        first: dict[str, str] = {}
        for text, pin in held:
            if not pin.never and pin.entry not in never:
                first.setdefault(pin.entry, text)
        return Pinned(tuple(first.items()), never)
