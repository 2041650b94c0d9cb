"""What editors lay down beside the entries: synonyms, pins and intent rules. They are released as entries are.

They have no drafts: a rule is switched on and off. `uid` names a rule that comes from a file: it is loaded once.
"""

from datetime import datetime
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from cms.intents import Intent
from cms.models.entry import FAQ, Entry, Script
from cms.models.shop import Shop
from cms.wording import asked, folded, is_letter, lines

LINE_LENGTH = 200
SHOWN = 4


class RuleQuerySet(models.QuerySet):
    def active(self) -> "RuleQuerySet":
        return self.filter(active=True)


class ShopRule(models.Model):
    """What the three kinds share. A rule stays with its shop: other shops never learn that it was theirs."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="%(class)ss", verbose_name=_("shop"))
    active = models.BooleanField(_("active"), default=True)
    note = models.CharField(_("note"), max_length=200, blank=True, help_text=_("For editors: why it is there."))
    uid = models.UUIDField(default=uuid4, unique=True, editable=False)

    objects = RuleQuerySet.as_manager()

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        errors = self.mistakes()
        before = type(self).objects.filter(pk=self.pk).values_list("shop_id", flat=True).first()
        if before and self.shop_id and before != self.shop_id:
            errors["shop"] = _("A rule stays with its shop. Make a new one for the other shop.")
        if errors:
            raise ValidationError(errors)

    def mistakes(self) -> dict[str, object]:
        """Field -> what is wrong with it."""
        raise NotImplementedError


def _too_long(text: str) -> object | None:
    longest = max(lines(text), key=len, default="")
    if len(longest) <= LINE_LENGTH:
        return None
    return _("Longer than %(limit)d characters: %(line)s…") % {"limit": LINE_LENGTH, "line": longest[:30]}


class Direction(models.TextChoices):
    TWO_WAY = "two_way", _("two-way: any of them means the others")
    ONE_WAY = "one_way", _("one-way: the first is meant, the others are also said for it")


class SynonymGroup(ShopRule):
    terms = models.TextField(
        _("terms"),
        help_text=_("One a line. A word in Latin letters is found as a whole, never inside another word."),
    )
    direction = models.CharField(_("direction"), max_length=10, choices=Direction.choices, default=Direction.TWO_WAY)

    class Meta:
        ordering = ["shop", "pk"]
        verbose_name = _("synonym group")
        verbose_name_plural = _("synonyms")

    def __str__(self) -> str:
        first, *others = self.term_list or [""]
        if self.direction == Direction.ONE_WAY:
            return f"{_listed(others)} → {first}"
        return " = ".join([first, *others[: SHOWN - 1]]) + ("…" if len(others) >= SHOWN else "")

    @property
    def term_list(self) -> list[str]:
        return lines(self.terms)

    def mistakes(self) -> dict[str, object]:
        readings = [folded(term) for term in self.term_list]
        short = [term for term, reading in zip(self.term_list, readings, strict=True) if is_letter(reading)]
        wordless = [term for term in self.term_list if not asked(term)]
        if wordless:
            return {"terms": _("There are no words in this line: %(line)s") % {"line": wordless[0]}}
        if short:
            return {"terms": _("A single letter or digit stands in too many texts: %(line)s") % {"line": short[0]}}
        if len(set(readings)) < 2:
            return {
                "terms": _("A group needs two terms that differ by more than case, width or traditional characters.")
            }
        wrong = _too_long(self.terms)
        return {"terms": wrong} if wrong else {}


def _listed(texts: list[str]) -> str:
    return "、".join(texts[:SHOWN]) + ("…" if len(texts) > SHOWN else "")


class Match(models.TextChoices):
    EXACT = "exact", _("is this question")
    CONTAINS = "contains", _("contains these words")


class Action(models.TextChoices):
    FIRST = "first", _("give this entry first")
    NEVER = "never", _("never give this entry")


class Pin(ShopRule):
    queries = models.TextField(
        _("for these questions"),
        help_text=_("One a line. Case, width, traditional characters and punctuation do not count."),
    )
    match = models.CharField(_("the customer's text"), max_length=10, choices=Match.choices, default=Match.EXACT)
    action = models.CharField(_("do this"), max_length=10, choices=Action.choices, default=Action.FIRST)
    # Two fields and not a generic one: each brings Wagtail's chooser and the database's own integrity.
    faq = models.ForeignKey(
        FAQ, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("FAQ")
    )
    script = models.ForeignKey(
        Script, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("script")
    )
    starts = models.DateTimeField(_("from"), null=True, blank=True)
    ends = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        ordering = ["shop", "pk"]
        verbose_name = _("pin")
        verbose_name_plural = _("pins")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(faq=None) ^ models.Q(script=None),
                name="pin_has_one_entry",
                violation_error_message=_("Choose an FAQ or a script, one of them."),
            )
        ]

    def __str__(self) -> str:
        sign = "→" if self.action == Action.FIRST else "✕"
        return f"{_listed(self.query_list)} {sign} {self.entry or ''}".strip()

    @property
    def entry(self) -> Entry | None:
        return self.faq or self.script

    @property
    def query_list(self) -> list[str]:
        return lines(self.queries)

    def mistakes(self) -> dict[str, object]:
        errors = self._entry_mistakes()
        if self.starts and self.ends and self.ends <= self.starts:
            errors["ends"] = _("The end lies before the beginning.")
        wordless = [query for query in self.query_list if not asked(query)]
        if wordless:
            errors["queries"] = _("There are no words in this line: %(line)s") % {"line": wordless[0]}
        elif wrong := _too_long(self.queries):
            errors["queries"] = wrong
        elif clash := self._clash():
            message = _("“%(query)s” is pinned already at that time: %(pin)s (no. %(number)d).")
            errors["queries"] = message % {"query": clash[0], "pin": clash[1], "number": clash[1].pk}
        return errors

    def _entry_mistakes(self) -> dict[str, object]:
        if (self.faq_id is None) == (self.script_id is None):
            return {"faq": _("Choose an FAQ or a script, one of them.")}
        if self.shop_id and self.entry and self.entry.shop_id != self.shop_id:
            return {"faq" if self.faq_id else "script": _("This entry belongs to another shop.")}
        return {}

    def _clash(self) -> tuple[str, "Pin"] | None:
        """The first of these queries for which another pin puts an entry first at the same time, and that pin."""
        if not (self.active and self.action == Action.FIRST and self.shop_id):
            return None
        mine = {asked(query): query for query in self.query_list}
        others = Pin.objects.active().filter(shop=self.shop_id, action=Action.FIRST).exclude(pk=self.pk)
        for other in others.select_related("faq", "script"):
            shared = [mine[asked(query)] for query in other.query_list if asked(query) in mine]
            if shared and _overlap(self, other):
                return shared[0], other
        return None


def _overlap(one: Pin, other: Pin) -> bool:
    def before(end: datetime | None, start: datetime | None) -> bool:
        return end is not None and start is not None and end <= start

    return not before(one.ends, other.starts) and not before(other.ends, one.starts)


class IntentRule(ShopRule):
    intent = models.CharField(_("intent"), max_length=40, choices=Intent.choices)
    keywords = models.TextField(
        _("keywords"), blank=True, help_text=_("One a line; one of them in the customer's text is enough.")
    )
    examples = models.TextField(
        _("example sentences"),
        blank=True,
        help_text=_("One a line; the customer says the same, or all of it in another order or with more around it."),
    )
    urgent = models.BooleanField(_("urgent"), default=False, help_text=_("Comes first at the desk."))
    sort_order = models.PositiveSmallIntegerField(
        _("order"), default=100, help_text=_("Of several rules that fit, the one with the lowest number counts.")
    )

    class Meta:
        ordering = ["shop", "sort_order", "pk"]
        verbose_name = _("intent rule")
        verbose_name_plural = _("intent rules")

    def __str__(self) -> str:
        return f"{_listed(self.keyword_list + self.example_list)} → {self.get_intent_display()}"

    @property
    def keyword_list(self) -> list[str]:
        return lines(self.keywords)

    @property
    def example_list(self) -> list[str]:
        return lines(self.examples)

    def mistakes(self) -> dict[str, object]:
        errors: dict[str, object] = {}
        for name in ("keywords", "examples"):
            wordless = [line for line in lines(getattr(self, name)) if not asked(line)]
            letters = [line for line in lines(getattr(self, name)) if is_letter(folded(line))]
            if wordless:
                errors[name] = _("There are no words in this line: %(line)s") % {"line": wordless[0]}
            elif letters:
                errors[name] = _("A single letter or digit stands in too many texts: %(line)s") % {"line": letters[0]}
            elif wrong := _too_long(getattr(self, name)):
                errors[name] = wrong
        if not (self.keyword_list or self.example_list):
            errors["keywords"] = _("A rule needs a keyword or an example sentence.")
        return errors
