"""What a shopper is offered before and while she types: popular questions and completions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from time import monotonic
from weakref import WeakKeyDictionary

from django.db.models import Count
from django.utils import timezone

from cms.content import Content
from cms.models import Category, Shop
from search import snapshots
from search.audiences import Audience
from search.engine import rendering
from search.engine.completion import Completion, CompletionIndex, Weights
from search.engine.text import tokens
from search.models import QueryRecord
from search.snapshots import Served

POPULAR_DAYS = 30
WEIGHTS_SECONDS = 60
_building = Lock()
_weighed: WeakKeyDictionary[CompletionIndex, tuple[float, Weights]] = WeakKeyDictionary()
"""Until when they hold, and how often the index's entries were asked: a key stroke costs no count."""


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    title: str
    category: str
    matched: str


@dataclass(frozen=True, slots=True)
class Offers:
    offers: tuple[Offer, ...]
    release: str


def complete(shop: Shop, typed: str, *, locale: str, limit: int) -> Offers:
    """Entries with a phrasing that holds what was typed, in characters or pinyin; then those with half of its words."""
    served = snapshots.served(shop)
    audience = served.snapshot.for_shoppers
    found = [(line.entry, line.text) for line in _completions(shop, audience, typed, locale, 2 * limit)]
    if len(found) < limit:
        known = {key for key, _text in found}
        found += [
            (key, hit.text)
            for hit in audience.retriever.search(typed, None, limit=limit)
            if (key := audience.groups[hit.entry].get(locale)) and key not in known and _says_half_of(typed, hit.text)
        ]
    return _offers(served, found, limit)


def _says_half_of(typed: str, text: str) -> bool:
    """A single shared character is no completion."""
    wanted = set(tokens(typed))
    return 2 * len(wanted & set(tokens(text))) >= len(wanted)


def _completions(shop: Shop, audience: Audience, typed: str, locale: str, limit: int) -> list[Completion]:
    with _building:  # after a change of the content one thread builds, and the others wait for it
        index = audience.completions.get(locale)
    return index.search(typed, limit=limit, weights=_weights(shop, audience, index)) if index else []


def _weights(shop: Shop, audience: Audience, index: CompletionIndex) -> Weights:
    """How often the entries were asked, at most a minute old. While one thread counts anew, the others use the old."""
    until, weights = _weighed.get(index, (0.0, None))
    if weights is not None and monotonic() < until:
        return weights
    if weights is not None:
        _weighed[index] = monotonic() + WEIGHTS_SECONDS, weights
    asked = _asked(shop)
    weights = index.weights({key: asked[content["group"]] for key, content in audience.entries.items()})
    _weighed[index] = monotonic() + WEIGHTS_SECONDS, weights
    return weights


def popular(shop: Shop, *, locale: str, product_id: str | None, limit: int) -> Offers:
    """What shoppers asked most in 30 days; for a product, the questions about it first; then the editors' order."""
    served = snapshots.served(shop)
    snapshot, audience = served.snapshot, served.snapshot.for_shoppers
    asked = _asked(shop)
    order = {category.slug: category.sort_order for category in Category.objects.filter(shop=shop)}
    about = snapshot.values(product=product_id, locale=locale, day=timezone.localdate()) if product_id else {}

    def rank(item: tuple[str, Content]) -> tuple[bool, int, int, int]:
        key, content = item
        place = order.get(content["category"], len(order))
        return not _concerns(content, about), -asked[content["group"]], place, int(key.split(":")[1])

    entries = sorted(((key, content) for key, content in _in_language(audience, locale)), key=rank)
    return _offers(served, [(key, content["title"]) for key, content in entries], limit)


def _concerns(content: Content, about: dict[str, str]) -> bool:
    """Whether the entry's first answer speaks of this very product: it names facts which the product has."""
    first = "".join(answer["text"] for answer in content["answers"][:1])
    named = [name for name in rendering.names(first) if name.startswith("product.")]
    return bool(named) and all(name in about for name in named)


def _asked(shop: Shop) -> Counter[str]:
    since = timezone.now() - timedelta(days=POPULAR_DAYS)
    rows = QueryRecord.objects.filter(shop=shop, asked_at__gte=since).exclude(group="")
    return Counter(dict(rows.values_list("group").annotate(times=Count("pk"))))


def _in_language(audience: Audience, locale: str) -> Iterable[tuple[str, Content]]:
    return ((key, content) for key, content in audience.entries.items() if content["locale"] == locale)


def _offers(served: Served, found: Sequence[tuple[str, str]], limit: int) -> Offers:
    entries = served.snapshot.for_shoppers.entries
    nearest = found[: 2 * limit]
    offers = [
        Offer(key, entries[key]["title"], entries[key]["category"], matched)
        for key, matched in nearest
        if not served.takes_back([key])
    ]
    return Offers(tuple(offers[:limit]), served.snapshot.number)
