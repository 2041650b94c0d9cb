"""The admin home: what is live, and what wants an editor's attention today."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail.admin.site_summary import SummaryItem
from wagtail.admin.ui.components import Component
from wagtail.snippets.permissions import user_can_edit_snippet_type

from cms.content import KINDS
from cms.models import Entry

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Concern:
    """One kind of thing to look at: how many, the first few, and the listing that shows all of them."""

    heading: str
    state: str
    kind: str
    count: int
    first: list[Entry]

    @property
    def name(self) -> str:
        return KINDS[self.kind]._meta.verbose_name_plural

    @property
    def links(self) -> list[tuple[str, Entry]]:
        edit = KINDS[self.kind].snippet_viewset.get_url_name("edit")
        return [(reverse(edit, args=[entry.pk]), entry) for entry in self.first]

    @property
    def url(self) -> str:
        return f"{listing_url(self.kind)}?state={self.state}"


def listing_url(kind: str) -> str:
    return reverse(KINDS[kind].snippet_viewset.get_url_name("list"))


def concerns(user: Any) -> list[Concern]:
    """What this user may edit and should look at, most pressing first; states that hold nothing are left out."""
    found = []
    for kind, model in KINDS.items():
        if not user_can_edit_snippet_type(user, model):
            continue
        for heading, state, entries in _states(model):
            if count := entries.count():
                first = list(entries.select_related("category").order_by("-latest_revision__created_at")[:SHOWN])
                found.append(Concern(heading=heading, state=state, kind=kind, count=count, first=first))
    return found


def _states(model: type[Entry]) -> list[tuple[Any, str, QuerySet]]:
    published = model.objects.published()
    return [
        (_("no longer valid"), "expired", published.expired()),
        (_("end within 14 days"), "expiring", model.objects.expiring(days=14)),
        (_("live with draft changes"), "changed", published.filter(has_unpublished_changes=True)),
        (_("drafts"), "draft", model.objects.filter(live=False, go_live_at=None)),
        (_("scheduled"), "scheduled", model.objects.filter(live=False).exclude(go_live_at=None)),
    ]


class AttentionPanel(Component):
    name = "attention"
    template_name = "cms/home/attention.html"
    order = 50

    def get_context_data(self, parent_context: Mapping[str, Any]) -> dict[str, Any]:
        user = parent_context["request"].user
        models = [model for model in KINDS.values() if user_can_edit_snippet_type(user, model)]
        return {
            "concerns": concerns(user),
            "add": [(model._meta.verbose_name, reverse(model.snippet_viewset.get_url_name("add"))) for model in models],
        }


class LiveEntriesSummary(SummaryItem):
    template_name = "cms/home/summary.html"

    def __init__(self, request: Any, kind: str) -> None:
        super().__init__(request)
        self.kind = kind

    def get_context_data(self, parent_context: Mapping[str, Any]) -> dict[str, Any]:
        model = KINDS[self.kind]
        return {
            "total": model.objects.published().count(),
            "name": model._meta.verbose_name_plural,
            "url": listing_url(self.kind),
            "icon": model.snippet_viewset.icon,
        }

    def is_shown(self) -> bool:
        return user_can_edit_snippet_type(self.request.user, KINDS[self.kind])
