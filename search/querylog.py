"""What was asked and decided, written by a thread of its own: no query waits for it, and a lost line costs nothing.

A `query_id` given out is signed, so that feedback can be taken without looking the query up.
"""

import atexit
import logging
import queue
import threading
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db import DatabaseError, connection
from django.utils import timezone

from cms.models import Shop
from search.answering import Suggestions
from search.models import QueryRecord

logger = logging.getLogger(__name__)
_SIGNER = Signer(salt="search.querylog")


def public_id(shop: Shop, query_id: UUID) -> str:
    return _SIGNER.sign(f"{shop.pk}.{query_id.hex}")


def read_public_id(shop: Shop, text: str) -> UUID:
    """The query's own id. Raises ValueError for one that was never given out to this shop."""
    try:
        shop_id, _dot, query_id = _SIGNER.unsign(text).partition(".")
    except BadSignature as exc:
        raise ValueError("not an id that was given out") from exc
    if shop_id != str(shop.pk):
        raise ValueError("an id of another shop")
    return UUID(query_id)


class Writer:
    """A bounded queue and one thread; what does not fit is counted in `lost`, not waited for."""

    def __init__(self, *, size: int = 10_000, batch: int = 200, pause: float = 0.25) -> None:
        self._queue: queue.Queue[QueryRecord] = queue.Queue(size)
        self._batch, self._pause = batch, pause
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.lost = 0

    def put(self, record: QueryRecord) -> None:
        self._start()
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self.lost += 1

    def flush(self) -> None:
        """Writes all that waits, in the caller's thread."""
        with self._lock:
            while rows := self._take():
                self._write(rows)

    def close(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=5)

    def _start(self) -> None:
        # Not in __init__: a thread made before the server forks its workers does not live in them.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="querylog", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self.flush()
        self.flush()
        connection.close()

    def _take(self) -> list[QueryRecord]:
        rows: list[QueryRecord] = []
        while len(rows) < self._batch:
            try:
                rows.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return rows

    def _write(self, rows: list[QueryRecord]) -> None:
        try:
            QueryRecord.objects.bulk_create(rows, ignore_conflicts=True)
        except DatabaseError:
            self.lost += len(rows)
            logger.exception("%d log lines lost, %d in all", len(rows), self.lost)
            connection.close()


writer = Writer()


def record(shop: Shop, channel: str, found: Suggestions, *, conversation_id: str = "") -> None:
    top = found.suggestions[0] if found.suggestions else None
    writer.put(
        QueryRecord(
            query_id=found.query_id,
            shop=shop,
            asked_at=timezone.now(),
            channel=channel,
            conversation_id=conversation_id,
            locale=found.locale,
            decision=found.decision,
            entry=top.id if top else "",
            group=top.group if top else "",
            confidence=found.confidence,
            release=found.release,
            took_ms=found.took_ms,
        )
    )
