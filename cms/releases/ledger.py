"""Reads and writes releases. The one way to make one is `make_release`; nothing that is written is changed again.

A shop's row is the lock: whoever writes what the shop holds takes it first and reads afterwards.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from cms.content import Content, is_entry_key
from cms.models import GoLive, PendingChange, Release, ReleaseItem, ReleaseKind, Shop, StoredContent
from cms.releases.numbering import number_for, week_of
from cms.signals import went_live

Hashes = dict[str, str]
"""Key -> the hash of its content."""
Changes = Mapping[str, str | None]
"""Key -> the hash of its new content, None where it goes."""
ChangeKind = Literal["added", "changed", "removed"]
_SLICE = 500


class CorruptContent(RuntimeError):
    """A stored content is missing, or is not what its hash says. Restore it from a backup, or publish it again."""


class OutOfStep(RuntimeError):
    """Another release went live meanwhile. Read again and decide anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a key from one release to another: hashes, None where it was not held."""

    key: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> ChangeKind:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def canonical(content: Content) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def content_hash(content: Content) -> str:
    return sha256(canonical(content).encode()).hexdigest()


def store(contents: Iterable[Content]) -> None:
    """Keeps what is not yet kept."""
    rows = {}
    for content in contents:
        text = canonical(content)
        rows[sha256(text.encode()).hexdigest()] = text
    known = _stored_among(rows)
    new = [StoredContent(hash=name, text=text) for name, text in rows.items() if name not in known]
    StoredContent.objects.bulk_create(new, batch_size=_SLICE, ignore_conflicts=True)


def _stored_among(hashes: Iterable[str]) -> set[str]:
    rows = StoredContent.objects
    return {name for part in _sliced(hashes) for name in rows.filter(pk__in=part).values_list("pk", flat=True)}


def contents_of(hashes: Iterable[str]) -> dict[str, Content]:
    """Hash -> content. Raises CorruptContent, naming the hash."""
    found, broken = sound_contents_of(hashes)
    if broken:
        raise CorruptContent(broken[0])
    return found


def sound_contents_of(hashes: Iterable[str]) -> tuple[dict[str, Content], list[str]]:
    """The same, and a sentence for each that is missing or spoilt."""
    wanted = sorted(set(hashes))
    texts = {
        name: text
        for part in _sliced(wanted)
        for name, text in StoredContent.objects.filter(pk__in=part).values_list("hash", "text")
    }
    sound = {name for name, text in texts.items() if sha256(text.encode()).hexdigest() == name}
    broken = [
        f"The stored content {name} is {'not what was written under that name' if name in texts else 'missing'}."
        for name in wanted
        if name not in sound
    ]
    return {name: json.loads(texts[name]) for name in sound}, broken


def _sliced(names: Iterable[str]) -> Iterator[list[str]]:
    # SQLite and PostgreSQL both limit the number of parameters of one statement.
    listed = list(names)
    for start in range(0, len(listed), _SLICE):
        yield listed[start : start + _SLICE]


@contextmanager
def locked(shop: Shop) -> Iterator[None]:
    """A transaction in which nobody else changes what the shop holds."""
    with transaction.atomic():
        # FOR NO KEY UPDATE: rows that merely point to the shop can be written meanwhile.
        Shop.objects.select_for_update(no_key=True).get(pk=shop.pk)
        yield


def live_release(shop: Shop | int) -> Release | None:
    """The one that answers now; None before the first."""
    row = GoLive.objects.filter(shop=shop).select_related("release").order_by("-pk").first()
    return row.release if row else None


def pointer(shop: Shop) -> tuple[int, str]:
    """(ordinal, number) of the live release, (0, "") before the first: one short query, asked for every answer."""
    row = GoLive.objects.filter(shop=shop).order_by("-pk").values_list("release__ordinal", "release__number").first()
    return (row[0], row[1]) if row else (0, "")


def release_at(shop: Shop, moment: datetime) -> Release | None:
    """The one that was live at that moment; None before the first."""
    row = GoLive.objects.filter(shop=shop, at__lte=moment).select_related("release").order_by("-pk").first()
    return row.release if row else None


def previous(release: Release) -> Release | None:
    """The one before it; None for a shop's first."""
    return Release.objects.filter(shop=release.shop_id, ordinal=release.ordinal - 1).first()


def live_spans(shop: Shop, releases: Iterable[Release]) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """Number -> (from, until) of when it was live (until None: it is), oldest first."""
    switches = GoLive.objects.filter(shop=shop)
    later = switches.filter(pk__gt=OuterRef("pk")).order_by("pk").values("at")[:1]
    wanted = list(releases)
    rows = switches.filter(release__in=wanted).order_by("pk").annotate(until=Subquery(later))
    found: dict[str, list[tuple[datetime, datetime | None]]] = {release.number: [] for release in wanted}
    for number, at, until in rows.values_list("release__number", "at", "until"):
        found[number].append((at, until))
    return found


def first_moment(shop: Shop) -> datetime | None:
    """When the shop's first release went live."""
    return GoLive.objects.filter(shop=shop).order_by("pk").values_list("at", flat=True).first()


def held(shop: Shop | int, ordinal: int, keys: Iterable[str] | None = None) -> Hashes:
    """What release `ordinal` holds; of these keys only, where given."""
    rows = ReleaseItem.objects.filter(shop=shop).held_by(ordinal)
    if keys is None:
        return dict(rows.values_list("key", "content_id"))
    return {
        key: name for part in _sliced(keys) for key, name in rows.filter(key__in=part).values_list("key", "content_id")
    }


def has_anything(shop: Shop) -> bool:
    """Whether something was released, or waits to be."""
    return live_release(shop) is not None or PendingChange.objects.filter(shop=shop).exists()


def pending(shop: Shop) -> dict[str, str | None]:
    """What is published but waits for the next cut."""
    return dict(PendingChange.objects.filter(shop=shop).values_list("key", "content_id"))


def proposed(shop: Shop, keys: Iterable[str] | None = None) -> Hashes:
    """What the shop would hold if all that waits were released."""
    live = live_release(shop)
    hashes = held(shop, live.ordinal, keys) if live else {}
    waiting = pending(shop)
    chosen = waiting if keys is None else {key: waiting[key] for key in keys if key in waiting}
    merged = {**hashes, **chosen}
    return {key: name for key, name in merged.items() if name is not None}


def changes_between(shop: Shop | int, before: int, after: int) -> list[Change]:
    """Sorted by key; either may be the older one, and 0 stands for holding nothing. Costs what has changed."""
    low, high = sorted((before, after))
    touched = ReleaseItem.objects.filter(shop=shop).filter(
        Q(since__gt=low, since__lte=high) | Q(until__gt=low, until__lte=high)
    )
    rows = list(touched.values_list("key", "content_id", "since", "until"))

    def at(ordinal: int) -> Hashes:
        return {
            key: name for key, name, since, until in rows if since <= ordinal and (until is None or ordinal < until)
        }

    old, new = at(before), at(after)
    return [
        Change(key, old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def digest(hashes: Mapping[str, str]) -> str:
    """The same for the same contents under the same keys, and for nothing else."""
    return sha256("".join(f"{key} {name}\n" for key, name in sorted(hashes.items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class About:
    """What is kept with a release beside its contents. `report`: the hash of a stored content. `number`: that of an
    import, which keeps its own."""

    kind: str = str(ReleaseKind.PATCH)
    by: str = ""
    notes: str = ""
    report: str | None = None
    override_reason: str = ""
    like: int | None = None
    number: str = ""


def make_release(shop: Shop, changes: Changes, about: About, *, base: int | None = None) -> Release:
    """The live release with these changes, live from now on: all of it in one transaction, or nothing.

    `base`: the ordinal that the changes were worked out against. Raises OutOfStep where another one is live by now, and
    CorruptContent where a content that it would hold is not there.
    """
    with locked(shop):
        live = live_release(shop)
        ordinal = live.ordinal if live else 0
        if base is not None and base != ordinal:
            raise OutOfStep(f"{shop.slug}: release {live or 'none'} is live by now.")
        before = held(shop, ordinal) if live else {}
        real = {key: name for key, name in changes.items() if before.get(key) != name}
        _check_stored(name for name in real.values() if name)
        after = {key: name for key, name in {**before, **real}.items() if name is not None}
        release = _written(shop, ordinal + 1, before, after, about)
        _move_intervals(shop, release.ordinal, real)
        _clear_pending(shop, changes)
        GoLive.objects.create(shop=shop, release=release, at=release.made_at, by=about.by)
        went_live.send(sender=Release, release=release)
    return release


def _check_stored(names: Iterable[str]) -> None:
    wanted = set(names)
    missing = wanted - _stored_among(wanted)
    if missing:
        raise CorruptContent(f"The stored content {min(missing)} is missing.")


def _written(shop: Shop, ordinal: int, before: Hashes, after: Hashes, about: About) -> Release:
    moment = _next_moment(shop)
    week = Release.objects.filter(shop=shop, number__startswith=week_of(moment)).values_list("number", flat=True)
    # The first release of a shop starts its week, whatever made it.
    weekly = about.kind == ReleaseKind.WEEKLY or ordinal == 1
    return Release.objects.create(
        shop=shop,
        ordinal=ordinal,
        number=about.number or number_for(moment, set(week), weekly=weekly),
        kind=about.kind,
        made_at=moment,
        made_by=about.by,
        notes=about.notes,
        entries=sum(map(is_entry_key, after)),
        added=len(after.keys() - before.keys()),
        removed=len(before.keys() - after.keys()),
        changed=sum(after[key] != before[key] for key in after.keys() & before.keys()),
        digest=digest(after),
        report_id=about.report,
        override_reason=about.override_reason,
        like=about.like,
    )


def _next_moment(shop: Shop) -> datetime:
    """Now; never at or before the last switch, whatever the clock does."""
    now = timezone.now()
    last = GoLive.objects.filter(shop=shop).order_by("-pk").values_list("at", flat=True).first()
    return max(now, last + timedelta(microseconds=1)) if last else now


def _move_intervals(shop: Shop, ordinal: int, changes: Changes) -> None:
    for part in _sliced(changes):
        ReleaseItem.objects.filter(shop=shop, key__in=part).end(ordinal)
    rows = [
        ReleaseItem(shop=shop, key=key, content_id=name, since=ordinal) for key, name in sorted(changes.items()) if name
    ]
    ReleaseItem.objects.bulk_create(rows, batch_size=_SLICE)


def _clear_pending(shop: Shop, changes: Changes) -> None:
    """What has been released no longer waits; what was changed again meanwhile does."""
    waiting = pending(shop)
    forget_pending(shop, (key for key, name in changes.items() if key in waiting and waiting[key] == name))


def forget_pending(shop: Shop, keys: Iterable[str]) -> None:
    """These no longer wait for a cut."""
    for part in _sliced(keys):
        PendingChange.objects.filter(shop=shop, key__in=part).delete()


def set_pending(shop: Shop, wanted: Changes, *, by: str = "") -> None:
    """What is published waits for the next cut; what is live like that already no longer does. Under the lock."""
    live = live_release(shop)
    current = held(shop, live.ordinal, wanted) if live else {}
    forget_pending(shop, (key for key, name in wanted.items() if current.get(key) == name))
    rows = [
        PendingChange(shop=shop, key=key, content_id=name, by=by, at=timezone.now())
        for key, name in wanted.items()
        if current.get(key) != name
    ]
    PendingChange.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["shop", "key"],
        update_fields=["content", "by", "at"],
        batch_size=_SLICE,
    )
