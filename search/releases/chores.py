"""What has to be done every few seconds: scheduled publishing, due cuts, webhooks. One that fails stops no other."""

import logging
from collections.abc import Callable
from threading import Event

from django.core.management import call_command
from django.db import close_old_connections

logger = logging.getLogger(__name__)
EVERY_SECONDS = 15.0


def publish_scheduled() -> None:
    call_command("publish_scheduled")


def cut_due() -> None:
    call_command("cut_release", scheduled=True)


def deliver_webhooks() -> None:
    call_command("deliver_webhooks")


CHORES: tuple[Callable[[], None], ...] = (publish_scheduled, cut_due, deliver_webhooks)


def do_all(stop: Event) -> None:
    """Each once, in order; nothing more is begun once `stop` is set."""
    for chore in CHORES:
        if stop.is_set():
            return
        close_old_connections()
        try:
            chore()
        except Exception:
            # The next one may well succeed, and so may this one in a moment.
            logger.exception("%s failed", chore.__name__)


def keep_doing(stop: Event, *, seconds: float = EVERY_SECONDS) -> None:
    """Until `stop` is set."""
    while not stop.is_set():
        do_all(stop)
        stop.wait(seconds)
