"""The entries that one kind of reader may see, and the retriever over exactly these."""

import logging
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from cms.content import Content
from search import encoding
from search.engine.codebook import EXACT
from search.engine.completion import CompletionIndex
from search.engine.encoder import EncoderUnavailable
from search.engine.homophones import Homophones
from search.engine.retrieval import Retriever
from search.engine.synonyms import Synonyms
from search.engine.text import has_words, words
from search.engine.types import Passage, Vectors
from search.engine.wordings import Reader
from search.passages import passages
from search.readings import Reading
from search.rules import Rules

logger = logging.getLogger(__name__)
_QUICKLY_BUILT = 2_000
"""Phrasings of which an audience is built from nothing in a fraction of a second."""


class Audience:
    """`entries`: key -> content. Retrieval is by group, so that a question in one language finds an entry in another;
    `groups`: group -> locale -> key.
    """

    def __init__(
        self,
        entries: Mapping[str, Content],
        *,
        reading: Reading,
        rules: Rules,
        can_encode: bool,
        before: "Audience | None" = None,
    ) -> None:
        """`before`: another audience of the same kind; what both have in common is taken over from it, if it was read
        in the same way."""
        self.entries = entries
        self.reading = reading
        self.degraded = not can_encode
        self.groups: dict[str, dict[str, str]] = {}
        for key, content in entries.items():
            self.groups.setdefault(content["group"], {})[content["locale"]] = key
        self._groups_of_synonyms = rules.synonyms
        changed = self._changed(before) if before else None
        if before and changed is not None:
            self._take_over(before, changed)
        else:
            self._build()
        self.reader = Reader(self.retriever, homophones=self._homophones, synonyms=self._synonyms)

    def _build(self) -> None:
        found = self._passages(self.groups)
        self.retriever = Retriever(
            found, self._vectors(found), adapter=self.reading.adapter, codebook=self.reading.codebook or EXACT
        )
        texts = [passage.text for passage in found]
        self._homophones = Homophones(texts)
        self._synonyms = Synonyms(self._groups_of_synonyms, texts)

    def is_read_like(self, other: "Audience") -> bool:
        """Whether what one was built of can be taken over by the other."""
        return self.reading is other.reading and self.degraded == other.degraded

    @property
    def is_patched_up(self) -> bool:
        """Whether so much was taken over and changed that it answers more slowly than one built from nothing would."""
        return self.retriever.rebuild_due

    def _changed(self, before: "Audience") -> set[str] | None:
        """The groups in which the two differ; None where they were read differently."""
        if not self.is_read_like(before):
            return None
        differing = (
            (self.entries.get(key), before.entries.get(key))
            for key in self.entries.keys() | before.entries.keys()
            # Equal contents are the same object, so this looks at no text.
            if self.entries.get(key) is not before.entries.get(key)
        )
        return {content["group"] for pair in differing for content in pair if content}

    def _take_over(self, before: "Audience", changed: set[str]) -> None:
        """Costs what has changed, and finds what a full build would find."""
        found = self._passages(changed & self.groups.keys())
        vectors = self._vectors(found)
        rows: Iterable[NDArray[np.float32] | None] = repeat(None) if vectors is None else vectors
        self.retriever = before.retriever.updated(remove=changed, add=list(zip(found, rows, strict=False)))
        if self.is_patched_up and len(self.retriever) < _QUICKLY_BUILT:
            self._build()
            return
        gone = [passage.text for passage in before._passages(changed & before.groups.keys())]
        came = [passage.text for passage in found]
        self._homophones = before._homophones.updated(remove=gone, add=came)
        if self._groups_of_synonyms == before._groups_of_synonyms:
            self._synonyms = before._synonyms.updated(remove=gone, add=came)
        else:
            self._synonyms = Synonyms(
                self._groups_of_synonyms, (passage.text for passage in self._passages(self.groups))
            )

    def _vectors(self, found: list[Passage]) -> Vectors | None:
        """None where a query could not be encoded either. What was never encoded, or is spoilt by now, is encoded."""
        if self.degraded:
            return None
        texts = [passage.text for passage in found]
        vectors = encoding.stored_vectors(texts, name=self.reading.encoder)
        if vectors is not None and not vectors.any(axis=1).all():
            encoding.store_missing(texts, name=self.reading.encoder)
            vectors = encoding.stored_vectors(texts, name=self.reading.encoder)
        return vectors

    def query_vector(self, text: str) -> NDArray[np.float32] | None:
        """None where there is no encoder, or nothing to encode."""
        if self.degraded or not has_words(text):
            return None
        try:
            return encoding.query_vector(text, name=self.reading.encoder)
        except EncoderUnavailable:
            logger.warning("Answered without a vector")
            return None

    def _passages(self, groups: Iterable[str]) -> list[Passage]:
        keys = (key for group in groups for key in self.groups[group].values())
        return [passage for key in keys for passage in passages(self.entries[key]["group"], self.entries[key])]

    @cached_property
    def completions(self) -> dict[str, CompletionIndex]:
        """Locale -> type-ahead over the phrasings that speak for its entries. Built when it is first asked for."""
        phrasings: dict[str, list[tuple[str, str]]] = {}
        for key, content in self.entries.items():
            spoken = phrasings.setdefault(content["locale"], [])
            spoken += ((key, text) for text in (content["title"], *content["similar"]))
        return {locale: CompletionIndex(spoken) for locale, spoken in phrasings.items()}

    def groups_of(self, keys: Iterable[str]) -> frozenset[str]:
        """The groups of those of these entries that this reader may see."""
        return frozenset(self.entries[key]["group"] for key in keys if key in self.entries)

    @cached_property
    def _refusals(self) -> dict[tuple[str, ...], set[str]]:
        refusals: dict[tuple[str, ...], set[str]] = {}
        for content in self.entries.values():
            for text in content["negative"]:
                refusals.setdefault(tuple(words(text)), set()).add(content["group"])
        return refusals

    def groups_refusing(self, query: str) -> frozenset[str]:
        """Those that an editor wrote "never for these questions" for, in these very words."""
        return frozenset(self._refusals.get(tuple(words(query)), ()))

    def entry_of(self, group: str, locale: str) -> str:
        """The key of the group's entry in this language; where there is none, in the language it was written in."""
        keys = self.groups[group]
        return keys.get(locale) or min(keys.values())
