"""Fits the emotion model that ships, on the messages beside it: anybody can do it again, and gets the same bytes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search.engine.emotion.fitting import Labelled, Report, fit, report, shipped_messages
from search.engine.emotion.model import EMOTIONS, WEIGHTS, Emotion, load_model


class Command(BaseCommand):
    help = "Fits the emotion of a message; writes search/engine/emotion/weights.json and prints how right it is."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--labelled", type=Path, help='judge on JSON lines of {"text", "label"} as well')
        parser.add_argument("--json", action="store_true", help="figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        # Read first: a mistake in it must not cost a fit.
        foreign = _read(options["labelled"]) if options["labelled"] else []
        messages = shipped_messages()
        model, held_out = fit(messages)
        WEIGHTS.write_text(model.saved(), encoding="utf-8")
        load_model.cache_clear()
        reports = {"held out": report(messages, held_out)}
        if foreign:
            reports["labelled"] = report(foreign, [model.read(text).emotion for text, _emotion in foreign])
        if options["json"]:
            figures = {name: asdict(found) for name, found in reports.items()}
            self.stdout.write(json.dumps({"thresholds": model.thresholds} | figures, indent=2))
            return
        self.stdout.write(f"{len(model.weights)} signs; named from {dict(model.thresholds)}")
        for name, found in reports.items():
            self.stdout.write(f"\n{name}: macro F1 {found.macro_f1:.3f}\n{_table(found)}")


def _read(path: Path) -> list[Labelled]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise CommandError(f"{path}: {exc.strerror}") from exc
    found: list[Labelled] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                row = json.loads(line)
                found.append((str(row["text"]), Emotion(row["label"])))
            except (ValueError, KeyError, TypeError) as exc:
                names = ", ".join(EMOTIONS)
                raise CommandError(f'{path}:{number}: {{"text", "label"}} is needed, a label of {names}') from exc
    return found


def _table(found: Report) -> str:
    head = (
        f"{'is / called':12}" + "".join(f"{name:>9}" for name in EMOTIONS) + f"{'precision':>11}{'recall':>8}{'F1':>7}"
    )
    rows = [
        f"{true:12}"
        + "".join(f"{count:9}" for count in called.values())
        + "{precision:11.3f}{recall:8.3f}{f1:7.3f}".format(**found.scores[true])
        for true, called in found.confusion.items()
    ]
    return "\n".join([head, *rows])
