"""What stands now, at one glance: the live release, what waits, and the cut that runs or was blocked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.utils import timezone

from cms.models import RUNNING, Cut, CutState, GoLive, PendingChange, Policy, Release, Shop
from search.releases.workers import is_gone


@dataclass(frozen=True, slots=True)
class Standing:
    """`cut`: the newest, as long as it runs or waits for somebody's word; `left`: its process is gone. `next_cut`: by
    the shop's weekly time."""

    live: Release | None
    since: datetime | None
    waiting: int
    waits_since: datetime | None
    cut: Cut | None
    left: bool
    next_cut: datetime | None
    gated: bool

    @property
    def runs(self) -> bool:
        return self.cut is not None and self.cut.state in RUNNING and not self.left


def standing(shop: Shop) -> Standing:
    switch = GoLive.objects.filter(shop=shop).select_related("release").order_by("-pk").first()
    waiting = PendingChange.objects.filter(shop=shop).aggregate(count=Count("pk"), since=Min("at"))
    cut = open_cut(shop)
    return Standing(
        live=switch.release if switch else None,
        since=switch.at if switch else None,
        waiting=waiting["count"],
        waits_since=waiting["since"],
        cut=cut,
        left=cut is not None and cut.state in RUNNING and is_gone(cut),
        next_cut=next_cut(shop, timezone.now()),
        gated=shop.release_policy == Policy.GATED,
    )


def open_cut(shop: Shop) -> Cut | None:
    """The newest, where it runs, was blocked or failed, and nothing was cut since."""
    newest = Cut.objects.filter(shop=shop).defer("report").first()
    wants = (*RUNNING, CutState.BLOCKED, CutState.FAILED)
    return newest if newest and newest.state in wants else None


def next_cut(shop: Shop, now: datetime) -> datetime | None:
    """The shop's next weekly moment after `now`; None where somebody cuts by hand."""
    if not shop.cut_weekday:
        return None
    today = timezone.localtime(now)
    day = today.date() + timedelta(days=(shop.cut_weekday - today.isoweekday()) % 7)
    moment = timezone.make_aware(datetime.combine(day, shop.cut_time))
    if moment > now:
        return moment
    return timezone.make_aware(datetime.combine(day + timedelta(days=7), shop.cut_time))
