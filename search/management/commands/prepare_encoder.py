"""Builds the encoder, or makes sure that the configured model can be loaded."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search.engine.e5_export import BuildError, build
from search.engine.e5_weights import WeightsError
from search.engine.encoder import BUILT_MODEL, EncoderUnavailable, load_encoder


class Command(BaseCommand):
    help = "Builds the encoder into KB_MODELS_DIR (a few seconds, no network), loads it once and says its recipe."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="build it again although it is there and intact")
        parser.add_argument("--json", action="store_true", help="say what was done as JSON, without a progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = prepare(force=options["force"], quiet=options["json"])
        except (BuildError, WeightsError, EncoderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(json.dumps(done, ensure_ascii=False) if options["json"] else _sentence(done))


def prepare(*, force: bool, quiet: bool) -> dict[str, Any]:
    """Builds where there is something to build, and loads. Raises BuildError, WeightsError, EncoderUnavailable."""
    name, models_dir = settings.KB_ENCODER, settings.KB_MODELS_DIR
    if name == BUILT_MODEL:
        with tqdm(total=100, unit="%", disable=quiet, leave=False) as bar:
            build(models_dir, progress=_shown(bar), force=force)
    encoder = load_encoder(name, models_dir=models_dir, download=True)
    return {"encoder": name, "recipe": encoder.recipe, "dimension": encoder.dimension}


def _shown(bar: tqdm) -> Callable[[str, float], None]:
    def show(step: str, share: float) -> None:
        bar.set_description(step)
        bar.update(round(share * 100) - bar.n)

    return show


def _sentence(done: dict[str, Any]) -> str:
    return f"{done['encoder']} is ready: {done['dimension']} numbers a vector, recipe {done['recipe']}"
