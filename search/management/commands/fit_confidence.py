"""Fits the confidence that ships: on the demo store as its files have it, or on labelled sets of real questions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from cms.demo.loader import demo_phrasings
from search import encoding, evaluation
from search.engine.encoder import Encoder, EncoderUnavailable
from search.engine.fits import LEXICAL, load_fits, save_fits
from search.engine.fitting import DEPTH, Asked, fit_on, held_out
from search.engine.retrieval import Retriever
from search.engine.text import clean
from search.engine.types import Passage, Vectors


class Command(BaseCommand):
    help = "Fits the confidence of the current encoder, and the lexical one; writes search/engine/fits.json."
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--set",
            type=Path,
            action="append",
            default=[],
            help="a folder with corpus.jsonl and queries.jsonl, as evaluate reads them; may be given again. Without "
            "any, the demo store's similar questions are asked, each held out in turn",
        )
        parser.add_argument("--unanswerable", type=float, default=0.3, help="share of questions that lose their entry")
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        drawn = {name: options[name] for name in ("unanswerable", "seed")}
        try:
            encoder = encoding.encoder()
            asked = list(_asked_of_files(options["set"], encoder) if options["set"] else _asked_of_demo(encoder))
        except (EncoderUnavailable, evaluation.BadFile) as exc:
            raise CommandError(str(exc)) from exc
        fits = {
            encoder.recipe: fit_on((dense for dense, _lexical in asked), **drawn),
            LEXICAL: fit_on((lexical for _dense, lexical in asked), **drawn),
        }
        save_fits(load_fits() | fits)
        for recipe, fit in fits.items():
            self.stdout.write(f"{recipe}: {len(asked)} questions, answers from {dict(fit.answer_at)}; {fit.first}")


def _asked_of_demo(encoder: Encoder) -> Iterator[tuple[Asked, Asked]]:
    passages = [Passage(key, text, negative) for key, text, negative in demo_phrasings()]
    vectors = encoder.encode([clean(passage.text) for passage in passages])
    return zip(held_out(passages, vectors), held_out(passages, None), strict=True)


def _asked_of_files(folders: list[Path], encoder: Encoder) -> Iterator[tuple[Asked, Asked]]:
    """Each query, as it is answered with vectors and by words alone."""
    for folder in folders:
        passages = evaluation.read_corpus(folder / "corpus.jsonl")
        queries = evaluation.read_queries(folder / "queries.jsonl")
        retriever = Retriever(passages, _encoded(encoder, [passage.text for passage in passages]))
        for query, vector in zip(queries, _encoded(encoder, [query.text for query in queries]), strict=True):
            found = (retriever.search(query.text, given, limit=2 * DEPTH) for given in (vector, None))
            with_it, without = ((query.text, query.gold, hits) for hits in found)
            yield with_it, without


def _encoded(encoder: Encoder, texts: list[str]) -> Vectors:
    return np.asarray(encoder.encode([clean(text) for text in texts]), dtype=np.float32)
