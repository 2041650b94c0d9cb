"""Measures the shipped retrieval on files: the very Retriever, encoder and confidence that answer in the API."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.engine.confidence import Confidence
from search.engine.encoder import Encoder
from search.engine.evaluation import RankReport, first_rank, rank_report
from search.engine.retrieval import Retriever
from search.engine.text import clean, has_words
from search.engine.types import Decision, EntryHit, Passage

SYSTEMS = ("dense", "lexical", "shipped")
_LIMIT = 10


class BadFile(ValueError):
    """The message names file and line: mend the file and run again."""


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """`gold` empty: nothing in the corpus answers it."""

    text: str
    gold: frozenset[str]


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """Shares: of the answerable queries that are answered rightly, and of the answers given that are wrong."""

    answered: int
    answered_rightly: float
    wrong: float
    unanswerable_answered: int
    unanswerable: int

    def as_dict(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in self.__slots__}


def read_corpus(path: Path) -> list[Passage]:
    """Each entry's question and its `similar` ones, as passages. Raises BadFile."""
    passages = []
    for place, row in _rows(path, {"id": str, "question": str}):
        similar = row.get("similar", [])
        if not isinstance(similar, list) or not all(isinstance(text, str) for text in similar):
            raise BadFile(f"{place}: similar must be a list of texts")
        passages += [Passage(row["id"], text) for text in (row["question"], *similar) if has_words(text)]
    if not passages:
        raise BadFile(f"{path}: no entry with words in it")
    return passages


def read_queries(path: Path) -> list[LabelledQuery]:
    """Raises BadFile."""
    queries = [
        LabelledQuery(row["text"], frozenset(row["gold"])) for _place, row in _rows(path, {"text": str, "gold": list})
    ]
    if not queries:
        raise BadFile(f"{path}: no query")
    return queries


def _rows(path: Path, needed: dict[str, type]) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadFile(f"{path}: {exc}") from exc
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as exc:
            raise BadFile(f"{place}: not JSON ({exc.msg})") from exc
        for name, kind in needed.items():
            if not isinstance(row, dict) or not isinstance(row.get(name), kind):
                raise BadFile(f"{place}: “{name}” is missing, or not a {kind.__name__}")
        yield place, row


def build_retriever(passages: Sequence[Passage], encoder: Encoder, progress: Callable[[int], object]) -> Retriever:
    """Encodes each text once, in batches; `progress` is told how many more are done."""
    texts = [clean(passage.text) for passage in passages]
    parts = []
    for start in range(0, len(texts), 256):
        part = texts[start : start + 256]
        parts.append(encoder.encode(part))
        progress(len(part))
    return Retriever(passages, np.concatenate(parts))


def evaluate(
    retriever: Retriever, queries: Sequence[LabelledQuery], encoder: Encoder, progress: Callable[[int], object]
) -> tuple[dict[str, RankReport], list[list[EntryHit]]]:
    """A report a system, and the shipped system's hits of every query in order."""
    reports = {}
    shipped: list[list[EntryHit]] = []
    for system in SYSTEMS:
        started = time.perf_counter()
        found = []
        for query in queries:
            found.append(search(retriever, query.text, encoder, system))
            progress(1)
        seconds = time.perf_counter() - started
        ranks = [
            first_rank([hit.entry for hit in hits], query.gold)
            for query, hits in zip(queries, found, strict=True)
            if query.gold
        ]
        reports[system] = rank_report(ranks, seconds=seconds, asked=len(queries))
        shipped = found
    return reports, shipped


def search(retriever: Retriever, text: str, encoder: Encoder, system: str, *, limit: int = _LIMIT) -> list[EntryHit]:
    """What one of SYSTEMS finds, best first."""
    if not has_words(text):
        return []
    vector = None if system == "lexical" else encoder.encode([clean(text)])[0]
    return retriever.search(text, vector, limit=limit, lexical=system != "dense")


def decisions(
    queries: Sequence[LabelledQuery], found: Sequence[Sequence[EntryHit]], confidence: Confidence
) -> DecisionReport:
    """What the shipped confidence would have answered by itself, and how much of it wrongly."""
    answered = right = beyond = 0
    for query, hits in zip(queries, found, strict=True):
        if confidence.decide(query.text, hits)[1] != Decision.ANSWER:
            continue
        answered += 1
        right += hits[0].entry in query.gold
        beyond += not query.gold
    answerable = sum(1 for query in queries if query.gold)
    return DecisionReport(
        answered=answered,
        answered_rightly=right / (answerable or 1),
        wrong=(answered - right) / (answered or 1),
        unanswerable_answered=beyond,
        unanswerable=len(queries) - answerable,
    )
