"""What a cut would release: the live release with the chosen pending changes, read by the encoder for new releases.

Nothing here changes what is live: vectors are encoded aside, contents are stored under their hashes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cms.content import READING, Content, is_entry_key
from cms.models import Shop
from cms.releases import ledger
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.text import text_hash
from search.lessons import learn_from
from search.passages import phrases
from search.readings import compile_reading, needs_codebook, reading_content, with_codebook

Progress = Callable[[int, int], None]
"""Told (done, total)."""


class MissingVector(RuntimeError):
    """A phrasing has no sound vector, though the encoder was asked for one. The message names the entry."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`changes` on release `base` of the shop (0: there is none) give `hashes`: key -> content hash. `before` is what
    that release holds."""

    base: int
    changes: dict[str, str | None]
    before: ledger.Hashes

    @property
    def hashes(self) -> ledger.Hashes:
        return {key: name for key, name in {**self.before, **self.changes}.items() if name is not None}

    @property
    def is_new(self) -> bool:
        """Whether it holds anything else than what is live."""
        return any(self.before.get(key) != name for key, name in self.changes.items())


def chosen(shop: Shop, keys: Iterable[str] | None) -> dict[str, str | None]:
    """Those of these keys (None: all) that wait by now."""
    waiting = ledger.pending(shop)
    return waiting if keys is None else {key: waiting[key] for key in keys if key in waiting}


def candidate(shop: Shop, changes: Mapping[str, str | None]) -> Candidate:
    """With these changes on what is live now."""
    live = ledger.live_release(shop)
    return Candidate(live.ordinal if live else 0, dict(changes), ledger.held(shop, live.ordinal) if live else {})


def made_ready(found: Candidate, *, learn: bool, progress: Progress) -> Candidate:
    """The same with a reading that can be used, and with a sound vector of every phrasing.

    Raises CorruptContent, EncoderUnavailable, MissingVector; the messages name the entry.
    """
    contents = _sound(found.hashes)
    held = contents.get(READING)
    name = _encoder_for(held) if contents else None
    if name is None:
        return found
    _encode(contents, name, progress)
    reading = _reading(found.hashes, contents, name, learn=learn)
    if reading is held:
        return found
    ledger.store([reading])
    return replace(found, changes={**found.changes, READING: ledger.content_hash(reading)})


def _sound(hashes: Mapping[str, str]) -> dict[str, Content]:
    """Key -> content."""
    contents, broken = ledger.sound_contents_of(hashes.values())
    if broken:
        key = min(key for key, name in hashes.items() if name not in contents)
        raise ledger.CorruptContent(f"{key}: {broken[0] if len(broken) == 1 else _sentence_of(hashes[key], broken)}")
    return {key: contents[hashes[key]] for key in sorted(hashes)}


def _sentence_of(name: str, broken: Iterable[str]) -> str:
    return next(sentence for sentence in broken if name in sentence)


def _encoder_for(held: Content | None) -> str | None:
    """The one for new releases. Raises EncoderUnavailable where a release had one; a shop that never had any goes on
    by words alone."""
    name = encoding.default_encoder()
    try:
        encoding.encoder(name)
    except EncoderUnavailable:
        if held:
            raise
        return None
    return name


def _texts(contents: Mapping[str, Content]) -> Iterator[tuple[str, str]]:
    for key, content in contents.items():
        if is_entry_key(key):
            yield from ((key, text) for text in phrases(content))


def _encode(contents: Mapping[str, Content], name: str, progress: Progress) -> None:
    recipe = encoding.encoder(name).recipe
    wanted = {text_hash(text): (key, text) for key, text in _texts(contents)}
    missing = wanted.keys() - encoding.stored_hashes(recipe, wanted)
    done = 0

    def encoded(count: int) -> None:
        nonlocal done
        done += count
        progress(done, len(missing))

    progress(0, len(missing))
    encoding.store_missing((wanted[text][1] for text in missing), name=name, progress=encoded)
    lost = missing - encoding.stored_hashes(recipe, missing)
    if lost:
        key, text = min(wanted[one] for one in lost)
        raise MissingVector(f"{key} “{contents[key]['title']}”: there is no sound vector of “{text}”.")


def _reading(hashes: ledger.Hashes, contents: Mapping[str, Content], name: str, *, learn: bool) -> Content:
    """As it is while its encoder is the one for new releases; a shop that had learnt learns anew with another one.
    A shop that has grown large gets a codebook."""
    held = contents.get(READING)
    fits = bool(held and (held["encoder"], held["recipe"]) == (name, encoding.encoder(name).recipe))
    if learn or (held and held["learnt"] and not fits):
        return learn_from(hashes, name=name)[1]
    reading = held if held and fits else reading_content(name)
    texts = [text for _key, text in _texts(contents)]
    if not needs_codebook(reading, len(texts)):
        return reading
    vectors = encoding.stored_vectors(texts, name=name)
    if vectors is None:  # it was there a moment ago
        raise EncoderUnavailable(name)
    adapter = compile_reading(ledger.content_hash(reading), reading).adapter
    return with_codebook(reading, vectors, adapter)
