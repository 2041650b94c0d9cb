"""What a shop teaches: learnt from its phrasings now and then, never by an edit, and released like any other change."""

from cms.content import READING
from cms.models import Shop
from cms.releases import ledger
from search import encoding
from search.engine.learning import NOTHING_LEARNT, Lesson, learn
from search.passages import is_entry, passages
from search.readings import reading_content
from search.sync import encoder_of, propose


def learn_shop(shop: Shop) -> Lesson:
    """Learns anew from what the shop would release now, and proposes it. Raises EncoderUnavailable."""
    hashes = ledger.proposed(shop)
    lesson = learn_from(hashes, name=encoder_of(shop))
    propose(shop, {READING: reading_content(encoder_of(shop), lesson)}, notes="learn_shop")
    return lesson


def knows_lesson(shop: Shop) -> bool:
    """Whether something was learnt, or tried, with the encoder that the shop's releases name."""
    name = ledger.proposed(shop, [READING]).get(READING)
    return bool(name and ledger.contents_of([name])[name]["learnt"])


def learn_from(hashes: ledger.Hashes, *, name: str) -> Lesson:
    """What the phrasings of these contents teach with the encoder of that name. Raises EncoderUnavailable."""
    encoding.encoder(name)
    contents = ledger.contents_of(hashes.values())
    ordered = (contents[hashes[key]] for key in sorted(hashes))
    found = [part for content in ordered if is_entry(content) for part in passages(content["group"], content)]
    vectors = encoding.stored_vectors([passage.text for passage in found], name=name)
    return learn(found, vectors) if vectors is not None else NOTHING_LEARNT
