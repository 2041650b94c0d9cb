"""From two sides' outcomes: what was won and lost, and which entry took whose questions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.releases.asking import Outcome, is_right
from search.releases.golden import Golden

_EXAMPLES = 3
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """A question whose entry both sides hold."""

    golden: Golden
    expected: dict[str, str]
    before: Outcome
    after: Outcome

    @property
    def won(self) -> bool:
        return is_right(self.golden, self.after) and not is_right(self.golden, self.before)

    @property
    def lost(self) -> bool:
        return is_right(self.golden, self.before) and not is_right(self.golden, self.after)

    def row(self) -> dict[str, Any]:
        return {
            "query": self.golden.question.query,
            "expected": self.expected,
            "before": self.before.said,
            "after": self.after.said,
        }


def gains(compared: Sequence[Compared]) -> dict[str, Any]:
    """The part of the report on wins, losses, and who took them."""
    wins, losses = [one for one in compared if one.won], [one for one in compared if one.lost]
    return {
        "wins": [one.row() for one in wins[:_SHOWN]],
        "wins_count": len(wins),
        "losses": [one.row() for one in losses[:_SHOWN]],
        "losses_count": len(losses),
        "takers": takers(losses),
    }


def takers(losses: Sequence[Compared]) -> list[dict[str, Any]]:
    """`taker` takes `count` queries from `loser`, the most first. Where the reader is told nothing now, nobody took."""
    pairs: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    for one in losses:
        if one.after.said:
            pairs[one.after.said["key"], one.expected["key"]].append(one)
    ranked = sorted(pairs.values(), key=lambda taken: (-len(taken), taken[0].golden.key))
    return [
        {
            "taker": taken[0].after.said,
            "loser": taken[0].expected,
            "count": len(taken),
            "examples": [one.golden.question.query for one in taken[:_EXAMPLES]],
        }
        for taken in ranked[:_SHOWN]
    ]
