"""The editors' listing and form of golden cases."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.admin.ui.tables import BooleanColumn, Column
from wagtail.snippets.views.snippets import CreateView, SnippetViewSet

from cms.filters import GoldenCaseFilterSet
from cms.models import GoldenCase


def _expected(case: GoldenCase) -> str:
    return str(case.entry) if case.entry else gettext("no answer")


def _must(case: GoldenCase) -> str:
    return gettext("must pass") if case.must else ""


class GoldenCaseCreateView(CreateView):
    """A question that was tried elsewhere in the CMS comes with the address."""

    def get_initial(self):
        known = ("shop", "query", "channel", "locale", "source")
        return super().get_initial() | {name: self.request.GET[name] for name in known if name in self.request.GET}


class GoldenCaseViewSet(SnippetViewSet):
    model = GoldenCase
    add_view_class = GoldenCaseCreateView
    icon = "check"
    menu_label = _("Golden cases")
    # Plain "contains": Wagtail's database search does not cut Chinese into words.
    search_backend_name = None
    list_per_page = 50
    filterset_class = GoldenCaseFilterSet
    search_fields = ["query", "faq__title", "script__title", "note"]
    list_display = [
        "query",
        Column("entry", label=_("Expected"), accessor=_expected),
        Column("must", label=_("Must"), accessor=_must, sort_key="must"),
        Column("get_channel_display", label=_("Asked by"), sort_key="channel"),
        Column("get_source_display", label=_("Source"), sort_key="source"),
        Column("shop", label=_("Shop")),
        BooleanColumn("active", label=_("Active"), sort_key="active"),
    ]
    panels = [
        FieldPanel("shop"),
        FieldPanel("query"),
        MultiFieldPanel(
            [FieldPanel("faq"), FieldPanel("script")],
            heading=_("Expected entry"),
            help_text=_("At most one of them. Without one, the question must not be answered."),
        ),
        FieldPanel("must"),
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("channel"), FieldPanel("locale")]),
                FieldRowPanel([FieldPanel("product"), FieldPanel("order_state")]),
            ],
            heading=_("Context"),
        ),
        FieldPanel("source"),
        FieldPanel("note"),
        FieldPanel("active"),
    ]

    def get_queryset(self, request):
        return GoldenCase.objects.select_related("shop", "faq", "script")
