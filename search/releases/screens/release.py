"""One release: what it is, what it changed, what the gate said; and the way back to it."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.admin.widgets.button import BaseButton, HeaderButton

from cms.content import READING, Content
from cms.models import Release, ReleaseKind
from cms.releases import ledger, rollback
from cms.releases.ledger import Change
from search.releases.screens.base import ROLL_BACK, ShopScreen, url_of
from search.releases.screens.listing import listing
from search.releases.screens.reports import report_of


class OfRelease(ShopScreen):
    """A screen about the release whose number stands in the address."""

    kwargs: dict[str, Any]

    @cached_property
    def about(self) -> Release:
        return self.release(self.kwargs["number"])

    @cached_property
    def live(self) -> Release | None:
        return ledger.live_release(self.shop)


class ReleaseScreen(OfRelease, View):
    template_name = "search/releases/release.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data())

    def get_page_title(self) -> str:
        return self.about.number

    def get_header_buttons(self) -> list[BaseButton]:
        about, shop = self.about, self.shop
        buttons: list[BaseButton] = []
        if self.may(ROLL_BACK) and self.live and self.live.digest != about.digest:
            back = url_of("back", shop, about.number)
            buttons.append(HeaderButton(_("Roll back to this"), back, icon_name="resubmit", priority=1))
        trial = f"{url_of('trial', shop)}?release={about.number}"
        buttons.append(HeaderButton(_("Test a question on this"), trial, icon_name="search", priority=2))
        if self.live:
            other = self._previous() if self.live == about else self.live.number
            compare = f"{url_of('compare', shop)}?a={other}&b={about.number}"
            buttons.append(HeaderButton(_("Compare with …"), compare, icon_name="order", priority=3))
        return [*buttons, *self.shop_buttons()]

    def _previous(self) -> str:
        return next((one.number for one in self._bases().values()), "")

    @cached_property
    def _last_weekly(self) -> Release | None:
        """Of a weekly release, the weekly one before it, or the shop's first."""
        if self.about.kind != ReleaseKind.WEEKLY:
            return None
        older = Release.objects.filter(shop=self.shop, ordinal__lt=self.about.ordinal)
        return older.filter(kind=ReleaseKind.WEEKLY).first() or older.last()

    def _bases(self) -> dict[str, Release]:
        """What its changes can be read against; for a weekly one the week comes first."""
        found = {}
        if self._last_weekly and self._last_weekly.ordinal < self.about.ordinal - 1:
            found["week"] = self._last_weekly
        previous = ledger.previous(self.about)
        return found | ({"previous": previous} if previous else {})

    def _changes(self, against: Release | None) -> list[Change]:
        return ledger.changes_between(self.shop, against.ordinal if against else 0, self.about.ordinal)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        about = self.about
        bases = self._bases()
        chosen = self.request.GET.get("against", "")
        chosen = chosen if chosen in bases else next(iter(bases), "")
        return super().get_context_data(**kwargs) | {
            "release": about,
            "live": self.live,
            "is_live": self.live == about,
            "same_as_live": bool(self.live and self.live != about and self.live.digest == about.digest),
            "like": Release.objects.filter(shop=self.shop, ordinal=about.like).first() if about.like else None,
            "live_spans": ledger.live_spans(self.shop, [about])[about.number],
            "reading": self._reading(),
            "report": report_of(json.loads(about.report.text)) if about.report else None,
            "api_url": self._api_url(),
            "bases": bases,
            "against": chosen,
            "changes": listing(self.request, self.shop, self._changes(bases.get(chosen))),
        }

    def _reading(self) -> Content | None:
        name = ledger.held(self.shop, self.about.ordinal, [READING]).get(READING)
        found, _broken = ledger.sound_contents_of([name] if name else [])
        return found.get(name or "")

    def _api_url(self) -> str:
        address = reverse("release", args=[self.about.number])
        return self.request.build_absolute_uri(f"{address}?shop={self.shop.slug}")


class RollBack(OfRelease, View):
    permission = ROLL_BACK
    template_name = "search/releases/back.html"

    def get_page_title(self) -> str:
        return gettext("Roll back to %(number)s") % {"number": self.about.number}

    def trail(self) -> list[dict[str, Any]]:
        return [{"url": url_of("release", self.shop, self.about.number), "label": self.about.number}]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if self.live is None or self.live.digest == self.about.digest:
            return self._nothing()
        return self.render_to_response(self.get_context_data())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        by, notes = request.user.get_username(), request.POST.get("notes", "").strip()[:2000]
        try:
            made = rollback.roll_back(self.shop, self.about, by=by, notes=notes)
        except rollback.NothingToRollBack:
            return self._nothing()
        except ledger.CorruptContent as exc:
            message = gettext("Not rolled back, since a stored content cannot be read: %(reason)s")
            messages.error(request, message % {"reason": exc})
            return redirect(url_of("release", self.shop, self.about.number))
        message = gettext("Release %(made)s is live: it holds what %(number)s held.")
        messages.success(request, message % {"made": made.number, "number": self.about.number})
        return redirect(url_of("release", self.shop, made.number))

    def _nothing(self) -> HttpResponse:
        messages.warning(self.request, gettext("The live release holds just what this one holds."))
        return redirect(url_of("release", self.shop, self.about.number))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        live = self.live
        changes = ledger.changes_between(self.shop, live.ordinal if live else 0, self.about.ordinal)
        published, then = ledger.proposed(self.shop), ledger.held(self.shop, self.about.ordinal)
        return super().get_context_data(**kwargs) | {
            "release": self.about,
            "live": live,
            "will_wait": sum(published.get(key) != then.get(key) for key in published.keys() | then.keys()),
            "changes": listing(self.request, self.shop, changes),
        }
