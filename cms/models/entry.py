"""FAQ and Script: drafts, revisions, workflow, locks, previews and translations come from Wagtail's mixins."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail.fields import StreamField
from wagtail.models import (
    DraftStateMixin,
    Locale,
    LockableMixin,
    Orderable,
    PreviewableMixin,
    RevisionMixin,
    TranslatableMixin,
    WorkflowMixin,
)

from cms.blocks import AnswerBody, plain_text
from cms.intents import Intent
from cms.models.shop import Category, Shop
from cms.wording import lines

PHRASE_LENGTH = 200


class Mode(models.TextChoices):
    BOTH = "both", _("bot and agents")
    BOT = "bot", _("bot and widget only")
    AGENT = "agent", _("agents only")


class Channel(models.TextChoices):
    ANY = "any", _("every channel")
    BOT = "bot", _("bot")
    AGENT = "agent", _("agent")
    WIDGET = "widget", _("widget")


class Emotion(models.TextChoices):
    ANY = "any", _("any")
    ANXIOUS = "anxious", _("anxious")
    ANGRY = "angry", _("angry")
    DISAPPOINTED = "disappointed", _("disappointed")
    HAPPY = "happy", _("happy")


class Scene(models.TextChoices):
    GREETING = "greeting", _("Greeting")
    PRESALE = "presale", _("Pre-sale in three steps")
    PRICE_OBJECTION = "price_objection", _("Price objections")
    FREQUENT = "frequent", _("Frequently asked")
    PROMOTION = "promotion", _("Promotions")
    LOGISTICS_TROUBLE = "logistics_trouble", _("Logistics trouble")
    QUALITY = "quality", _("After-sale quality")
    RETURN_EXCHANGE = "return_exchange", _("Return and exchange")
    SOOTHING = "soothing", _("Soothing")
    CLOSING = "closing", _("Closing and follow-up")


class EntryQuerySet(models.QuerySet):
    def published(self) -> "EntryQuerySet":
        """What Wagtail holds live: never a draft, never one that is only scheduled."""
        return self.filter(live=True)

    def valid(self, moment=None) -> "EntryQuerySet":
        """Those whose own dates allow `moment` (an aware datetime; now by default)."""
        moment = moment or timezone.now()
        return self.exclude(valid_from__gt=moment).exclude(valid_to__lte=moment)

    def expired(self) -> "EntryQuerySet":
        return self.filter(valid_to__lte=timezone.now())

    def expiring(self, *, days: int) -> "EntryQuerySet":
        now = timezone.now()
        return self.published().filter(valid_to__gt=now, valid_to__lte=now + timedelta(days=days))


class Entry(
    WorkflowMixin,
    DraftStateMixin,
    LockableMixin,
    RevisionMixin,
    PreviewableMixin,
    TranslatableMixin,
    ClusterableModel,
):
    """What FAQ and Script share. A phrase is a line of `similar` (means this entry) or `negative` (never does)."""

    kind: str

    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, verbose_name=_("shop"))
    category = models.ForeignKey(Category, on_delete=models.PROTECT, verbose_name=_("category"))
    title: models.CharField
    similar = models.TextField(
        _("similar questions"),
        blank=True,
        help_text=_("One a line, as customers type it: short, colloquial, with their words."),
    )
    negative = models.TextField(
        _("never for these questions"),
        blank=True,
        help_text=_("One a line: questions that look alike but belong elsewhere."),
    )
    intent = models.CharField(_("intent"), max_length=40, choices=Intent.choices, blank=True)
    mode = models.CharField(_("used by"), max_length=10, choices=Mode.choices, default=Mode.BOTH)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_to = models.DateTimeField(_("valid until"), null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
    )

    objects = EntryQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title

    @property
    def key(self) -> str:
        """How the API names it: `faq:12`."""
        return f"{self.kind}:{self.pk}"

    @property
    def similar_phrases(self) -> list[str]:
        return lines(self.similar)

    @property
    def negative_phrases(self) -> list[str]:
        return lines(self.negative)

    @property
    def locale_code(self) -> str:
        return self.locale.language_code

    def clean(self) -> None:
        super().clean()
        errors: dict[str, object] = {}
        for name in ("similar", "negative"):
            too_long = [line for line in lines(getattr(self, name)) if len(line) > PHRASE_LENGTH]
            if too_long:
                errors[name] = _("Longer than %(limit)d characters: %(line)s…") % {
                    "limit": PHRASE_LENGTH,
                    "line": too_long[0][:30],
                }
        if set(self.similar_phrases) & set(self.negative_phrases):
            errors["negative"] = _("A question stands in both lists.")
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            errors["valid_to"] = _("The end lies before the beginning.")
        if self.category_id and self.shop_id and self.category.shop_id != self.shop_id:
            errors["category"] = _("This category belongs to another shop.")
        if errors:
            raise ValidationError(errors)

    def copy_for_translation(self, locale: Locale, exclude_fields: list[str] | None = None) -> "Entry":
        """A draft in another language. Wagtail would copy a live entry as live: untranslated, and without a signal."""
        copy: Entry = super().copy_for_translation(locale, exclude_fields=exclude_fields)
        copy.live, copy.has_unpublished_changes = False, True
        for name in ("live_revision", "latest_revision", "first_published_at", "last_published_at"):
            setattr(copy, name, None)
        return copy

    def get_preview_template(self, request, mode_name: str) -> str:
        return "cms/preview/entry.html"


class FAQ(Entry):
    kind = "faq"

    title = models.CharField(_("standard question"), max_length=PHRASE_LENGTH)

    class Meta(TranslatableMixin.Meta):
        ordering = ["category__sort_order", "pk"]
        verbose_name = _("FAQ")
        verbose_name_plural = _("FAQs")


class Script(Entry):
    kind = "script"

    title = models.CharField(_("title"), max_length=PHRASE_LENGTH)
    # Scripts are written for a person to send; the bot says one only where an editor allows it.
    mode = models.CharField(_("used by"), max_length=10, choices=Mode.choices, default=Mode.AGENT)
    scene = models.CharField(_("scene"), max_length=20, choices=Scene.choices, default=Scene.FREQUENT)
    emotion = models.CharField(_("for customers who are"), max_length=15, choices=Emotion.choices, default=Emotion.ANY)

    class Meta(TranslatableMixin.Meta):
        ordering = ["scene", "pk"]
        verbose_name = _("script")
        verbose_name_plural = _("scripts")


class AnswerVariant(Orderable):
    """One answer of an entry; the first one whose channel and facts fit is given."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices, default=Channel.ANY)
    # Most answers are one paragraph: a new one begins with an open text block.
    body = StreamField(AnswerBody(), default=[("paragraph", "")], verbose_name=_("answer"))
    text = models.TextField(
        _("plain text"),
        blank=True,
        help_text=_("For channels without rich text. Left empty, it is made from the answer."),
    )

    class Meta(Orderable.Meta):
        abstract = True
        verbose_name = _("answer")
        verbose_name_plural = _("answers")

    def clean(self) -> None:
        super().clean()
        if not self.says_something:
            raise ValidationError({"body": _("The answer says nothing.")})

    @property
    def says_something(self) -> bool:
        """Draftail sends a paragraph without words as a block that counts as filled in."""
        return bool(self.as_text.strip()) or any(block.block_type != "paragraph" for block in self.body)

    @property
    def as_text(self) -> str:
        return self.text.strip() or plain_text(self.body)


class FAQAnswer(AnswerVariant):
    entry = ParentalKey(FAQ, on_delete=models.CASCADE, related_name="answers")


class ScriptAnswer(AnswerVariant):
    entry = ParentalKey(Script, on_delete=models.CASCADE, related_name="answers")
