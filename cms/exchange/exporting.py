"""A release as lines: from its stored contents, never from what editors are working on.

Only what contents do not say comes from the tables, and only for what the release holds: the names and order of its
categories, and by which number a rule is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from cms.content import KINDS, READING, RULE_PARTS, RULES, Content, active_rules, is_entry_key
from cms.exchange.files import FORMAT, HEADER, VERSION, Line
from cms.exchange.pictures import picture_lines, urls_in
from cms.models import Category, IntentRule, Release, Shop
from cms.releases import ledger

REPORT, ITEM, CATEGORY, RULE = "report", "item", "category", "rule"
SHOP_SETTINGS = ("release_policy", "cut_weekday", "most_losses")
_AT_A_TIME = 200


def release_lines(release: Release) -> Iterator[Line]:
    """All of it, whatever its size: a few hundred contents are held at a time. Raises CorruptContent."""
    hashes = ledger.held(release.shop_id, release.ordinal)
    yield _header(release, hashes)
    if release.report_id:
        yield {"line": REPORT, "hash": release.report_id, "content": _content(release.report_id)}
    categories: set[str] = set()
    urls: set[str] = set()
    for key, content in _contents(hashes):
        yield {"line": ITEM, "key": key, "hash": hashes[key], "content": content}
        if content["kind"] in KINDS:
            categories.add(content["category"])
            urls |= urls_in(content)
    yield from _category_lines(release.shop, categories)
    if RULES in hashes:
        yield from _rule_lines(release.shop, _content(hashes[RULES]))
    yield from picture_lines(urls)


def _header(release: Release, hashes: ledger.Hashes) -> Line:
    shop = release.shop
    reading = _content(hashes[READING]) if READING in hashes else {}
    return {
        "line": HEADER,
        "format": FORMAT,
        "version": VERSION,
        "shop": {
            "slug": shop.slug,
            "name": shop.name,
            "name_en": shop.name_en,
            "cut_time": shop.cut_time.isoformat(),
            **{name: getattr(shop, name) for name in SHOP_SETTINGS},
        },
        "release": {
            "number": release.number,
            "ordinal": release.ordinal,
            "kind": release.kind,
            "made_at": release.made_at.isoformat(),
            "made_by": release.made_by,
            "notes": release.notes,
            "override_reason": release.override_reason,
            "digest": release.digest,
        },
        "encoder": {"name": reading.get("encoder", ""), "recipe": reading.get("recipe", "")},
        "entries": sum(map(is_entry_key, hashes)),
        "contents": len(hashes),
    }


def _content(name: str) -> Content:
    return ledger.contents_of([name])[name]


def _contents(hashes: ledger.Hashes) -> Iterator[tuple[str, Content]]:
    keys = iter(sorted(hashes, key=_place))
    while part := list(islice(keys, _AT_A_TIME)):
        found = ledger.contents_of(hashes[key] for key in part)
        yield from ((key, found[hashes[key]]) for key in part)


def _place(key: str) -> tuple[bool, str, int]:
    """What a shop has one of comes first, entries by their numbers."""
    kind, _colon, number = key.partition(":")
    return is_entry_key(key), kind, int(number or 0)


def _category_lines(shop: Shop, slugs: Iterable[str]) -> Iterator[Line]:
    """Those that the release's entries are in; one that is gone by now has its slug for a name."""
    rows = {row.slug: row for row in Category.objects.filter(shop=shop)}
    for slug in sorted(slugs):
        row = rows.get(slug) or Category(slug=slug, name=slug)
        names = {"name": row.name, "name_en": row.name_en}
        yield {"line": CATEGORY, "slug": slug, **names, "sort_order": row.sort_order}


def _rule_lines(shop: Shop, released: Content) -> Iterator[Line]:
    """By which uid a rule is known and where it stands: a file that is loaded again finds it there."""
    for part, published in active_rules(shop).items():
        rows: dict[str, list[Any]] = defaultdict(list)
        for row in published:
            rows[ledger.canonical(RULE_PARTS[part](row))].append(row)
        for place, content in enumerate(released[part]):
            if same := rows[ledger.canonical(content)]:
                row = same.pop(0)
                order = row.sort_order if isinstance(row, IntentRule) else 0
                yield {"line": RULE, "part": part, "place": place, "uid": str(row.uid), "sort_order": order}
