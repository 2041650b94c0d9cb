"""What a process does before its first request, so that no customer waits for it."""

import contextlib
import logging
import time

from django.db import DatabaseError

from cms.models import Channel, Shop
from search import browsing, encoding, snapshots
from search.answering import Question, suggest
from search.engine.encoder import EncoderUnavailable
from search.releases import cutting

logger = logging.getLogger(__name__)


def warm() -> None:
    """Loads the encoder, and every shop's snapshot and type-ahead.

    What cannot be loaded is logged; the process serves what it can."""
    started = time.perf_counter()
    # Logged where it is raised; answers are lexical until it can be loaded.
    with contextlib.suppress(EncoderUnavailable):
        encoding.encoder()
    try:
        for shop in Shop.objects.all():
            snapshots.current(shop)
            suggest(shop, Question("你好", str(Channel.WIDGET)))
            browsing.complete(shop, "你", locale="zh-hans", limit=1)
            _say_what_was_left(shop)
    except DatabaseError:
        logger.exception("The snapshots could not be built ahead")
    logger.info("Ready after %.1f s", time.perf_counter() - started)


def _say_what_was_left(shop: Shop) -> None:
    """Nobody goes on with it unasked: an editor may have thought better of it since."""
    cut = cutting.left(shop)
    if cut:
        logger.warning("%s %s", cutting.CutRuns(cut), f"Run `manage.py cut_release --shop {shop.slug}`, or --drop.")
