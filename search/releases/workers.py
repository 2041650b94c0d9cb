"""Who works on a cut, and whether that process is still there: a killed one leaves its cut behind."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from django.db import DatabaseError, connection
from django.utils import timezone

from cms.models import RUNNING, Cut, CutState

logger = logging.getLogger(__name__)
BEAT_SECONDS = 15
SILENT = timedelta(seconds=60)
"""After so long without a beat a process on another machine counts as gone."""
_GONE_STATES = "ZX"


def this_worker() -> str:
    """host:pid:start, where `start` tells a process from a later one of the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(os.getpid()) or ''}"


def is_gone(cut: Cut) -> bool:
    """Whether nobody works on this running cut any more. One that waits names the process that asked for it, which may
    live on although the one that was to run it never came."""
    host, pid, start = cut.worker.rsplit(":", 2) if cut.worker else ("", "", "")
    is_silent = timezone.now() - _last_sign(cut) > SILENT
    if host != socket.gethostname():
        return is_silent
    now = _start_of(int(pid))
    has_ended = now is None or bool(now and start and now != start)
    return has_ended or (cut.state == CutState.WAITING and is_silent)


def _last_sign(cut: Cut) -> datetime:
    return max(filter(None, (cut.beat_at, cut.started_at)))


def _start_of(pid: int) -> str | None:
    """When it began, in ticks of the machine; None where there is no such process, empty where nobody can tell."""
    try:
        # The name, in brackets, may hold blanks and brackets of its own.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "" if _answers(pid) else None
    except OSError:
        return ""
    return None if fields[0] in _GONE_STATES else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def beating(cut: Cut) -> Iterator[None]:
    """Says every few seconds that this process is alive, also while a long step says nothing."""
    stop = Event()
    thread = Thread(target=_beat, args=(cut.pk, cut.worker, stop), name=f"cut {cut.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(pk: int, worker: str, stop: Event) -> None:
    while not stop.wait(BEAT_SECONDS):
        try:
            Cut.objects.filter(pk=pk, worker=worker, state__in=RUNNING).update(beat_at=timezone.now())
        except DatabaseError:
            logger.warning("Cut %s: no beat could be written", pk, exc_info=True)
        finally:
            connection.close()
