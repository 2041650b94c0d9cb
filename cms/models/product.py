"""Products and the facts that answers may name: `{{ fact.ship_within }}`, `{{ product.best_before }}`."""

from datetime import date, time
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cms.models.shop import BilingualName, Shop


class Product(BilingualName):
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="products", verbose_name=_("shop"))
    key = models.CharField(_("product number"), max_length=64)
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2, null=True, blank=True)
    summary = models.TextField(_("summary"), blank=True)
    summary_en = models.TextField(_("English summary"), blank=True)

    class Meta:
        ordering = ["shop", "key"]
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["shop", "key"], name="product_key_once_a_shop")]


class FactKind(models.TextChoices):
    TEXT = "text", _("text")
    NUMBER = "number", _("number")
    MONEY = "money", _("money")
    DURATION = "duration", _("duration")
    DATE = "date", _("date (2027-05-31)")
    TIME = "time", _("time of day (16:00)")


class FactQuerySet(models.QuerySet["Fact"]):
    def valid(self, moment=None) -> "FactQuerySet":
        """Those that hold on the day of `moment` (an aware datetime; now by default)."""
        day = timezone.localdate(moment)
        return self.exclude(valid_from__gt=day).exclude(valid_to__lt=day)


class Fact(models.Model):
    """A typed, dated statement about a shop (no product) or about one product."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="facts", verbose_name=_("shop"))
    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, null=True, blank=True, related_name="facts", verbose_name=_("product")
    )
    key = models.CharField(
        _("key"),
        max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", _("Small letters, digits and _ only."))],
        help_text=_("Answers name it: {{ fact.key }} of the shop, {{ product.key }} of a product."),
    )
    label = models.CharField(_("label"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10, choices=FactKind.choices, default=FactKind.TEXT)
    value = models.CharField(_("value"), max_length=500)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    value_en = models.CharField(_("in English answers"), max_length=500, blank=True, help_text=_("Such as: 48 hours"))
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to (last day)"), null=True, blank=True)

    objects = FactQuerySet.as_manager()

    class Meta:
        ordering = ["shop", "product__key", "key", "valid_from"]
        verbose_name = _("fact")
        verbose_name_plural = _("facts")
        constraints = [
            # Two rows of one key may follow each other in time, so the first day belongs to the identity.
            # NULLs are made comparable by hand: SQLite cannot treat them as equal.
            models.UniqueConstraint(
                "shop",
                Coalesce("product", 0),
                "key",
                Coalesce("valid_from", date.min),
                name="fact_once",
                violation_error_message=_("There is a fact of this key already that begins on the same day."),
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__gte=models.F("valid_from"))
                | models.Q(valid_from=None)
                | models.Q(valid_to=None),
                name="fact_ends_after_it_begins",
                violation_error_message=_("The last day lies before the first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.display}"

    @property
    def display(self) -> str:
        """The value as it stands in an answer: `48 小时`, `59 元`."""
        return f"{self.value} {self.unit}".strip()

    def display_in(self, language: str) -> str:
        return (self.value_en if language.startswith("en") else "") or self.display

    def clean(self) -> None:
        if self.product_id and self.product.shop_id != self.shop_id:
            raise ValidationError({"product": _("This product belongs to another shop.")})
        try:
            _parse(self.kind, self.value)
        except (ValueError, InvalidOperation) as exc:
            message = _("“%(value)s” is not a %(kind)s.") % {"value": self.value, "kind": self.get_kind_display()}
            raise ValidationError({"value": message}) from exc


def _parse(kind: str, value: str) -> Decimal | date | time | str:
    if kind in (FactKind.NUMBER, FactKind.MONEY):
        return Decimal(value)
    if kind == FactKind.DATE:
        return date.fromisoformat(value)
    if kind == FactKind.TIME:
        return time.fromisoformat(value)
    return value
