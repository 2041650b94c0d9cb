"""Every change of what is published reaches the index: one line each, after the commit, with ids only."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from wagtail.signals import published, unpublished

from cms.content import FACTS, KINDS, RULES, SETTINGS
from cms.models import Category, Entry, Fact, IntentRule, Pin, Product, Release, Shop, SynonymGroup
from search.tasks import sync_after_commit


def connect() -> None:
    for model in KINDS.values():
        published.connect(entry_changed, sender=model)
        unpublished.connect(entry_changed, sender=model)
        post_delete.connect(entry_changed, sender=model)
    for model in (Fact, Product):
        post_save.connect(facts_changed, sender=model)
        post_delete.connect(facts_changed, sender=model)
    for rule in (SynonymGroup, Pin, IntentRule):
        post_save.connect(rules_changed, sender=rule)
        post_delete.connect(rules_changed, sender=rule)
    post_save.connect(category_changed, sender=Category)
    post_save.connect(shop_changed, sender=Shop)


def entry_changed(instance: Entry, **kwargs: Any) -> None:
    sync_after_commit(instance.shop_id, instance.key)


def facts_changed(instance: Fact | Product, **kwargs: Any) -> None:
    sync_after_commit(instance.shop_id, FACTS)


def rules_changed(instance: SynonymGroup | Pin | IntentRule, **kwargs: Any) -> None:
    sync_after_commit(instance.shop_id, RULES)


def category_changed(instance: Category, **kwargs: Any) -> None:
    # The slug of a category is part of its entries' content.
    for model in KINDS.values():
        for entry in model.objects.published().filter(category=instance).only("pk"):
            sync_after_commit(instance.shop_id, entry.key)


def shop_changed(instance: Shop, **kwargs: Any) -> None:
    # What is set before there is anything to answer is part of the first release.
    if Release.objects.filter(shop=instance).exists():
        sync_after_commit(instance.pk, SETTINGS)
