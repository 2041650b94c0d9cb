"""What the endpoints about releases take and give."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from cms.models import ReleaseKind
from search.api.serializers import Moment, Strict

PAGE = 100


class _Query(Strict):
    shop = serializers.CharField(max_length=50, required=False, help_text="Not needed with a key.")
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, default=20)


class ReleasesQuery(_Query):
    kind = serializers.ChoiceField(ReleaseKind.choices, required=False)
    since = Moment(required=False, help_text="Made at this moment or later (ISO 8601 with offset).")
    until = Moment(required=False, help_text="Made before this moment (ISO 8601 with offset).")
    cursor = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False, help_text="As `next` has it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "since" in attrs and "until" in attrs and attrs["until"] <= attrs["since"]:
            raise serializers.ValidationError({"until": [_("This is not after “since”.")]})
        return attrs


class ChangesQuery(_Query):
    cursor = serializers.CharField(max_length=40, required=False, default="", help_text="As `next` has it.")


class SpanOut(serializers.Serializer):
    until = serializers.DateTimeField(allow_null=True, help_text="null: to this day")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of the language.
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class GateOut(serializers.Serializer):
    verdict = serializers.CharField(help_text="What the gate said: `passed`, `blocked`, …")
    override_reason = serializers.CharField(help_text="Why it went live all the same; empty where nothing had to be.")


class UnchangingOut(serializers.Serializer):
    """`entries`, `added`, `changed` and `removed` count the whole release, whoever asks."""

    number = serializers.CharField()
    kind = serializers.ChoiceField(ReleaseKind.choices)
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField(allow_null=True, help_text="for agents; null for a bot's key")
    notes = serializers.CharField(allow_null=True, help_text="for agents; null for a bot's key")
    entries = serializers.IntegerField()
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    removed = serializers.IntegerField()
    digest = serializers.CharField(help_text="The same for releases that hold the same.")
    like = serializers.CharField(allow_null=True, help_text="the number of the release that a rollback is equal to")
    gate = GateOut(allow_null=True, help_text="for agents; null for a bot's key, and where there was no gate")


class ReleaseOut(UnchangingOut):
    live = serializers.BooleanField()
    live_history = SpanOut(many=True)


class ReleasesOut(serializers.Serializer):
    releases = ReleaseOut(many=True)
    next = serializers.URLField(allow_null=True)


CHANGES = ("added", "changed", "removed")


class ChangeOut(serializers.Serializer):
    key = serializers.CharField(help_text="`faq:12`, `script:3`; `facts`, `rules`, `settings`, `reading`")
    change = serializers.ChoiceField(CHANGES)
    title = serializers.CharField()


class CountsOut(serializers.Serializer):
    """Of all pages. `withheld`: changed as well, but not for the one who asks."""

    added = serializers.IntegerField(source="counts.added")
    changed = serializers.IntegerField(source="counts.changed")
    removed = serializers.IntegerField(source="counts.removed")
    withheld = serializers.IntegerField()


class ReleaseDetailOut(UnchangingOut):
    """Its changes are those since `previous`. Whether it is live changes, and stands in the list."""

    report = serializers.DictField(allow_null=True, help_text="all that the gate found; for agents")
    previous = serializers.CharField(allow_null=True)
    counts = CountsOut()
    changes = ChangeOut(many=True)
    next = serializers.URLField(allow_null=True)


class PartOut(serializers.Serializer):
    """Same and removed parts make the text before; same and added ones the text after."""

    text = serializers.CharField()
    part = serializers.ChoiceField(["same", "removed", "added"], source="kind")


class FieldOut(serializers.Serializer):
    """`item`: which one of several. No `parts`: there is nothing to read, only that it changed."""

    field = serializers.CharField(help_text="`title`, `similar`, `answers.text`, `facts.value`, …")
    item = serializers.CharField()
    how = serializers.ChoiceField(["added", "removed", "changed", "moved", "formatting"], source="kind")
    parts = PartOut(many=True)


class DifferenceOut(ChangeOut):
    differences = FieldOut(many=True, source="fields")


class DiffOut(serializers.Serializer):
    before = serializers.CharField()
    after = serializers.CharField()
    counts = CountsOut()
    changes = DifferenceOut(many=True)
    next = serializers.URLField(allow_null=True)
