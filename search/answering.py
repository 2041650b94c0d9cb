"""The one way to an answer: bot, agent, widget, desk and tests all come through `suggest`."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from django.utils import timezone
from django.utils.html import escape
from numpy.typing import NDArray

from cms.content import Content, live_keys
from cms.intents import URGENT
from cms.models import Channel, Shop
from search import encoding, snapshots
from search.engine import rendering
from search.engine.confidence import OPTIONS
from search.engine.encoder import EncoderUnavailable
from search.engine.fits import fit_for
from search.engine.text import han_share, has_words
from search.engine.types import Decision, EntryHit, Reason
from search.snapshots import Audience, Snapshot

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """`locale` None: the language that the query is written in. `order`: number, tracking_number, state, …"""

    query: str
    channel: str
    locale: str | None = None
    product_id: str | None = None
    order: Mapping[str, str] = field(default_factory=dict)
    limit: int = 5

    @property
    def reader_locale(self) -> str:
        return self.locale or ("zh-hans" if han_share(self.query) > 0 else "en")


@dataclass(frozen=True, slots=True)
class Suggestion:
    id: str
    group: str
    content: Content
    matched: str
    by: tuple[str, ...]
    answer: dict[str, Any]
    missing: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """`query_id` names this answer in feedback; `release` is the number of the index that gave it."""

    query_id: UUID
    decision: Decision
    reason: Reason
    confidence: float
    intent: str
    suggestions: tuple[Suggestion, ...]
    release: str
    degraded: bool
    locale: str
    took_ms: float

    @property
    def urgent(self) -> bool:
        return self.intent in URGENT


def suggest(shop: Shop, question: Question) -> Suggestions:
    """Never fails for want of a model: without vectors the answers are lexical and `degraded` says so."""
    started = time.perf_counter()
    snapshot = snapshots.current(shop)
    audience = snapshot.for_agents if question.channel == Channel.AGENT else snapshot.for_shoppers
    vector = _vector(audience, question.query)
    hits = audience.retriever.search(question.query, vector, limit=question.limit + OPTIONS)
    confidence, decision, reason = _decide(question.query, hits, vector, shop.wrong_rate)
    found = _answers(snapshot, audience, question, hits, confidence)
    if hits and (not found or found[0].group != hits[0].entry):
        # The best entry has nothing to say here; the next best is not what was asked for.
        decision, reason, confidence = Decision.ABSTAIN, Reason.NO_ANSWER_HERE, 0.0
    shown = _shown(question, decision, found)
    return Suggestions(
        query_id=uuid4(),
        decision=decision,
        reason=reason,
        confidence=confidence,
        intent=found[0].content["intent"] if found and decision != Decision.ABSTAIN else "",
        suggestions=tuple(shown),
        release=str(snapshot.number),
        degraded=vector is None and has_words(question.query),
        locale=question.reader_locale,
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )


def _vector(audience: Audience, query: str) -> NDArray[np.float32] | None:
    if audience.degraded or not has_words(query):
        return None
    try:
        return encoding.query_vector(query)
    except EncoderUnavailable:
        logger.warning("Answered without a vector")
        return None


def _decide(
    query: str, hits: Sequence[EntryHit], vector: NDArray[np.float32] | None, wrong_rate: float
) -> tuple[float, Decision, Reason]:
    if not has_words(query):
        return 0.0, Decision.ABSTAIN, Reason.NO_WORDS
    return fit_for(encoding.encoder().recipe if vector is not None else None).decide(query, hits, wrong_rate=wrong_rate)


def _answers(
    snapshot: Snapshot, audience: Audience, question: Question, hits: Sequence[EntryHit], confidence: float
) -> list[Suggestion]:
    locale = question.reader_locale
    keys = {hit.entry: audience.entry_of(hit.entry, locale) for hit in hits}
    # The index proposes, the database decides: what was taken back a moment ago is not said.
    live = live_keys(keys.values())
    values = snapshot.values(product=question.product_id, locale=locale, day=timezone.localdate())
    values |= {f"order.{name}": value for name, value in question.order.items() if value}
    found = []
    for hit, chance in zip(hits, _chances(hits, confidence), strict=True):
        key = keys[hit.entry]
        content = audience.entries[key]
        chosen = _variant(content["answers"], question.channel, values) if key in live else None
        if chosen:
            answer, missing = chosen
            found.append(Suggestion(key, hit.entry, content, hit.text, hit.by, answer, missing, round(chance, 4)))
    return found


def _chances(hits: Sequence[EntryHit], confidence: float) -> list[float]:
    """The first hit's probability; what is left of it is shared among the others by how near they come to the first."""
    if not hits:
        return []
    nearness = [np.exp((hit.score - hits[0].score) / 0.05) for hit in hits[1:]]
    total = 1.0 + sum(nearness)
    return [confidence, *(float(min(confidence, (1 - confidence) * near / total)) for near in nearness)]


def _variant(
    variants: Sequence[Content], channel: str, values: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """The first variant for this channel whose names are all known; an agent else gets the first one, with fields to
    fill in, and everybody else nothing: a missing value is never guessed."""
    fitting = [variant for variant in variants if variant["channel"] in (Channel.ANY, channel)]
    for variant in fitting:
        if all(name in values for name in rendering.names(variant["text"] + variant["html"])):
            return _filled(variant, values), ()
    if not fitting or channel != Channel.AGENT:
        return None
    missing = (name for name in rendering.names(fitting[0]["text"] + fitting[0]["html"]) if name not in values)
    return _filled(fitting[0], values), tuple(missing)


def _filled(variant: Content, values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "text": rendering.fill(variant["text"], values),
        "html": rendering.fill(variant["html"], values, escape=escape),
        "blocks": [_filled_block(block, values) for block in variant["blocks"]],
    }


def _filled_block(block: Content, values: Mapping[str, str]) -> Content:
    if block["type"] == "paragraph":
        return {**block, "html": rendering.fill(block["html"], values, escape=escape)}
    if block["type"] == "steps":
        return {**block, "steps": [rendering.fill(step, values) for step in block["steps"]]}
    return block


def _shown(question: Question, decision: Decision, found: Sequence[Suggestion]) -> Sequence[Suggestion]:
    """An agent judges for herself and sees them all; a shopper sees the answer, or the options, or nothing."""
    if question.channel == Channel.AGENT:
        return found[: question.limit]
    return found[: {Decision.ANSWER: 1, Decision.CHOOSE: min(OPTIONS, question.limit), Decision.ABSTAIN: 0}[decision]]
