"""Choosing an entry in a form: by any part of its words, which Wagtail's own choosers offer to indexed models only."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.choosers import BaseFilterForm, LocaleFilterMixin
from wagtail.admin.ui.tables import Column
from wagtail.snippets.views.chooser import ChooseResultsView, ChooseView, SnippetChooserViewSet
from wagtail.snippets.widgets import AdminSnippetChooser


def _about(text: str, name: Any) -> str:
    return gettext(text) % {"object": name}


class EntryChooser(AdminSnippetChooser):
    """Speaks the reader's language. Wagtail's own fixes its texts when the form class is made, once a process."""

    def __init__(self, model: Any = None, **kwargs: Any) -> None:
        super().__init__(model=model, **kwargs)
        name, about = self.model._meta.verbose_name, lazy(_about, str)
        self.choose_one_text = about("Choose %(object)s", name)
        self.choose_another_text = about("Choose another %(object)s", name)
        self.link_to_chosen_text = about("Edit this %(object)s", name)


class EntryFilterForm(LocaleFilterMixin, BaseFilterForm):
    q = forms.CharField(
        label=_("Search"), required=False, widget=forms.TextInput(attrs={"placeholder": _("Words of the question")})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "locale" in self.fields:
            self.fields["locale"].label = _("Locale")

    def filter(self, objects: QuerySet) -> QuerySet:
        words = self.cleaned_data.get("q")
        if words:
            objects = objects.filter(Q(title__icontains=words) | Q(similar__icontains=words))
            self.is_searching, self.search_query = True, words
        return super().filter(objects)


class _EntryChoice:
    filter_form_class = EntryFilterForm
    ordering = ["shop", "category__sort_order", "pk"]

    def get_object_list(self) -> QuerySet:
        return super().get_object_list().select_related("shop", "category", "locale")  # type: ignore[misc]

    @property
    def columns(self) -> list[Any]:
        first, *others = super().columns  # type: ignore[misc]
        return [first, Column("category", label=_("Category")), Column("shop", label=_("Shop")), *others]


class EntryChooseView(_EntryChoice, ChooseView):
    pass


class EntryChooseResultsView(_EntryChoice, ChooseResultsView):
    pass


class EntryChooserViewSet(SnippetChooserViewSet):
    choose_view_class = EntryChooseView
    choose_results_view_class = EntryChooseResultsView
    base_widget_class = EntryChooser
    page_title = _("Choose")
