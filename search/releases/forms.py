"""What the screens of the releases can be asked: filters, and the forms of a cut and of a test."""

import re
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet

from cms.content import KINDS
from cms.models import Channel, Release, ReleaseItem, ReleaseKind, Shop
from search.api.serializers import CHANNELS, LOCALES, QUERY_LENGTH
from search.engine.text import clean
from search.releases.labels import LANGUAGES, WHOLES

_KEY = re.compile(r"(faq|script):\d{1,18}")
_MOST_ENTRIES = 200


class ReleaseFilterSet(WagtailFilterSet):
    kind = django_filters.MultipleChoiceFilter(
        label=_("Kind"), choices=ReleaseKind.choices, widget=forms.CheckboxSelectMultiple
    )
    entry = django_filters.CharFilter(
        label=_("Touches the entry"),
        method="touching",
        widget=forms.TextInput(attrs={"placeholder": _("faq:12, or words of its title")}),
    )
    made_at = django_filters.DateFromToRangeFilter(label=_("Made at"), widget=DateRangePickerWidget)

    class Meta:
        model = Release
        fields = ["kind", "entry", "made_at"]

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shop = shop

    def touching(self, releases: QuerySet, name: str, value: str) -> QuerySet:
        """Those in which one of the entries begins, changes or ends."""
        items = ReleaseItem.objects.filter(shop=self.shop, key__in=_keys(self.shop, value.strip()))
        began, ended = items.values("since"), items.exclude(until=None).values("until")
        return releases.filter(Q(ordinal__in=began) | Q(ordinal__in=ended))


def _keys(shop: Shop, value: str) -> list[str]:
    """The key that this is; else of the entries whose title has these words, as they are now."""
    if _KEY.fullmatch(value) or value in WHOLES:
        return [value]
    found = [
        f"{kind}:{pk}"
        for kind, model in KINDS.items()
        for pk in model.objects.filter(shop=shop, title__icontains=value).values_list("pk", flat=True)[:_MOST_ENTRIES]
    ]
    return found[:_MOST_ENTRIES]


class CutForm(forms.Form):
    notes = forms.CharField(
        label=_("Notes of the week"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What is new, in a sentence or two. The first line stands in the list of releases."),
    )
    learn = forms.BooleanField(
        label=_("Learn anew from the shop's phrasings"),
        required=False,
        help_text=_("Takes a while. What is learnt counts from this release on."),
    )
    even_if_nothing_new = forms.BooleanField(
        label=_("Even if nothing is new"),
        required=False,
        help_text=_("Makes the week's release although it holds what the last one holds."),
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason for going live all the same"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It is kept with the release, with your name."),
    )


class TrialForm(forms.Form):
    query = forms.CharField(label=_("Question"), max_length=QUERY_LENGTH)
    release = forms.ChoiceField(label=pgettext_lazy("one version of the answers", "Release"), required=False)
    as_of = forms.DateTimeField(
        label=_("As of"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    channel = forms.ChoiceField(label=_("Channel"), choices=CHANNELS, initial=Channel.BOT, required=False)
    locale = forms.ChoiceField(label=_("Language"), required=False)
    product = forms.ChoiceField(label=_("Product"), required=False)

    def __init__(self, *args: Any, shop: Shop, releases: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        choices["release"].choices = releases
        choices["locale"].choices = [("", _("as the question is")), *((code, LANGUAGES[code]) for code in LOCALES)]
        products = [(product.key, f"{product} · {product.key}") for product in shop.products.order_by("key")]
        choices["product"].choices = [("", _("none")), *products]

    def clean_query(self) -> str:
        query = str(self.cleaned_data["query"])
        if not clean(query):
            raise forms.ValidationError(_("Nothing is asked here: write a question."))
        return query
