"""What a process does before its first request, so that no customer waits for it."""

import contextlib
import logging
import time

from django.db import DatabaseError

from cms.models import Channel, Shop
from search import browsing, encoding, snapshots
from search.answering import Question, suggest
from search.engine.encoder import EncoderUnavailable

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
    except DatabaseError:
        logger.exception("The snapshots could not be built ahead")
    logger.info("Ready after %.1f s", time.perf_counter() - started)
