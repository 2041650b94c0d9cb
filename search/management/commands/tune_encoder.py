"""Tunes the encoder that ships on the phrasings in the repository."""

from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search.engine.e5_weights import WeightsError, load_weights
from search.engine.tuning.delta import DELTA, save_factors
from search.engine.tuning.phrasings import read_fields


class Command(BaseCommand):
    help = "Fits the low-rank addition to the encoder's weights, and writes search/engine/tuning/delta.npz."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--steps", type=int, default=None, help="fewer, to try it; what ships took the default")
        parser.add_argument("--threads", type=int, default=2, help="no more than there are idle cores")

    def handle(self, *args: Any, **options: Any) -> None:
        import torch

        from search.engine.tuning.training import Recipe, train

        torch.set_num_threads(options["threads"])
        recipe = Recipe() if options["steps"] is None else replace(Recipe(), steps=options["steps"])
        fields = read_fields()
        try:
            weights = load_weights()
        except WeightsError as exc:
            raise CommandError(str(exc)) from exc
        with tqdm(total=recipe.steps, desc="tune", unit="step", smoothing=0.05) as bar:

            def progress(step: int, loss: float) -> None:
                bar.set_postfix(loss=f"{loss:.2f}", refresh=False)
                bar.update()

            save_factors(train(weights, fields, recipe, progress=progress))
        count = sum(len(question.wordings) for questions in fields.values() for question in questions)
        self.stdout.write(f"Tuned on {count} wordings; {DELTA.stat().st_size} bytes. Build the encoder anew.")
