"""Stored vectors, the keys of bots, what was asked, and webhooks.

Vectors are derived: what is missing is encoded again.
"""

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey

from cms.models import Release, Shop
from search.webhooks import signing


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


class SecretLost(RuntimeError):
    """The SECRET_KEY is another one than when the secret was given out. Make a new secret, and tell the receiver."""


class Webhook(models.Model):
    """Who is told when a release of the shop goes live. The secret is worked out of `seed`, see `webhooks.signing`."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="webhooks", verbose_name=_("shop"))
    url = models.URLField(_("address"), max_length=500)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    seed = models.CharField(max_length=64, editable=False)
    fingerprint = models.CharField(max_length=16, editable=False)

    class Meta:
        ordering = ["shop", "pk"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.url

    def renew_secret(self) -> str:
        """The new secret; it holds once the row is saved."""
        self.seed = signing.new_seed()
        secret = signing.secret_of(self.seed)
        self.fingerprint = signing.fingerprint(secret)
        return secret

    @property
    def secret(self) -> str:
        """Raises SecretLost."""
        secret = signing.secret_of(self.seed)
        if signing.fingerprint(secret) != self.fingerprint:
            raise SecretLost(gettext("The server's SECRET_KEY has changed: make a new secret for this webhook."))
        return secret

    @property
    def last_delivery(self) -> "WebhookDelivery | None":
        return self.deliveries.order_by("-pk").first()

    @property
    def standing(self) -> str:
        last = self.last_delivery
        return last.state_label if last else ""


class WebhookEvent(models.TextChoices):
    RELEASE_LIVE = "release.live", _("a release is live")
    TEST = "test", _("test")


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def due(self, now: datetime) -> "WebhookDeliveryQuerySet":
        return self.filter(next_attempt_at__lte=now, webhook__active=True)


class WebhookDelivery(models.Model):
    """A message to a receiver: `payload` as it is sent, every time the same under the same `event_id`.

    `next_attempt_at` None: it was taken, or given up. While it is sent, that is when its sender counts as gone.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(_("event"), max_length=20, choices=WebhookEvent.choices)
    event_id = models.UUIDField(unique=True)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="+")
    payload = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, db_index=True)
    sending_since = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")

    @property
    def is_being_sent(self) -> bool:
        return bool(self.sending_since and self.next_attempt_at and self.next_attempt_at > timezone.now())

    @property
    def state_label(self) -> str:
        if self.delivered_at:
            return gettext("delivered")
        if self.is_being_sent:
            return gettext("is being sent")
        return gettext("waits for the next attempt") if self.next_attempt_at else gettext("given up")
