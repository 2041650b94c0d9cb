"""A shop's rules, from what a release holds of them to what the engine applies."""

from dataclasses import dataclass
from datetime import datetime

from cms.content import Content
from search.engine.intents import IntentRule, IntentRules
from search.engine.pins import Pin, Pins
from search.engine.synonyms import Group


@dataclass(frozen=True)
class Rules:
    """Immutable; compiled once a snapshot. Synonyms are compiled with the phrasings of those who read them."""

    synonyms: tuple[Group, ...]
    pins: Pins
    intents: IntentRules


def compile_rules(content: Content) -> Rules:
    """`content`: empty where a shop has no rules."""
    return Rules(
        tuple(Group(tuple(group["terms"]), one_way=group["one_way"]) for group in content.get("synonyms", ())),
        Pins(_pin(pin) for pin in content.get("pins", ())),
        IntentRules(
            IntentRule(rule["intent"], tuple(rule["keywords"]), tuple(rule["examples"]), urgent=rule["urgent"])
            for rule in content.get("intents", ())
        ),
    )


def _pin(pin: Content) -> Pin:
    starts, ends = (datetime.fromisoformat(pin[name]) if pin[name] else None for name in ("starts", "ends"))
    return Pin(pin["entry"], tuple(pin["queries"]), pin["never"], pin["contains"], starts, ends)
