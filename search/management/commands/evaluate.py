"""Recall of dense, lexical and shipped retrieval on a corpus and queries in JSON lines."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import encoding, evaluation
from search.engine.encoder import EncoderUnavailable
from search.engine.fits import fit_for


class Command(BaseCommand):
    help = "Measures retrieval on files, with the code that answers in the API. Reads and writes no database content."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--corpus", type=Path, required=True, help='lines of {"id", "question", "similar"?: []}')
        parser.add_argument("--queries", type=Path, required=True, help='lines of {"text", "gold": [ids, or none]}')
        parser.add_argument("--json", action="store_true", help="the figures as JSON, without a progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = measure(options["corpus"], options["queries"], quiet=options["json"])
        except (evaluation.BadFile, EncoderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else _table(report))


def measure(corpus: Path, queries: Path, *, quiet: bool) -> dict[str, Any]:
    """`{"systems": {name: figures}, "decision": figures, "recipe"}`. Raises BadFile, EncoderUnavailable."""
    passages, asked = evaluation.read_corpus(corpus), evaluation.read_queries(queries)
    encoder = encoding.encoder()
    with tqdm(total=len(passages), desc="encode", unit="passage", disable=quiet, leave=False) as bar:
        retriever = evaluation.build_retriever(passages, encoder, bar.update)
    total = len(asked) * len(evaluation.SYSTEMS)
    with tqdm(total=total, desc="search", unit="query", disable=quiet, leave=False) as bar:
        reports, shipped = evaluation.evaluate(retriever, asked, encoder, bar.update)
    decision = evaluation.decisions(asked, shipped, fit_for(encoder.recipe))
    return {
        "recipe": encoder.recipe,
        "passages": len(passages),
        "queries": len(asked),
        "systems": {name: report.as_dict() for name, report in reports.items()},
        "decision": decision.as_dict(),
    }


def _table(report: dict[str, Any]) -> str:
    lines = [f"{report['queries']} queries on {report['passages']} passages, encoder {report['recipe']}", ""]
    lines.append(f"{'':9}{'R@1':>8}{'R@3':>8}{'R@10':>8}{'MRR@10':>8}{'ms/query':>10}")
    for name, row in report["systems"].items():
        figures = "".join(f"{row[column]:8.3f}" for column in ("r@1", "r@3", "r@10", "mrr@10"))
        lines.append(f"{name:9}{figures}{row['ms']:10.2f}")
    decision = report["decision"]
    lines += [
        "",
        f"answered by itself: {decision['answered']}, rightly {decision['answered_rightly']:.1%} of the answerable;",
        f"{decision['wrong']:.1%} of the answers wrong;",
        f"{decision['unanswerable_answered']} of {decision['unanswerable']} unanswerable ones answered",
    ]
    return "\n".join(lines)
