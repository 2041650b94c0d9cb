"""The endpoints: validate, one call, serialise."""

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cms.models import Channel
from search import browsing, encoding, querylog
from search.answering import Question, suggest
from search.api import past
from search.api import serializers as api
from search.api.answers import as_json
from search.api.callers import Caller, CallerThrottle, KeyAuthentication, identify
from search.api.errors import TooLarge
from search.engine.encoder import EncoderUnavailable
from search.models import Feedback
from search.releases.replaying import replay

BODY_LIMIT = 64 * 1024
ERRORS = {
    code: OpenApiResponse(api.ErrorOut, description=text)
    for code, text in {
        400: "A parameter is wrong; `fields` names it.",
        401: "A key or a log-in is needed, or the key is not known.",
        403: "Not allowed for this key, account or page.",
        404: "There is no such shop, or no such release.",
        413: "The body is over 64 KB.",
        429: "Too many requests; see Retry-After.",
        503: "What is stored cannot be read; it is logged.",
    }.items()
}


class Endpoint(APIView):
    authentication_classes = [KeyAuthentication, SessionAuthentication]
    # Whether the caller may is decided by `identify`, which needs to know shop and channel.
    permission_classes = [AllowAny]
    throttle_classes = [CallerThrottle]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
            raise TooLarge
        super().initial(request, *args, **kwargs)

    @staticmethod
    def valid(serializer: Any) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


class SuggestView(Endpoint):
    @extend_schema(request=api.SuggestIn, responses={200: api.SuggestOut, **ERRORS})
    def post(self, request: Request) -> Response:
        """What to answer to a customer's words, in anybody's words.

        With `release` or `as_of`: what would have been answered. That is not counted as a question of a customer.
        """
        asked = api.SuggestIn(data=request.data)
        data = self.valid(asked)
        caller = identify(request, shop=data.get("shop"), channel=data.get("channel"))
        question = asked.question(caller.channel)
        if "release" in data or "as_of" in data:
            return _replayed(caller, question, data)
        return _suggested(caller, question, conversation_id=data.get("conversation_id", ""))

    @extend_schema(parameters=[api.SuggestQuery], responses={200: api.SuggestOut, **ERRORS})
    def get(self, request: Request) -> Response:
        """The widget's form of the same question; a browser may keep the answer for half a minute."""
        asked = api.SuggestQuery(data=request.query_params)
        data = self.valid(asked)
        caller = identify(request, shop=data.get("shop"), channel=None)
        response = _suggested(caller, asked.question(caller.channel))
        response["Cache-Control"] = "private, max-age=30"
        return response


def _suggested(caller: Caller, question: Question, *, conversation_id: str = "") -> Response:
    if question.explain and caller.channel == Channel.WIDGET:
        raise exceptions.ValidationError({"explain": [_("Only agents and programs with a key may ask why.")]})
    found = suggest(caller.shop, question)
    querylog.record(caller.shop, caller.channel, found, conversation_id=conversation_id)
    return Response(as_json(found, query_id=querylog.public_id(caller.shop, found.query_id)))


def _replayed(caller: Caller, question: Question, data: dict[str, Any]) -> Response:
    """Not in the query log, and without an id for feedback: nobody was answered."""
    asked = [name for name in ("release", "as_of") if name in data]
    if caller.channel == Channel.WIDGET:
        # An answer can have been taken back for a good reason.
        message = _("Only agents and programs with a key may ask what was answered in the past.")
        raise exceptions.ValidationError({name: [message] for name in asked})
    with past.explained():
        found = replay(caller.shop, question, number=data.get("release", ""), as_of=data.get("as_of"))
    return Response(as_json(found, query_id=None))


class CompleteView(Endpoint):
    @extend_schema(parameters=[api.CompleteQuery], responses={200: api.CompleteOut, **ERRORS})
    def get(self, request: Request) -> Response:
        """Questions that fit what has been typed so far."""
        data = self.valid(api.CompleteQuery(data=request.query_params))
        caller = identify(request, shop=data.get("shop"), channel=None)
        found = browsing.complete(caller.shop, data["q"], locale=_locale(data), limit=data["limit"])
        return Response(api.CompleteOut({"completions": found.offers, "release": found.release}).data)


class PopularView(Endpoint):
    @extend_schema(parameters=[api.PageQuery], responses={200: api.PopularOut, **ERRORS})
    def get(self, request: Request) -> Response:
        """What shoppers ask most; with a product, the questions about it first."""
        data = self.valid(api.PageQuery(data=request.query_params))
        caller = identify(request, shop=data.get("shop"), channel=None)
        product = data.get("product_id")
        found = browsing.popular(caller.shop, locale=_locale(data), product_id=product, limit=data["limit"])
        return Response(api.PopularOut({"popular": found.offers, "release": found.release}).data)


class FeedbackView(Endpoint):
    throttle_scope = "feedback"

    @extend_schema(request=api.FeedbackIn, responses={201: api.FeedbackOut, **ERRORS})
    def post(self, request: Request) -> Response:
        """What became of an answer."""
        data = self.valid(api.FeedbackIn(data=request.data))
        caller = identify(request, shop=data.get("shop"), channel=data.get("channel"))
        try:
            query_id = querylog.read_public_id(caller.shop, data["query_id"])
        except ValueError as exc:
            raise exceptions.ValidationError({"query_id": [str(exc)]}) from exc
        Feedback.objects.update_or_create(
            query_id=query_id,
            entry=data["entry"],
            verdict=data["verdict"],
            defaults={"shop": caller.shop, "reason": data["reason"]},
        )
        return Response({"recorded": True}, status=status.HTTP_201_CREATED)


def _locale(data: dict[str, Any]) -> str:
    return data.get("locale") or get_language() or settings.LANGUAGE_CODE


class HealthView(APIView):
    authentication_classes: list = []
    permission_classes = [AllowAny]

    @extend_schema(responses={200: api.HealthOut, 503: api.HealthOut})
    def get(self, request: Request) -> Response:
        """Whether this process can answer: `degraded` answers from words alone, `down` (503) has no database."""
        database, encoder = _database_state(), _encoder_state()
        state = "down" if database != "ok" else "ok" if encoder == "ok" else "degraded"
        code = status.HTTP_503_SERVICE_UNAVAILABLE if state == "down" else status.HTTP_200_OK
        data = {"status": state, "database": database, "encoder": encoder, "version": settings.VERSION}
        return Response(data, status=code)


def _database_state() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _encoder_state() -> str:
    try:
        encoding.encoder()
    except EncoderUnavailable:
        return "unavailable"
    return "ok"
