"""Keeps the index rows equal to what is published. `plan` decides, `sync` does; a full rebuild is a sync of all keys.

The rows that make an entry answerable need no encoder, so an entry is unpublished even when the model is broken.
Vectors come first where they can: a snapshot that sees the new number then finds them.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction

from cms.content import Content, live_contents
from cms.models import Shop
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.models import IndexRecord, IndexVersion
from search.passages import phrases

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """Keys to write (new or changed) and to delete."""

    write: frozenset[str]
    delete: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.write or self.delete)


def plan(wanted: Mapping[str, str], stored: Mapping[str, str]) -> Plan:
    """Both: key -> content hash. Pure, and empty when they are equal."""
    write = {key for key, content_hash in wanted.items() if stored.get(key) != content_hash}
    return Plan(frozenset(write), frozenset(stored.keys() - wanted.keys()))


def content_hash(content: Content) -> str:
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def sync(shop: Shop, keys: Iterable[str] | None = None) -> Plan:
    """Brings the rows of these keys (None: all) in line with what is published; returns what was done."""
    keys = None if keys is None else sorted(set(keys))
    _encode_ahead(shop, keys)
    with transaction.atomic():
        # The lock makes the last writer read last, so two edits at once cannot leave the older one standing.
        version, _ = IndexVersion.objects.select_for_update().get_or_create(shop=shop)
        contents = dict(live_contents(shop, keys))
        wanted = {key: content_hash(content) for key, content in contents.items()}
        changes = plan(wanted, _stored(shop, keys))
        if changes:
            _write(shop, changes, contents, wanted)
            version.number += 1
            version.save()
    return changes


def _encode_ahead(shop: Shop, keys: list[str] | None) -> None:
    texts = [text for _key, content in live_contents(shop, keys) for text in phrases(content)]
    try:
        encoding.store_missing(texts)
    except EncoderUnavailable:
        logger.exception("No vectors for shop %s: its new phrases are found by their words only", shop.slug)


def _stored(shop: Shop, keys: list[str] | None) -> dict[str, str]:
    rows = IndexRecord.objects.filter(shop=shop)
    if keys is not None:
        rows = rows.filter(key__in=keys)
    return dict(rows.values_list("key", "content_hash"))


def _write(shop: Shop, changes: Plan, contents: Mapping[str, Content], hashes: Mapping[str, str]) -> None:
    IndexRecord.objects.filter(shop=shop, key__in=changes.delete).delete()
    IndexRecord.objects.bulk_create(
        [
            IndexRecord(shop=shop, key=key, content=contents[key], content_hash=hashes[key])
            for key in sorted(changes.write)
        ],
        update_conflicts=True,
        unique_fields=["shop", "key"],
        update_fields=["content", "content_hash"],
        batch_size=500,
    )


def touch(shop: Shop) -> None:
    """Every process builds its snapshot from nothing: vectors or lessons changed, the content did not."""
    with transaction.atomic():
        version, _ = IndexVersion.objects.select_for_update().get_or_create(shop=shop)
        version.number += 1
        version.generation += 1
        version.save()
