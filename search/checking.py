"""One definition of stale: `findings` only reports, `repair` mends exactly what it reported."""

import json
from dataclasses import dataclass

from cms.content import READING, is_entry_key, live_contents
from cms.models import Shop, StoredContent
from cms.releases import ledger
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.text import text_hash
from search.models import StoredVector
from search.passages import phrases
from search.readings import successor
from search.sync import encoder_of, plan, propose, sync


@dataclass(frozen=True, slots=True)
class Findings:
    """`write`, `delete`: keys that are published otherwise than they are released, and do not wait for a cut either.
    `vectorless`: phrasings without a sound vector. `unread`: whether the encoder of the release is another one by now.
    `broken`: stored contents that are spoilt or missing. `encoder` is why there is no encoder, or empty."""

    shop: str
    entries: int
    write: tuple[str, ...]
    delete: tuple[str, ...]
    vectorless: int
    unread: bool = False
    broken: tuple[str, ...] = ()
    encoder: str = ""

    @property
    def healthy(self) -> bool:
        return not (self.write or self.delete or self.vectorless or self.unread or self.broken or self.encoder)


def findings(shop: Shop) -> Findings:
    contents = dict(live_contents(shop))
    wanted = {key: ledger.content_hash(content) for key, content in contents.items()}
    stored = ledger.proposed(shop)
    held, broken = ledger.sound_contents_of(stored.values())
    reading = stored.pop(READING, None)
    changes = plan(wanted, stored)
    unread = bool(stored) and successor(held.get(reading or ""), encoding.default_encoder()) is not None
    texts = {text_hash(text) for content in contents.values() for text in phrases(content)}
    missing, reason = _vectorless(texts, encoder_of(shop))
    return Findings(
        shop=shop.slug,
        entries=sum(map(is_entry_key, contents)),
        write=tuple(sorted(changes.write)),
        delete=tuple(sorted(changes.delete)),
        vectorless=missing,
        unread=unread,
        broken=tuple(broken),
        encoder=reason,
    )


def _vectorless(hashes: set[str], encoder: str) -> tuple[int, str]:
    try:
        recipe = encoding.encoder(encoder).recipe
    except EncoderUnavailable as exc:
        return len(hashes), str(exc)
    return len(hashes - encoding.stored_hashes(recipe, hashes)), ""


def repair(shop: Shop, found: Findings) -> None:
    """Raises EncoderUnavailable after everything that needs no encoder has been mended, and CorruptContent for what
    only a backup can bring back."""
    if found.unread:
        _read_anew(shop)
    if found.write or found.delete:
        sync(shop)
    if found.vectorless:
        texts = (text for _key, content in live_contents(shop) for text in phrases(content))
        encoding.store_missing(texts, name=encoder_of(shop))
    if found.broken:
        raise ledger.CorruptContent(found.broken[0])


def _read_anew(shop: Shop) -> None:
    """The release has no encoder, or one that is gone with an upgrade: what is there now takes its place."""
    name = ledger.proposed(shop, [READING]).get(READING)
    reading = successor(ledger.contents_of([name])[name] if name else None, encoding.default_encoder())
    if reading:
        texts = [text for _key, content in live_contents(shop) for text in phrases(content)]
        encoding.store_missing(texts, name=reading["encoder"])
        propose(shop, {READING: reading}, by="rebuild_index")


def prune_vectors() -> int:
    """Deletes vectors of texts that no release has ever held; returns how many."""
    used = {
        text_hash(text)
        for content in StoredContent.objects.values_list("text", flat=True).iterator()
        for text in phrases(json.loads(content))
    }
    unused = [pk for pk, text in StoredVector.objects.values_list("pk", "text_hash").iterator() if text not in used]
    for start in range(0, len(unused), 900):
        StoredVector.objects.filter(pk__in=unused[start : start + 900]).delete()
    return len(unused)
