"""What leaves the CMS: a published entry, a shop's facts, rules and settings, as plain JSON data.

Whoever answers works on this and on nothing else, so no draft can slip out through a lazy relation.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any

import nh3
from django.conf import settings
from django.db.models import QuerySet
from django.template.loader import render_to_string
from wagtail.images.models import Image
from wagtail.rich_text import RichText, expand_db_html

from cms.models import FAQ, Action, Direction, Entry, Fact, IntentRule, Match, Pin, Product, Script, Shop, SynonymGroup

Content = dict[str, Any]
KINDS: dict[str, type[Entry]] = {model.kind: model for model in (FAQ, Script)}

FACTS, RULES, SETTINGS, READING = "facts", "rules", "settings", "reading"
"""What a shop has one of. All facts are one content, since an answer may name any of them; a shop without rules has no
rules. The reading of its vectors (encoder, adapter, confidence) is not written by editors: `search` proposes it."""

_TAGS = {"p", "br", "b", "strong", "i", "em", "ul", "ol", "li", "a", "img"}
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}}


def sanitise(html: str) -> str:
    """Only the markup that an answer may have; scripts, handlers and styles are gone, their text is kept or dropped."""
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto", "tel"})


def live_contents(shop: Shop, keys: Iterable[str] | None = None) -> Iterator[tuple[str, Content]]:
    """(key, content) of the shop's published entries, its facts and its rules; of these keys only, where given."""
    wanted = None if keys is None else set(keys)
    for kind, model in KINDS.items():
        entries = model.objects.published().filter(shop=shop)
        if wanted is not None:
            entries = entries.filter(pk__in=[int(key.split(":")[1]) for key in wanted if key.startswith(f"{kind}:")])
        for entry in _with_parts(entries):
            yield entry.key, entry_content(entry)
    if wanted is None or FACTS in wanted:
        yield FACTS, facts_content(shop)
    if wanted is None or RULES in wanted:
        rules = rules_content(shop)
        if any(rules[part] for part in RULE_PARTS):
            yield RULES, rules
    if wanted is None or SETTINGS in wanted:
        yield SETTINGS, settings_content(shop)


def is_entry_key(key: str) -> bool:
    """Whether it names an FAQ or a script, and not something that a shop has one of."""
    return ":" in key


def _with_parts(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    return entries.select_related("locale", "category").prefetch_related("answers").order_by("pk")


def entry_content(entry: Entry) -> Content:
    """JSON-ready; equal entries give equal content, whatever their history."""
    content: Content = {
        "kind": entry.kind,
        "group": str(entry.translation_key),
        "locale": entry.locale_code,
        "title": entry.title,
        "similar": entry.similar_phrases,
        "negative": entry.negative_phrases,
        "category": entry.category.slug,
        "intent": entry.intent,
        "mode": entry.mode,
        "valid_from": _iso(entry.valid_from),
        "valid_to": _iso(entry.valid_to),
        "answers": [_answer(answer) for answer in _in_order(entry) if answer.says_something],
    }
    if isinstance(entry, Script):
        content |= {"scene": entry.scene, "emotion": entry.emotion}
    return content


def _in_order(entry: Entry) -> list[Any]:
    # What was not written in a form has no place of its own: then the order in which it was made.
    return sorted(entry.answers.all(), key=lambda answer: (answer.sort_order or 0, answer.pk or 0))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _answer(answer: Any) -> Content:
    blocks = [_block(block.block_type, block.value) for block in answer.body]
    html = render_to_string("cms/answer.html", {"blocks": blocks})
    return {"channel": answer.channel, "text": answer.as_text, "html": sanitise(html).strip(), "blocks": blocks}


def _block(kind: str, value: Any) -> Content:
    if kind == "paragraph":
        source = value.source if isinstance(value, RichText) else str(value)
        return {"type": kind, "html": sanitise(expand_db_html(source))}
    if kind == "steps":
        return {"type": kind, "steps": [str(step) for step in value]}
    if kind == "link":
        return {"type": kind, "label": value["label"], "url": value["url"]}
    return _image(value)


def _image(image: Image) -> Content:
    rendition = image.get_rendition("max-1200x1200|format-webp")
    return {
        "type": "image",
        "url": settings.WAGTAILADMIN_BASE_URL + rendition.url,
        "alt": image.contextual_alt_text or "",
        "width": rendition.width,
        "height": rendition.height,
    }


def facts_content(shop: Shop) -> Content:
    """Every fact of the shop and of its products, with its days; who answers picks those valid at the moment asked."""
    products = {product.key: _product(product) for product in shop.products.order_by("key")}
    return {"kind": "facts", "products": products, "facts": [_fact(fact) for fact in _facts(shop)]}


def _product(product: Product) -> Content:
    return {
        "name": product.name,
        "name_en": product.name_en,
        "price": None if product.price is None else str(product.price),
        "summary": product.summary,
        "summary_en": product.summary_en,
    }


def _facts(shop: Shop) -> list[Fact]:
    def place(fact: Fact) -> tuple[str, str, date, int]:
        return fact.key, fact.product.key if fact.product else "", fact.valid_from or date.min, fact.pk

    # Databases sort texts and NULLs differently, and the same facts have to be the same content in all of them.
    return sorted(shop.facts.select_related("product"), key=place)


def _fact(fact: Fact) -> Content:
    return {
        "key": fact.key,
        "product": fact.product.key if fact.product else None,
        "label": fact.label,
        "kind": fact.kind,
        "value": fact.display,
        "unit": fact.unit,
        "value_en": fact.value_en,
        "valid_from": fact.valid_from.isoformat() if fact.valid_from else None,
        "valid_to": fact.valid_to.isoformat() if fact.valid_to else None,
    }


def settings_content(shop: Shop) -> Content:
    """What decides about answers and is set with the shop."""
    return {"kind": "settings", "wrong_rate": shop.wrong_rate}


def active_rules(shop: Shop) -> dict[str, QuerySet]:
    """What is switched on, in the order in which it stands in the content."""
    return {
        "synonyms": SynonymGroup.objects.active().filter(shop=shop).order_by("pk"),
        "pins": Pin.objects.active().filter(shop=shop).select_related("faq", "script").order_by("pk"),
        "intents": IntentRule.objects.active().filter(shop=shop).order_by("sort_order", "pk"),
    }


def rules_content(shop: Shop) -> Content:
    """The active synonyms, pins and intent rules. Times are left in: who answers judges them at the moment asked."""
    return {"kind": "rules"} | {part: list(map(RULE_PARTS[part], rows)) for part, rows in active_rules(shop).items()}


def _synonyms(group: SynonymGroup) -> Content:
    return {"terms": group.term_list, "one_way": group.direction == Direction.ONE_WAY}


def _pin(pin: Pin) -> Content:
    return {
        "entry": pin.entry.key if pin.entry else "",
        "queries": pin.query_list,
        "never": pin.action == Action.NEVER,
        "contains": pin.match == Match.CONTAINS,
        "starts": _iso(pin.starts),
        "ends": _iso(pin.ends),
    }


def _intents(rule: IntentRule) -> Content:
    return {
        "intent": rule.intent,
        "keywords": rule.keyword_list,
        "examples": rule.example_list,
        "urgent": rule.urgent,
    }


RULE_PARTS: dict[str, Callable[[Any], Content]] = {"synonyms": _synonyms, "pins": _pin, "intents": _intents}
"""Part of the rules -> the content of one of them."""
