"""Fits the confidence that ships on a labelled set, which must not be one that figures are reported on."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import encoding, evaluation
from search.engine.confidence import Confidence
from search.engine.encoder import Encoder, EncoderUnavailable
from search.engine.fits import LEXICAL, load_fits, save_fits
from search.engine.fitting import DEPTH, fit_on
from search.engine.retrieval import Retriever


class Command(BaseCommand):
    help = "Fits the confidence of the current encoder, and the lexical one; writes search/engine/fits.json."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--corpus", type=Path, required=True)
        parser.add_argument("--queries", type=Path, required=True)
        parser.add_argument("--unanswerable", type=float, default=0.3, help="share of queries that lose their entry")
        parser.add_argument("--wrong-rate", type=float, default=0.05, help="share of the answers that may be wrong")
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            passages = evaluation.read_corpus(options["corpus"])
            queries = evaluation.read_queries(options["queries"])
            encoder = encoding.encoder()
        except (evaluation.BadFile, EncoderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        with tqdm(total=len(passages), desc="encode", unit="passage", leave=False) as bar:
            retriever = evaluation.build_retriever(passages, encoder, bar.update)
        drawn = {name: options[name] for name in ("unanswerable", "seed", "wrong_rate")}
        fits = {
            encoder.recipe: _fit(retriever, queries, encoder, "shipped", drawn),
            LEXICAL: _fit(retriever, queries, encoder, "lexical", drawn),
        }
        save_fits(load_fits() | fits)
        for recipe, fit in fits.items():
            self.stdout.write(f"{recipe}: answers from {fit.answer_at:.3f}; {fit.first}")


def _fit(
    retriever: Retriever,
    queries: list[evaluation.LabelledQuery],
    encoder: Encoder,
    system: str,
    drawn: dict[str, Any],
) -> Confidence:
    asked = (
        (query.text, query.gold, evaluation.search(retriever, query.text, encoder, system, limit=2 * DEPTH))
        for query in queries
    )
    return fit_on(asked, **drawn)
