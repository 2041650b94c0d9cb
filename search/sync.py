"""From what is published to releases: at once where the shop's policy is continuous, else as pending changes.

`plan` decides, `sync` does; a full rebuild is a sync of all keys. What a release holds needs no encoder, so an entry is
taken back even when the model is broken. Vectors come first where they can: a snapshot of the new release finds them.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cms.content import READING, Content, live_contents
from cms.models import Policy, Shop
from cms.releases import ledger
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.passages import phrases
from search.readings import successor

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


def sync(shop: Shop, keys: Iterable[str] | None = None, *, by: str = "") -> Plan:
    """Brings these keys (None: all) in line with what is published; returns what was done, released or pending."""
    # The first release holds all that is published by then.
    keys = sorted(set(keys)) if keys is not None and ledger.has_anything(shop) else None
    _encode_ahead(shop, keys)
    with ledger.locked(shop):
        # Under the lock the last writer reads last, so two edits at once cannot leave the older one standing.
        contents = dict(live_contents(shop, keys))
        wanted = {key: ledger.content_hash(content) for key, content in contents.items()}
        changes = plan(wanted, _stored(shop, keys))
        if changes:
            propose(shop, {key: contents.get(key) for key in changes.write | changes.delete}, by=by)
        if keys is not None and policy_of(shop) == Policy.CONTINUOUS:
            # Where there is nothing to wait for, what waited since another policy or a rollback is outdated by now.
            ledger.forget_pending(shop, keys)
    return changes


def propose(shop: Shop, changes: Mapping[str, Content | None], *, by: str = "", notes: str = "") -> None:
    """These contents (None: the key goes) go live, or wait for the next cut, as the shop's policy is."""
    with ledger.locked(shop):
        changes = {**_first_reading(shop), **changes}
        ledger.store(content for content in changes.values() if content is not None)
        hashes = {key: ledger.content_hash(content) if content else None for key, content in changes.items()}
        if policy_of(shop) == Policy.GATED:
            ledger.set_pending(shop, hashes, by=by)
        else:
            ledger.make_release(shop, hashes, ledger.About(by=by, notes=notes))


def policy_of(shop: Shop) -> str:
    """As it is set now: who asks may have read the shop a while ago."""
    return str(Shop.objects.values_list("release_policy", flat=True).get(pk=shop.pk))


def _stored(shop: Shop, keys: list[str] | None) -> ledger.Hashes:
    """What these changes are compared with: with what waits too, unless an editor publishes just these at once."""
    if keys is None or policy_of(shop) == Policy.GATED:
        stored = ledger.proposed(shop, keys)
    else:
        live = ledger.live_release(shop)
        stored = ledger.held(shop, live.ordinal, keys) if live else {}
    stored.pop(READING, None)
    return stored


def _first_reading(shop: Shop) -> dict[str, Content]:
    if READING in ledger.proposed(shop, [READING]):
        return {}
    reading = successor(None, encoding.default_encoder())
    return {READING: reading} if reading else {}


def _encode_ahead(shop: Shop, keys: list[str] | None) -> None:
    texts = [text for _key, content in live_contents(shop, keys) for text in phrases(content)]
    try:
        encoding.store_missing(texts, name=encoder_of(shop))
    except EncoderUnavailable:
        logger.exception("No vectors for shop %s: its new phrases are found by their words only", shop.slug)


def encoder_of(shop: Shop) -> str:
    """The name of the live release's encoder; of the one for new releases where there is none yet."""
    live = ledger.live_release(shop)
    reading = ledger.held(shop, live.ordinal, [READING]).get(READING) if live else None
    name = ledger.contents_of([reading])[reading]["encoder"] if reading else ""
    return str(name or encoding.default_encoder())
