"""The content of a shop: what editors own."""

from cms.models.entry import FAQ, AnswerVariant, Channel, Emotion, Entry, FAQAnswer, Mode, Scene, Script, ScriptAnswer
from cms.models.product import Fact, FactKind, Product
from cms.models.shop import Category, Shop

__all__ = [
    "FAQ",
    "AnswerVariant",
    "Category",
    "Channel",
    "Emotion",
    "Entry",
    "FAQAnswer",
    "Fact",
    "FactKind",
    "Mode",
    "Product",
    "Scene",
    "Script",
    "ScriptAnswer",
    "Shop",
]
