"""Any two releases beside each other."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from cms.models import Release, ReleaseKind
from cms.releases import ledger
from search.releases.screens.base import ShopScreen
from search.releases.screens.listing import listing

_OFFERED = 200


class Compare(ShopScreen, View):
    template_name = "search/releases/compare.html"
    page_title = _("Compare releases")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        numbers = {name: request.GET.get(name, "").strip() for name in ("a", "b")}
        if not any(numbers.values()):
            numbers = self._usual()
        found = {one.number: one for one in Release.objects.filter(shop=self.shop, number__in=numbers.values())}
        a, b = found.get(numbers["a"]), found.get(numbers["b"])
        context = self.get_context_data() | {
            "numbers": numbers,
            "unknown": [number for number in numbers.values() if number and number not in found],
            "offered": Release.objects.filter(shop=self.shop).only("number", "kind", "made_at", "ordinal")[:_OFFERED],
            "a": a,
            "b": b,
        }
        if a and b:
            context["changes"] = listing(request, self.shop, ledger.changes_between(self.shop, a.ordinal, b.ordinal))
        return self.render_to_response(context)

    def _usual(self) -> dict[str, str]:
        """From the last weekly cut before the live release, else from the one just before it, to the live one."""
        live = ledger.live_release(self.shop)
        if live is None:
            return {"a": "", "b": ""}
        older = Release.objects.filter(shop=self.shop, ordinal__lt=live.ordinal)
        before = older.filter(kind=ReleaseKind.WEEKLY).first() or older.first()
        return {"a": before.number if before else "", "b": live.number}
