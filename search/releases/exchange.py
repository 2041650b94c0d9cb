"""Release files with what answering adds: the vectors of phrasings, and whether the encoder of the release is here."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cms.exchange import checking, importing
from cms.exchange.checking import Checked
from cms.exchange.exporting import ITEM, release_lines
from cms.exchange.files import HEADER, BadFile, Line
from cms.models import Release
from cms.releases import ledger
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.text import text_hash
from search.models import StoredVector
from search.passages import phrases

VECTOR = "vector"
_AT_A_TIME = 500
_TRIED = 16
"""Vectors of a file that are encoded again, to see that they are what the encoder makes of their texts."""
_SAME = 0.98
"""Cosine of what two processors make of one text; that of two texts is far lower."""


class OtherEncoder(RuntimeError):
    """This installation does not have the encoder of the release. Nothing was written."""


def lines(release: Release, *, vectors: bool) -> Iterator[Line]:
    """Raises CorruptContent."""
    return chain(release_lines(release), _vector_lines(release) if vectors else ())


def _vector_lines(release: Release) -> Iterator[Line]:
    hashes = ledger.held(release.shop_id, release.ordinal)
    recipe = _recipe(hashes)
    texts: set[str] = set()
    names = sorted(set(hashes.values()))
    for start in range(0, len(names), _AT_A_TIME):
        for content in ledger.contents_of(names[start : start + _AT_A_TIME]).values():
            texts |= {text_hash(text) for text in phrases(content)}
    known = sorted(texts)
    for start in range(0, len(known), _AT_A_TIME):
        rows = StoredVector.objects.filter(recipe=recipe, text_hash__in=known[start : start + _AT_A_TIME])
        for text, vector in sorted(rows.values_list("text_hash", "vector")):
            yield {"line": VECTOR, "text": text, "data": base64.b64encode(bytes(vector)).decode()}


def _recipe(hashes: ledger.Hashes) -> str:
    name = hashes.get("reading")
    return str(ledger.contents_of([name])[name]["recipe"]) if name else ""


@dataclass
class Readable:
    """A checked file and what is needed to encode it. `texts`: hash -> text."""

    checked: Checked
    texts: dict[str, str]
    vectors: int

    @property
    def encoder(self) -> str:
        return str(self.checked.header["encoder"]["name"])

    @property
    def recipe(self) -> str:
        return str(self.checked.header["encoder"]["recipe"])

    @property
    def has_the_encoder(self) -> bool:
        """A release that was made without any is read by whichever there is."""
        return not self.recipe or encoding.recipe(self.encoder) == self.recipe


class _Reader:
    """Looks at the lines as they pass."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.sizes: set[int] = set()
        self.tried: dict[str, NDArray[np.float32]] = {}
        self.vectors = 0

    def __call__(self, line: Line) -> None:
        if line["line"] == HEADER and not all(isinstance(line["encoder"][name], str) for name in ("name", "recipe")):
            raise BadFile("The header does not name an encoder.")
        if line["line"] == ITEM:
            self.texts |= {text_hash(text): text for text in phrases(line["content"])}
        elif line["line"] == VECTOR:
            self._look_at(line["text"], vector_of(line))

    def _look_at(self, text: str, vector: NDArray[np.float32]) -> None:
        self.sizes.add(len(vector))
        if text not in self.texts or len(self.sizes) > 1 or abs(float(np.linalg.norm(vector)) - 1.0) > 0.01:
            raise BadFile(f"The vector of the text {text} cannot be one of this release.")
        self.vectors += 1
        # Spread over the whole file, whatever its length: every 1st, 2nd, 4th … of them.
        if self.vectors & (self.vectors - 1) == 0 and len(self.tried) < _TRIED:
            self.tried[text] = vector


def vector_of(line: Line) -> NDArray[np.float32]:
    try:
        return np.frombuffer(base64.b64decode(line["data"], validate=True), dtype="<f4")
    except ValueError as exc:
        raise BadFile("A vector cannot be decoded.") from exc


def check(path: Path) -> Readable:
    """Raises BadFile."""
    reader = _Reader()
    checked = checking.check(path, also=(VECTOR,), visit=reader)
    found = Readable(checked, reader.texts, reader.vectors)
    if reader.tried and found.recipe and found.has_the_encoder:
        _try(found, reader.tried)
    return found


def _try(found: Readable, tried: dict[str, NDArray[np.float32]]) -> None:
    """Vectors are shared by shops: a text must not get what another text, or nobody, means."""
    made = encoding.encoder(found.encoder).encode([found.texts[text] for text in tried])
    for text, vector, own in zip(tried, tried.values(), made, strict=True):
        if len(vector) != len(own) or float(vector @ own) < _SAME:
            raise BadFile(f"The vector of “{found.texts[text]}” is not what the encoder makes of it.")


def put(
    found: Readable, slug: str, *, by: str = "", other_encoder: bool = False, progress: Callable[[int], object]
) -> importing.Imported:
    """Vectors come first, so that whoever builds a snapshot finds them; without a release they harm nobody.

    Raises OtherEncoder, and what `cms.exchange.importing.put` raises.
    """
    importing.check_room(found.checked, slug)
    if found.has_the_encoder:
        _store_vectors(found)
        _encode(found, progress)
    elif not other_encoder:
        raise OtherEncoder(found.recipe)
    return importing.put(found.checked, slug, by=by)


def _store_vectors(found: Readable) -> None:
    rows: list[StoredVector] = []
    for line in found.checked.lines(VECTOR) if found.vectors else ():
        vector = vector_of(line).astype("<f4").tobytes()
        rows.append(StoredVector(recipe=found.recipe, text_hash=line["text"], vector=vector))
        if len(rows) == _AT_A_TIME:
            StoredVector.objects.bulk_create(rows, ignore_conflicts=True)
            rows = []
    StoredVector.objects.bulk_create(rows, ignore_conflicts=True)


def _encode(found: Readable, progress: Callable[[int], object]) -> None:
    """Where no encoder is to be had at all, the answers come from words, as they did where the release was made."""
    try:
        encoding.store_missing(found.texts.values(), name=found.encoder, progress=progress)
    except EncoderUnavailable:
        if found.recipe:
            raise
