"""Fits the confidence that ships, on the demo store's phrasings as they stand in its files."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cms.demo.loader import demo_phrasings
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.fits import LEXICAL, load_fits, save_fits
from search.engine.fitting import fit_on
from search.engine.text import clean
from search.engine.types import Passage


class Command(BaseCommand):
    help = "Fits the confidence of the current encoder, and the lexical one, on the demo store; writes search/engine/fits.json."

    def handle(self, *args: Any, **options: Any) -> None:
        passages = [Passage(key, text, negative) for key, text, negative in demo_phrasings()]
        try:
            encoder = encoding.encoder()
        except EncoderUnavailable as exc:
            raise CommandError(str(exc)) from exc
        vectors = encoder.encode([clean(passage.text) for passage in passages])
        fits = load_fits() | {encoder.recipe: fit_on(passages, vectors), LEXICAL: fit_on(passages, None)}
        save_fits(fits)
        for recipe in (encoder.recipe, LEXICAL):
            self.stdout.write(f"{recipe}: {fits[recipe]}")
