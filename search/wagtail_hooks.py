"""The screens of the CMS that belong to answering: the keys of bots and of agents' consoles."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin import messages
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
