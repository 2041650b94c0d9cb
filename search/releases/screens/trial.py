"""One question, asked of a release and of the live one: what differs is marked. Nothing of it is logged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from cms.models import GoldenCase, Release
from cms.releases import ledger
from search import snapshots
from search.answering import Question, Suggestion, Suggestions, answer
from search.engine.differences import Part, word_diff
from search.releases.forms import TrialForm
from search.releases.replaying import BeforeTheFirst, InTheFuture, UnknownRelease, replay
from search.releases.screens.base import ShopScreen
from search.releases.screens.reports import DECISIONS

_OFFERED = 200
_REASONS = {
    "pinned": _("a rule pins this entry"),
    "verbatim": _("the very words of the entry"),
    "confident": _("sure enough"),
    "ambiguous": _("more than one fits"),
    "no_match": _("nothing fits"),
    "no_words": _("no words in it"),
    "no_answer_here": _("the entry has no answer for this channel"),
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A suggestion of one column, and how it stands in the other. `moved`: places it stands higher (+) or lower."""

    suggestion: Suggestion
    only_here: bool
    moved: int
    title: Sequence[Part]
    parts: Sequence[Part]

    @property
    def percent(self) -> int:
        return round(100 * self.suggestion.confidence)

    @property
    def reworded(self) -> bool:
        return any(part.kind != "same" for part in (*self.title, *self.parts))


@dataclass(frozen=True, slots=True)
class Column:
    found: Suggestions
    offered: Sequence[Offered]
    moment: datetime

    @property
    def decision(self) -> str:
        return str(DECISIONS.get(self.found.decision, self.found.decision))

    @property
    def reason(self) -> str:
        return str(_REASONS.get(self.found.reason, self.found.reason))

    @property
    def percent(self) -> int:
        return round(100 * self.found.confidence)


class Trial(ShopScreen, View):
    template_name = "search/releases/trial.html"
    page_title = _("Test a question")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        asked = bool(request.GET.get("query"))
        live = ledger.live_release(self.shop)
        form = self._form(live, bound=asked)
        context = self.get_context_data() | {"form": form, "live": live}
        if asked and live and form.is_valid():
            context |= self._answers(form, live)
        return self.render_to_response(context)

    def _form(self, live: Release | None, *, bound: bool) -> TrialForm:
        releases = list(Release.objects.filter(shop=self.shop).only("number", "made_at", "ordinal")[:_OFFERED])
        named = self.request.GET.get("release", "")
        choices = [("", gettext("the one that was live then"))]
        choices += [
            (one.number, f"{one.number} · {timezone.localtime(one.made_at):%Y-%m-%d %H:%M}") for one in releases
        ]
        if named and named not in dict(choices) and Release.objects.filter(shop=self.shop, number=named).exists():
            choices.append((named, named))
        usual = named or (live.number if live else "")
        data = self.request.GET if bound else None
        return TrialForm(data, shop=self.shop, releases=choices, initial={"release": usual})

    def _answers(self, form: TrialForm, live: Release) -> dict[str, Any]:
        data = form.cleaned_data
        question = Question(
            query=data["query"],
            channel=data["channel"] or str(TrialForm.base_fields["channel"].initial),
            locale=data["locale"] or None,
            product_id=data["product"] or None,
        )
        now = timezone.now()
        moment = data["as_of"] or now
        try:
            there = replay(self.shop, question, number=data["release"], as_of=data["as_of"])
            here = answer(snapshots.current(self.shop), question, now)
        except BeforeTheFirst as exc:
            first = _told(exc.first) if exc.first else "…"
            form.add_error("as_of", gettext("Nothing was live then: the first release went live at %s.") % first)
        except InTheFuture:
            form.add_error("as_of", gettext("What will be answered in the future is not known."))
        except UnknownRelease:
            form.add_error("release", gettext("There is no such release."))
        except ledger.CorruptContent as exc:
            form.add_error(None, gettext("It cannot be answered from: %s") % exc)
        else:
            columns = beside(there, here, moment, now)
            same = same_answers(there, here)
            return {"columns": columns, "same": same, "golden_url": golden_case_url(self.shop.pk, question)}
        return {}


def _told(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")


def beside(there: Suggestions, here: Suggestions, then: datetime, now: datetime) -> tuple[Column, Column]:
    """The release's column shows its own words, the live one's shows them marked against the release's."""
    theirs, ours = _offered(there, here, marked=False), _offered(here, there, marked=True)
    return Column(there, theirs, then), Column(here, ours, now)


def _offered(mine: Suggestions, other: Suggestions, *, marked: bool) -> list[Offered]:
    places = {one.id: place for place, one in enumerate(other.suggestions)}
    found = []
    for place, one in enumerate(mine.suggestions):
        at = places.get(one.id)
        was = one if at is None or not marked else other.suggestions[at]
        title = word_diff(was.content["title"], one.content["title"])
        words = word_diff(shown_text(was), shown_text(one))
        found.append(Offered(one, at is None, 0 if at is None else at - place, title, words))
    return found


def shown_text(suggestion: Suggestion) -> str:
    answer = suggestion.answer
    return str(answer["text"] or strip_tags(answer["html"]))


def same_answers(there: Suggestions, here: Suggestions) -> bool:
    """The same entries in the same order with the same words, and the same is done with them."""
    return _said(there) == _said(here)


def _said(found: Suggestions) -> tuple[Any, ...]:
    return found.decision, [(one.id, one.content["title"], one.answer) for one in found.suggestions]


def golden_case_url(shop_pk: int, question: Question) -> str:
    """The form of a new golden case with this question in it."""
    url = reverse(GoldenCase.snippet_viewset.get_url_name("add"))
    fields = {"shop": shop_pk, "query": question.query, "channel": question.channel, "locale": question.locale or ""}
    return f"{url}?{urlencode(fields)}"
