"""What editors call the parts of a content, and the codes in them."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from cms.content import FACTS, READING, RULES, SETTINGS
from cms.intents import Intent
from cms.models import Category, Channel, Emotion, Mode, Scene, Shop

WHOLES = {
    FACTS: _("Facts and product names"),
    RULES: _("Rules: synonyms, pins, intents"),
    SETTINGS: _("Settings of the shop"),
    READING: _("Reading: encoder and what was learnt"),
}
"""What a shop has one of."""

_FIELDS = {
    "title": _("Title"),
    "similar": _("Similar questions"),
    "negative": _("Never for these questions"),
    "answers": _("Answers"),
    "answers.text": _("Answer"),
    "answers.body": _("Answer, formatted"),
    "answers.html": _("Look of the answer"),
    "answers.links": _("Links in the answer"),
    "answers.images": _("Pictures in the answer"),
    "answers.descriptions": _("Descriptions of the pictures"),
    "answers.channel": _("Channel of the answer"),
    "category": _("Category"),
    "intent": _("Intent"),
    "mode": _("Used by"),
    "valid_from": _("Valid from"),
    "valid_to": _("Valid to"),
    "scene": _("Scene"),
    "emotion": _("Customer's mood"),
    "locale": _("Language"),
    "group": _("Translation group"),
    "kind": _("Kind"),
    "content": _("Content"),
    "facts": _("Fact"),
    "facts.key": _("Fact, key"),
    "facts.product": _("Fact, product"),
    "facts.label": _("Fact, label"),
    "facts.value": _("Fact, value"),
    "facts.value_en": _("Fact, English value"),
    "facts.valid_from": _("Fact, valid from"),
    "facts.valid_to": _("Fact, valid to"),
    "products": _("Product"),
    "products.name": _("Product, name"),
    "products.name_en": _("Product, English name"),
    "synonyms": _("Synonyms"),
    "synonyms.terms": _("Synonyms"),
    "synonyms.one_way": _("Synonyms, one way only"),
    "pins": _("Pin"),
    "pins.entry": _("Pin, entry"),
    "pins.queries": _("Pin, questions"),
    "pins.never": _("Pin: never this entry"),
    "pins.contains": _("Pin: wherever it is contained"),
    "pins.starts": _("Pin, from"),
    "pins.ends": _("Pin, until"),
    "intents": _("Intent rule"),
    "intents.intent": _("Intent rule, intent"),
    "intents.keywords": _("Intent rule, keywords"),
    "intents.examples": _("Intent rule, examples"),
    "intents.urgent": _("Intent rule: urgent"),
    "wrong_rate": _("Wrong answers accepted"),
    "encoder": _("Encoder"),
    "recipe": _("Recipe of the encoder"),
    "adapter": _("Learnt adapter"),
    "confidence": _("Learnt confidence"),
    "trial": _("Trial of what was learnt"),
    "codebook": _("Codebook"),
    "learnt": _("Learnt from the shop"),
}
_YES_NO = {"true": _("yes"), "false": _("no")}
_CODES: dict[str, Mapping[str, Any]] = {
    "mode": dict(Mode.choices),
    "intent": dict(Intent.choices),
    "scene": dict(Scene.choices),
    "emotion": dict(Emotion.choices),
    "channel": dict(Channel.choices),
}
LANGUAGES = {"zh-hans": _("Chinese"), "en": _("English")}
_CODES["locale"] = LANGUAGES
_FIGURES = {"adapter", "codebook", "confidence", "trial"}
"""Of a reading: nothing that an editor reads."""
_MOMENTS = {"valid_from", "valid_to", "starts", "ends"}


def field_label(field: str) -> str:
    """Of a name that nobody told us of its own; of `confidence.weights`, that of `confidence`."""
    known = _FIELDS.get(field) or _FIELDS.get(field.partition(".")[0])
    return str(known or field)


def is_figures(field: str) -> bool:
    """Whether it is enough to say that it changed."""
    return field.partition(".")[0] in _FIGURES


def item_label(field: str, item: str) -> str:
    """Which of several: an answer is named by its channel, everything else by its own words."""
    return str(_CODES["channel"].get(item, item)) if field.partition(".")[0] == "answers" else item


def value_label(field: str, text: str, *, categories: Mapping[str, str]) -> str:
    """A code in words; every other text as it is."""
    name = field.rpartition(".")[2]
    if name == "category":
        return categories.get(text, text)
    if name in _MOMENTS and (moment := _moment(text)):
        return date_format(timezone.localtime(moment), "Y-m-d H:i")
    if name == "wrong_rate":
        return str(_rates().get(text, text))
    return str(_CODES.get(name, _YES_NO).get(text, text))


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and timezone.is_aware(found) else None


@cache
def _rates() -> dict[str, Any]:
    choices: Any = Shop._meta.get_field("wrong_rate").choices
    return {json.dumps(value): label for value, label in choices}


def category_names(shop: Shop) -> dict[str, str]:
    """Slug -> name, in the reader's language."""
    return {category.slug: str(category) for category in Category.objects.filter(shop=shop)}
