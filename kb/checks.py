"""System checks: configuration that works on one machine and fails in a store."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register


@register(Tags.security, deploy=True)
def public_address(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.ENV.https or settings.DEBUG:
        return []
    hint = "Set KB_HTTPS=1 and KB_BASE_URL=https://… when shoppers reach this server over the internet."
    return [checks.Warning("Cookies and pages travel without TLS.", hint=hint, id="kb.W001")]


@register(Tags.caches)
def throttle_store(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.ENV.workers == 1 or settings.ENV.cache_url:
        return []
    hint = "Set KB_CACHE_URL=redis://… so that all worker processes count together, or KB_WORKERS=1."
    return [checks.Warning("Each worker process counts its own throttles.", hint=hint, id="kb.W002")]


@register()
def writable_var(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        probe = settings.VAR_DIR / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        hint = "Set KB_VAR_DIR to a folder that this process may write."
        return [checks.Error(f"{settings.VAR_DIR} cannot be written: {exc}.", hint=hint, id="kb.E001")]
    return []
