"""Puts a checked file into an installation: rows that editors go on with, and the release that answers from now on.

One transaction; rows are made in bulk, which sends no signals, so nothing but the release itself is released. Where
this installation makes other contents of the same rows (the address of a picture, for one), these wait for a cut.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.db.models import CharField, OuterRef, Subquery
from django.db.models.functions import Cast
from django.utils import timezone
from wagtail.models import Locale, ReferenceIndex, Revision

from cms.content import FACTS, KINDS, READING, RULES, Content, is_entry_key, live_contents
from cms.exchange.checking import SHOP_FIELDS, Checked, category_of, shop_of
from cms.exchange.exporting import CATEGORY, ITEM, REPORT, RULE
from cms.exchange.files import BadFile
from cms.exchange.pictures import PICTURE, Album, album, is_there
from cms.exchange.remaking import ANSWERS, entry_of, facts_of, products_of, rules_of
from cms.models import (
    Category,
    Entry,
    Fact,
    IntentRule,
    PendingChange,
    Pin,
    Product,
    Release,
    ReleaseItem,
    ReleaseKind,
    Shop,
    SynonymGroup,
)
from cms.releases import ledger

_AT_A_TIME = 200


class NotEmpty(RuntimeError):
    """There is something already where the release would go. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Imported:
    """`waiting`: keys whose content would be another one here; it waits for the next cut."""

    release: Release
    waiting: tuple[str, ...]


def check_room(checked: Checked, slug: str) -> None:
    """Raises NotEmpty and PictureTaken, saying what is there."""
    shop = Shop.objects.filter(slug=slug).first()
    if shop:
        there = [f"{count} {name}" for name, count in _in(shop) if count]
        if there:
            raise NotEmpty(f"The shop “{slug}” is not empty: it has {', '.join(there)}.")
    taken = _taken(checked)
    if taken:
        others = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise NotEmpty(
            f"{taken[0][0]} is an entry of the shop “{taken[0][1]}” already{others}. Answers name entries by their "
            "numbers, so the release can only go where these are free."
        )
    for path, checksum in checked.pictures.items():
        is_there(path, checksum)


def _in(shop: Shop) -> Iterator[tuple[str, int]]:
    yield "releases", Release.objects.filter(shop=shop).count()
    yield "entries", sum(model.objects.filter(shop=shop).count() for model in KINDS.values())
    yield "pending changes", PendingChange.objects.filter(shop=shop).count()
    yield "facts", shop.facts.count()
    yield "products", shop.products.count()
    yield "rules", sum(getattr(shop, name).count() for name in ("synonymgroups", "pins", "intentrules"))


def _taken(checked: Checked) -> list[tuple[str, str]]:
    """Entries of the file whose number, or whose place among translations, belongs to another one: with its shop."""
    found = []
    places = {(group, locale) for group, locale in checked.groups}
    for kind, model in KINDS.items():
        rows = model.objects.values_list("pk", "shop__slug", "translation_key", "locale__language_code")
        for pk, slug, group, locale in rows.iterator():
            if f"{kind}:{pk}" in checked.hashes:
                found.append((f"{kind}:{pk}", slug))
            elif (group, locale) in places and checked.groups[group, locale].startswith(f"{kind}:"):
                found.append((checked.groups[group, locale], slug))
    held = ReleaseItem.objects.filter(until=None).values_list("key", "shop__slug")
    waiting = PendingChange.objects.values_list("key", "shop__slug")
    known = {key for key, _slug in found}
    for rows in (held, waiting):
        found += [(key, slug) for key, slug in rows.iterator() if key in checked.groups.values() and key not in known]
    return found


def put(checked: Checked, slug: str, *, by: str = "") -> Imported:
    """All of it, or nothing. Raises NotEmpty, PictureTaken, and BadFile for what the database does not take."""
    check_room(checked, slug)
    with album() as pictures, transaction.atomic():
        shop, _made = Shop.objects.get_or_create(slug=slug, defaults={"name": slug})
        try:
            with ledger.locked(shop):
                check_room(checked, slug)
                return _Import(checked, shop, pictures).run(by)
        except (DatabaseError, ValueError) as exc:
            raise exc if isinstance(exc, BadFile) else BadFile(f"The database does not take it: {exc}") from exc


class _Import:
    """Under the lock of a shop that has nothing yet."""

    def __init__(self, checked: Checked, shop: Shop, pictures: Album) -> None:
        self.checked, self.shop, self.pictures = checked, shop, pictures
        self.locales: dict[str, Locale] = {}

    def run(self, by: str) -> Imported:
        self._set_shop()
        for line in self.checked.lines(PICTURE):
            self.pictures.put(line)
        self._make_categories()
        for lines in _sliced(self.checked.lines(ITEM)):
            ledger.store(line["content"] for line in lines)
            self._make_entries({line["key"]: line["content"] for line in lines if is_entry_key(line["key"])})
        self._make_facts()
        self._make_rules()
        _move_sequences()
        release = self._release(by)
        return Imported(release, self._what_differs(by))

    def _set_shop(self) -> None:
        wanted = shop_of(self.checked.header, self.shop.slug, self.checked.settings)
        Shop.objects.filter(pk=self.shop.pk).update(**{name: getattr(wanted, name) for name in SHOP_FIELDS})
        self.shop.refresh_from_db()

    def _make_categories(self) -> None:
        wanted = [category_of(line, self.shop) for line in self.checked.lines(CATEGORY)]
        there = {row.slug: row for row in Category.objects.filter(shop=self.shop)}
        for row in wanted:
            row.pk = there[row.slug].pk if row.slug in there else None
        Category.objects.bulk_create([row for row in wanted if row.pk is None])
        Category.objects.bulk_update([row for row in wanted if row.slug in there], ["name", "name_en", "sort_order"])
        self.categories = there | {row.slug: row for row in wanted}

    def _make_entries(self, contents: dict[str, Content]) -> None:
        for kind, model in KINDS.items():
            entries = [self._entry(key, content) for key, content in contents.items() if content["kind"] == kind]
            model.objects.bulk_create(entries)
            answers = [answer for entry in entries for answer in entry.answers.all()]
            for entry in entries:
                for answer in entry.answers.all():
                    answer.entry = entry
            ANSWERS[model].objects.bulk_create(answers)
            _revise(model, entries)

    def _entry(self, key: str, content: Content) -> Entry:
        entry = entry_of(key, content, self.pictures.ids.get)
        entry.shop, entry.category = self.shop, self.categories[content["category"]]
        entry.locale = self._locale(content["locale"])
        entry.first_published_at = entry.last_published_at = timezone.now()
        return entry

    def _locale(self, code: str) -> Locale:
        if code not in dict(settings.WAGTAIL_CONTENT_LANGUAGES):
            raise BadFile(f"The file has entries in the language {code}, which this installation does not have.")
        if code not in self.locales:
            self.locales[code] = Locale.objects.get_or_create(language_code=code)[0]
        return self.locales[code]

    def _single(self, key: str) -> Content | None:
        name = self.checked.hashes.get(key)
        return ledger.contents_of([name])[name] if name else None

    def _make_facts(self) -> None:
        if content := self._single(FACTS):
            products = {row.key: row for row in Product.objects.bulk_create(products_of(content, self.shop))}
            _indexed(products.values())
            _indexed(Fact.objects.bulk_create(facts_of(content, self.shop, products)))

    def _make_rules(self) -> None:
        if content := self._single(RULES):
            known = {(line["part"], line["place"]): line for line in self.checked.lines(RULE)}
            rules = rules_of(content, self.shop, self.checked.hashes.keys(), known)
            for model in (SynonymGroup, Pin, IntentRule):
                _indexed(model.objects.bulk_create([rule for rule in rules if isinstance(rule, model)]))

    def _release(self, by: str) -> Release:
        told = self.checked.header["release"]
        about = ledger.About(
            kind=str(ReleaseKind.IMPORT),
            by=by,
            notes=told["notes"],
            number=told["number"],
            override_reason=told["override_reason"],
        )
        for line in self.checked.lines(REPORT):
            ledger.store([line["content"]])
            about = replace(about, report=line["hash"])
        return ledger.make_release(self.shop, self.checked.hashes, about, base=0)

    def _what_differs(self, by: str) -> tuple[str, ...]:
        """Puts it as pending: the release stays what the file says."""
        differing: dict[str, str | None] = {}
        missing = set(self.checked.hashes) - {READING}
        for part in _sliced(live_contents(self.shop)):
            found = {key: (ledger.content_hash(content), content) for key, content in part}
            missing -= found.keys()
            new = {key: pair for key, pair in found.items() if self.checked.hashes.get(key) != pair[0]}
            ledger.store(content for _name, content in new.values())
            differing |= {key: name for key, (name, _content) in new.items()}
        differing |= dict.fromkeys(missing)
        ledger.set_pending(self.shop, differing, by=by)
        return tuple(sorted(differing))


def _sliced(things: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(things)
    while part := list(islice(left, _AT_A_TIME)):
        yield part


def _revise(model: type[Entry], entries: list[Entry]) -> None:
    """Each has one revision, the one that is live: what editors open is what answers."""
    revisions = [
        Revision(
            content_object=entry,
            base_content_type=entry.get_base_content_type(),
            created_at=entry.last_published_at,
            object_str=str(entry),
            content=entry.serializable_data(),
        )
        for entry in entries
    ]
    Revision.objects.bulk_create(revisions)
    own = Revision.objects.filter(
        content_type=ContentType.objects.get_for_model(model), object_id=Cast(OuterRef("pk"), CharField())
    )
    newest = Subquery(own.order_by("-pk").values("pk")[:1])
    model.objects.filter(pk__in=[entry.pk for entry in entries]).update(latest_revision=newest, live_revision=newest)
    _indexed(entries)


def _indexed(rows: Iterable[Any]) -> None:
    """What Wagtail says of where an entry, a product or a picture is used."""
    for row in rows:
        ReferenceIndex.create_or_update_for_object(row)


def _move_sequences() -> None:
    """PostgreSQL counts on from where it was, whatever numbers were given; it is never moved back."""
    if connection.vendor != "postgresql":
        return
    quote: Callable[[str], str] = connection.ops.quote_name
    with connection.cursor() as cursor:
        for model in KINDS.values():
            table = model._meta.db_table
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
            (sequence,) = cursor.fetchone()
            cursor.execute(
                f"SELECT setval(%s, GREATEST((SELECT MAX(id) FROM {quote(table)}), "  # noqa: S608
                f"(SELECT last_value FROM {sequence})))",
                [sequence],
            )
