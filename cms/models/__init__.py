"""The content of a shop: what editors own."""

from cms.models.entry import FAQ, AnswerVariant, Channel, Emotion, Entry, FAQAnswer, Mode, Scene, Script, ScriptAnswer
from cms.models.golden import CaseSource, GoldenCase
from cms.models.product import Fact, FactKind, Product
from cms.models.release import (
    RUNNING,
    Cut,
    CutState,
    Frozen,
    GoLive,
    PendingChange,
    Release,
    ReleaseItem,
    ReleaseKind,
    StoredContent,
)
from cms.models.rules import Action, Direction, IntentRule, Match, Pin, SynonymGroup
from cms.models.shop import Category, Policy, Shop

__all__ = [
    "FAQ",
    "RUNNING",
    "Action",
    "AnswerVariant",
    "CaseSource",
    "Category",
    "Channel",
    "Cut",
    "CutState",
    "Direction",
    "Emotion",
    "Entry",
    "FAQAnswer",
    "Fact",
    "FactKind",
    "Frozen",
    "GoLive",
    "GoldenCase",
    "IntentRule",
    "Match",
    "Mode",
    "PendingChange",
    "Pin",
    "Policy",
    "Product",
    "Release",
    "ReleaseItem",
    "ReleaseKind",
    "Scene",
    "Script",
    "ScriptAnswer",
    "Shop",
    "StoredContent",
    "SynonymGroup",
]
