"""Who asks, for which shop and channel: a bot by its key, an agent by the session, a shopper through the widget."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from cms.models import Channel, Shop
from search.models import ShopAPIKey

DESK_PERMISSION = "search.use_desk"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>`: request.auth is the key's row."""

    keyword = "Api-Key"

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ShopAPIKey] | None:
        scheme, _space, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        try:
            row = ShopAPIKey.objects.get_from_key(key.strip())
        except ShopAPIKey.DoesNotExist as exc:
            raise exceptions.AuthenticationFailed(_("This API key is not known, or was revoked.")) from exc
        if row.has_expired:
            raise exceptions.AuthenticationFailed(_("This API key has expired."))
        return AnonymousUser(), row

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


@dataclass(frozen=True, slots=True)
class Caller:
    shop: Shop
    channel: str


def identify(request: Request, *, shop: str | None, channel: str | None) -> Caller:
    """Raises 401, 403 or 404: what was asked for is checked against what the key, session or page may have."""
    if isinstance(request.auth, ShopAPIKey):
        return _by_key(request.auth, shop, channel)
    if channel == Channel.BOT:
        raise exceptions.NotAuthenticated(_("Channel “bot” needs an API key."))
    if not shop:
        raise exceptions.ValidationError({"shop": [_("Without an API key, the shop must be named.")]})
    found = Shop.objects.filter(slug=shop).first()
    if channel == Channel.AGENT:
        _check_agent(request.user)
    if found is None:
        raise exceptions.NotFound(_("There is no shop “%(shop)s”.") % {"shop": shop[:80]})
    if channel == Channel.AGENT:
        return Caller(found, str(Channel.AGENT))
    _check_origin(request, found)
    return Caller(found, str(Channel.WIDGET))


def _by_key(key: ShopAPIKey, shop: str | None, channel: str | None) -> Caller:
    if shop and shop != key.shop.slug:
        raise exceptions.PermissionDenied(_("This API key is for another shop."))
    if channel and channel != key.channel:
        raise exceptions.PermissionDenied(_("This API key is for channel “%(name)s”.") % {"name": key.channel})
    return Caller(key.shop, key.channel)


def _check_agent(user: Any) -> None:
    if not user.is_authenticated:
        raise exceptions.NotAuthenticated(_("Channel “agent” needs a log-in or an agent's API key."))
    if not user.has_perm(DESK_PERMISSION):
        raise exceptions.PermissionDenied(_("This account may not use the agents' desk."))


def _check_origin(request: Request, shop: Shop) -> None:
    """Browsers name the page that asks. One without Origin is no browser on a foreign page; the throttle counts it."""
    origin = request.headers.get("Origin", "").rstrip("/").lower()
    own = f"{request.scheme}://{request.get_host()}".lower()
    if origin and origin != own and origin not in shop.origins:
        raise exceptions.PermissionDenied(
            _("The page %(origin)s may not ask for this shop.") % {"origin": origin[:200]}
        )


class CallerThrottle(SimpleRateThrottle):
    """Bots are counted by key, agents by account, everybody else by address."""

    scope = "widget"

    def get_cache_key(self, request: Request, view: Any) -> str:
        if isinstance(request.auth, ShopAPIKey):
            ident = request.auth.prefix
        elif request.user and request.user.is_authenticated:
            ident = str(request.user.pk)
        else:
            ident = self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def allow_request(self, request: Request, view: Any) -> bool:
        self.scope = self._scope(request, view)
        self.rate = self.get_rate()
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return bool(super().allow_request(request, view))

    @staticmethod
    def _scope(request: Request, view: Any) -> str:
        if getattr(view, "throttle_scope", None):
            return str(view.throttle_scope)
        if isinstance(request.auth, ShopAPIKey):
            return "bot"
        return "agent" if request.user and request.user.is_authenticated else "widget"
