"""What pending changes would do: the questions of each entry, asked of the live release and of the candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from cms.content import Content, is_entry_key
from cms.models import Channel, Mode, Shop
from cms.releases import ledger
from search import snapshots
from search.answering import Question, Suggestion, answer
from search.engine.types import Decision
from search.releases.screens.changes import SIGNS
from search.releases.screens.reports import DECISIONS
from search.snapshots import Snapshot

PHRASES = 6
"""Of an entry: first the questions that come or go, then its title and its other similar questions."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who answers a question, and what becomes of it."""

    key: str
    title: str
    decision: str

    @property
    def words(self) -> str:
        return str(DECISIONS.get(self.decision, self.decision))


@dataclass(frozen=True, slots=True)
class Effect:
    """`own`: the entry whose question this is. `state`: whether it has the question newly, or no longer."""

    own: str
    question: str
    state: str
    now: Said
    then: Said

    @property
    def differs(self) -> bool:
        return (self.now.key, self.now.decision) != (self.then.key, self.then.decision)

    @property
    def sign(self) -> str:
        return SIGNS.get(self.state, "")


def effects(shop: Shop, keys: Sequence[str]) -> list[Effect]:
    """Of the pending changes with these keys, with all that waits beside them in the candidate. Raises
    CorruptContent."""
    moment = timezone.now()
    live = snapshots.current(shop)
    hashes = ledger.proposed(shop)
    candidate = snapshots.picture(shop.pk, live.ordinal, live.number, hashes, moment, before=live)
    return [
        Effect(key, question.query, state, _said(live, question, moment), _said(candidate, question, moment))
        for key in keys
        if is_entry_key(key)
        for question, state in _questions(live.contents.get(key), candidate.contents.get(key))
    ]


def _questions(before: Content | None, after: Content | None) -> list[tuple[Question, str]]:
    content = after or before
    if content is None:
        return []
    old, new = _phrases(before), _phrases(after)
    states = {text: "added" for text in new if text not in old} | {text: "removed" for text in old if text not in new}
    texts = dict.fromkeys([*states, *new])
    channel = str(Channel.AGENT if content["mode"] == Mode.AGENT or content["kind"] == "script" else Channel.BOT)
    return [(Question(text, channel, content["locale"]), states.get(text, "")) for text in [*texts][:PHRASES]]


def _phrases(content: Content | None) -> list[str]:
    return [content["title"], *content["similar"]] if content else []


def _said(snapshot: Snapshot, question: Question, moment: Any) -> Said:
    found = answer(snapshot, question, moment)
    first = next(iter(found.suggestions), None) if found.decision != Decision.ABSTAIN else None
    return Said(first.id if first else "", _title(first), str(found.decision))


def _title(suggestion: Suggestion | None) -> str:
    content: Mapping[str, Any] = suggestion.content if suggestion else {}
    return str(content.get("title", ""))
