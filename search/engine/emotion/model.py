"""What the signs of a message weigh: a multinomial logistic regression that ships as a table of numbers.

Neutral unless sure: whoever is called angry may be handed over to a person, so an emotion is only named from the
probability on at which the fit, on messages that it had not seen, was right often enough (`fitting.PRECISION`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from search.engine.emotion.reading import HERE, Sign, signs

WEIGHTS = HERE / "weights.json"
_REASONS = 4
_SLIGHT = 0.15


class Emotion(StrEnum):
    ANGRY = "angry"
    ANXIOUS = "anxious"
    NEUTRAL = "neutral"
    PLEASED = "pleased"


EMOTIONS = tuple(Emotion)


class Mood(NamedTuple):
    """`because`: the pieces of the text that spoke for the emotion, the strongest first; none for neutral."""

    emotion: Emotion
    probabilities: dict[Emotion, float]
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EmotionModel:
    """`bias` and each row of `weights` in the order of EMOTIONS; `thresholds` by emotion, neutral has none."""

    bias: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]
    thresholds: Mapping[str, float]

    def read(self, text: str) -> Mood:
        found = [sign for sign in signs(text) if sign.name in self.weights]
        probabilities = self._probabilities(found)
        emotion = decide(probabilities, self.thresholds)
        because = () if emotion == Emotion.NEUTRAL else self._because(found, EMOTIONS.index(emotion))
        return Mood(emotion, dict(zip(EMOTIONS, probabilities, strict=True)), because)

    def _probabilities(self, found: Sequence[Sign]) -> list[float]:
        scores = list(self.bias)
        for name, _shown, value in found:
            for place, weight in enumerate(self.weights[name]):
                scores[place] += value * weight
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        return [power / sum(powers) for power in powers]

    def _because(self, found: Sequence[Sign], place: int) -> tuple[str, ...]:
        """Against the mean of the other emotions; a piece of one that is already named says nothing new."""
        strength: dict[str, float] = {}
        for name, shown, value in found:
            row = self.weights[name]
            mean = (sum(row) - row[place]) / (len(row) - 1)
            strength[shown] = strength.get(shown, 0.0) + value * (row[place] - mean)
        named: list[str] = []
        for shown in sorted(strength, key=lambda shown: (-strength[shown], shown)):
            overlaps = any(shown in other or other in shown for other in named)
            if shown and strength[shown] > _SLIGHT and not overlaps:
                named.append(shown)
        return tuple(named[:_REASONS])

    def saved(self) -> str:
        """As JSON with a sign a line: a change of the fit can be read in its diff."""
        rows = ",\n".join(
            f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(row)}" for name, row in sorted(self.weights.items())
        )
        head = {name: value for name, value in asdict(self).items() if name != "weights"}
        return json.dumps(head)[:-1] + f',\n"weights": {{\n{rows}\n}}}}\n'


def decide(probabilities: Sequence[float], thresholds: Mapping[str, float]) -> Emotion:
    """The likeliest emotion that reaches its threshold; neutral where none does."""
    sure = [
        (probability, emotion)
        for probability, emotion in zip(probabilities, EMOTIONS, strict=True)
        if emotion != Emotion.NEUTRAL and probability >= thresholds[emotion]
    ]
    return max(sure)[1] if sure else Emotion.NEUTRAL


@cache
def load_model() -> EmotionModel:
    row = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    weights = {name: tuple(values) for name, values in row["weights"].items()}
    return EmotionModel(tuple(row["bias"]), weights, row["thresholds"])


def emotion_of(text: str) -> Mood:
    """By the model that ships. Takes any text, also an empty one, which is neutral."""
    return load_model().read(text)
