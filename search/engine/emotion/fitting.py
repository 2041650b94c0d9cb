"""Learns the emotion model from labelled messages; the same messages give the same bytes.

Softmax regression with an elastic net (Zou & Hastie 2005) by accelerated proximal gradient (Beck & Teboulle 2009): the
L1 part keeps few n-grams, so what ships stays small. Thresholds come from predictions on messages that were held out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.engine.emotion.model import EMOTIONS, Emotion, EmotionModel, decide
from search.engine.emotion.reading import HERE, Sign, sections, signs

Labelled = tuple[str, Emotion]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MESSAGES = HERE / "messages.txt"
PRECISION = 0.85
"""So many of the messages that are called angry, or anxious, or pleased, must be it: the others would be disturbed."""
NEUTRAL_SHARE = 0.9
"""Held-out neutral messages are counted up to this share before a threshold is chosen. Of a real store's turns 97 in
100 were neutral, but those here were picked to be hard; at 0.97 a single odd one among them would set a threshold."""
LOWEST = 0.5
"""No threshold lies below it: whoever wrote these messages wrote them alike, so held-out ones are too easy."""
FOLDS = 5
_SEED = 7
_FEWEST = 3
_L1, _L2 = 2e-4, 1e-3
_STEPS = 300
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Report:
    """`confusion[true][called]` over held-out messages, `scores`: emotion -> precision, recall, F1 as counted there."""

    confusion: dict[str, dict[str, int]]
    scores: dict[str, dict[str, float]]
    macro_f1: float


def shipped_messages() -> list[Labelled]:
    return [(text, Emotion(name)) for name, texts in sections(MESSAGES).items() for text in texts]


def fit(messages: Sequence[Labelled]) -> tuple[EmotionModel, list[Emotion]]:
    """The model, and what each message was called by a model that had not seen it, at the thresholds that ship.

    Raises ValueError where an emotion has fewer messages than there are folds.
    """
    counts = Counter(emotion for _text, emotion in messages)
    for emotion in EMOTIONS:
        if counts[emotion] < FOLDS:
            raise ValueError(f"“{emotion}” needs {FOLDS} messages or more, and has {counts[emotion]}")
    found = [signs(text) for text, _emotion in messages]
    places = np.array([EMOTIONS.index(emotion) for _text, emotion in messages])
    held_out = _held_out(found, places)
    thresholds = _thresholds(held_out, places)
    bias, weights = _fit(found, places)
    return EmotionModel(bias, weights, thresholds), [decide(row.tolist(), thresholds) for row in held_out]


def report(messages: Sequence[Labelled], called: Sequence[Emotion]) -> Report:
    pairs = Counter((emotion, name) for (_text, emotion), name in zip(messages, called, strict=True))
    confusion = {str(true): {str(name): pairs[true, name] for name in EMOTIONS} for true in EMOTIONS}
    scores = {}
    for emotion in EMOTIONS:
        hits = pairs[emotion, emotion]
        named = sum(pairs[true, emotion] for true in EMOTIONS)
        meant = sum(pairs[emotion, name] for name in EMOTIONS)
        scores[str(emotion)] = {
            "precision": hits / named if named else 0.0,
            "recall": hits / meant if meant else 0.0,
            "f1": 2 * hits / (named + meant) if named + meant else 0.0,
        }
    return Report(confusion, scores, sum(score["f1"] for score in scores.values()) / len(scores))


def _held_out(found: Sequence[list[Sign]], places: Ints) -> Floats:
    """Row i: message i by a fit on the folds without it; every fold has its share of each emotion."""
    fold = np.zeros(len(places), dtype=np.int64)
    random = np.random.default_rng(_SEED)
    for place in range(len(EMOTIONS)):
        mine = np.flatnonzero(places == place)
        fold[random.permutation(mine)] = np.arange(len(mine)) % FOLDS
    probabilities = np.zeros((len(places), len(EMOTIONS)))
    for number in range(FOLDS):
        kept = np.flatnonzero(fold != number).tolist()
        bias, weights = _fit([found[item] for item in kept], places[kept])
        columns = {name: column for column, name in enumerate(weights)}
        table = np.array([weights[name] for name in weights]).reshape(len(weights), len(EMOTIONS))
        asked = np.flatnonzero(fold == number).tolist()
        probabilities[asked] = _softmax(_design([found[item] for item in asked], columns) @ table + np.array(bias))
    return probabilities


def _fit(found: Sequence[list[Sign]], places: Ints) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Bias and weights, rounded as they ship; signs whose weights came to nothing are left out."""
    seen = Counter(sign.name for row in found for sign in row)
    names = sorted(name for name, count in seen.items() if count >= _FEWEST)
    design = _design(found, {name: column for column, name in enumerate(names)})
    bias, table = _descend(design, np.eye(len(EMOTIONS))[places])
    rows = {name: tuple(row) for name, row in zip(names, np.round(table, _DECIMALS).tolist(), strict=True)}
    return tuple(np.round(bias, _DECIMALS).tolist()), {name: row for name, row in rows.items() if any(row)}


def _design(found: Sequence[list[Sign]], columns: Mapping[str, int]) -> Floats:
    table = np.zeros((len(found), len(columns)))
    for place, row in enumerate(found):
        for sign in row:
            if sign.name in columns:
                table[place, columns[sign.name]] = sign.value
    return table


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _descend(design: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """The bias is a last column that is not penalised."""
    rows = np.hstack([design, np.ones((len(design), 1))])
    step = 1.0 / (0.5 * _largest_eigenvalue(rows) / len(rows) + _L2)
    kept = np.ones((rows.shape[1], 1))
    kept[-1] = 0.0
    weights = ahead = np.zeros((rows.shape[1], wanted.shape[1]))
    pace = 1.0
    for _ in range(_STEPS):
        slope = rows.T @ (_softmax(rows @ ahead) - wanted) / len(rows) + _L2 * kept * ahead
        moved = ahead - step * slope
        moved = np.sign(moved) * np.maximum(np.abs(moved) - step * _L1 * kept, 0.0)
        next_pace = (1.0 + (1.0 + 4.0 * pace * pace) ** 0.5) / 2.0
        ahead = moved + (pace - 1.0) / next_pace * (moved - weights)
        weights, pace = moved, next_pace
    return weights[-1], weights[:-1]


def _largest_eigenvalue(rows: Floats) -> float:
    """Of the Gram matrix, by power iteration; a little more than it, so that a step never overshoots."""
    vector = np.ones(rows.shape[1])
    for _ in range(30):
        vector = rows.T @ (rows @ vector)
        vector /= np.linalg.norm(vector)
    return 1.1 * float(np.linalg.norm(rows @ vector) ** 2)


def _thresholds(probabilities: Floats, places: Ints) -> dict[str, float]:
    """By emotion the lowest probability from which PRECISION is kept among the held-out messages where it is the
    likeliest of the three, in traffic with NEUTRAL_SHARE; never under LOWEST, and 1.01, so never reached, where none
    keeps it."""
    neutral = EMOTIONS.index(Emotion.NEUTRAL)
    calm = places == neutral
    weights = np.where(calm, NEUTRAL_SHARE / (1 - NEUTRAL_SHARE) * (~calm).sum() / calm.sum(), 1.0)
    moods = probabilities.copy()
    moods[:, neutral] = -1.0
    found = {}
    for place, emotion in enumerate(EMOTIONS):
        if place != neutral:
            mine = np.flatnonzero(moods.argmax(axis=1) == place)
            order = mine[np.argsort(-probabilities[mine, place], kind="stable")]
            right = np.cumsum(weights[order] * (places[order] == place)) / np.cumsum(weights[order])
            kept = np.flatnonzero(right >= PRECISION)
            lowest = float(probabilities[order[kept[-1]], place]) if len(kept) else 1.01
            found[str(emotion)] = round(max(lowest, LOWEST), _DECIMALS)
    return found
