"""What the API takes and gives. Unknown names are refused: a misspelt parameter is a mistake, never ignored."""

from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cms.models import Channel
from search.answering import Question, Suggestion, Suggestions
from search.engine.emotion.model import EMOTIONS
from search.engine.text import clean
from search.models import KeyChannel, Verdict

QUERY_LENGTH = 500
CHANNELS = [(value, label) for value, label in Channel.choices if value != Channel.ANY]
LOCALES = [code for code, _name in settings.LANGUAGES]


class Strict(serializers.Serializer):
    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(str(name) for name in set(data) - set(self.fields)) if hasattr(data, "keys") else []
        if unknown:
            known = ", ".join(self.fields)
            message = _("Unknown parameter. Known here: %(known)s.") % {"known": known}
            raise serializers.ValidationError({name: [message] for name in unknown})
        return super().to_internal_value(data)


class Words(serializers.CharField):
    """1 to 500 characters that are left after trimming; control characters are not counted as something said."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=QUERY_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("A text is needed."), code="invalid")
        text = super().to_internal_value(data)
        if not clean(text):
            self.fail("blank")
        return text


def _short(length: int = 64, **kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=length, required=False, **kwargs)


class Moment(serializers.DateTimeField):
    """ISO 8601 with an offset: a moment without one is another one in every time zone."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            raise serializers.ValidationError(_("An offset is needed, such as 2026-11-11T20:05:00+08:00."))
        if not MINYEAR < value.year < MAXYEAR:
            self.fail("overflow")
        return super().enforce_timezone(value)


class OrderIn(Strict):
    number = _short()
    tracking_number = _short()
    state = _short(32)
    paid_at = serializers.DateTimeField(required=False)


class ContextIn(Strict):
    product_id = _short()
    order = OrderIn(required=False)


class SuggestIn(Strict):
    query = Words()
    shop = _short(50)
    channel = serializers.ChoiceField(CHANNELS, required=False)
    locale = serializers.ChoiceField(LOCALES, required=False)
    context = ContextIn(required=False)
    conversation_id = _short(100)
    limit = serializers.IntegerField(min_value=1, max_value=20, default=5)
    explain = serializers.BooleanField(default=False)
    release = _short(20, help_text="Answer from this release, such as 2026-W47.3. Not for the widget.")
    as_of = Moment(required=False, help_text="Answer as at this moment (ISO 8601 with offset). Not for the widget.")

    def question(self, channel: str) -> Question:
        """The validated data as what `suggest` takes."""
        data = self.validated_data
        context = data.get("context", {})
        order = {name: str(value) for name, value in context.get("order", {}).items()}
        return Question(
            query=data["query"],
            channel=channel,
            locale=data.get("locale"),
            product_id=context.get("product_id"),
            order=order,
            limit=data["limit"],
            explain=data["explain"],
        )


class PageQuery(Strict):
    """What the public GET forms share: shop, language, product."""

    shop = _short(50)
    locale = serializers.ChoiceField(LOCALES, required=False)
    product_id = _short()
    limit = serializers.IntegerField(min_value=1, max_value=20, default=5)


class SuggestQuery(PageQuery):
    q = Words()

    def question(self, channel: str) -> Question:
        data = self.validated_data
        return Question(data["q"], channel, data.get("locale"), data.get("product_id"), limit=data["limit"])


class CompleteQuery(PageQuery):
    q = Words()
    limit = serializers.IntegerField(min_value=1, max_value=20, default=6)


class FeedbackIn(Strict):
    query_id = serializers.CharField(max_length=150)
    entry = serializers.RegexField(r"^(faq|script):[1-9]\d{0,17}$")
    verdict = serializers.ChoiceField(Verdict.choices)
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    shop = _short(50)
    channel = serializers.ChoiceField([*KeyChannel.choices, ("widget", "widget")], required=False)


FOUND_BY = ["dense", "lexical", "synonym", "pinyin", "pin"]
REWRITTEN_BY = ["synonym", "pinyin"]


class MatchedOut(serializers.Serializer):
    text = serializers.CharField()
    by = serializers.ListField(child=serializers.ChoiceField(FOUND_BY))


class AnswerOut(serializers.Serializer):
    text = serializers.CharField()
    html = serializers.CharField()
    blocks = serializers.ListField(child=serializers.DictField())


class RewrittenPairOut(serializers.Serializer):
    said = serializers.CharField()
    meant = serializers.CharField()


class RewrittenOut(serializers.Serializer):
    text = serializers.CharField()
    by = serializers.ChoiceField(REWRITTEN_BY)
    pairs = RewrittenPairOut(many=True)


class WhyOut(serializers.Serializer):
    """Why an entry was found; `highlights` are [start, end) in `phrasing`, in code points."""

    phrasing = serializers.CharField()
    highlights = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    by = serializers.ListField(child=serializers.ChoiceField(FOUND_BY))
    rewritten = RewrittenOut(allow_null=True)
    score = serializers.FloatField()
    cosine = serializers.FloatField()
    lexical = serializers.FloatField()
    bm25 = serializers.FloatField()


class FeatureOut(serializers.Serializer):
    """`effect` above 0 spoke for the first entry, below against it, in log odds."""

    feature = serializers.CharField()
    value = serializers.FloatField()
    effect = serializers.FloatField()


class WhyDecisionOut(serializers.Serializer):
    """`answers_from`: the probability from which the shop answers by itself at its `wrong_rate`."""

    wrong_rate = serializers.FloatField()
    answers_from = serializers.FloatField()
    features = FeatureOut(many=True)


class SuggestionOut(serializers.Serializer):
    id = serializers.CharField()
    kind = serializers.CharField(source="content.kind")
    title = serializers.CharField(source="content.title")
    category = serializers.CharField(source="content.category")
    locale = serializers.CharField(source="content.locale")
    scene = serializers.CharField(source="content.scene", required=False)
    emotion = serializers.CharField(source="content.emotion", required=False)
    matched = serializers.SerializerMethodField()
    answer = AnswerOut()
    confidence = serializers.FloatField()
    missing = serializers.ListField(child=serializers.CharField())
    why = WhyOut(required=False, allow_null=True, help_text="with `explain` only")

    @extend_schema_field(MatchedOut)
    def get_matched(self, suggestion: Suggestion) -> dict[str, Any]:
        return {"text": suggestion.matched, "by": suggestion.by}


class IntentOut(serializers.Serializer):
    name = serializers.CharField(source="intent")
    urgent = serializers.BooleanField()


class SuggestOut(serializers.Serializer):
    decision = serializers.CharField()
    reason = serializers.CharField()
    intent = serializers.SerializerMethodField()
    emotion = serializers.ChoiceField([str(emotion) for emotion in EMOTIONS])
    suggestions = SuggestionOut(many=True)
    release = serializers.CharField()
    degraded = serializers.BooleanField()
    query_id = serializers.SerializerMethodField(help_text="null for an answer from the past: it was given to nobody")
    took_ms = serializers.FloatField()
    why = WhyDecisionOut(required=False, allow_null=True, help_text="with `explain` only")

    @extend_schema_field(IntentOut(allow_null=True))
    def get_intent(self, found: Suggestions) -> dict[str, Any] | None:
        return dict(IntentOut(found).data) if found.intent else None

    def get_query_id(self, found: Suggestions) -> str | None:
        return self.context["query_id"]


class CompletionOut(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    matched = serializers.CharField()


class CompleteOut(serializers.Serializer):
    completions = CompletionOut(many=True)
    release = serializers.CharField()


class PopularEntryOut(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    category = serializers.CharField()


class PopularOut(serializers.Serializer):
    popular = PopularEntryOut(many=True)
    release = serializers.CharField()


class FeedbackOut(serializers.Serializer):
    recorded = serializers.BooleanField()


class HealthOut(serializers.Serializer):
    status = serializers.ChoiceField(["ok", "degraded", "down"])
    database = serializers.CharField()
    encoder = serializers.CharField()
    version = serializers.CharField()


class ErrorDetail(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class ErrorOut(serializers.Serializer):
    error = ErrorDetail()
