"""What a process answers from: one immutable picture of a shop's index, built aside and swapped in one assignment."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import repeat
from threading import Lock
from typing import Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from cms.content import Content, facts_key, rules_key
from cms.models import Mode, Shop
from search import encoding
from search.engine.completion import CompletionIndex
from search.engine.confidence import Confidence
from search.engine.fits import fit_for
from search.engine.homophones import Homophones
from search.engine.learning import NOTHING_LEARNT, Lesson
from search.engine.retrieval import Retriever
from search.engine.synonyms import Synonyms
from search.engine.text import words
from search.engine.types import Passage
from search.engine.wordings import Reader
from search.lessons import stored_lesson
from search.models import IndexRecord, IndexVersion
from search.passages import passages
from search.rules import Rules, compile_rules

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """Release `number` of a shop as it stands until `stale_at`, when an entry begins or ends (None: never)."""

    shop_id: int
    number: int
    generation: int
    for_agents: "Audience"
    for_shoppers: "Audience"
    facts: Content
    rules: Rules
    stale_at: datetime | None

    def values(self, *, product: str | None, locale: str, day: date) -> dict[str, str]:
        """What `{{ fact.… }}` and `{{ product.… }}` stand for on that day, in the reader's language."""
        english = locale.startswith("en")
        names = self.facts.get("products", {}).get(product)
        values = {"product.name": (english and names["name_en"]) or names["name"]} if names else {}
        for fact in self.facts.get("facts", ()):
            if fact["product"] in (None, product) and _holds(fact, day.isoformat()):
                area = "product" if fact["product"] else "fact"
                values[f"{area}.{fact['key']}"] = (english and fact["value_en"]) or fact["value"]
        return values


class Audience:
    """The entries that one kind of reader may see, and the retriever over exactly these.

    `entries`: key -> content. Retrieval is by group, so that a question in one language finds an entry in another;
    `groups`: group -> locale -> key.
    """

    def __init__(
        self,
        entries: Mapping[str, Content],
        *,
        synonyms: Synonyms,
        lesson: Lesson = NOTHING_LEARNT,
        before: "Audience | None" = None,
    ) -> None:
        """`before`: the same reader's audience a moment ago, with the same lesson and vectors; what has not changed
        since is taken over."""
        self.entries = entries
        self.groups: dict[str, dict[str, str]] = {}
        for key, content in entries.items():
            self.groups.setdefault(content["group"], {})[content["locale"]] = key
        self._lesson = lesson
        self.recipe = encoding.recipe()
        taken_over = self._taken_over(before) if before else None
        self.retriever, self._homophones = taken_over or self._built()
        self.reader = Reader(self.retriever, homophones=self._homophones, synonyms=synonyms)

    @property
    def degraded(self) -> bool:
        """Whether it answers from words alone, for want of an encoder."""
        return self.recipe is None

    def _built(self) -> tuple[Retriever, Homophones]:
        found = self._passages(self.groups)
        vectors = encoding.stored_vectors([passage.text for passage in found])
        retriever = Retriever(found, vectors, adapter=self._lesson.adapter)
        return retriever, Homophones(passage.text for passage in found)

    def _taken_over(self, before: "Audience") -> tuple[Retriever, Homophones] | None:
        """Costs what has changed; None where all has to be built. What a character is likely to be, and how rare a
        word is, stays as it was at the last full build."""
        if before.recipe != self.recipe:
            return None
        changed = {
            content["group"]
            for key in self.entries.keys() | before.entries.keys()
            for content in (self.entries.get(key), before.entries.get(key))
            if content and self.entries.get(key) != before.entries.get(key)
        }
        found = self._passages(changed & self.groups.keys())
        vectors = encoding.stored_vectors([passage.text for passage in found])
        rows: Iterable[NDArray[np.float32] | None] = repeat(None) if vectors is None else vectors
        retriever = before.retriever.updated(remove=changed, add=list(zip(found, rows, strict=False)))
        return None if retriever.rebuild_due else (retriever, before._homophones)

    def _passages(self, groups: Iterable[str]) -> list[Passage]:
        keys = (key for group in groups for key in self.groups[group].values())
        return [passage for key in keys for passage in passages(self.entries[key]["group"], self.entries[key])]

    def fit(self, *, words_only: bool) -> Confidence:
        """How sure to be: as the shop's own phrasings taught, else as it ships for this encoder, or for words alone."""
        if words_only:
            return fit_for(None)
        return self._lesson.confidence or fit_for(self.recipe)

    @cached_property
    def completions(self) -> dict[str, CompletionIndex]:
        """Locale -> type-ahead over the phrasings that speak for its entries. Built when it is first asked for."""
        phrasings: dict[str, list[tuple[str, str]]] = {}
        for key, content in self.entries.items():
            spoken = phrasings.setdefault(content["locale"], [])
            spoken += ((key, text) for text in (content["title"], *content["similar"]))
        return {locale: CompletionIndex(spoken) for locale, spoken in phrasings.items()}

    def groups_of(self, keys: Iterable[str]) -> frozenset[str]:
        """The groups of those of these entries that this reader may see."""
        return frozenset(self.entries[key]["group"] for key in keys if key in self.entries)

    @cached_property
    def _refusals(self) -> dict[tuple[str, ...], set[str]]:
        refusals: dict[tuple[str, ...], set[str]] = {}
        for content in self.entries.values():
            for text in content["negative"]:
                refusals.setdefault(tuple(words(text)), set()).add(content["group"])
        return refusals

    def groups_refusing(self, query: str) -> frozenset[str]:
        """Those that an editor wrote "never for these questions" for, in these very words."""
        return frozenset(self._refusals.get(tuple(words(query)), ()))

    def entry_of(self, group: str, locale: str) -> str:
        """The key of the group's entry in this language; where there is none, in the language it was written in."""
        keys = self.groups[group]
        return keys.get(locale) or min(keys.values())


def _holds(fact: Mapping[str, Any], day: str) -> bool:
    return (fact["valid_from"] or "") <= day and (fact["valid_to"] is None or day <= fact["valid_to"])


class _Shelf:
    """One snapshot a shop, for this process. While one thread builds a newer one, the others answer from the old."""

    def __init__(self) -> None:
        self._current: dict[int, Snapshot] = {}
        self._locks: dict[int, Lock] = {}

    def current(self, shop: Shop) -> Snapshot:
        number = IndexVersion.objects.filter(shop=shop).values_list("number", flat=True).first() or 0
        held = self._current.get(shop.pk)
        if held and held.number == number and not _is_stale(held):
            return held
        lock = self._locks.setdefault(shop.pk, Lock())
        if not lock.acquire(blocking=held is None) and held:
            return held
        try:
            held = self._current.get(shop.pk)
            if held is None or held.number != number or _is_stale(held):
                self._current[shop.pk] = held = build(shop, before=held)
            return held
        finally:
            lock.release()

    def clear(self) -> None:
        self._current = {}


def _is_stale(snapshot: Snapshot) -> bool:
    return snapshot.stale_at is not None and timezone.now() >= snapshot.stale_at


_shelf = _Shelf()
current = _shelf.current
forget_snapshots = _shelf.clear


def build(shop: Shop, *, before: Snapshot | None = None) -> Snapshot:
    """The shop's records as they stand now; `before` is an earlier picture of them, which saves work. The number is
    read first: a change meanwhile only means one more build."""
    counted = IndexVersion.objects.filter(shop=shop).values_list("number", "generation").first()
    number, generation = counted or (0, 0)
    if before and before.generation != generation:
        before = None
    now = timezone.now()
    contents = dict(IndexRecord.objects.filter(shop=shop).order_by("pk").values_list("key", "content"))
    facts, rules = (contents.pop(key, {}) for key in (facts_key(shop.pk), rules_key(shop.pk)))
    valid = {key: content for key, content in contents.items() if _valid(content, now)}
    phrasings = (text for content in valid.values() for text in (content["title"], *content["similar"]))
    compiled = compile_rules(rules, phrasings)
    taught: dict[str, Any] = {"synonyms": compiled.synonyms, "lesson": stored_lesson(shop)}
    agents = Audience(valid, before=before.for_agents if before else None, **taught)
    shown = {key: content for key, content in valid.items() if _for_shoppers(content)}
    shoppers = Audience(shown, before=before.for_shoppers if before else None, **taught)
    changes = [_next_change(contents.values(), now)]
    if agents.degraded:
        changes.append(now + timedelta(seconds=encoding.RETRY_SECONDS))
    return Snapshot(
        shop.pk, number, generation, agents, shoppers, facts, compiled, min(filter(None, changes), default=None)
    )


def _for_shoppers(content: Content) -> bool:
    return bool(content["mode"] != Mode.AGENT and content["answers"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _valid(content: Content, now: datetime) -> bool:
    begins, ends = _moment(content["valid_from"]), _moment(content["valid_to"])
    return (begins is None or begins <= now) and (ends is None or now < ends)


def _next_change(contents: Iterable[Content], now: datetime) -> datetime | None:
    """The next moment at which an entry becomes valid or stops being so."""
    moments = [_moment(content[name]) for content in contents for name in ("valid_from", "valid_to")]
    return min((moment for moment in moments if moment and moment > now), default=None)
