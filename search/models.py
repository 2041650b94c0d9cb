"""Stored vectors, the keys of bots, and what was asked. Vectors are derived: what is missing is encoded again."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey

from cms.models import Shop


class StoredVector(models.Model):
    """What the encoder of `recipe` made of a text: `vector` is float32, little endian, of length 1."""

    recipe = models.CharField(max_length=255)
    text_hash = models.CharField(max_length=64)
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipe", "text_hash"], name="vector_once")]


class KeyChannel(models.TextChoices):
    BOT = "bot", _("bot")
    AGENT = "agent", _("agent")


class ShopAPIKey(AbstractAPIKey):
    """A program's key, good for one shop and one channel. Only its hash is stored."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("shop"))
    channel = models.CharField(_("channel"), max_length=10, choices=KeyChannel.choices, default=KeyChannel.BOT)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")


class QueryRecord(models.Model):
    """That a question was asked and what was decided. The words are not kept: they may hold personal data."""

    query_id = models.UUIDField(unique=True)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    channel = models.CharField(max_length=10)
    conversation_id = models.CharField(max_length=100, blank=True)
    locale = models.CharField(max_length=10)
    decision = models.CharField(max_length=10)
    entry = models.CharField(max_length=40, blank=True)
    group = models.CharField(max_length=36, blank=True)
    confidence = models.FloatField()
    release = models.CharField(max_length=40)
    took_ms = models.FloatField()

    class Meta:
        indexes = [models.Index(fields=["shop", "asked_at"], name="record_by_time")]


class Verdict(models.TextChoices):
    HELPFUL = "helpful", _("helpful")
    NOT_HELPFUL = "not_helpful", _("not helpful")
    CLICKED = "clicked", _("chosen")
    COPIED = "copied", _("copied by an agent")


class Feedback(models.Model):
    """What became of an answer; the latest word of the same kind on the same answer counts."""

    query_id = models.UUIDField()
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="+")
    entry = models.CharField(max_length=40)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    reason = models.CharField(max_length=300, blank=True)
    given_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["query_id", "entry", "verdict"], name="feedback_once")]
        permissions = [("use_desk", "Can use the agents' desk")]
