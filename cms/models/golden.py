"""Questions that the gate asks before a release goes live, beside the shop's own similar questions."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cms.models.entry import FAQ, Channel, Entry, Script
from cms.models.product import Product
from cms.models.rules import ShopRule
from cms.wording import asked

QUERY_LENGTH = 500


class CaseSource(models.TextChoices):
    EDITOR = "editor", _("an editor's own")
    ACCEPTED = "accepted", _("a customer's, confirmed")


class GoldenCase(ShopRule):
    """A question with its context, and the entry that has to answer it. Without an entry: none may.

    The gate passes a case whose entry comes first and is answered, or offered first, and one without an entry that is
    not answered. `must`: a release that fails it is blocked.
    """

    query = models.CharField(_("question"), max_length=QUERY_LENGTH)
    channel = models.CharField(
        _("asked by"),
        max_length=10,
        choices=[choice for choice in Channel.choices if choice[0] != Channel.ANY],
        default=Channel.BOT,
    )
    locale = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        choices=settings.LANGUAGES,
        help_text=_("Left empty, the language of the question."),
    )
    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    order_state = models.CharField(
        _("state of the order"),
        max_length=32,
        blank=True,
        help_text=_("As the shop's system names it: paid, shipped, delivered, refunding …"),
    )
    # Cascading: without its entry a case would turn into its opposite.
    faq = models.ForeignKey(
        FAQ, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("FAQ")
    )
    script = models.ForeignKey(
        Script, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("script")
    )
    must = models.BooleanField(_("must pass"), default=False, help_text=_("A release that fails it is blocked."))
    source = models.CharField(_("source"), max_length=10, choices=CaseSource.choices, default=CaseSource.EDITOR)

    class Meta:
        ordering = ["shop", "pk"]
        verbose_name = _("golden case")
        verbose_name_plural = _("golden cases")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(faq=None) | models.Q(script=None),
                name="case_has_at_most_one_entry",
                violation_error_message=_("Choose an FAQ or a script, or neither."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.query} → {self.entry or '∅'}"

    @property
    def entry(self) -> Entry | None:
        return self.faq or self.script

    def mistakes(self) -> dict[str, object]:
        errors: dict[str, object] = {}
        if self.query and not asked(self.query):
            errors["query"] = _("There are no words in this line: %(line)s") % {"line": self.query}
        if self.faq_id and self.script_id:
            errors["faq"] = _("Choose an FAQ or a script, or neither.")
        elif self.shop_id and self.entry and self.entry.shop_id != self.shop_id:
            errors["faq" if self.faq_id else "script"] = _("This entry belongs to another shop.")
        if self.shop_id and self.product and self.product.shop_id != self.shop_id:
            errors["product"] = _("This product belongs to another shop.")
        return errors
