"""A shop's releases: the list, one of them, and what changed from one to another. For keys and agents, not shoppers."""

import json
from hashlib import sha256
from typing import Any

from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from cms.models import Channel, Release
from cms.releases import ledger
from search.api import past, releases
from search.api import release_serializers as api
from search.api.callers import Caller, identify
from search.api.changes import Page, changes
from search.api.views import ERRORS, Endpoint
from search.models import ShopAPIKey

_DAY = 24 * 60 * 60
_MINUTE = 60
_NOT_MODIFIED = {304: OpenApiResponse(description="As it was; see If-None-Match.")}
_NUMBER = "A number such as 2026-W47.3, or `live` for the one that is live."


def _caller(request: Request, data: dict[str, Any]) -> Caller:
    """A key's own channel; without a key an agent's log-in is needed."""
    channel = None if isinstance(request.auth, ShopAPIKey) else str(Channel.AGENT)
    return identify(request, shop=data.get("shop"), channel=channel)


def _sees_all(caller: Caller) -> bool:
    return caller.channel == Channel.AGENT


def _named(caller: Caller, number: str) -> Release:
    with past.explained():
        return releases.named(caller.shop, number)


def _changes(caller: Caller, before: int, after: int, data: dict[str, Any]) -> Page:
    with past.explained():
        return changes(
            caller.shop,
            before,
            after,
            for_agents=_sees_all(caller),
            cursor=data["cursor"],
            limit=data["limit"],
        )


def _next(request: Request, cursor: Any) -> str | None:
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor) if cursor else None


def _kept(request: Request, data: Any, *, seconds: int) -> HttpResponseBase:
    """A browser or program may keep it that long, and asks by its ETag afterwards."""
    etag = f'"{sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]}"'
    response = Response(data)
    response["Cache-Control"] = f"private, max-age={seconds}" if seconds else "private, no-cache"
    response["ETag"] = etag
    patch_vary_headers(response, ["Authorization", "Cookie"])
    return get_conditional_response(request, etag=etag, response=response) or response


def _seconds(caller: Caller, *numbers: str) -> int:
    """Releases never change; what `live` means does, and what shoppers may see goes by the clock."""
    if releases.LIVE in numbers:
        return 0
    return _DAY if _sees_all(caller) else _MINUTE


class ReleasesView(Endpoint):
    @extend_schema(
        operation_id="releases_list", parameters=[api.ReleasesQuery], responses={200: api.ReleasesOut, **ERRORS}
    )
    def get(self, request: Request) -> Response:
        """The shop's releases, newest first, and when each was live."""
        data = self.valid(api.ReleasesQuery(data=request.query_params))
        caller = _caller(request, data)
        wanted = releases.Wanted(**{name: value for name, value in data.items() if name != "shop"})
        found, cursor = releases.listed(caller.shop, wanted)
        told = releases.summaries(caller.shop, found, for_agents=_sees_all(caller))
        return Response(api.ReleasesOut({"releases": told, "next": _next(request, cursor)}).data)


class ReleaseView(Endpoint):
    @extend_schema(
        parameters=[OpenApiParameter("number", str, "path", description=_NUMBER), api.ChangesQuery],
        responses={200: api.ReleaseDetailOut, **_NOT_MODIFIED, **ERRORS},
    )
    def get(self, request: Request, number: str) -> HttpResponseBase:
        """One release, what the gate found, and what changed since the one before it."""
        data = self.valid(api.ChangesQuery(data=request.query_params))
        caller = _caller(request, data)
        release = _named(caller, number)
        before = ledger.previous(release)
        page = _changes(caller, before.ordinal if before else 0, release.ordinal, data)
        (told,) = releases.unchanging(caller.shop, [release], for_agents=_sees_all(caller))
        told |= {
            "report": releases.report_of(release) if _sees_all(caller) else None,
            "previous": before.number if before else None,
            "counts": page,
            "changes": page.changes,
            "next": _next(request, page.cursor),
        }
        return _kept(request, api.ReleaseDetailOut(told).data, seconds=_seconds(caller, number))


class DiffView(Endpoint):
    @extend_schema(
        parameters=[
            OpenApiParameter("before", str, "path", description=_NUMBER),
            OpenApiParameter("after", str, "path", description=_NUMBER),
            api.ChangesQuery,
        ],
        responses={200: api.DiffOut, **_NOT_MODIFIED, **ERRORS},
    )
    def get(self, request: Request, before: str, after: str) -> HttpResponseBase:
        """What changed from one release to another, in words; either may be the older one."""
        data = self.valid(api.ChangesQuery(data=request.query_params))
        caller = _caller(request, data)
        old, new = _named(caller, before), _named(caller, after)
        page = _changes(caller, old.ordinal, new.ordinal, data)
        told = {
            "before": old.number,
            "after": new.number,
            "counts": page,
            "changes": page.changes,
            "next": _next(request, page.cursor),
        }
        return _kept(request, api.DiffOut(told).data, seconds=_seconds(caller, before, after))
