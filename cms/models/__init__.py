"""The content of a shop: what editors own."""

from cms.models.entry import FAQ, AnswerVariant, Channel, Emotion, Entry, FAQAnswer, Mode, Scene, Script, ScriptAnswer
from cms.models.product import Fact, FactKind, Product
from cms.models.rules import Action, Direction, IntentRule, Match, Pin, SynonymGroup
from cms.models.shop import Category, Shop

__all__ = [
    "FAQ",
    "Action",
    "AnswerVariant",
    "Category",
    "Channel",
    "Direction",
    "Emotion",
    "Entry",
    "FAQAnswer",
    "Fact",
    "FactKind",
    "IntentRule",
    "Match",
    "Mode",
    "Pin",
    "Product",
    "Scene",
    "Script",
    "ScriptAnswer",
    "Shop",
    "SynonymGroup",
]
