"""How a release reads texts: its encoder, and what the shop's phrasings taught. One content of the release.

An edit never changes it; learning does, and another encoder.
"""

import base64
from dataclasses import asdict, dataclass

from cms.content import Content
from search import encoding
from search.engine.adapter import Adapter
from search.engine.codebook import Codebook, train_codebook
from search.engine.confidence import Confidence
from search.engine.encoder import EncoderUnavailable
from search.engine.fits import confidence_of, fit_for
from search.engine.learning import Lesson
from search.engine.types import Vectors
from search.engine.vectors import FLAT_UP_TO


@dataclass(frozen=True)
class Reading:
    """`encoder`: the name it is loaded by, empty for the one for new releases; `recipe`: what it was when the release
    was made, empty for words alone."""

    encoder: str = ""
    recipe: str = ""
    adapter: Adapter | None = None
    confidence: Confidence | None = None
    codebook: Codebook | None = None

    @property
    def can_encode(self) -> bool:
        """Whether this process has the very encoder of the release."""
        return bool(self.recipe) and encoding.recipe(self.encoder) == self.recipe

    def fit(self, *, words_only: bool) -> Confidence:
        """How sure to be: as the shop's own phrasings taught, else as it ships for this encoder, or for words alone."""
        if words_only:
            return fit_for(None)
        return self.confidence or fit_for(self.recipe)


def reading_content(name: str, lesson: Lesson | None = None) -> Content:
    """For the encoder of that name, with what was learnt with it, and no codebook. Raises EncoderUnavailable."""
    adapter, confidence, trial = (lesson.adapter, lesson.confidence, lesson.trial) if lesson else (None, None, None)
    return {
        "kind": "reading",
        "encoder": name,
        "recipe": encoding.encoder(name).recipe,
        "adapter": base64.b64encode(adapter.to_bytes()).decode() if adapter else None,
        "confidence": asdict(confidence) if confidence else None,
        "trial": asdict(trial) if trial else None,
        "codebook": None,
        "learnt": lesson is not None,
    }


def needs_codebook(content: Content, phrasings: int) -> bool:
    """A smaller shop is searched exactly; a codebook that is there is kept."""
    return phrasings > FLAT_UP_TO and not content["codebook"]


def with_codebook(content: Content, vectors: Vectors, adapter: Adapter | None = None) -> Content:
    """The same reading, and by what the shop's vectors are compressed; `adapter`: the reading's own."""
    codebook = train_codebook(adapter(vectors) if adapter else vectors)
    return {**content, "codebook": base64.b64encode(codebook.to_bytes()).decode()}


def compile_reading(name: str, content: Content | None) -> Reading:
    """The same object for the same content, whose hash is `name`: what was built with it can be taken over. None: as
    the encoder for new releases reads, untaught; words alone where there is none either."""
    if content is None:
        recipe = encoding.recipe() or ""
        return _compiled.setdefault(recipe, Reading(recipe=recipe))
    if name not in _compiled:
        _compiled[name] = Reading(
            encoder=content["encoder"],
            recipe=content["recipe"],
            adapter=Adapter.from_bytes(base64.b64decode(content["adapter"])) if content["adapter"] else None,
            confidence=confidence_of(content["confidence"]) if content["confidence"] else None,
            codebook=Codebook.from_bytes(base64.b64decode(content["codebook"])) if content["codebook"] else None,
        )
    return _compiled[name]


_compiled: dict[str, Reading] = {}


def successor(content: Content | None, default: str) -> Content | None:
    """What has to take the place of a reading that cannot be used any more; None while it can.

    After an upgrade an encoder of the same name can be another one; a shop may have begun without any. `default` names
    the encoder for new releases. While no encoder at all can be loaded, nothing is better than what is there.
    """
    if content and encoding.recipe(content["encoder"]) == content["recipe"]:
        return None
    for name in dict.fromkeys([content["encoder"] if content else default, default]):
        try:
            return reading_content(name)
        except EncoderUnavailable:
            continue
    return None
