"""The releases of a shop, newest first: what starts a week stands out, the patches after it are folded under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from wagtail.admin.views.generic.base import BaseListingView
from wagtail.admin.widgets.button import BaseButton, HeaderButton

from cms.models import Release, ReleaseKind, Shop
from search.releases.forms import ReleaseFilterSet
from search.releases.screens.base import CUT, SEE, SHOP_IN_SESSION, ShopScreen, denied, url_of
from search.releases.screens.standing import standing

_WEEKS, _FLAT, _PATCHES_SHOWN = 15, 50, 10
STARTS_A_WEEK = ~Q(kind=ReleaseKind.PATCH) | Q(ordinal=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A release that stands out, and the patches after it: `newest` ones of `count`."""

    release: Release
    count: int
    newest: Sequence[Release]
    live: int

    @property
    def holds_live(self) -> bool:
        return any(patch.ordinal == self.live for patch in self.newest)


def choose_shop(request: HttpRequest) -> HttpResponse:
    """To the shop looked at last, else to the first."""
    if not request.user.has_perm(SEE):
        return denied(request)
    slugs = list(Shop.objects.values_list("slug", flat=True))
    if not slugs:
        title = pgettext("versions of the answers", "Releases")
        return render(request, "search/releases/no_shop.html", {"header_title": title, "header_icon": "history"})
    last = request.session.get(SHOP_IN_SESSION)
    return redirect("releases:timeline", last if last in slugs else slugs[0])


class Timeline(ShopScreen, BaseListingView):
    template_name = "search/releases/timeline.html"
    results_template_name = "search/releases/timeline_results.html"
    filterset_class = ReleaseFilterSet
    columns: ClassVar[list[Any]] = []
    verbose_name_plural = Release._meta.verbose_name_plural

    def get_index_url(self) -> str:
        return url_of("timeline", self.shop)

    def get_index_results_url(self) -> str:
        return url_of("timeline_results", self.shop)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, here]

    def get_header_buttons(self) -> list[BaseButton]:
        cut = HeaderButton(_("Cut now"), url_of("cut", self.shop), icon_name="cut", priority=1)
        others: list[BaseButton] = [
            HeaderButton(_("Compare"), url_of("compare", self.shop), icon_name="order", priority=2),
            HeaderButton(_("Test a question"), url_of("trial", self.shop), icon_name="search", priority=3),
        ]
        return [*([cut] if self.may(CUT) else []), *others, *self.shop_buttons()]

    def get_filterset_kwargs(self) -> dict[str, Any]:
        return super().get_filterset_kwargs() | {"shop": self.shop}

    def get_base_queryset(self) -> QuerySet[Release]:
        releases = Release.objects.filter(shop=self.shop).order_by("-ordinal")
        return releases if self.is_filtering else releases.filter(STARTS_A_WEEK)

    def get_paginate_by(self, queryset: Any) -> int:
        return _FLAT if self.is_filtering else _WEEKS

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        stands = standing(self.shop)
        live = stands.live.ordinal if stands.live else 0
        if not self.is_filtering:
            context["stretches"] = stretches(self.shop, list(context["object_list"]), live)
        return context | {"standing": stands, "live": live, "may_cut": self.may(CUT)}


def stretches(shop: Shop, starts: Sequence[Release], newest: int) -> list[Stretch]:
    """Ordinals have no gaps, so how many patches followed is known without counting them."""
    if not starts:
        return []
    after = Release.objects.filter(shop=shop, ordinal__gt=starts[0].ordinal).filter(STARTS_A_WEEK).order_by("ordinal")
    ends = [after.values_list("ordinal", flat=True).first() or newest + 1, *(one.ordinal for one in starts[:-1])]
    pairs = list(zip(starts, ends, strict=True))
    wanted = [ordinal for start, end in pairs for ordinal in range(max(start.ordinal + 1, end - _PATCHES_SHOWN), end)]
    found = {patch.ordinal: patch for patch in Release.objects.filter(shop=shop, ordinal__in=wanted)}
    return [
        Stretch(
            release=start,
            count=end - start.ordinal - 1,
            newest=[found[at] for at in range(end - 1, start.ordinal, -1) if at in found],
            live=newest,
        )
        for start, end in pairs
    ]
