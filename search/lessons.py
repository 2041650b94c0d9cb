"""What a shop teaches: learnt from its phrasings now and then, never by an edit, and released like any other change."""

from collections.abc import Mapping

from threadpoolctl import threadpool_limits

from cms.content import READING, Content
from cms.models import Shop
from cms.releases import ledger
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.learning import Lesson, learn
from search.passages import is_entry, passages
from search.readings import needs_codebook, reading_content, with_codebook
from search.sync import encoder_of, propose


def learn_shop(shop: Shop) -> Lesson:
    """Learns anew from what the shop would release now, and proposes it. Raises EncoderUnavailable."""
    lesson, reading = learn_from(ledger.proposed(shop), name=encoder_of(shop))
    propose(shop, {READING: reading}, by="learn_shop")
    return lesson


def knows_lesson(shop: Shop) -> bool:
    """Whether something was learnt, or tried, with the encoder that the shop's releases name."""
    name = ledger.proposed(shop, [READING]).get(READING)
    return bool(name and ledger.contents_of([name])[name]["learnt"])


def learn_from(hashes: Mapping[str, str], *, name: str) -> tuple[Lesson, Content]:
    """What the phrasings of these contents teach with the encoder of that name, and the reading that holds it. Raises
    EncoderUnavailable."""
    encoding.encoder(name)
    contents = ledger.contents_of(hashes.values())
    ordered = (contents[hashes[key]] for key in sorted(hashes))
    found = [part for content in ordered if is_entry(content) for part in passages(content["group"], content)]
    texts = [passage.text for passage in found]
    encoding.store_missing(texts, name=name)
    vectors = encoding.stored_vectors(texts, name=name)
    if vectors is None:  # it was there a moment ago
        raise EncoderUnavailable(name)
    # Beside other work, two threads of one product wait for each other longer than one takes for it.
    with threadpool_limits(1):
        lesson = learn(found, vectors)
    reading = reading_content(name, lesson)
    if needs_codebook(reading, len(vectors)):
        reading = with_codebook(reading, vectors, lesson.adapter)
    return lesson, reading
