"""The screens of the CMS that belong to answering: the releases, and the keys of bots and of agents' consoles."""

from typing import Any

from django.urls import URLPattern, URLResolver, include, path, reverse_lazy
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.menu import MenuItem
from wagtail.admin.panels import FieldPanel, FieldRowPanel
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn
from wagtail.admin.views.generic import CreateView
from wagtail.admin.viewsets.model import ModelViewSet

from search.models import ShopAPIKey


class KeyCreateView(CreateView):
    """Shows the key once: only its hash is kept, so nobody can look it up later."""

    def save_instance(self) -> ShopAPIKey:
        key = ShopAPIKey.objects.assign_key(self.form.instance)
        row = super().save_instance()
        messages.warning(self.request, gettext("Copy the key now, it is not shown again: %(key)s") % {"key": key})
        return row


class KeyViewSet(ModelViewSet):
    model = ShopAPIKey
    icon = "key"
    menu_label = _("API keys")
    menu_order = 900
    add_to_settings_menu = True
    add_view_class = KeyCreateView
    list_display = [
        "name",
        Column("shop", label=_("Shop")),
        Column("get_channel_display", label=_("Channel")),
        Column("prefix", label=_("Begins with")),
        BooleanColumn("revoked", label=_("Revoked")),
        DateColumn("expiry_date", label=_("Expires")),
    ]
    list_filter = ["shop", "channel", "revoked"]
    panels = [
        FieldPanel("name"),
        FieldRowPanel([FieldPanel("shop"), FieldPanel("channel")]),
        FieldRowPanel([FieldPanel("expiry_date"), FieldPanel("revoked")]),
    ]


@hooks.register("register_admin_viewset")
def keys() -> KeyViewSet:
    return KeyViewSet("api_keys")


@hooks.register("register_admin_urls")
def release_urls() -> list[URLPattern | URLResolver]:
    return [path("releases/", include("search.releases.urls"))]


class ReleasesMenuItem(MenuItem):
    def is_shown(self, request: Any) -> bool:
        return bool(request.user.has_perm("cms.view_release"))


@hooks.register("register_admin_menu_item")
def releases() -> MenuItem:
    label = pgettext_lazy("versions of the answers", "Releases")
    return ReleasesMenuItem(label, reverse_lazy("releases:index"), name="releases", icon_name="history", order=130)
