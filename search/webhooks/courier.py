"""The first attempt: in a thread of its own right after the commit, so that no edit waits for a receiver."""

import logging
import threading
from typing import Any

from django.db import connection, transaction

from cms.models import Release
from cms.signals import went_live
from search.webhooks import outbox

logger = logging.getLogger(__name__)


class Courier:
    """At most one thread in a process; it ends when nothing is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Something is due. A thread that is just sending looks once more when it is done."""
        with self._lock:
            self._asked = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()

    def wait(self, timeout: float) -> None:
        """Until the thread is done."""
        thread = self._thread
        if thread:
            thread.join(timeout)

    def _run(self) -> None:
        try:
            while self._goes_on():
                outbox.deliver_due()
        except Exception:
            # What is due stays due, for `deliver_webhooks`.
            logger.exception("The webhooks' thread has ended")
            with self._lock:
                self._thread = None
        finally:
            connection.close()

    def _goes_on(self) -> bool:
        with self._lock:
            asked, self._asked = self._asked, False
            if not asked:
                self._thread = None
            return asked


courier = Courier()


def connect() -> None:
    went_live.connect(tell, sender=Release)


def tell(release: Release, **kwargs: Any) -> None:
    if outbox.write_or_log(release):
        transaction.on_commit(courier.nudge, robust=True)
