"""What a shop has taught: learnt from its live phrasings now and then, never by an edit, and kept as a row."""

from dataclasses import asdict

from cms.models import Shop
from search import encoding
from search.engine.adapter import Adapter
from search.engine.fits import confidence_of
from search.engine.learning import NOTHING_LEARNT, Lesson, learn
from search.models import IndexRecord, ShopLesson
from search.passages import is_entry, passages
from search.sync import touch


def stored_lesson(shop: Shop) -> Lesson:
    """Nothing where the shop has none, or another encoder has taken the place of the one it was learnt with."""
    row = ShopLesson.objects.filter(shop=shop).first()
    if row is None or row.recipe != encoding.recipe():
        return NOTHING_LEARNT
    return Lesson(
        adapter=Adapter.from_bytes(row.adapter) if row.adapter else None,
        confidence=confidence_of(row.confidence) if row.confidence else None,
        trial=None,
        seconds=0.0,
    )


def learn_shop(shop: Shop) -> Lesson:
    """Learns anew from what the shop's index holds, and makes every process answer by it. Raises EncoderUnavailable."""
    contents = IndexRecord.objects.filter(shop=shop).order_by("pk").values_list("content", flat=True)
    found = [part for content in contents if is_entry(content) for part in passages(content["group"], content)]
    recipe = encoding.encoder().recipe
    vectors = encoding.stored_vectors([passage.text for passage in found])
    lesson = learn(found, vectors) if vectors is not None else NOTHING_LEARNT
    ShopLesson.objects.update_or_create(
        shop=shop,
        defaults={
            "recipe": recipe,
            "adapter": lesson.adapter.to_bytes() if lesson.adapter else None,
            "confidence": asdict(lesson.confidence) if lesson.confidence else None,
            "report": asdict(lesson.trial) if lesson.trial else None,
        },
    )
    touch(shop)
    return lesson
