"""A list of changes, paged: only what stands on the page is read and compared."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.http import HttpRequest
from wagtail.admin.paginator import WagtailPaginator

from cms.models import Shop
from cms.releases.ledger import Change
from search.releases.screens.changes import SIGNS, ChangedContent, count_signs, in_order, read

PER_PAGE = 25
_OPEN_UP_TO = 6


def listing(request: HttpRequest, shop: Shop, changes: Sequence[Change], *, per_page: int = PER_PAGE) -> dict[str, Any]:
    """What `_changes.html` shows. `?show=added` narrows it, `?p=2` turns the page."""
    shown = request.GET.get("show", "")
    chosen = in_order(change for change in changes if shown not in SIGNS or change.kind == shown)
    paginator = WagtailPaginator(chosen, per_page)
    page = paginator.get_page(request.GET.get("p"))
    contents = read(shop, list(page.object_list), request.user)
    counts = count_signs(changes)
    return {
        "counts": counts,
        "kinds": sum(map(bool, counts.values())),
        "total": len(changes),
        "shown": shown if shown in SIGNS else "",
        "groups": _grouped(contents),
        "opened": len(contents) <= _OPEN_UP_TO,
        "page_obj": page,
        "is_paginated": paginator.num_pages > 1,
        "elided_page_range": paginator.get_elided_page_range(page.number),
    }


def _grouped(contents: Sequence[ChangedContent]) -> list[tuple[str, list[ChangedContent]]]:
    return [(state, list(group)) for state, group in groupby(contents, key=lambda content: content.state)]
