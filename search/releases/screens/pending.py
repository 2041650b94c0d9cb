"""What is published and waits for the next cut: what it changes, and what that would do to the answers."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.widgets.button import BaseButton, HeaderButton

from cms.models import PendingChange
from cms.releases import ledger
from cms.releases.ledger import Change, CorruptContent
from search.releases.screens.base import CUT, ShopScreen, url_of
from search.releases.screens.changes import ChangedContent, count_signs, read
from search.releases.screens.effects import effects
from search.releases.screens.standing import standing

PER_PAGE = 25
_ASKED_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Waiting:
    row: PendingChange
    change: ChangedContent


class Pending(ShopScreen, View):
    template_name = "search/releases/pending.html"
    page_title = _("Pending changes")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def get_header_buttons(self) -> list[BaseButton]:
        cut = HeaderButton(_("Cut now"), url_of("cut", self.shop), icon_name="cut", priority=1)
        return [*([cut] if self.may(CUT) else []), *self.shop_buttons()]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(PendingChange.objects.filter(shop=self.shop).order_by("-at", "key"))
        live = ledger.live_release(self.shop)
        held = ledger.held(self.shop, live.ordinal, [row.key for row in rows]) if live else {}
        changes = {row.key: Change(row.key, held.get(row.key), row.content_id) for row in rows}
        paginator = WagtailPaginator(rows, PER_PAGE)
        page = paginator.get_page(self.request.GET.get("p"))
        contents = read(self.shop, [changes[row.key] for row in page.object_list], self.request.user)
        return super().get_context_data(**kwargs) | {
            "standing": standing(self.shop),
            "counts": count_signs(changes.values()),
            "waiting": [Waiting(row, change) for row, change in zip(page.object_list, contents, strict=True)],
            "opened": len(contents) <= 6,
            "page_obj": page,
            "is_paginated": paginator.num_pages > 1,
            "elided_page_range": paginator.get_elided_page_range(page.number),
            "may_cut": self.may(CUT),
        }


class Effect(ShopScreen, View):
    """Asked for when somebody wants it: it asks a hundred questions twice. `?part=1`: the table alone."""

    template_name = "search/releases/effect.html"
    page_title = _("Effect of the pending changes")

    def trail(self) -> list[dict[str, Any]]:
        return [{"url": url_of("pending", self.shop), "label": Pending.page_title}]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        rows = PendingChange.objects.filter(shop=self.shop).order_by("-at", "key")
        keys = list(rows.values_list("key", flat=True))
        page = WagtailPaginator(keys, _ASKED_AT_ONCE).get_page(request.GET.get("p"))
        context = self.get_context_data()
        try:
            found = effects(self.shop, list(page.object_list))
        except CorruptContent as exc:
            context |= {"broken": str(exc)}
        else:
            context |= {"effects": found, "differing": [one for one in found if one.differs]}
            context |= {"same": [one for one in found if not one.differs]}
        context |= {"page_obj": page, "more": page.paginator.num_pages > 1, "keys": len(page.object_list)}
        if request.GET.get("part"):
            return self.response_class(request, "search/releases/_effect.html", context)
        return self.render_to_response(context)
