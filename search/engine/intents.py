"""Editors' intent rules: keywords and example sentences that say what a query is about, and whether it is urgent."""

from collections.abc import Iterable
from dataclasses import dataclass

from search.engine.phrases import contains, reading
from search.engine.text import tokens, words


@dataclass(frozen=True, slots=True)
class IntentRule:
    """`keywords` stand in the query; `examples` are the query, or all that they say stands in it in any order."""

    intent: str
    keywords: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    urgent: bool = False


class IntentRules:
    """Rules, compiled once, the most important first."""

    def __init__(self, rules: Iterable[IntentRule]) -> None:
        self._rules = [
            (
                rule,
                [reading(keyword) for keyword in rule.keywords if words(keyword)],
                [frozenset(tokens(example)) for example in rule.examples if words(example)],
            )
            for rule in rules
        ]

    def of(self, query: str) -> IntentRule | None:
        """The first rule that this query falls under."""
        read, said = reading(query), frozenset(tokens(query))
        for rule, keywords, examples in self._rules:
            # Equal texts have equal tokens, so containment covers equality.
            if any(contains(read, keyword) for keyword in keywords) or any(example <= said for example in examples):
                return rule
        return None
