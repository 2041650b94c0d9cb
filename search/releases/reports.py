"""A cut in words, and as JSON for programs."""

from typing import Any

from cms.models import Cut, CutState

_NAMES = ("notes", "by", "base", "report", "error", "override_reason")
_LOSSES_SHOWN = 10


def as_dict(cut: Cut) -> dict[str, Any]:
    return {
        "cut": cut.pk,
        "shop": cut.shop.slug,
        "state": str(cut.state),
        "release": cut.release.number if cut.release else None,
        **{name: getattr(cut, name) for name in _NAMES},
    }


def in_words(cut: Cut) -> str:
    said = {
        CutState.LIVE: lambda: f"{cut.release} is live. {_summary(cut.report)}",
        CutState.BLOCKED: lambda: f"blocked by the gate. {_summary(cut.report)}\n{_reasons(cut.report)}",
        CutState.NOTHING_NEW: lambda: "nothing is new since the last release; none was made.",
        CutState.DROPPED: lambda: "the cut is dropped.",
    }
    return f"{cut.shop.slug}: {said[CutState(cut.state)]()}"


def _summary(report: dict[str, Any]) -> str:
    asked = report["asked"]
    questions = f"{asked['held_out']} of {asked['held_out_of']} similar questions"
    cases = f"{asked['cases'] + asked['accepted'] + asked['must_not']} golden cases"
    found = f"{report['wins_count']} won, {report['losses_count']} lost, {report['cases_failed']} cases failed"
    return (
        f"Asked: {questions}, {cases}; {found}; {report['unreached_count']} entries unreached; {report['seconds']} s."
    )


def _reasons(report: dict[str, Any]) -> str:
    lines = [_reason(reason) for reason in report["reasons"]]
    taken = report["takers"][:_LOSSES_SHOWN]
    lines += [f"  {_named(row['taker'])} takes {row['count']} from {_named(row['loser'])}" for row in taken]
    for row in report["cases"]:
        if row["must"] and not row["passed"]:
            expected = _named(row["expected"]) if row["expected"] else "no answer"
            lines.append(f"  “{row['query']}” must get {expected}, gets {_named(row['got'])} ({row['decision']})")
    return "\n".join(lines)


def _reason(reason: dict[str, Any]) -> str:
    if reason["rule"] == "losses":
        share = f"{reason['count']} of {reason['asked']} questions lost, {reason['share']:.1%}"
        return f"{share}; accepted are {reason['limit']:.0%}."
    return f"{reason['count']} cases that must pass fail."


def _named(entry: dict[str, str] | None) -> str:
    return f"{entry['key']} “{entry['title']}”" if entry else "nothing"
