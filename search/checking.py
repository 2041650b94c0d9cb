"""One definition of stale: `findings` only reports, `repair` mends exactly what it reported."""

from collections.abc import Iterable
from dataclasses import dataclass

from cms.content import KINDS, live_contents
from cms.models import Shop
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.text import text_hash
from search.models import IndexRecord, StoredVector
from search.passages import phrases
from search.sync import content_hash, plan, sync, touch


@dataclass(frozen=True, slots=True)
class Findings:
    """`write`, `delete`: keys whose index row differs from what is published. `vectorless`: phrasings without a vector.
    `encoder` is why there is no encoder, or empty."""

    shop: str
    entries: int
    write: tuple[str, ...]
    delete: tuple[str, ...]
    vectorless: int
    encoder: str = ""

    @property
    def healthy(self) -> bool:
        return not (self.write or self.delete or self.vectorless or self.encoder)


def findings(shop: Shop) -> Findings:
    contents = dict(live_contents(shop))
    wanted = {key: content_hash(content) for key, content in contents.items()}
    changes = plan(wanted, dict(IndexRecord.objects.filter(shop=shop).values_list("key", "content_hash")))
    texts = {text_hash(text) for content in contents.values() for text in phrases(content)}
    missing, reason = _vectorless(texts)
    entries = sum(content["kind"] in KINDS for content in contents.values())
    return Findings(shop.slug, entries, tuple(sorted(changes.write)), tuple(sorted(changes.delete)), missing, reason)


def _vectorless(hashes: set[str]) -> tuple[int, str]:
    try:
        recipe = encoding.encoder().recipe
    except EncoderUnavailable as exc:
        return len(hashes), str(exc)
    return len(hashes - encoding.stored_hashes(recipe, hashes)), ""


def repair(shop: Shop, found: Findings) -> None:
    """Raises EncoderUnavailable after everything that needs no encoder has been mended."""
    if found.write or found.delete:
        sync(shop)
    if found.vectorless:
        stored = IndexRecord.objects.filter(shop=shop).values_list("content", flat=True)
        encoding.store_missing(text for content in stored for text in phrases(content))
        touch(shop)


def prune_vectors(shops: Iterable[Shop]) -> int:
    """Deletes vectors that no shop's index needs, of other recipes too; returns how many."""
    used = {
        text_hash(text)
        for shop in shops
        for content in IndexRecord.objects.filter(shop=shop).values_list("content", flat=True)
        for text in phrases(content)
    }
    recipe = encoding.encoder().recipe
    unused = [
        pk
        for pk, *rest in StoredVector.objects.values_list("pk", "recipe", "text_hash")
        if not _used(rest, recipe, used)
    ]
    for start in range(0, len(unused), 900):
        StoredVector.objects.filter(pk__in=unused[start : start + 900]).delete()
    return len(unused)


def _used(row: list[str], recipe: str, used: set[str]) -> bool:
    return row[0] == recipe and row[1] in used
