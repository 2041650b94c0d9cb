"""Releases: what a shop's answers were made of, version by version. What is written here is never changed again.

A release holds *contents* by key: an entry's (`faq:12`), the shop's facts, rules and settings, and the reading of its
vectors. A content is stored once, under the hash of its text; which release holds it is an interval of ordinals.
"""

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from cms.models.shop import Shop


class Frozen(Exception):
    """Somebody tried to change what is kept as it was. Make a new release instead."""


class FrozenQuerySet(models.QuerySet):
    """Rows can be added and read."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Frozen(f"{self.model._meta.verbose_name}: rows are never changed or deleted")

    update = delete = bulk_update = update_or_create = _refuse

    def bulk_create(self, objs: Any, **kwargs: Any) -> Any:
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(objs, **kwargs)


class FrozenModel(models.Model):
    objects = FrozenQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Frozen(f"{self._meta.verbose_name} {self.pk}: never changed once it is there")
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Frozen(f"{self._meta.verbose_name} {self.pk}: never deleted")


class StoredContent(FrozenModel):
    """`text`: canonical JSON; `hash`: the SHA-256 of its UTF-8 bytes. Shared by releases, and by shops."""

    hash = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()

    class Meta(FrozenModel.Meta):
        verbose_name = _("stored content")


class ReleaseKind(models.TextChoices):
    WEEKLY = "weekly", _("weekly cut")
    PATCH = "patch", _("patch")
    ROLLBACK = "rollback", _("rollback")
    IMPORT = "import", _("import")


class Release(FrozenModel):
    """`ordinal` counts a shop's releases from 1; `number` is what people say: `2026-W47`, `2026-W47.3`.

    `made_by` is a name and not an account: accounts go, the name stays. `digest` is over all (key, hash) that it holds.
    `report`: what the gate found; `override_reason`: why it went live in spite of that. `like`: the ordinal that a
    rollback is equal to.
    """

    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, related_name="releases", verbose_name=_("shop"))
    ordinal = models.PositiveIntegerField()
    number = models.CharField(_("number"), max_length=20)
    kind = models.CharField(_("kind"), max_length=10, choices=ReleaseKind.choices)
    made_at = models.DateTimeField(_("made at"))
    made_by = models.CharField(_("by"), max_length=150, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    entries = models.PositiveIntegerField(_("entries"))
    added = models.PositiveIntegerField(_("added"))
    changed = models.PositiveIntegerField(_("changed"))
    removed = models.PositiveIntegerField(_("removed"))
    digest = models.CharField(max_length=64)
    report = models.ForeignKey(StoredContent, on_delete=models.PROTECT, null=True, related_name="+")
    override_reason = models.TextField(_("reason for going live all the same"), blank=True)
    like = models.PositiveIntegerField(null=True)

    class Meta(FrozenModel.Meta):
        ordering = ["shop", "-ordinal"]
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        default_permissions = ("view",)
        permissions = [
            ("cut_release", "Can cut a release"),
            ("roll_back_release", "Can roll back to a release"),
            ("override_gate", "Can put a release live that the gate has blocked"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["shop", "ordinal"], name="release_ordinal_once"),
            models.UniqueConstraint(fields=["shop", "number"], name="release_number_once"),
        ]

    def __str__(self) -> str:
        return self.number


class ReleaseItemQuerySet(FrozenQuerySet):
    def held_by(self, ordinal: int) -> "ReleaseItemQuerySet":
        """What release `ordinal` of a shop holds."""
        return self.filter(since__lte=ordinal).filter(models.Q(until=None) | models.Q(until__gt=ordinal))

    def end(self, ordinal: int) -> int:
        """From release `ordinal` on these are no longer held. The one change that an item ever sees."""
        return models.QuerySet.update(self.filter(until=None), until=ordinal)


class ReleaseItem(FrozenModel):
    """That `key` had this content from release `since` on, and no longer from `until` on (None: to this day)."""

    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=40)
    content = models.ForeignKey(StoredContent, on_delete=models.PROTECT, related_name="+")
    since = models.PositiveIntegerField()
    until = models.PositiveIntegerField(null=True)

    objects = ReleaseItemQuerySet.as_manager()

    class Meta(FrozenModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["shop", "key"], condition=models.Q(until=None), name="item_held_once"),
            models.CheckConstraint(
                condition=models.Q(until=None) | models.Q(until__gt=models.F("since")), name="item_ends_after_it_begins"
            ),
        ]
        indexes = [
            models.Index(fields=["shop", "since"], name="item_by_since"),
            models.Index(fields=["shop", "until"], name="item_by_until"),
        ]


class GoLive(FrozenModel):
    """The history of the pointer: the last row of a shop names the release that answers. One row is one switch."""

    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, related_name="+")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="went_live")
    at = models.DateTimeField()
    by = models.CharField(max_length=150, blank=True)

    class Meta(FrozenModel.Meta):
        constraints = [models.UniqueConstraint(fields=["shop", "at"], name="one_switch_at_a_time")]
        verbose_name = _("switch")


class PendingChange(models.Model):
    """What is published but not released: `content` None means that the key is to go."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="pending")
    key = models.CharField(max_length=40)
    content = models.ForeignKey(StoredContent, on_delete=models.PROTECT, null=True, related_name="+")
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        verbose_name = _("pending change")
        verbose_name_plural = _("pending changes")
        constraints = [models.UniqueConstraint(fields=["shop", "key"], name="pending_once")]


class CutState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    BUILDING = "building", _("building")
    CHECKING = "checking", _("in the gate")
    BLOCKED = "blocked", _("blocked by the gate")
    LIVE = "live", _("live")
    NOTHING_NEW = "nothing_new", _("nothing new")
    FAILED = "failed", _("failed")
    DROPPED = "dropped", _("dropped")


RUNNING = (CutState.WAITING, CutState.BUILDING, CutState.CHECKING)


class Cut(models.Model):
    """One attempt at a weekly cut. It runs aside; only its last step, one transaction, makes a release.

    `keys`: the chosen pending changes (None: all). `base`: the ordinal it was compared with. `changes`: what it would
    change there, key -> content hash or None, once that is known. `done` of `total` is where it stands in its state.
    `worker` and `beat_at` tell a cut that runs from one whose process was killed.
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="cuts", verbose_name=_("shop"))
    state = models.CharField(_("state"), max_length=12, choices=CutState.choices, default=CutState.WAITING)
    keys: Any = models.JSONField(null=True)
    notes = models.TextField(_("notes"), blank=True)
    even_if_nothing_new = models.BooleanField(default=False)
    learn = models.BooleanField(default=False)
    override_reason = models.TextField(_("reason for going live all the same"), blank=True)
    by = models.CharField(_("by"), max_length=150, blank=True)
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    base = models.PositiveIntegerField(default=0)
    changes: Any = models.JSONField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    beat_at = models.DateTimeField(null=True)
    report: Any = models.JSONField(null=True)
    error = models.TextField(blank=True)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("cut")
        verbose_name_plural = _("cuts")
        constraints = [
            models.UniqueConstraint(fields=["shop"], condition=models.Q(state__in=RUNNING), name="one_cut_at_a_time")
        ]
