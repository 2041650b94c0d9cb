"""Small builders of content, through the same steps that an editor's screen takes."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from wagtail.models import Locale

from cms.models import (
    FAQ,
    Category,
    Entry,
    FAQAnswer,
    IntentRule,
    Pin,
    Script,
    ScriptAnswer,
    Shop,
    SynonymGroup,
)


def make_shop(slug: str) -> Shop:
    shop = Shop.objects.create(name=f"{slug} 店", name_en=slug, slug=slug, allowed_origins="https://shop.example.com")
    Category.objects.create(shop=shop, slug="general", name="通用")
    return shop


def make_user(name: str, *groups: str) -> Any:
    user = get_user_model().objects.create_user(name, password="secret-word")
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def draft(
    shop: Shop, title: str, *similar: str, answer: str = "好的。", model: type[Entry] = FAQ, **fields: Any
) -> Entry:
    """An entry that has never been published."""
    locale = Locale.objects.get(language_code=fields.pop("locale", "zh-hans"))
    variants = fields.pop("answers", [{"answer": answer}])
    entry = model(
        shop=shop,
        category=shop.categories.get(),
        title=title,
        similar="\n".join(similar),
        locale=locale,
        live=False,
        **fields,
    )
    entry.answers.set([_variant(model, **variant) for variant in variants])
    entry.full_clean()
    entry.save()
    entry.save_revision()
    return entry


def _variant(model: type[Entry], *, answer: str, channel: str = "any") -> Any:
    kind = FAQAnswer if model is FAQ else ScriptAnswer
    return kind(channel=channel, body=[{"type": "paragraph", "value": f"<p>{answer}</p>"}])


def publish(shop: Shop, title: str, *similar: str, **fields: Any) -> Entry:
    entry = draft(shop, title, *similar, **fields)
    entry.latest_revision.publish()
    entry.refresh_from_db()
    return entry


def publish_script(shop: Shop, title: str, *similar: str, **fields: Any) -> Script:
    return publish(shop, title, *similar, model=Script, **fields)


def synonyms(shop: Shop, *terms: str, **fields: Any) -> SynonymGroup:
    return _saved(SynonymGroup(shop=shop, terms="\n".join(terms), **fields))


def pin(entry: Entry, *queries: str, **fields: Any) -> Pin:
    return _saved(Pin(shop=entry.shop, queries="\n".join(queries), **{entry.kind: entry}, **fields))


def intent_rule(shop: Shop, intent: str, *keywords: str, examples: tuple[str, ...] = (), **fields: Any) -> IntentRule:
    lines = {"keywords": "\n".join(keywords), "examples": "\n".join(examples)}
    return _saved(IntentRule(shop=shop, intent=intent, **lines, **fields))


def _saved(rule: Any) -> Any:
    rule.full_clean()
    rule.save()
    return rule
