"""One error body for everything: `{"error": {"code", "message", "fields"}}`."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler


class NotThere(exceptions.NotFound):
    """A 404 that says in `fields` what there is instead."""

    def __init__(self, message: str, fields: dict[str, list[str]]) -> None:
        super().__init__(message)
        self.fields = fields


class Unreadable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("This release cannot be read at the moment.")
    default_code = "unreadable"


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The request body is too large.")
    default_code = "too_large"


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's own handler decides status and headers, the body is ours. What it does not know is a 500, and logged."""
    response = exception_handler(exc, context)
    if response is None:
        return None
    detail = getattr(exc, "detail", None) or response.data.get("detail")
    wrong = _fields(detail) if isinstance(exc, exceptions.ValidationError) else {}
    code = "invalid" if wrong else getattr(detail, "code", "error")
    message = "; ".join(f"{name}: {text}" for name, texts in wrong.items() for text in texts) or str(detail)
    fields = wrong or getattr(exc, "fields", {})
    response.data = body(code, message, fields)
    return response


def body(code: str, message: str, fields: dict[str, list[str]] | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "fields": fields or {}}}


def _fields(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Nested serializer errors as flat, dotted names: `context.product_id`."""
    if not isinstance(detail, dict):
        return {prefix or "request": [str(text) for text in (detail if isinstance(detail, list) else [detail])]}
    found: dict[str, list[str]] = {}
    for name, inner in detail.items():
        own = "" if name == "non_field_errors" else str(name)
        found |= _fields(inner, ".".join(part for part in (prefix, own) if part))
    return found
