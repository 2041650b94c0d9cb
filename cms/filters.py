"""What an editor can narrow a listing by."""

import django_filters
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import WagtailFilterSet
from wagtail.models import Locale

from cms.models import FAQ, Category, GoldenCase, IntentRule, Pin, Script, Shop, SynonymGroup

STATES = [
    ("live", _("live")),
    ("changed", _("live with draft changes")),
    ("draft", _("draft")),
    ("scheduled", _("scheduled")),
    ("expiring", _("ends within 14 days")),
    ("expired", _("no longer valid")),
]


class EntryFilterSet(WagtailFilterSet):
    shop = django_filters.ModelChoiceFilter(label=_("Shop"), queryset=Shop.objects.all())
    category = django_filters.ModelChoiceFilter(
        label=_("Category"), queryset=Category.objects.select_related("shop").all()
    )
    locale = django_filters.ModelChoiceFilter(label=_("Locale"), queryset=Locale.objects.all())
    state = django_filters.ChoiceFilter(label=_("State"), choices=STATES, method="in_state")
    owner = django_filters.ModelChoiceFilter(
        label=_("Owner"), queryset=get_user_model().objects.filter(groups__isnull=False).distinct()
    )

    class Meta:
        fields = ["shop", "category", "locale", "state", "owner", "mode", "intent"]

    def in_state(self, entries: QuerySet, name: str, value: str) -> QuerySet:
        return {
            "live": lambda: entries.published().valid(),
            "changed": lambda: entries.published().filter(has_unpublished_changes=True),
            "draft": lambda: entries.filter(live=False, go_live_at=None),
            "scheduled": lambda: entries.filter(live=False).exclude(go_live_at=None),
            "expiring": lambda: entries.expiring(days=14),
            "expired": lambda: entries.published().expired(),
        }[value]()


class FAQFilterSet(EntryFilterSet):
    class Meta(EntryFilterSet.Meta):
        model = FAQ


class ScriptFilterSet(EntryFilterSet):
    class Meta(EntryFilterSet.Meta):
        model = Script
        fields = [*EntryFilterSet.Meta.fields, "scene", "emotion"]


class SynonymFilterSet(WagtailFilterSet):
    class Meta:
        model = SynonymGroup
        fields = ["shop", "direction", "active"]


class PinFilterSet(WagtailFilterSet):
    class Meta:
        model = Pin
        fields = ["shop", "action", "match", "active"]


class IntentRuleFilterSet(WagtailFilterSet):
    class Meta:
        model = IntentRule
        fields = ["shop", "intent", "urgent", "active"]


class GoldenCaseFilterSet(WagtailFilterSet):
    class Meta:
        model = GoldenCase
        fields = ["shop", "channel", "must", "source", "active"]
