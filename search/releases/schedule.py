"""Weekly cuts at the hour that a shop has set. Whoever asks may ask as often as he likes: a week is cut once."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from django.utils import timezone

from cms.models import Cut, Release, ReleaseKind, Shop
from cms.releases import ledger
from search.releases import cutting

BY = "schedule"
_GO_ON = timedelta(hours=1)
"""A cut that was left longer ago is begun anew with the next week: what kills it might do so every minute."""


def came_due(weekday: int | None, at: time, now: datetime) -> datetime | None:
    """When the cut of this ISO week came due, by the clock of the time zone; None where it is yet to come, or the shop
    has no day for it."""
    if weekday is None:
        return None
    local = timezone.localtime(now)
    day = local.date() + timedelta(days=weekday - local.isoweekday())
    moment = datetime.combine(day, at, tzinfo=local.tzinfo)
    return moment if moment <= now else None


def due_cuts(now: datetime | None = None) -> Iterator[Cut]:
    """A cut to be run for each shop whose hour has come, and for each that was left by its process a moment ago."""
    for shop in Shop.objects.order_by("slug"):
        cut = _due(shop, now or timezone.now())
        if cut:
            yield cut


def _due(shop: Shop, now: datetime) -> Cut | None:
    # Under the lock: of two that ask at once, the second sees what the first has begun.
    with ledger.locked(shop):
        left = cutting.left(shop)
        if left and now - left.started_at < _GO_ON:
            return left
        moment = came_due(shop.cut_weekday, shop.cut_time, now)
        if moment is None or _is_done(shop, moment):
            return None
        if left:
            cutting.drop(left)
        return None if cutting.running_cut(shop) else cutting.start(shop, by=BY)


def _is_done(shop: Shop, moment: datetime) -> bool:
    """Whether this week's cut was made, or tried."""
    tried = Cut.objects.filter(shop=shop, started_at__gte=moment).exists()
    return tried or Release.objects.filter(shop=shop, kind=ReleaseKind.WEEKLY, made_at__gte=moment).exists()
