"""Recall of dense, lexical and shipped retrieval on a corpus and queries in JSON lines."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import encoding, evaluation
from search.engine.encoder import EncoderUnavailable
from search.engine.learning import Lesson


class Command(BaseCommand):
    help = "Measures retrieval on files, with the code that answers in the API. Reads and writes no database content."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--corpus", type=Path, required=True, help='lines of {"id", "question", "similar"?: []}')
        parser.add_argument("--queries", type=Path, required=True, help='lines of {"text", "gold": [ids, or none]}')
        parser.add_argument(
            "--unanswerable", type=float, default=0.0, help="share of the queries that lose their right entries"
        )
        parser.add_argument("--seed", type=int, default=7, help="which ones they are")
        parser.add_argument("--json", action="store_true", help="the figures as JSON, without a progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["unanswerable"] <= 1:
            raise CommandError("--unanswerable is a share, from 0 to 1.")
        drawn = {"share": options["unanswerable"], "seed": options["seed"]}
        try:
            report = measure(options["corpus"], options["queries"], drawn, quiet=options["json"])
        except (evaluation.BadFile, EncoderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else _table(report))


def measure(corpus: Path, queries: Path, drawn: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """`systems` (recall, on all answerable queries), `decision`, `coverage` and `asked_and_got` (with the unanswerable
    ones that were drawn). Raises BadFile, EncoderUnavailable."""
    passages, asked = evaluation.read_corpus(corpus), evaluation.read_queries(queries)
    encoder = encoding.encoder()
    with tqdm(total=len(passages), desc="encode", unit="passage", disable=quiet, leave=False) as bar:
        subject = evaluation.build_subject(passages, encoder, bar.update)
    total = len(asked) * len(subject.systems)
    with tqdm(total=total, desc="search", unit="query", disable=quiet, leave=False) as bar:
        found, reports = evaluation.find(subject, asked, encoder, bar.update)
    left, rest = evaluation.without_answers(asked, found, **drawn)
    decision = asdict(evaluation.decide(left, rest, subject.confidence))
    return {
        "recipe": encoder.recipe,
        "passages": len(passages),
        "queries": len(asked),
        "systems": {name: report.as_dict() for name, report in reports.items()},
        "coverage": decision.pop("coverage"),
        "asked_and_got": decision.pop("asked_and_got"),
        "reliability": decision.pop("reliability"),
        "learnt": _learnt(subject.lesson),
        "decision": decision,
    }


def _learnt(lesson: Lesson) -> dict[str, Any] | None:
    """How the corpus's own similar questions were answered while they were held out; None where they are too few."""
    if lesson.trial is None:
        return None
    return {**asdict(lesson.trial), "adapter_taken": lesson.adapter is not None, "seconds": round(lesson.seconds, 1)}


def _table(report: dict[str, Any]) -> str:
    lines = [f"{report['queries']} queries on {report['passages']} passages, encoder {report['recipe']}", ""]
    lines.append(f"{'':9}{'R@1':>8}{'R@3':>8}{'R@10':>8}{'MRR@10':>8}{'ms/query':>10}")
    for name, row in report["systems"].items():
        figures = "".join(f"{row[column]:8.3f}" for column in ("r@1", "r@3", "r@10", "mrr@10"))
        lines.append(f"{name:9}{figures}{row['ms']:10.2f}")
    return "\n".join([*lines, "", *_decision_lines(report)])


def _decision_lines(report: dict[str, Any]) -> list[str]:
    decision, coverage = report["decision"], report["coverage"]
    lines = [
        f"answered by itself: {decision['answered']}, rightly {decision['answered_rightly']:.1%} of the answerable;",
        f"{decision['wrong']:.1%} of the answers wrong;",
        f"{decision['unanswerable_answered']} of {decision['unanswerable']} unanswerable ones answered",
        "",
        "share of the answerable answered rightly, where so many of the answers are right:",
        f"{'':9}" + "".join(f"{float(precision):8.0%}" for precision in coverage["shipped"]),
    ]
    for name, row in coverage.items():
        lines.append(f"{name:9}" + "".join(f"{share:8.3f}" for share in row.values()))
    got = ", ".join(f"{float(rate):.0%} -> {wrong:.1%}" for rate, wrong in report["asked_and_got"].items())
    lines += ["", f"wrong answers asked for -> got: {got}", "", "  promised  queries    said   right"]
    for row in report["reliability"]:
        span = f"{row['low']:.1f}-{row['high']:.1f}"
        lines.append(f"{span:>10}{row['queries']:9}{row['promised']:8.2f}{row['right']:8.2f}")
    return lines + _learnt_lines(report["learnt"])


def _learnt_lines(learnt: dict[str, Any] | None) -> list[str]:
    if learnt is None:
        return []
    without, adapted = learnt["without"], learnt["adapted"]
    taken = "taken" if learnt["adapter_taken"] else "not taken"
    return ["", f"adapter {taken}: {learnt['asked']} held-out phrasings, R@1 {without:.3f} without, {adapted:.3f} with"]
