"""A shop's rules, from the record of its index to what the engine applies."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cms.content import Content
from search.engine.intents import IntentRule, IntentRules
from search.engine.pins import Pin, Pins
from search.engine.synonyms import Group, Synonyms


@dataclass(frozen=True)
class Rules:
    """Immutable; compiled once a snapshot."""

    synonyms: Synonyms
    pins: Pins
    intents: IntentRules


def compile_rules(content: Content, phrasings: Iterable[str]) -> Rules:
    """`content`: the record's, empty where a shop has no rules; `phrasings`: what the shop's entries are found by."""
    return Rules(
        Synonyms(
            (Group(tuple(group["terms"]), one_way=group["one_way"]) for group in content.get("synonyms", ())),
            phrasings,
        ),
        Pins(_pin(pin) for pin in content.get("pins", ())),
        IntentRules(
            IntentRule(rule["intent"], tuple(rule["keywords"]), tuple(rule["examples"]), urgent=rule["urgent"])
            for rule in content.get("intents", ())
        ),
    )


def _pin(pin: Content) -> Pin:
    starts, ends = (datetime.fromisoformat(pin[name]) if pin[name] else None for name in ("starts", "ends"))
    return Pin(pin["entry"], tuple(pin["queries"]), pin["never"], pin["contains"], starts, ends)
