"""The screens of webhooks: who is told, and what became of each message. For superusers, and whom they allow it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn
from wagtail.admin.views.generic import CreateView, InspectView
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.viewsets.model import ModelViewSet

from search.models import Webhook, WebhookDelivery
from search.webhooks import addresses, outbox

_SHOWN = 100


class WebhookForm(WagtailAdminModelForm):
    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            addresses.resolve(url, inner=outbox.inner_hosts())
        except addresses.Refused as exc:
            raise ValidationError(str(exc)) from exc
        return url


def _show_secret(request: HttpRequest, secret: str) -> None:
    messages.warning(request, gettext("Copy the secret now, it is not shown again: %(secret)s") % {"secret": secret})


class WebhookCreateView(CreateView):
    """Shows the secret once: the receiver checks with it who sends."""

    def save_instance(self) -> Webhook:
        secret = self.form.instance.renew_secret()
        row = super().save_instance()
        _show_secret(self.request, secret)
        return row

    def get_success_url(self) -> str:
        return reverse("webhooks:inspect", args=[self.object.pk])


class WebhookLogView(InspectView):
    """A webhook and its last messages."""

    page_title = _("Deliveries")
    template_name = "search/webhooks/log.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        may_send = self.request.user.has_perm("search.change_webhook")
        rows = self.object.deliveries.select_related("release")[:_SHOWN]
        return context | {"webhook": self.object, "deliveries": rows, "may_send": may_send}


class WebhookAction(PermissionCheckedMixin, View):
    """A button on the log: done, said, and back to the log."""

    model = Webhook
    permission_required = "change"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int, **kwargs: int) -> HttpResponse:
        hook = get_object_or_404(Webhook.objects.select_related("shop"), pk=pk)
        self.act(request, hook, **kwargs)
        return redirect("webhooks:inspect", pk)

    def act(self, request: HttpRequest, hook: Webhook, **kwargs: int) -> None:
        raise NotImplementedError

    @staticmethod
    def send(request: HttpRequest, row: WebhookDelivery) -> None:
        outcome = outbox.send_again(row)
        if outcome is None:
            messages.warning(request, gettext("It is just being sent."))
        elif outcome.taken:
            messages.success(request, gettext("Sent; the receiver answered %(status)s.") % {"status": outcome.status})
        else:
            messages.error(request, gettext("Not delivered: %(error)s") % {"error": outcome.error})


class SendTest(WebhookAction):
    def act(self, request: HttpRequest, hook: Webhook, **kwargs: int) -> None:
        self.send(request, outbox.write_test(hook))


class SendAgain(WebhookAction):
    def act(self, request: HttpRequest, hook: Webhook, **kwargs: int) -> None:
        self.send(request, get_object_or_404(hook.deliveries, pk=kwargs["delivery"]))


class NewSecret(WebhookAction):
    def act(self, request: HttpRequest, hook: Webhook, **kwargs: int) -> None:
        secret = hook.renew_secret()
        hook.save()
        _show_secret(request, secret)


class WebhookViewSet(ModelViewSet):
    model = Webhook
    icon = "globe"
    menu_label = _("Webhooks")
    menu_order = 910
    add_to_settings_menu = True
    copy_view_enabled = False
    inspect_view_enabled = True
    add_view_class = WebhookCreateView
    inspect_view_class = WebhookLogView
    inspect_template_name = WebhookLogView.template_name
    list_display = [
        "url",
        Column("shop", label=_("Shop")),
        BooleanColumn("active", label=_("Active")),
        Column("standing", label=_("Last message")),
        DateColumn("created_at", label=_("Created")),
    ]
    list_filter = ["shop", "active"]
    edit_handler = ObjectList(
        [FieldPanel("shop"), FieldPanel("url"), FieldPanel("active")], base_form_class=WebhookForm
    )

    def get_urlpatterns(self) -> list[Any]:
        return [
            *super().get_urlpatterns(),
            path("test/<int:pk>/", SendTest.as_view(), name="test"),
            path("again/<int:pk>/<int:delivery>/", SendAgain.as_view(), name="again"),
            path("secret/<int:pk>/", NewSecret.as_view(), name="secret"),
        ]


@hooks.register("register_admin_viewset")
def webhooks() -> WebhookViewSet:
    return WebhookViewSet("webhooks")
