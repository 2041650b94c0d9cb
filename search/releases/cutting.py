"""The weekly cut: pending changes are built aside, checked, and put live by one transaction. Until then, and after any
failure, the old release serves.

A cut is a row. Who runs it has written its name there, and loses it to nobody but a person who drops it, or to the
next one where its process is gone: then the row says at which step it was left, and it is begun anew from there.
"""

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Thread
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cms.content import READING
from cms.models import RUNNING, Cut, CutState, Release, ReleaseKind, Shop
from cms.releases import ledger
from search.releases import gate
from search.releases.candidates import Candidate, candidate, chosen, made_ready
from search.releases.workers import beating, is_gone, this_worker

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
_ROUNDS = 5
"""So often a cut is checked anew because another release went live meanwhile."""
_TOLD_SECONDS = 0.5
_STDERR = 2


class CutRuns(RuntimeError):
    """Another cut of the shop runs, or was left by a process that is gone: `cut`."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.is_left = is_gone(cut)
        since = timezone.localtime(cut.started_at).strftime("%Y-%m-%d %H:%M")
        about = {"by": cut.by or "?", "since": since, "state": cut.get_state_display()}
        if self.is_left:
            super().__init__(_("A cut by %(by)s of %(since)s was left at “%(state)s”: its process is gone.") % about)
        else:
            super().__init__(_("A cut by %(by)s runs since %(since)s: %(state)s.") % about)


class CutFailed(RuntimeError):
    """The cut did not go live and the old release serves on; the message says why. Cut again once that is mended."""


class CutTaken(RuntimeError):
    """This cut was dropped, or another process took it over. Nothing of it went live from here."""


class NotPending(ValueError):
    """These keys do not wait for a cut."""


class NotBlocked(RuntimeError):
    """Only a cut that the gate has blocked can be overridden."""


class NoReason(ValueError):
    """Going live in spite of the gate needs a reason, which is kept."""


class MustBeCheckedAgain(RuntimeError):
    """What was checked is no longer what would go live. Cut again."""


def start(
    shop: Shop,
    *,
    keys: Iterable[str] | None = None,
    notes: str = "",
    by: str = "",
    even_if_nothing_new: bool = False,
    learn: bool = False,
) -> Cut:
    """A cut that waits to be run. Blocked ones before it are dropped. Raises CutRuns, NotPending."""
    wanted = None if keys is None else sorted(set(keys))
    unknown = set(wanted or ()) - ledger.pending(shop).keys()
    if unknown:
        raise NotPending(_("Nothing waits under %(keys)s.") % {"keys": ", ".join(sorted(unknown))})
    try:
        with transaction.atomic():
            cut = Cut.objects.create(
                shop=shop,
                keys=wanted,
                notes=notes,
                by=by,
                even_if_nothing_new=even_if_nothing_new,
                learn=learn,
                worker=this_worker(),
            )
            blocked = Cut.objects.filter(shop=shop, state=CutState.BLOCKED)
            blocked.update(state=CutState.DROPPED, ended_at=timezone.now())
    except IntegrityError as exc:
        # The database decides who was first.
        running = running_cut(shop)
        if running is None:
            raise
        raise CutRuns(running) from exc
    return cut


def running_cut(shop: Shop) -> Cut | None:
    """The one that waits or runs, or was left so."""
    return Cut.objects.filter(shop=shop, state__in=RUNNING).first()


def left(shop: Shop) -> Cut | None:
    """The cut that a process left when it was killed. `run` goes on with it, `drop` forgets it."""
    cut = running_cut(shop)
    return cut if cut and is_gone(cut) else None


def drop(cut: Cut) -> None:
    """It will not go live. A process that runs it stops at its next step."""
    ended = {"state": CutState.DROPPED, "ended_at": timezone.now()}
    Cut.objects.filter(pk=cut.pk, state__in=(*RUNNING, CutState.BLOCKED)).update(**ended)
    cut.refresh_from_db()


def launch(cut: Cut) -> None:
    """Runs it aside in a process of its own, which outlives the one that asks; what it says goes to the same log."""
    command = [sys.executable, str(MANAGE), "cut_release", "--go-on", str(cut.pk)]
    where: dict[str, Any] = {"cwd": MANAGE.parent, "stdin": subprocess.DEVNULL, "stdout": _STDERR}
    process = subprocess.Popen(command, start_new_session=True, **where)  # noqa: S603
    # Somebody has to wait for it, or its number stays taken.
    Thread(target=process.wait, daemon=True).start()


def run(cut: Cut) -> Cut:
    """To its end: live, blocked, or nothing new. Raises CutRuns, CutTaken, CutFailed."""
    _claim(cut)
    try:
        with beating(cut):
            return _Run(cut).to_the_end()
    except CutTaken:
        raise
    except Exception as exc:
        raise CutFailed(_failed(cut, exc)) from exc


def _claim(cut: Cut) -> None:
    """Of several processes one gets it. `cut` is as its caller has read it: one that waits is anybody's."""
    if cut.state in RUNNING and cut.state != CutState.WAITING and not is_gone(cut):
        raise CutRuns(cut)
    mine = {"worker": this_worker(), "beat_at": timezone.now(), "state": CutState.BUILDING, "done": 0, "total": 0}
    as_read = Cut.objects.filter(pk=cut.pk, state__in=RUNNING).filter(state=cut.state, worker=cut.worker)
    taken = as_read.update(**mine)
    cut.refresh_from_db()
    if taken:
        return
    if cut.state in RUNNING:
        raise CutRuns(cut)
    raise CutTaken(_("The cut has ended already: %(state)s.") % {"state": cut.get_state_display()})


def _failed(cut: Cut, exc: Exception) -> str:
    message = str(exc) or type(exc).__name__
    if isinstance(exc, DatabaseError | OSError):
        message = _("The database or the disk refused: %(error)s") % {"error": message}
    try:
        ended = {"state": CutState.FAILED, "error": message, "ended_at": timezone.now()}
        _mine(cut).update(**ended)
        cut.refresh_from_db()
    except DatabaseError:
        # Not even that could be written: the next one finds the cut left.
        cut.error = message
    return message


def _mine(cut: Cut) -> QuerySet[Cut]:
    return Cut.objects.filter(pk=cut.pk, worker=cut.worker, state__in=RUNNING)


class _Run:
    """One process's work on a cut."""

    def __init__(self, cut: Cut) -> None:
        self.cut, self.shop = cut, cut.shop
        self.told = 0.0

    def to_the_end(self) -> Cut:
        changes = chosen(self.shop, self.cut.keys)
        for turn in range(_ROUNDS):
            waiting = ledger.pending(self.shop)
            # What no longer waits was released meanwhile, or taken back.
            changes = {key: name for key, name in changes.items() if key in waiting}
            self._enter(str(CutState.BUILDING))
            found = made_ready(candidate(self.shop, changes), learn=self.cut.learn, progress=self._tell)
            self._save(base=found.base, changes=found.changes)
            if self._is_idle(found):
                return self._end(state=CutState.NOTHING_NEW)
            self._enter(str(CutState.CHECKING))
            report = gate.check(self.shop, found, self._tell, most=gate.MOST_HELD_OUT // 4**turn)
            self._save(report=report)
            if report["verdict"] == gate.BLOCKED:
                return self._end(state=CutState.BLOCKED)
            try:
                _put_live(self.cut, found.changes, waiting=changes.keys())
            except ledger.OutOfStep:
                continue
            return self.cut
        raise ledger.OutOfStep(
            _("Other releases went live %(count)d times while this one was checked.") % {"count": _ROUNDS}
        )

    def _is_idle(self, found: Candidate) -> bool:
        """Nothing is new, and this week's patches, if any, are released as a week already."""
        last = Release.objects.filter(shop=self.shop, ordinal=found.base).values_list("kind", flat=True).first()
        weekly = last in (None, ReleaseKind.WEEKLY)
        return weekly and not found.is_new and not self.cut.even_if_nothing_new

    def _enter(self, state: str) -> None:
        self.told = 0.0
        self._save(state=state, done=0, total=0)

    def _tell(self, done: int, total: int) -> None:
        # Each is a write; a reader cannot see more than two a second anyway.
        if done in (0, total) or time.monotonic() - self.told > _TOLD_SECONDS:
            self.told = time.monotonic()
            self._save(done=done, total=total)

    def _end(self, **values: Any) -> Cut:
        self._save(ended_at=timezone.now(), **values)
        return self.cut

    def _save(self, **values: Any) -> None:
        if not _mine(self.cut).update(beat_at=timezone.now(), **values):
            raise CutTaken(_("The cut was dropped, or taken over by another process."))
        for name, value in values.items():
            setattr(self.cut, name, value)


def _put_live(cut: Cut, changes: ledger.Changes, *, waiting: Iterable[str], **about: str) -> Release:
    """The release and the end of the cut are one transaction. Raises OutOfStep, CutTaken."""
    with ledger.locked(cut.shop):
        if not set(waiting) <= ledger.pending(cut.shop).keys():
            raise ledger.OutOfStep(_("A pending change was taken back."))
        ledger.store([cut.report])
        release = ledger.make_release(
            cut.shop,
            changes,
            ledger.About(
                kind=str(ReleaseKind.WEEKLY),
                **{"by": cut.by, **about},
                notes=cut.notes,
                report=ledger.content_hash(cut.report),
            ),
            base=cut.base,
        )
        ended = {"state": CutState.LIVE, "release": release, "ended_at": timezone.now(), "changes": None}
        still = Cut.objects.filter(pk=cut.pk, worker=cut.worker, state__in=(CutState.CHECKING, CutState.BLOCKED))
        if not still.update(**ended, override_reason=about.get("override_reason", "")):
            raise CutTaken(_("The cut was dropped, or taken over by another process."))
    cut.refresh_from_db()
    return release


def override(cut: Cut, reason: str, by: str) -> Release:
    """The blocked cut goes live all the same, just as it was checked. Raises NotBlocked, NoReason,
    MustBeCheckedAgain."""
    if not reason.strip():
        raise NoReason(_("Say why it goes live in spite of the gate."))
    cut.refresh_from_db()
    if cut.state != CutState.BLOCKED:
        raise NotBlocked(_("This cut is not blocked: %(state)s.") % {"state": cut.get_state_display()})
    # The reading is the cut's own, and waits for nobody.
    waiting = cut.changes.keys() - {READING}
    try:
        return _put_live(cut, cut.changes, waiting=waiting, override_reason=reason.strip(), by=by)
    except ledger.OutOfStep as exc:
        raise MustBeCheckedAgain(
            _("Something else is live or pending by now: cut again, so that it is checked.")
        ) from exc
