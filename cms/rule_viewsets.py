"""The editors' listings and forms of synonyms, pins and intent rules."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel
from wagtail.admin.ui.tables import BooleanColumn, Column
from wagtail.snippets.views.snippets import SnippetViewSet, SnippetViewSetGroup

from cms.filters import IntentRuleFilterSet, PinFilterSet, SynonymFilterSet
from cms.golden_viewsets import GoldenCaseViewSet
from cms.models import IntentRule, Pin, SynonymGroup


class RuleViewSet(SnippetViewSet):
    # Plain "contains": Wagtail's database search does not cut Chinese into words.
    search_backend_name = None
    list_per_page = 50

    def get_queryset(self, request):
        return self.model.objects.select_related("shop")


class SynonymViewSet(RuleViewSet):
    model = SynonymGroup
    icon = "link"
    menu_label = _("Synonyms")
    filterset_class = SynonymFilterSet
    search_fields = ["terms", "note"]
    list_display = [
        "__str__",
        Column("note", label=_("Note")),
        Column("shop", label=_("Shop")),
        BooleanColumn("active", label=_("Active"), sort_key="active"),
    ]
    panels = [
        FieldPanel("shop"),
        FieldPanel("terms"),
        FieldPanel("direction"),
        FieldPanel("note"),
        FieldPanel("active"),
    ]


class PinViewSet(RuleViewSet):
    model = Pin
    icon = "thumbtack"
    menu_label = _("Pins")
    filterset_class = PinFilterSet
    search_fields = ["queries", "faq__title", "script__title", "note"]
    list_display = [
        "__str__",
        Column("get_match_display", label=_("The customer's text"), sort_key="match"),
        Column("get_action_display", label=_("Does"), sort_key="action"),
        Column("starts", label=_("From"), sort_key="starts"),
        Column("ends", label=_("Until"), sort_key="ends"),
        Column("shop", label=_("Shop")),
        BooleanColumn("active", label=_("Active"), sort_key="active"),
    ]
    panels = [
        FieldPanel("shop"),
        FieldPanel("queries"),
        FieldRowPanel([FieldPanel("match"), FieldPanel("action")]),
        MultiFieldPanel(
            [FieldPanel("faq"), FieldPanel("script")],
            heading=_("Which entry"),
            help_text=_("One of them. An entry that is not live, or not for this reader, is passed over."),
        ),
        MultiFieldPanel([FieldRowPanel([FieldPanel("starts"), FieldPanel("ends")])], heading=_("In force")),
        FieldPanel("note"),
        FieldPanel("active"),
    ]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("faq", "script")


def _urgent(rule: IntentRule) -> str:
    return gettext("urgent") if rule.urgent else ""


class IntentRuleViewSet(RuleViewSet):
    model = IntentRule
    icon = "crosshairs"
    menu_label = _("Intent rules")
    filterset_class = IntentRuleFilterSet
    search_fields = ["keywords", "examples", "note"]
    list_display = [
        "__str__",
        # A red cross would say that something is wrong with a rule that is not urgent.
        Column("urgent", label=_("Urgent"), accessor=_urgent, sort_key="urgent"),
        Column("sort_order", label=_("Order"), sort_key="sort_order"),
        Column("shop", label=_("Shop")),
        BooleanColumn("active", label=_("Active"), sort_key="active"),
    ]
    panels = [
        FieldRowPanel([FieldPanel("shop"), FieldPanel("sort_order")]),
        FieldPanel("intent"),
        FieldPanel("keywords"),
        FieldPanel("examples"),
        FieldPanel("urgent"),
        FieldPanel("note"),
        FieldPanel("active"),
    ]


class RulesGroup(SnippetViewSetGroup):
    items = (SynonymViewSet, PinViewSet, IntentRuleViewSet, GoldenCaseViewSet)
    menu_label = _("Rules")
    menu_name = "rules"
    menu_icon = "sliders"
    menu_order = 120
