"""A cut: begun, watched while it runs, and decided upon where the gate has blocked it."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages

from cms.content import is_entry_key
from cms.models import RUNNING, Cut, CutState, PendingChange
from cms.releases import ledger
from search.releases import cutting
from search.releases.forms import CutForm, ReasonForm
from search.releases.labels import WHOLES
from search.releases.screens.base import CUT, OVERRIDE, ShopScreen, denied, url_of
from search.releases.screens.reports import report_of
from search.releases.screens.standing import standing

_NAMED = 20
STEPS = {state: label for state, label in CutState.choices if state in RUNNING}


class CutNow(ShopScreen, View):
    """A POST with `choose` comes from the list of pending changes and only fills in the form."""

    permission = CUT
    template_name = "search/releases/cut.html"
    page_title = _("Weekly cut")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=CutForm(), keys=None))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        keys = request.POST.getlist("keys") or None
        if "choose" in request.POST:
            if keys is None:
                messages.warning(request, gettext("Nothing was chosen: tick the changes that the cut shall take."))
                return redirect(url_of("pending", self.shop))
            return self.render_to_response(self.get_context_data(form=CutForm(), keys=keys))
        form = CutForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form, keys=keys))
        return self._begun(form, keys)

    def _begun(self, form: CutForm, keys: list[str] | None) -> HttpResponse:
        try:
            cut = cutting.start(self.shop, keys=keys, by=self.request.user.get_username(), **form.cleaned_data)
        except cutting.CutRuns as exc:
            messages.warning(self.request, str(exc))
            return redirect(url_of("cut_state", self.shop, exc.cut.pk))
        except cutting.NotPending as exc:
            messages.warning(self.request, gettext("%s Look again at what waits.") % exc)
            return redirect(url_of("pending", self.shop))
        cutting.launch(cut)
        return redirect(url_of("cut_state", self.shop, cut.pk))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        keys = kwargs["keys"]
        waiting = PendingChange.objects.filter(shop=self.shop)
        chosen = waiting if keys is None else waiting.filter(key__in=keys)
        count = chosen.count()
        return super().get_context_data(**kwargs) | {
            "standing": standing(self.shop),
            "names": _names(chosen[:_NAMED]),
            "count": count,
            "more": max(0, count - _NAMED),
        }


def _names(rows: Any) -> list[str]:
    """What editors call these pending changes; what goes is named by what the live release holds."""
    listed = list(rows)
    gone = [row.key for row in listed if row.content_id is None]
    hashes = {row.key: row.content_id for row in listed if row.content_id}
    live = ledger.live_release(listed[0].shop_id) if gone else None
    if live:
        hashes |= ledger.held(live.shop_id, live.ordinal, gone)
    contents, _broken = ledger.sound_contents_of(hashes.values())
    found = []
    for row in listed:
        title = contents.get(hashes.get(row.key, ""), {}).get("title") if is_entry_key(row.key) else None
        found.append(str(title or WHOLES.get(row.key, row.key)))
    return found


class CutScreen(ShopScreen, View):
    """Editors look at it too: they mend what the gate names. `?poll=1`: whether it still runs, and its progress as a
    piece of the page."""

    template_name = "search/releases/cut_state.html"
    kwargs: dict[str, Any]

    @cached_property
    def cut(self) -> Cut:
        found = Cut.objects.filter(shop=self.shop, pk=self.kwargs["pk"]).select_related("release", "shop").first()
        if found is None:
            raise Http404
        return found

    @property
    def runs(self) -> bool:
        return self.cut.state in RUNNING

    @cached_property
    def left(self) -> bool:
        return self.runs and cutting.left(self.shop) == self.cut

    def get_page_title(self) -> str:
        return gettext("Cut of %(day)s") % {"day": f"{timezone.localtime(self.cut.started_at):%Y-%m-%d %H:%M}"}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.GET.get("poll"):
            html = render_to_string("search/releases/_progress.html", self._progress(), request)
            return JsonResponse({"runs": self.runs and not self.left, "html": html})
        return self.render_to_response(self.get_context_data(reason_form=ReasonForm()))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not self.may(CUT):
            return denied(request)
        action = {"override": self._override, "drop": self._drop, "go_on": self._go_on}.get(request.POST.get("do", ""))
        if action is None:
            raise Http404
        return action()

    def _override(self) -> HttpResponse:
        if not self.may(OVERRIDE):
            return denied(self.request)
        form = ReasonForm(self.request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(reason_form=form))
        try:
            made = cutting.override(self.cut, form.cleaned_data["reason"], self.request.user.get_username())
        except (cutting.NotBlocked, cutting.MustBeCheckedAgain, cutting.CutTaken, ledger.CorruptContent) as exc:
            messages.error(self.request, str(exc))
            return redirect(url_of("cut_state", self.shop, self.cut.pk))
        messages.success(self.request, gettext("Release %(number)s is live.") % {"number": made.number})
        return redirect(url_of("release", self.shop, made.number))

    def _drop(self) -> HttpResponse:
        cutting.drop(self.cut)
        if self.cut.state == CutState.DROPPED:
            messages.success(self.request, gettext("The cut is dropped. What waited still waits."))
        return redirect(url_of("timeline", self.shop))

    def _go_on(self) -> HttpResponse:
        if self.left:
            cutting.launch(self.cut)
        return redirect(url_of("cut_state", self.shop, self.cut.pk))

    def _progress(self) -> dict[str, Any]:
        at = list(STEPS).index(self.cut.state) if self.runs else len(STEPS)
        steps = [(label, "now" if n == at else "done" if n < at else "") for n, label in enumerate(STEPS.values())]
        return {"cut": self.cut, "steps": steps, "runs": self.runs, "left": self.left}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return (
            super().get_context_data(**kwargs)
            | self._progress()
            | {
                "blocked": self.cut.state == CutState.BLOCKED,
                "may_cut": self.may(CUT),
                "may_override": self.may(CUT) and self.may(OVERRIDE),
                "report": report_of(self.cut.report),
                "polls": self.runs and not self.left,
            }
        )
