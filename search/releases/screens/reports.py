"""What the gate found, in words. A report may be of an older making: what it does not say is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

DECISIONS = {
    "answer": _("answers by itself"),
    "choose": _("asks back"),
    "abstain": _("says that it does not know"),
    "handoff": _("hands over to a person"),
}
_FIGURES = {
    "answered_right": _("answered by itself, and right"),
    "answered_wrong": _("answered by itself, and wrong"),
    "asked_back": _("asked back"),
    "abstained": _("said that it does not know"),
    "right": _("right entry first"),
}
_LISTS = ("takers", "losses", "wins", "unreached")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of before and after; `better` None where it says nothing by itself."""

    label: str
    before: int | None
    after: int
    better: bool | None

    @property
    def difference(self) -> str:
        step = self.after - (self.before or 0)
        return f"+{step}" if step > 0 else f"−{-step}" if step else "0"


@dataclass(frozen=True)
class Report:
    data: Mapping[str, Any]

    @property
    def blocked(self) -> bool:
        return bool(self.data.get("verdict") == "blocked")

    @cached_property
    def reasons(self) -> list[str]:
        return [_reason(reason) for reason in self.data.get("reasons", ())]

    @cached_property
    def asked(self) -> str:
        """What the golden set was made of."""
        asked = self.data.get("asked") or {}
        return pgettext("between the parts of a list", ", ").join(_asked(asked))

    @cached_property
    def figures(self) -> list[Figure]:
        after, before = self.data.get("after") or {}, self.data.get("before")
        return [_figure(name, label, before, after) for name, label in _FIGURES.items() if name in after]

    @property
    def compares(self) -> bool:
        return self.data.get("before") is not None

    @cached_property
    def reliability(self) -> list[dict[str, Any]]:
        """What was promised after the change, and what came of it."""
        bins = (self.data.get("reliability") or {}).get("after") or ()
        shares = (({"promised": one["promised"], "was_right": one["right"]}, one["count"]) for one in bins)
        return [{name: f"{share:.0%}" for name, share in pair.items()} | {"count": count} for pair, count in shares]

    @cached_property
    def failed_cases(self) -> list[Mapping[str, Any]]:
        """The must-cases first."""
        failed = [case for case in self.data.get("cases", ()) if not case["passed"]]
        return sorted(failed, key=lambda case: not case["must"])

    @property
    def counted(self) -> dict[str, int]:
        """How many there are of each; the report lists the first of them."""
        return {name: int(self.data.get(f"{name}_count") or self._listed(name)) for name in _LISTS}

    @property
    def left_out(self) -> dict[str, int]:
        return {name: count - self._listed(name) for name, count in self.counted.items()}

    def _listed(self, name: str) -> int:
        return len(self.data.get(name) or ())


def report_of(data: Mapping[str, Any] | None) -> Report | None:
    return Report(data) if data else None


def _reason(reason: Mapping[str, Any]) -> str:
    count = int(reason.get("count", 0))
    if reason.get("rule") == "losses":
        text = ngettext(
            "%(count)s of %(asked)s questions would no longer be answered by the right entry: %(share)s, and %(limit)s "
            "are accepted.",
            "%(count)s of %(asked)s questions would no longer be answered by the right entry: %(share)s, and %(limit)s "
            "are accepted.",
            count,
        )
        share, limit = percent(reason.get("share", 0)), percent(reason.get("limit", 0))
        return text % {"count": count, "asked": reason.get("asked", 0), "share": share, "limit": limit}
    if reason.get("rule") == "must_case":
        text = ngettext("%(count)s case that must pass fails.", "%(count)s cases that must pass fail.", count)
        return text % {"count": count}
    return str(reason.get("rule", ""))


def _asked(asked: Mapping[str, Any]) -> list[str]:
    count, of = asked.get("held_out", 0), asked.get("held_out_of", 0)
    held_out = ngettext("%(count)s similar question", "%(count)s similar questions", count)
    if of > count:
        held_out = gettext("%(count)s of %(of)s similar questions")
    accepted, cases, must_not = (asked.get(name, 0) for name in ("accepted", "cases", "must_not"))
    parts = [
        (count, held_out),
        (
            accepted,
            ngettext("%(count)s customer's question", "%(count)s customers' questions", accepted),
        ),
        (cases, ngettext("%(count)s golden case", "%(count)s golden cases", cases)),
        (must_not, ngettext("%(count)s that nothing may answer", "%(count)s that nothing may answer", must_not)),
    ]
    return [text % {"count": number, "of": of} for number, text in parts if number]


def _figure(name: str, label: Any, before: Mapping[str, int] | None, after: Mapping[str, int]) -> Figure:
    old, new = before.get(name) if before else None, after[name]
    signs = {"answered_right": 1, "right": 1, "answered_wrong": -1}
    step = (new - old) * signs.get(name, 0) if old is not None else 0
    return Figure(str(label), old, new, None if step == 0 else step > 0)


def percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
