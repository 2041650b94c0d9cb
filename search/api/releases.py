"""What the API tells of releases. Who is no agent is not told who made one, why, or what the gate found."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cms.models import Release, Shop
from cms.releases import ledger
from search.releases.replaying import UnknownRelease, find

LIVE = "live"
"""In place of a number: the release that is live."""
_NUMBER_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of a shop's releases; `cursor`: those older than this ordinal."""

    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: int | None = None
    limit: int = 20


def named(shop: Shop, number: str) -> Release:
    """Raises UnknownRelease."""
    if number == LIVE:
        live = ledger.live_release(shop)
        if live is None:
            raise UnknownRelease(number)
        return live
    if len(number) > _NUMBER_LENGTH or not number.isprintable():
        raise UnknownRelease(number)
    return find(shop, number)


def listed(shop: Shop, wanted: Wanted) -> tuple[list[Release], int | None]:
    """Newest first, and the cursor of what follows."""
    filters: dict[str, Any] = {
        "kind": wanted.kind,
        "made_at__gte": wanted.since,
        "made_at__lt": wanted.until,
        "ordinal__lt": wanted.cursor,
    }
    rows = Release.objects.filter(shop=shop, **{name: value for name, value in filters.items() if value})
    found = list(rows.select_related("report").order_by("-ordinal")[: wanted.limit + 1])
    more = len(found) > wanted.limit
    return found[: wanted.limit], found[wanted.limit - 1].ordinal if more else None


def summaries(shop: Shop, releases: Sequence[Release], *, for_agents: bool) -> list[dict[str, Any]]:
    """With when each was live: the one thing about a release that changes."""
    live = ledger.live_release(shop)
    spans = ledger.live_spans(shop, releases)
    changing = [{"live": release == live, "live_history": _told_spans(spans[release.number])} for release in releases]
    told = unchanging(shop, releases, for_agents=for_agents)
    return [summary | now for summary, now in zip(told, changing, strict=True)]


def _told_spans(spans: Iterable[tuple[datetime, datetime | None]]) -> list[dict[str, datetime | None]]:
    return [{"from": start, "until": end} for start, end in spans]


def unchanging(shop: Shop, releases: Sequence[Release], *, for_agents: bool) -> list[dict[str, Any]]:
    """What is true of them for ever."""
    equals = _numbers(shop, (release.like for release in releases if release.like))
    return [_told(release, equals, for_agents=for_agents) for release in releases]


def _told(release: Release, equals: Mapping[int, str], *, for_agents: bool) -> dict[str, Any]:
    shown = ("number", "kind", "made_at", "entries", "added", "changed", "removed", "digest")
    told = {name: getattr(release, name) for name in shown}
    return told | {
        "like": equals.get(release.like) if release.like else None,
        "made_by": release.made_by if for_agents else None,
        "notes": release.notes if for_agents else None,
        "gate": _verdict(release) if for_agents else None,
    }


def _verdict(release: Release) -> dict[str, Any] | None:
    """None where no gate was passed: a patch goes live without one."""
    report = report_of(release)
    if report is None:
        return None
    return {"verdict": str(report.get("verdict", "")), "override_reason": release.override_reason}


def report_of(release: Release) -> dict[str, Any] | None:
    """All that the gate found."""
    return json.loads(release.report.text) if release.report else None


def _numbers(shop: Shop, ordinals: Iterable[int]) -> dict[int, str]:
    return dict(Release.objects.filter(shop=shop, ordinal__in=set(ordinals)).values_list("ordinal", "number"))
