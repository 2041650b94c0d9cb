"""The editors' listings and forms, all of them Wagtail's own views."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList, TabbedInterface
from wagtail.admin.panels import PublishingPanel as SchedulePanel
from wagtail.admin.ui.tables import Column, LiveStatusTagColumn, LocaleColumn, UpdatedAtColumn
from wagtail.admin.viewsets.base import ViewSetGroup
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.snippets.views.snippets import SnippetViewSet, SnippetViewSetGroup

from cms.choosers import EntryChooserViewSet
from cms.filters import EntryFilterSet, FAQFilterSet, ScriptFilterSet
from cms.models import FAQ, Category, Fact, Product, Script, Shop


def _where_panels() -> list:
    return [FieldRowPanel([FieldPanel("shop"), FieldPanel("category")])]


def _entry_tabs(*, title_help: str, extra: list) -> TabbedInterface:
    content = [
        FieldPanel("title", help_text=title_help),
        *_where_panels(),
        FieldPanel("similar"),
        InlinePanel("answers", heading=_("Answers"), label=_("Answer"), min_num=1, help_text=_ANSWERS_HELP),
        *extra,
    ]
    rules = [
        FieldRowPanel([FieldPanel("intent"), FieldPanel("mode")]),
        MultiFieldPanel([FieldRowPanel([FieldPanel("valid_from"), FieldPanel("valid_to")])], heading=_("Valid")),
        FieldPanel("negative"),
        FieldPanel("owner"),
    ]
    return TabbedInterface(
        [
            ObjectList(content, heading=_("Entry")),
            # The schedule's fields stand in Wagtail's own status panel, wherever its panel is listed.
            ObjectList([*rules, SchedulePanel()], heading=_("Rules")),
        ]
    )


_ANSWERS_HELP = _("The first answer whose channel fits and whose facts are known is given.")


class EntryViewSet(SnippetViewSet):
    filterset_class: type[EntryFilterSet]
    search_fields = ["title", "similar"]
    # Plain "contains": Wagtail's database search does not cut Chinese into words.
    search_backend_name = None
    list_per_page = 50
    chooser_viewset_class = EntryChooserViewSet
    copy_view_enabled = True
    inspect_view_enabled = True
    list_display = [
        "title",
        Column("category", label=_("Category"), sort_key="category__sort_order"),
        Column("get_mode_display", label=_("Used by"), sort_key="mode"),
        LocaleColumn(),
        Column("owner", label=_("Owner")),
        UpdatedAtColumn(),
        LiveStatusTagColumn(),
    ]
    list_export = ["pk", "title", "similar", "negative", "category", "intent", "mode", "locale", "live", "owner"]

    def get_queryset(self, request):
        return self.model.objects.select_related("category", "shop", "locale", "owner")


class FAQViewSet(EntryViewSet):
    model = FAQ
    icon = "help"
    menu_label = _("FAQs")
    filterset_class = FAQFilterSet

    def get_edit_handler(self):
        help_text = _("One clear sentence that names the question.")
        return _entry_tabs(title_help=help_text, extra=[]).bind_to_model(self.model)


class ScriptViewSet(EntryViewSet):
    model = Script
    icon = "comment"
    menu_label = _("Scripts")
    filterset_class = ScriptFilterSet
    list_display = [
        "title",
        Column("get_scene_display", label=_("Scene"), sort_key="scene"),
        Column("get_emotion_display", label=_("Customer"), sort_key="emotion"),
        *EntryViewSet.list_display[2:],
    ]

    def get_edit_handler(self):
        help_text = _("What an agent looks for: the situation in a few words.")
        scene = [FieldRowPanel([FieldPanel("scene"), FieldPanel("emotion")])]
        return _entry_tabs(title_help=help_text, extra=scene).bind_to_model(self.model)


class KnowledgeGroup(SnippetViewSetGroup):
    items = (FAQViewSet, ScriptViewSet)
    menu_label = _("Knowledge")
    menu_name = "knowledge"
    menu_icon = "help"
    menu_order = 100


class _FactFilterSet(WagtailFilterSet):
    class Meta:
        model = Fact
        fields = ["shop", "product", "kind"]


class ShopViewSet(ModelViewSet):
    model = Shop
    icon = "home"
    menu_label = _("Shops")
    list_display = ["name", "name_en", "slug"]
    panels = [
        FieldRowPanel([FieldPanel("name"), FieldPanel("name_en")]),
        FieldPanel("slug"),
        FieldPanel("allowed_origins"),
        FieldPanel("wrong_rate"),
        MultiFieldPanel(
            [
                FieldPanel("release_policy"),
                FieldRowPanel([FieldPanel("cut_weekday"), FieldPanel("cut_time")]),
                FieldPanel("most_losses"),
            ],
            heading=pgettext_lazy("versions of the answers", "Releases"),
        ),
    ]


class CategoryViewSet(ModelViewSet):
    model = Category
    icon = "folder-open-inverse"
    menu_label = _("Categories")
    list_display = ["name", "name_en", "shop", "sort_order"]
    list_filter = ["shop"]
    search_fields = ["name", "name_en"]
    search_backend_name = None
    panels = [
        FieldPanel("shop"),
        FieldRowPanel([FieldPanel("name"), FieldPanel("name_en")]),
        FieldRowPanel([FieldPanel("slug"), FieldPanel("sort_order")]),
    ]


class ProductViewSet(ModelViewSet):
    model = Product
    icon = "tag"
    menu_label = _("Products")
    list_display = ["name", "key", "price", "shop"]
    list_filter = ["shop"]
    search_fields = ["name", "name_en", "key"]
    search_backend_name = None
    panels = [
        FieldRowPanel([FieldPanel("shop"), FieldPanel("key"), FieldPanel("price")]),
        FieldRowPanel([FieldPanel("name"), FieldPanel("name_en")]),
        FieldPanel("summary"),
        FieldPanel("summary_en"),
    ]


class FactViewSet(ModelViewSet):
    model = Fact
    icon = "info-circle"
    menu_label = _("Facts")
    list_display = [
        "label",
        Column("key", label=_("Key")),
        Column("display", label=_("Value")),
        Column("product", label=_("Product")),
        Column("valid_to", label=_("Valid to")),
    ]
    filterset_class = _FactFilterSet
    search_fields = ["label", "key", "value"]
    search_backend_name = None
    panels = [
        FieldRowPanel([FieldPanel("shop"), FieldPanel("product")]),
        FieldRowPanel([FieldPanel("key"), FieldPanel("label")]),
        FieldRowPanel([FieldPanel("kind"), FieldPanel("value"), FieldPanel("unit")]),
        FieldPanel("value_en"),
        FieldRowPanel([FieldPanel("valid_from"), FieldPanel("valid_to")]),
    ]


class StoreGroup(ViewSetGroup):
    items = (ProductViewSet, FactViewSet, CategoryViewSet, ShopViewSet)
    menu_label = _("Store")
    menu_icon = "tag"
    menu_order = 150
