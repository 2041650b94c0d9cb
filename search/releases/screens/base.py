"""What the screens of the releases share: the shop they are about, who may see them, and where they stand."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.widgets.button import Button, ButtonWithDropdown

from cms.models import Release, Shop

SHOP_IN_SESSION = "releases_shop"
SEE, CUT = "cms.view_release", "cms.cut_release"
ROLL_BACK, OVERRIDE = "cms.roll_back_release", "cms.override_gate"


def url_of(name: str, shop: Shop, *args: Any) -> str:
    return reverse(f"releases:{name}", args=[shop.slug, *args])


def denied(request: HttpRequest) -> HttpResponse:
    """In the frame of the CMS, and with the status that says so."""
    context = {"header_title": gettext("Not allowed"), "header_icon": "lock"}
    return render(request, "search/releases/denied.html", context, status=403)


class ShopScreen(WagtailAdminTemplateMixin):
    """A screen about one shop's releases. Moments are shown in the shop's time zone, whatever the reader's is: the
    weeks that releases are numbered by are the shop's."""

    permission = SEE
    header_icon = "history"
    page_title: Any = pgettext_lazy("versions of the answers", "Releases")
    request: HttpRequest
    shop: Shop

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not all(map(request.user.has_perm, {SEE, self.permission})):
            return denied(request)
        self.shop = get_object_or_404(Shop, slug=kwargs["shop"])
        if request.session.get(SHOP_IN_SESSION) != self.shop.slug:
            request.session[SHOP_IN_SESSION] = self.shop.slug
        with timezone.override(timezone.get_default_timezone()):
            response: Any = super().dispatch(request, *args, **kwargs)
            return response.render() if hasattr(response, "render") else response

    @cached_property
    def shops(self) -> list[Shop]:
        return list(Shop.objects.all())

    def may(self, permission: str) -> bool:
        return bool(self.request.user.has_perm(permission))

    def release(self, number: str) -> Release:
        found = Release.objects.filter(shop=self.shop, number=number).select_related("shop").first()
        if found is None:
            raise Http404(number)
        return found

    def get_page_subtitle(self) -> str:
        return self.shop_name

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        home = {"url": url_of("timeline", self.shop), "label": ShopScreen.page_title}
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, home, *self.trail(), here]

    def trail(self) -> list[dict[str, Any]]:
        """Between the timeline and this screen."""
        return []

    @property
    def shop_name(self) -> str:
        return str(self.shop) if len(self.shops) > 1 else ""

    def shop_buttons(self) -> list[ButtonWithDropdown]:
        """The way to another shop, where there is one."""
        others = [shop for shop in self.shops if shop != self.shop]
        if not others:
            return []
        buttons = [Button(str(shop), url_of("timeline", shop), icon_name="home") for shop in others]
        classname = "w-h-slim-header"
        return [ButtonWithDropdown(label=_("Other shops"), buttons=buttons, classname=classname, priority=2000)]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"shop": self.shop, "several_shops": len(self.shops) > 1}
