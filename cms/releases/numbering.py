"""The number of a release: the ISO week, and a counter in it."""

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone


def week_of(moment: datetime) -> str:
    """`2026-W47`, by the calendar of the shop's time zone. In the last days of December the year can be the next."""
    # Not the zone that is active at the moment: that can be an editor's own.
    year, week, _day = timezone.localdate(moment, timezone.get_default_timezone()).isocalendar()
    return f"{year}-W{week:02d}"


def number_for(moment: datetime, taken: Collection[str], *, weekly: bool) -> str:
    """The weekly cut has the bare week, a patch the next counter in it; so has a second cut in the same week.

    `taken`: the shop's numbers of that week.
    """
    week = week_of(moment)
    if weekly and week not in taken:
        return week
    counters = [int(number.partition(".")[2] or 0) for number in taken if number.partition(".")[0] == week]
    return f"{week}.{max(counters, default=0) + 1}"
