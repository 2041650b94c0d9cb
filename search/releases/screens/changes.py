"""Changes of contents as an editor reads them: the entry's name, what became of it, and its words, marked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail.snippets.permissions import user_can_edit_snippet_type

from cms.content import FACTS, KINDS, READING, RULES, SETTINGS, Content, is_entry_key
from cms.models import Shop
from cms.releases import ledger
from cms.releases.ledger import Change
from search.engine.content_differences import FieldChange, content_diff
from search.engine.differences import Part
from search.releases import labels

SIGNS = {"added": "+", "changed": "~", "removed": "−"}
_ORDER = {FACTS: 0, RULES: 1, SETTINGS: 2, READING: 3}


def count_signs(changes: Iterable[Change]) -> dict[str, int]:
    """How many were added, changed and removed."""
    found: Counter[str] = Counter(change.kind for change in changes)
    return {name: found[name] for name in SIGNS}


def in_order(changes: Iterable[Change]) -> list[Change]:
    """What the shop has one of, then the entries: added, changed, removed; each by its number."""
    return sorted(changes, key=_place)


def _place(change: Change) -> tuple[int, int, str, int]:
    kind, _colon, number = change.key.partition(":")
    return (list(SIGNS).index(change.kind), _ORDER.get(change.key, 9), kind, int(number or 0))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a change. Without parts: there is nothing to read, only that it changed."""

    label: str
    item: str
    kind: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class ChangedContent:
    """`broken`: a sentence, where the stored content cannot be read."""

    key: str
    state: str
    before: Content | None
    after: Content | None
    kind: str
    edit_url: str
    categories: Mapping[str, str]
    broken: str = ""

    @property
    def sign(self) -> str:
        return SIGNS[self.state]

    @property
    def title(self) -> str:
        content = self.after or self.before or {}
        return str(labels.WHOLES.get(self.key) or content.get("title") or self.key)

    @cached_property
    def fields(self) -> list[Field]:
        return list(dict.fromkeys(self._field(change) for change in content_diff(self.before, self.after)))

    def _field(self, change: FieldChange) -> Field:
        if labels.is_figures(change.field):
            return Field(labels.field_label(change.field), "", change.kind, ())
        parts = tuple(
            Part(part.kind, labels.value_label(change.field, part.text, categories=self.categories))
            for part in change.parts
        )
        item = labels.item_label(change.field, change.item)
        return Field(labels.field_label(change.field), item, change.kind, parts)

    @property
    def summary(self) -> list[str]:
        """Which fields changed, each once."""
        return list(dict.fromkeys(field.label for field in self.fields)) if self.state == "changed" else []


def read(shop: Shop, changes: Sequence[Change], user: Any) -> list[ChangedContent]:
    """These changes with their contents; a spoilt content is said, it spoils nothing else."""
    hashes = {name for change in changes for name in (change.before, change.after) if name}
    found, broken = ledger.sound_contents_of(hashes)
    urls = edit_urls([change.key for change in changes], shop, user)
    categories = labels.category_names(shop)
    return [
        ChangedContent(
            key=change.key,
            state=change.kind,
            before=found.get(change.before or ""),
            after=found.get(change.after or ""),
            kind=kind_name(change.key),
            edit_url=urls.get(change.key, ""),
            categories=categories,
            broken=next((text for text in broken if any(name and name in text for name in _names(change))), ""),
        )
        for change in changes
    ]


def _names(change: Change) -> tuple[str | None, str | None]:
    return change.before, change.after


def kind_name(key: str) -> str:
    model = KINDS.get(key.partition(":")[0])
    return str(model._meta.verbose_name) if model else str(_("for the whole shop"))


def edit_urls(keys: Iterable[str], shop: Shop, user: Any) -> dict[str, str]:
    """Where each of these is edited, as far as it is still there and this user may."""
    wanted = list(keys)
    urls: dict[str, str] = {}
    for kind, model in KINDS.items():
        numbers = [int(key.partition(":")[2]) for key in wanted if key.startswith(f"{kind}:")]
        if numbers and user_can_edit_snippet_type(user, model):
            name = model.snippet_viewset.get_url_name("edit")
            there = model.objects.filter(pk__in=numbers).values_list("pk", flat=True)
            urls |= {f"{kind}:{pk}": reverse(name, args=[pk]) for pk in there}
    wholes = _urls_of_wholes(shop, user)
    return urls | {key: wholes[key] for key in wanted if not is_entry_key(key) and key in wholes}


def _urls_of_wholes(shop: Shop, user: Any) -> dict[str, str]:
    found = {}
    if user.has_perm("cms.change_fact"):
        found[FACTS] = f"{reverse('fact:index')}?shop={shop.pk}"
    if user.has_perm("cms.change_shop"):
        found[SETTINGS] = reverse("shop:edit", args=[shop.pk])
    if user.has_perm("cms.change_synonymgroup"):
        found[RULES] = f"{reverse('wagtailsnippets_cms_synonymgroup:list')}?shop={shop.pk}"
    return found
