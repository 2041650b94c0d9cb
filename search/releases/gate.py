"""The gate: the golden set asked of what is to be released and of what is live, and whether that may go live.

It asks the way customers do, so what it says is what they would be told. Its report is kept with the release.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from django.utils import timezone

from cms.content import is_entry_key
from cms.models import Release, Shop
from cms.releases import ledger
from search import snapshots
from search.engine.evaluation import reliability
from search.releases.asking import Outcome, Side, is_right, passes, tally
from search.releases.candidates import Candidate, Progress
from search.releases.culprits import Compared, gains
from search.releases.golden import Golden, Kind, drawn, kept_cases, similar_questions, titles
from search.snapshots import Snapshot

logger = logging.getLogger(__name__)
PASSED, BLOCKED = "passed", "blocked"
MOST_HELD_OUT = 3_000
"""Similar questions asked of each side: with two cores a minute at 50 000 phrasings."""
MOST_TITLES = 1_000
_THREADS = 2
_AT_ONCE = 50
_SHOWN = 200
Report = dict[str, Any]


def verdict(
    *, losses: int, asked: int, must_failed: int, most_losses: float
) -> tuple[str, list[dict[str, int | float | str]]]:
    """Whether it may go live, and why not."""
    reasons: list[dict[str, int | float | str]] = []
    share = losses / asked if asked else 0.0
    if losses and share > most_losses:
        reasons.append({"rule": "losses", "count": losses, "asked": asked, "share": share, "limit": most_losses})
    if must_failed:
        reasons.append({"rule": "must_case", "count": must_failed})
    return (BLOCKED if reasons else PASSED), reasons


def check(shop: Shop, found: Candidate, progress: Progress, *, most: int = MOST_HELD_OUT) -> Report:
    """The report; it is blocked by the losses that the shop accepts, and by cases that must pass. Raises
    CorruptContent, EncoderUnavailable."""
    started = time.perf_counter()
    gate = _Gate(shop, found, progress, most)
    gate.ask_all()
    return gate.report() | {"seconds": round(time.perf_counter() - started, 1)}


class _Gate:
    """Two sides, and the outcomes of each by the place of the question. Without a live release there is one side."""

    def __init__(self, shop: Shop, found: Candidate, progress: Progress, most: int) -> None:
        moment = timezone.now()
        self.shop = Shop.objects.get(pk=shop.pk)
        live = Release.objects.filter(shop=shop, ordinal=found.base).first()
        self.base = live.number if live else ""
        before = _picture_of(live, found, moment) if live else None
        after = snapshots.picture(shop.pk, found.base + 1, "", found.hashes, moment, before=before)
        self.after = Side(after, moment)
        self.before = Side(before, moment) if before else None
        self.is_same = found.before == found.hashes
        self.changed = {key for key in found.changes if is_entry_key(key)}
        self.population = similar_questions(after)
        self.cases = kept_cases(shop, after, *([before] if before else []))
        self.most = most
        self.outcomes: dict[Golden, tuple[Outcome | None, Outcome]] = {}
        self.reached: set[str] = set()
        self.looked_at: set[str] = set()
        self._progress = progress

    # --- asking

    def ask_all(self) -> None:
        """First what changed; then what stands near to that, as it may lose to it or gain; then of the rest."""
        own = [one for one in self.population if one.key in self.changed]
        headings = titles(self.after.snapshot)
        changed = drawn(own, self.most) + [one for one in headings if one.key in self.changed][:MOST_TITLES]
        most_titles = min(2 * MOST_TITLES, len(headings))
        self._total = min(self.most, len(self.population)) + len(self.cases) + most_titles
        self._ask(self.cases)
        self._ask(changed)
        near = Counter(group for one in changed for group in self._near(one))
        rest = drawn(self.population, self.most, lambda one: near[one.group] + self.most * (one.key in self.changed))
        self._ask(one for one in rest if one not in self.outcomes)
        self._ask_titles(headings)
        self._progress(self._total, self._total)

    def _near(self, golden: Golden) -> set[str]:
        before, after = self.outcomes[golden]
        return {*after.near, *(before.near if before else ())}

    def _ask_titles(self, headings: Sequence[Golden]) -> None:
        """Of entries that no question reached; and of some that no question was drawn for."""
        asked = {one.key for one in self.outcomes if not one.is_case}
        open_ones = [one for one in headings if one.key not in self.reached and one not in self.outcomes]
        self._ask(drawn(open_ones, MOST_TITLES, lambda one: one.key in asked))

    def _ask(self, questions: Iterable[Golden]) -> None:
        asked = list(questions)
        for side in self._asked_sides:
            side.prepare(asked)
        # What takes long is numpy and FAISS, which let another thread run.
        with ThreadPoolExecutor(_THREADS) as pool:
            for start in range(0, len(asked), _AT_ONCE):
                part = asked[start : start + _AT_ONCE]
                for one, outcomes in zip(part, pool.map(self._outcomes, part), strict=True):
                    self.outcomes[one] = outcomes
                    self._note(one, outcomes[1])
                self._progress(len(self.outcomes), self._total)

    def _outcomes(self, golden: Golden) -> tuple[Outcome | None, Outcome]:
        after = self.after.ask(golden)
        # The title of an entry is asked of the new side only: whether anything reaches the entry.
        if self.before is None or golden.kind == Kind.TITLE:
            return None, after
        return after if self.is_same else self.before.ask(golden), after

    def _note(self, golden: Golden, after: Outcome) -> None:
        if not golden.is_case:
            self.looked_at.add(golden.key)
            if after.first == golden.group:
                self.reached.add(golden.key)

    @property
    def _asked_sides(self) -> list[Side]:
        """Where nothing differs one side speaks for both."""
        return [self.before, self.after] if self.before and not self.is_same else [self.after]

    # --- reporting

    def report(self) -> Report:
        compared = self._compared()
        won = gains(compared)
        cases = self._cases()
        must_failed = sum(row["must"] and not row["passed"] for row in cases)
        decided, reasons = verdict(
            losses=won["losses_count"],
            asked=len(compared),
            must_failed=must_failed,
            most_losses=self.shop.most_losses,
        )
        unreached = [key for key in self.after.snapshot.for_agents.entries if key in self.looked_at - self.reached]
        return {
            "base": self.base,
            "verdict": decided,
            "reasons": reasons,
            "asked": self._asked(),
            **self._figures(compared),
            **won,
            **self._one_sided(),
            "cases": cases[:_SHOWN],
            "cases_failed": sum(not row["passed"] for row in cases),
            "unreached": [self._named(key) for key in unreached[:_SHOWN]],
            "unreached_count": len(unreached),
        }

    def _compared(self) -> list[Compared]:
        return [
            Compared(one, self._named(one.key), before, after)
            for one, (before, after) in self.outcomes.items()
            if before and _counts(one) and self.before and self.before.holds(one) and self.after.holds(one)
        ]

    def _asked(self) -> dict[str, int]:
        kinds = Counter(str(one.kind) for one in self.outcomes)
        counts = {kind: kinds[kind] for kind in (Kind.HELD_OUT, Kind.CASE, Kind.ACCEPTED, Kind.MUST_NOT)}
        return {str(kind): count for kind, count in counts.items()} | {"held_out_of": len(self.population)}

    def _figures(self, compared: Sequence[Compared]) -> Report:
        """Of the same questions before and after: of those whose entry both sides hold."""
        if self.before:
            sides = {
                "before": [(one.golden, one.before) for one in compared],
                "after": [(one.golden, one.after) for one in compared],
            }
        else:
            sides = {"after": [(one, after) for one, (_none, after) in self.outcomes.items() if _counts(one)]}
        return {
            **{name: tally(sides[name]) if name in sides else None for name in ("before", "after")},
            "reliability": {name: _reliable(sides[name]) if name in sides else None for name in ("before", "after")},
        }

    def _one_sided(self) -> dict[str, int]:
        if not self.before:
            return {"new_count": 0, "gone_count": 0}
        cases = [one for one in self.cases if one.group]
        gone = similar_questions(self.before.snapshot, but=self.after.snapshot.for_shoppers.entries)
        return {
            "new_count": sum(not self.before.holds(one) for one in (*self.population, *cases) if self.after.holds(one)),
            "gone_count": sum(not self.after.holds(one) for one in (*gone, *cases) if self.before.holds(one)),
        }

    def _cases(self) -> list[dict[str, Any]]:
        """Those that failed first, and of these those that must not."""
        rows = [
            {
                "query": one.question.query,
                "must": one.must,
                "passed": passes(one, self.outcomes[one][1]),
                "expected": self._named(one.key) if one.key else None,
                "got": self.outcomes[one][1].said,
                "decision": str(self.outcomes[one][1].decision),
            }
            for one in self.cases
        ]
        return sorted(rows, key=lambda row: (row["passed"], not row["must"]))

    def _named(self, key: str) -> dict[str, str]:
        """Only what is or would be released has a title here: a draft's is nobody's business."""
        sides = [side.snapshot.contents for side in (self.after, self.before) if side]
        return {"key": key, "title": next((held[key]["title"] for held in sides if key in held), key)}


def _picture_of(live: Release, found: Candidate, moment: datetime) -> Snapshot | None:
    """None where it cannot be read any more: what is to take its place may be what mends it."""
    try:
        return snapshots.picture(live.shop_id, live.ordinal, live.number, found.before, moment)
    except ledger.CorruptContent:
        logger.warning("Release %s cannot be compared with", live, exc_info=True)
        return None


def _counts(golden: Golden) -> bool:
    """Whether it can be won and lost."""
    return golden.kind not in (Kind.TITLE, Kind.MUST_NOT)


def _reliable(outcomes: Sequence[tuple[Golden, Outcome]]) -> list[dict[str, float]]:
    given = [(outcome.confidence, is_right(golden, outcome)) for golden, outcome in outcomes if outcome.first]
    if not given:
        return []
    rows = reliability(*zip(*given, strict=True))
    return [{"promised": round(row.promised, 4), "right": round(row.right, 4), "count": row.queries} for row in rows]
