"""The process's encoders and the stored vectors. Nothing deeper reads settings."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from threading import Lock

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from search.engine.encoder import Encoder, EncoderUnavailable, load_encoder
from search.engine.text import clean, text_hash
from search.engine.types import Vectors
from search.models import StoredVector

logger = logging.getLogger(__name__)
RETRY_SECONDS = 30
_BATCH = 256
_QUERIES_KEPT = 4096


class _Holder:
    """Loads once; after a failure it answers at once with the same failure, and tries again after a while."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._encoder: Encoder | None = None
        self._failure: tuple[float, EncoderUnavailable] | None = None

    def get(self) -> Encoder:
        if self._encoder is not None:
            return self._encoder
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder

    def _load(self) -> Encoder:
        if self._failure and time.monotonic() - self._failure[0] < RETRY_SECONDS:
            raise self._failure[1]
        try:
            return load_encoder(self._name, models_dir=settings.KB_MODELS_DIR, threads=settings.KB_ENCODER_THREADS)
        except EncoderUnavailable as exc:
            self._failure = (time.monotonic(), exc)
            logger.exception("The encoder cannot be loaded: answers come from the lexical index only")
            raise


_holders: dict[str, _Holder] = {}


def default_encoder() -> str:
    """The name of the encoder for new releases."""
    return str(settings.KB_ENCODER)


def encoder(name: str = "") -> Encoder:
    """The encoder of that name; by default the one for new releases, `KB_ENCODER`. Raises EncoderUnavailable.

    A release names its own: while a new encoder is made ready, the old one answers.
    """
    name = name or default_encoder()
    return _holders.setdefault(name, _Holder(name)).get()


def forget_encoder() -> None:
    _holders.clear()
    _query_vector.cache_clear()


def recipe(name: str = "") -> str | None:
    """The recipe of the encoder of that name, None where there is none now."""
    try:
        return encoder(name).recipe
    except EncoderUnavailable:
        return None


def query_vector(query: str, *, name: str = "") -> NDArray[np.float32]:
    """Vector of a query, shape (dimension,); the same words are encoded once. Raises EncoderUnavailable."""
    return _query_vector(clean(query), name or default_encoder())


@lru_cache(maxsize=_QUERIES_KEPT)
def _query_vector(query: str, name: str) -> NDArray[np.float32]:
    vector = encoder(name).encode([query])[0]
    vector.flags.writeable = False
    return vector


def store_missing(texts: Iterable[str], *, name: str = "", progress: Callable[[int], object] | None = None) -> int:
    """Encodes what has no vector of that encoder's recipe yet; returns how many. Raises EncoderUnavailable."""
    by_hash = {text_hash(text): clean(text) for text in texts}
    if not by_hash:
        return 0
    current = encoder(name)
    missing = sorted(by_hash.keys() - stored_hashes(current.recipe, by_hash))
    for start in range(0, len(missing), _BATCH):
        hashes = missing[start : start + _BATCH]
        # What is there and yet missing is spoilt.
        StoredVector.objects.filter(recipe=current.recipe, text_hash__in=hashes).delete()
        vectors = current.encode([by_hash[text] for text in hashes])
        rows = [
            StoredVector(recipe=current.recipe, text_hash=text, vector=vector.astype("<f4").tobytes())
            for text, vector in zip(hashes, vectors, strict=True)
        ]
        StoredVector.objects.bulk_create(rows, ignore_conflicts=True)
        if progress:
            progress(len(hashes))
    return len(missing)


def stored_hashes(recipe: str, hashes: Iterable[str]) -> set[str]:
    """Those of these texts that have a sound vector of that recipe."""
    known = sorted(set(hashes))
    return {text for text, vector in _stored(recipe, known, "vector") if _is_sound(vector)}


def stored_vectors(texts: Sequence[str], *, name: str = "") -> Vectors | None:
    """Row i is the vector of texts[i], zeros where it is missing; None where there is no encoder to compare with."""
    try:
        current = encoder(name)
    except EncoderUnavailable:
        return None
    hashes = [text_hash(text) for text in texts]
    known = dict(_stored(current.recipe, sorted(set(hashes)), "vector"))
    vectors = np.zeros((len(texts), current.dimension), dtype=np.float32)
    for row, text in enumerate(hashes):
        if text in known and len(known[text]) == vectors.shape[1] * 4 and _is_sound(known[text]):
            vectors[row] = np.frombuffer(known[text], dtype="<f4")
    return vectors


def _is_sound(vector: bytes) -> bool:
    """Whether it can be a vector of length 1; what a disk has spoilt rarely is."""
    if not vector or len(vector) % 4:
        return False
    length = float(np.linalg.norm(np.frombuffer(vector, dtype="<f4")))
    return abs(length - 1.0) < 0.01


def _stored(recipe: str, hashes: Sequence[str], column: str) -> Iterable[tuple[str, bytes]]:
    # In slices: SQLite and PostgreSQL both limit the number of parameters of one statement.
    for start in range(0, len(hashes), 900):
        rows = StoredVector.objects.filter(recipe=recipe, text_hash__in=hashes[start : start + 900])
        yield from rows.values_list("text_hash", column)
