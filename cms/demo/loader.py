"""Loads a store written as YAML files: shop, categories, products, facts, FAQs, scripts, rules and golden cases.

An entry is recognised by its `key` (its translation key is derived from it), a rule by its own. One that is there is
left as editors made it, so loading again changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import yaml
from django.db import transaction
from wagtail.models import Locale, ReferenceIndex
from wagtail.signal_handlers import disable_reference_index_auto_update

from cms.models import (
    FAQ,
    Category,
    Direction,
    Entry,
    FAQAnswer,
    GoldenCase,
    IntentRule,
    Pin,
    Product,
    Script,
    ScriptAnswer,
    Shop,
    SynonymGroup,
)
from cms.models.rules import ShopRule

STORE = Path(__file__).parent
SCRIPTS = "scripts"


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows were made; zeros where everything was there already."""

    shop: Shop
    products: int
    facts: int
    faqs: int
    scripts: int
    translations: int
    rules: int

    @property
    def anything(self) -> bool:
        return any((self.products, self.facts, self.faqs, self.scripts, self.translations, self.rules))


@transaction.atomic
def load_store(folder: Path = STORE) -> Loaded:
    """All or nothing: a file that is wrong leaves the database as it was."""
    data = _read(folder / "shop.yaml")
    shop, _ = Shop.objects.get_or_create(slug=data["slug"], defaults={"name": data["name"], "name_en": data["name_en"]})
    categories = _load_categories(shop, data["categories"])
    facts = _load_facts(shop, None, data["facts"])
    products, product_facts = _load_products(shop, _read(folder / "products.yaml"))
    loader = _EntryLoader(shop)
    faqs = translations = scripts = 0
    for slug, item in _items(folder / "faqs"):
        faqs += loader.load(FAQ, categories[slug], item["key"], _faq(item))
        if "en" in item:
            translations += loader.load(FAQ, categories[slug], item["key"], _english_faq(item), locale="en")
    for scene, item in _items(folder / "scripts"):
        scripts += loader.load(Script, categories[SCRIPTS], item["key"], _script(scene, item))
    rules = _load_rules(shop, _read(folder / "rules.yaml"))
    return Loaded(shop, products, facts + product_facts, faqs, scripts, translations, rules)


def demo_phrasings(folder: Path = STORE) -> Iterator[tuple[str, str, bool]]:
    """(entry, phrasing, whether it speaks against the entry) of every FAQ in the files, titles first."""
    for _slug, item in _items(folder / "faqs"):
        for part in (item, item.get("en")):
            if part:
                yield from ((item["key"], text, False) for text in (part["question"], *part["similar"]))
        yield from ((item["key"], text, True) for text in item.get("negative") or [])


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def _items(folder: Path) -> Iterator[tuple[str, dict]]:
    for path in sorted(folder.glob("*.yaml")):
        for item in _read(path):
            yield path.stem, item


def _load_categories(shop: Shop, rows: list[dict]) -> dict[str, Category]:
    return {
        row["slug"]: Category.objects.get_or_create(
            shop=shop,
            slug=row["slug"],
            defaults={"name": row["name"], "name_en": row["name_en"], "sort_order": order},
        )[0]
        for order, row in enumerate(rows)
    }


def _load_products(shop: Shop, rows: list[dict]) -> tuple[int, int]:
    made = facts = 0
    for row in rows:
        row = dict(row)
        fact_rows = row.pop("facts")
        product, created = Product.objects.get_or_create(shop=shop, key=row.pop("key"), defaults=row)
        made += created
        facts += _load_facts(shop, product, fact_rows)
    return made, facts


def _load_facts(shop: Shop, product: Product | None, rows: list[dict]) -> int:
    made = 0
    for row in rows:
        values = {name: value for name, value in row.items() if name != "key"}
        _, created = shop.facts.get_or_create(product=product, key=row["key"], defaults=values)
        made += created
    return made


def _load_rules(shop: Shop, data: dict[str, list[dict]]) -> int:
    rows = [(SynonymGroup, row["key"], _synonyms(row)) for row in data["synonyms"]]
    rows += [(Pin, row["key"], _pin(shop, row)) for row in data["pins"]]
    rows += [(IntentRule, row["key"], _intent_rule(row)) for row in data["intents"]]
    rows += [(GoldenCase, row["key"], _case(shop, row)) for row in data["cases"]]
    return sum(_load_rule(model, shop, key, fields) for model, key, fields in rows)


def _load_rule(model: type[ShopRule], shop: Shop, key: str, fields: dict) -> bool:
    uid = entry_uuid(shop, f"{model._meta.model_name}:{key}")
    if model.objects.filter(uid=uid).exists():
        return False
    # Unlike an entry it is not cleaned: an editor's own pin for the same question must not stop the loading.
    model.objects.create(shop=shop, uid=uid, **fields)
    return True


def _synonyms(row: dict) -> dict:
    direction = row.get("direction", Direction.TWO_WAY)
    return {"terms": "\n".join(row["terms"]), "direction": direction, "note": row.get("note", "")}


def _named_faq(shop: Shop, key: str) -> FAQ:
    return FAQ.objects.get(translation_key=entry_uuid(shop, key), locale__language_code="zh-hans")


def _case(shop: Shop, row: dict) -> dict:
    faq = _named_faq(shop, row["faq"]) if "faq" in row else None
    return {"query": row["query"], "faq": faq, "must": row.get("must", False), "note": row.get("note", "")}


def _pin(shop: Shop, row: dict) -> dict:
    return {"faq": _named_faq(shop, row["faq"]), "queries": "\n".join(row["queries"]), "note": row.get("note", "")}


def _intent_rule(row: dict) -> dict:
    return {
        "intent": row["intent"],
        "urgent": row.get("urgent", False),
        "sort_order": row["order"],
        "keywords": "\n".join(row["keywords"]),
        "examples": "\n".join(row["examples"]),
        "note": row.get("note", ""),
    }


class _EntryLoader:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.locales = {locale.language_code: locale for locale in Locale.objects.all()}
        self.known = {
            pair
            for model in (FAQ, Script)
            for pair in model.objects.filter(shop=shop).values_list("translation_key", "locale__language_code")
        }

    def load(self, model: type[Entry], category: Category, key: str, fields: dict, *, locale: str = "zh-hans") -> bool:
        """Whether the entry was made; one that is there already is left alone."""
        translation_key = entry_uuid(self.shop, key)
        if (translation_key, locale) in self.known:
            return False
        answers = fields.pop("answers")
        entry = model(
            shop=self.shop,
            category=category,
            translation_key=translation_key,
            locale=self.locales[locale],
            live=False,
            **fields,
        )
        entry.answers.set(answers)
        # Wagtail would index the references of a new entry at each of its five saves; once is enough.
        with disable_reference_index_auto_update():
            entry.full_clean()
            entry.save()
            entry.save_revision().publish()
        ReferenceIndex.create_or_update_for_object(entry)
        return True


def entry_uuid(shop: Shop, key: str) -> UUID:
    """The same in every installation: a store's files load anywhere, and translations find each other."""
    return uuid5(NAMESPACE_URL, f"zhida:{shop.slug}:{key}")


def _common(item: dict) -> dict:
    return {
        "similar": "\n".join(item["similar"]),
        "negative": "\n".join(item.get("negative") or []),
        "intent": item.get("intent", ""),
    }


def _faq(item: dict) -> dict:
    answers = [_answer(FAQAnswer, row) for row in item["answers"]]
    return {"title": item["question"], "mode": item.get("mode", "both"), "answers": answers} | _common(item)


def _english_faq(item: dict) -> dict:
    english = item["en"]
    return _faq({**item, **english, "negative": [], "answers": [{"text": english["answer"]}]})


def _script(scene: str, item: dict) -> dict:
    answers = [_answer(ScriptAnswer, row) for row in item["answers"]]
    special = {"scene": scene, "emotion": item.get("emotion", "any")}
    return {"title": item["title"], "answers": answers} | special | _common(item)


def _answer(model: type, row: dict) -> Any:
    paragraphs = [f"<p>{escape(part.strip())}</p>" for part in row["text"].strip().split("\n\n")]
    body: list[dict] = [{"type": "paragraph", "value": "".join(paragraphs)}]
    if row.get("steps"):
        body.append({"type": "steps", "value": list(row["steps"])})
    return model(channel=row.get("channel", "any"), body=body)
