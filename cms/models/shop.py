"""A shop and its categories."""

from datetime import time
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class BilingualName(models.Model):
    """A name that is shown in the reader's language; the English one may be missing."""

    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return (self.name_en if (get_language() or "").startswith("en") else "") or self.name


class Policy(models.TextChoices):
    CONTINUOUS = "continuous", _("at once: what is published answers within seconds")
    GATED = "gated", _("with the next cut: what is published waits until it is released")


class Weekday(models.IntegerChoices):
    """As ISO counts them."""

    MONDAY = 1, _("Monday")
    TUESDAY = 2, _("Tuesday")
    WEDNESDAY = 3, _("Wednesday")
    THURSDAY = 4, _("Thursday")
    FRIDAY = 5, _("Friday")
    SATURDAY = 6, _("Saturday")
    SUNDAY = 7, _("Sunday")


class Shop(BilingualName):
    slug = models.SlugField(_("slug"), unique=True, help_text=_("Names the shop in the API and in the widget's line."))
    allowed_origins = models.TextField(
        _("storefront origins"),
        blank=True,
        help_text=_("One a line, such as https://shop.example.com: the pages on which the widget may ask."),
    )

    wrong_rate = models.FloatField(
        _("wrong answers accepted"),
        choices=[(0.02, _("at most 2 in 100")), (0.05, _("at most 5 in 100")), (0.10, _("at most 10 in 100"))],
        default=0.05,
        help_text=_(
            "Of the answers that bot and widget give by themselves. Fewer wrong ones mean more questions asked back."
        ),
    )

    release_policy = models.CharField(
        _("published changes go live"), max_length=12, choices=Policy.choices, default=Policy.CONTINUOUS
    )
    cut_weekday = models.PositiveSmallIntegerField(
        _("weekly cut on"),
        choices=Weekday.choices,
        null=True,
        blank=True,
        help_text=_("Left empty, somebody cuts by hand."),
    )
    cut_time = models.TimeField(_("at"), default=time(10, 0))
    most_losses = models.FloatField(
        _("losses that the gate accepts"),
        choices=[
            (0.0, _("none")),
            (0.01, _("1 in 100 golden questions")),
            (0.02, _("2 in 100 golden questions")),
            (0.05, _("5 in 100 golden questions")),
        ],
        default=0.02,
        help_text=_("Questions that were answered by the right entry and would no longer be."),
    )

    class Meta:
        ordering = ["name"]
        verbose_name = _("shop")
        verbose_name_plural = _("shops")

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(line.strip().rstrip("/").lower() for line in self.allowed_origins.splitlines() if line.strip())

    def clean(self) -> None:
        wrong = [origin for origin in self.origins if not _is_origin(origin)]
        if wrong:
            message = _("Not an origin (scheme://host[:port], nothing after it): %(wrong)s")
            raise ValidationError({"allowed_origins": message % {"wrong": ", ".join(sorted(wrong))}})


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"


class Category(BilingualName):
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="categories", verbose_name=_("shop"))
    slug = models.SlugField(_("slug"))
    sort_order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        ordering = ["shop", "sort_order", "pk"]
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [models.UniqueConstraint(fields=["shop", "slug"], name="category_slug_once_a_shop")]
