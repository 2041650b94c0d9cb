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
from search.releases.screens.reports import DECISIONS
from search.snapshots import Snapshot

PHRASES = 4
"""Of an entry: its title, and the first of its similar questions."""


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
    """`own`: the entry whose question this is."""

    own: str
    question: str
    now: Said
    then: Said

    @property
    def differs(self) -> bool:
        return (self.now.key, self.now.decision) != (self.then.key, self.then.decision)


def effects(shop: Shop, keys: Sequence[str]) -> list[Effect]:
    """Of the pending changes with these keys, with all that waits beside them in the candidate. Raises
    CorruptContent."""
    moment = timezone.now()
    live = snapshots.current(shop)
    hashes = ledger.proposed(shop)
    candidate = snapshots.picture(shop.pk, live.ordinal, live.number, hashes, moment, before=live)
    return [
        Effect(key, text, _said(live, question, moment), _said(candidate, question, moment))
        for key in keys
        if is_entry_key(key)
        for text, question in _questions(candidate.contents.get(key) or live.contents.get(key))
    ]


def _questions(content: Content | None) -> list[tuple[str, Question]]:
    if content is None:
        return []
    channel = str(Channel.AGENT if content["mode"] == Mode.AGENT or content["kind"] == "script" else Channel.BOT)
    texts = [content["title"], *content["similar"]][:PHRASES]
    return [(text, Question(text, channel, content["locale"])) for text in texts]


def _said(snapshot: Snapshot, question: Question, moment: Any) -> Said:
    found = answer(snapshot, question, moment)
    first = next(iter(found.suggestions), None) if found.decision != Decision.ABSTAIN else None
    return Said(first.id if first else "", _title(first), str(found.decision))


def _title(suggestion: Suggestion | None) -> str:
    content: Mapping[str, Any] = suggestion.content if suggestion else {}
    return str(content.get("title", ""))
