"""Fits the confidence that ships, on the demo store as its files have it: anybody can do it again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cms.demo.loader import demo_phrasings
from search import encoding
from search.engine.encoder import EncoderUnavailable
from search.engine.fits import LEXICAL, load_fits, save_fits
from search.engine.fitting import fit_on, held_out
from search.engine.text import clean
from search.engine.types import Passage


class Command(BaseCommand):
    help = "Fits the confidence of the current encoder, and the lexical one; writes search/engine/fits.json."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--unanswerable", type=float, default=0.3, help="share of questions that lose their entry")
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        passages = [Passage(key, text, negative) for key, text, negative in demo_phrasings()]
        try:
            encoder = encoding.encoder()
        except EncoderUnavailable as exc:
            raise CommandError(str(exc)) from exc
        vectors = encoder.encode([clean(passage.text) for passage in passages])
        drawn = {name: options[name] for name in ("unanswerable", "seed")}
        fits = {
            encoder.recipe: fit_on(held_out(passages, vectors), **drawn),
            LEXICAL: fit_on(held_out(passages, None), **drawn),
        }
        save_fits(load_fits() | fits)
        for recipe, fit in fits.items():
            self.stdout.write(f"{recipe}: answers from {dict(fit.answer_at)}; {fit.first}")
