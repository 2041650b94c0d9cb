"""Measures the shipped retrieval on files: the very Retriever, encoder and confidence that answer in the API."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from search.engine.confidence import WRONG_RATES, Confidence
from search.engine.encoder import Encoder
from search.engine.evaluation import Bin, RankReport, coverage, first_rank, rank_report, reliability
from search.engine.fits import fit_for
from search.engine.homophones import Homophones
from search.engine.learning import Lesson, learn
from search.engine.retrieval import Retriever
from search.engine.text import clean, has_words
from search.engine.types import Decision, EntryHit, Passage
from search.engine.wordings import Reader, Vector

SYSTEMS = ("dense", "lexical", "shipped")
PRECISIONS = (0.98, 0.95, 0.90)
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
    """Shares: of the answerable queries that are answered rightly, and of the answers given that are wrong.

    `coverage`: ranking -> precision -> share of the answerable that a threshold chosen on these very queries answers
    rightly. `asked_and_got`: wrong-answer rate asked for -> the one got with the thresholds that ship. `reliability`:
    what the shipped probabilities promise beside what was right.
    """

    answered: int
    answered_rightly: float
    wrong: float
    unanswerable_answered: int
    unanswerable: int
    coverage: dict[str, dict[str, float]]
    asked_and_got: dict[str, float]
    reliability: list[Bin]


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


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: the plain index, and what ships on top of it, learnt from the corpus where it has enough
    similar questions."""

    plain: Retriever
    unadapted: Reader
    shipped: Reader
    lesson: Lesson
    confidence: Confidence

    @property
    def systems(self) -> tuple[str, ...]:
        return (*SYSTEMS, "unadapted") if self.lesson.adapter else SYSTEMS


def build_subject(passages: Sequence[Passage], encoder: Encoder, progress: Callable[[int], object]) -> Subject:
    """Encodes each text once, in batches; `progress` is told how many more are done."""
    texts = [clean(passage.text) for passage in passages]
    parts = []
    for start in range(0, len(texts), 256):
        part = texts[start : start + 256]
        parts.append(encoder.encode(part))
        progress(len(part))
    vectors = np.concatenate(parts)
    lesson = learn(passages, vectors)
    plain = Retriever(passages, vectors)
    adapted = Retriever(passages, vectors, adapter=lesson.adapter) if lesson.adapter else plain
    sayings = Homophones(passage.text for passage in passages)
    unadapted, shipped = (Reader(retriever, homophones=sayings) for retriever in (plain, adapted))
    return Subject(plain, unadapted, shipped, lesson, lesson.confidence or fit_for(encoder.recipe))


Found = dict[str, list[list[EntryHit]]]
"""System -> the hits of every query, in order."""


def find(
    subject: Subject, queries: Sequence[LabelledQuery], encoder: Encoder, progress: Callable[[int], object]
) -> tuple[Found, dict[str, RankReport]]:
    """What every system finds, deeper than is reported, and how well."""
    found: Found = {}
    reports = {}
    for system in subject.systems:
        started = time.perf_counter()
        found[system] = []
        for query in queries:
            found[system].append(search(subject, query.text, encoder, system, limit=2 * _LIMIT))
            progress(1)
        seconds = time.perf_counter() - started
        ranks = [
            first_rank([hit.entry for hit in hits], query.gold)
            for query, hits in zip(queries, found[system], strict=True)
            if query.gold
        ]
        reports[system] = rank_report(ranks, seconds=seconds, asked=len(queries))
    return found, reports


def without_answers(
    queries: Sequence[LabelledQuery], found: Found, *, share: float, seed: int
) -> tuple[list[LabelledQuery], Found]:
    """The same with the right entries of that share of the queries taken out, for each of these queries alone.

    They become questions that nobody has written an answer for; what else is found stays as it is.
    """
    random = Random(seed)  # noqa: S311 a reproducible draw, nothing secret
    taken = [bool(query.gold) and random.random() < share for query in queries]
    left = [LabelledQuery(one.text, frozenset()) if gone else one for one, gone in zip(queries, taken, strict=True)]
    rest = {
        system: [
            [hit for hit in hits if not (gone and hit.entry in query.gold)]
            for query, hits, gone in zip(queries, lists, taken, strict=True)
        ]
        for system, lists in found.items()
    }
    return left, rest


def search(subject: Subject, text: str, encoder: Encoder, system: str, *, limit: int = _LIMIT) -> list[EntryHit]:
    """What one of the systems finds, best first."""
    if not has_words(text):
        return []

    def encode(wording: str) -> Vector:
        return np.asarray(encoder.encode([clean(wording)])[0], dtype=np.float32)

    if system in ("shipped", "unadapted"):
        reader = subject.shipped if system == "shipped" else subject.unadapted
        return list(reader.rank(text, encode, limit=limit).hits)
    vector = None if system == "lexical" else encode(text)
    return subject.plain.search(text, vector, limit=limit, lexical=system != "dense")


def decide(queries: Sequence[LabelledQuery], found: Found, confidence: Confidence) -> DecisionReport:
    """What the shipped confidence would have answered by itself, and how much of it wrongly."""
    given = _answered(queries, found["shipped"], confidence, wrong_rate=0.05)
    answerable = sum(1 for query in queries if query.gold)
    right = sum(1 for query, hits in given if hits[0].entry in query.gold)
    return DecisionReport(
        answered=len(given),
        answered_rightly=right / (answerable or 1),
        wrong=(len(given) - right) / (len(given) or 1),
        unanswerable_answered=sum(1 for query, _hits in given if not query.gold),
        unanswerable=len(queries) - answerable,
        coverage=_coverages(queries, found, confidence),
        asked_and_got={
            f"{rate:.2f}": _wrong_share(_answered(queries, found["shipped"], confidence, wrong_rate=rate))
            for rate in WRONG_RATES
        },
        reliability=_reliability(queries, found["shipped"], confidence),
    )


def _reliability(
    queries: Sequence[LabelledQuery], found: Sequence[list[EntryHit]], confidence: Confidence
) -> list[Bin]:
    given = [(query, hits) for query, hits in zip(queries, found, strict=True) if hits]
    probabilities = [confidence.decide(query.text, hits)[0] for query, hits in given]
    return reliability(probabilities, [hits[0].entry in query.gold for query, hits in given])


Answered = list[tuple[LabelledQuery, list[EntryHit]]]


def _answered(
    queries: Sequence[LabelledQuery], found: Sequence[list[EntryHit]], confidence: Confidence, *, wrong_rate: float
) -> Answered:
    return [
        (query, hits)
        for query, hits in zip(queries, found, strict=True)
        if confidence.decide(query.text, hits, wrong_rate=wrong_rate)[1] == Decision.ANSWER
    ]


def _wrong_share(given: Answered) -> float:
    return sum(1 for query, hits in given if hits[0].entry not in query.gold) / (len(given) or 1)


def _coverages(queries: Sequence[LabelledQuery], found: Found, confidence: Confidence) -> dict[str, dict[str, float]]:
    """The shipped confidence beside a cosine threshold and plain BM25, each on what it found itself."""
    rankings: dict[str, tuple[str, Callable[[str, list[EntryHit]], float]]] = {
        "shipped": ("shipped", lambda text, hits: confidence.decide(text, hits)[0]),
        "cosine": ("dense", lambda text, hits: hits[0].dense),
        "lexical": ("lexical", lambda text, hits: hits[0].bm25),
    }
    answerable = sum(1 for query in queries if query.gold)
    table = {}
    for name, (system, score) in rankings.items():
        given = [(query, hits) for query, hits in zip(queries, found[system], strict=True) if hits]
        scores = [score(query.text, hits) for query, hits in given]
        right = [hits[0].entry in query.gold for query, hits in given]
        table[name] = {
            f"{precision:.2f}": coverage(scores, right, answerable=answerable, precision=precision)
            for precision in PRECISIONS
        }
    return table
