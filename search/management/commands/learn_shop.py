"""A shop learns from its own phrasings."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search.engine.encoder import EncoderUnavailable
from search.engine.learning import ENOUGH, Lesson
from search.lessons import learn_shop
from search.management.shops import add_shop_argument, chosen_shops


class Command(BaseCommand):
    help = "Fits each shop's adapter and confidence to its live phrasings; run it weekly, or after an import."

    def add_arguments(self, parser: Any) -> None:
        add_shop_argument(parser)
        parser.add_argument("--json", action="store_true", help="what was learnt as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lessons = {shop.slug: learn_shop(shop) for shop in chosen_shops(options["shop"])}
        except EncoderUnavailable as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.stdout.write(json.dumps({slug: _as_dict(lesson) for slug, lesson in lessons.items()}))
        else:
            for slug, lesson in lessons.items():
                self.stdout.write(f"{slug}: {_said(lesson)}")


def _as_dict(lesson: Lesson) -> dict[str, Any]:
    return {
        "adapter_taken": lesson.adapter is not None,
        "confidence_taken": lesson.confidence is not None,
        "trial": asdict(lesson.trial) if lesson.trial else None,
        "seconds": round(lesson.seconds, 1),
    }


def _said(lesson: Lesson) -> str:
    if lesson.trial is None:
        return f"too few similar questions to learn from ({ENOUGH} are needed); what ships is used."
    trial = lesson.trial
    figures = f"R@1 {trial.without:.3f} without, {trial.adapted:.3f} with an adapter"
    taken = "taken" if lesson.adapter else "not taken: not clearly better"
    return f"{trial.asked} held-out phrasings, {figures}; {taken}. {lesson.seconds:.0f} s."
