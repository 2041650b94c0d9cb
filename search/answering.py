"""The one way to an answer: bot, agent, widget, desk and tests all come through `suggest`."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from django.utils import timezone
from django.utils.html import escape
from numpy.typing import NDArray

from cms.content import Content
from cms.intents import URGENT
from cms.models import Channel, Shop
from search import snapshots
from search.engine import rendering
from search.engine.confidence import OPTIONS, Confidence
from search.engine.emotion.model import Emotion, emotion_of
from search.engine.explaining import why_decision, why_entry
from search.engine.pins import FOUND_BY as FOUND_BY_PIN
from search.engine.pins import Pinned
from search.engine.text import han_share, has_words
from search.engine.types import Decision, EntryHit, Passage, Reason
from search.engine.wordings import Ranking
from search.snapshots import Audience, Snapshot


@dataclass(frozen=True, slots=True)
class Question:
    """`locale` None: the language that the query is written in. `order`: number, tracking_number, state, …"""

    query: str
    channel: str
    locale: str | None = None
    product_id: str | None = None
    order: Mapping[str, str] = field(default_factory=dict)
    limit: int = 5
    explain: bool = False

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
    why: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """`query_id` names this answer in feedback; `release` is the number of the release that gave it."""

    query_id: UUID
    decision: Decision
    reason: Reason
    confidence: float
    intent: str
    urgent: bool
    emotion: Emotion
    suggestions: tuple[Suggestion, ...]
    release: str
    degraded: bool
    locale: str
    took_ms: float
    why: dict[str, Any] | None = None


def suggest(shop: Shop, question: Question) -> Suggestions:
    """From the live release. Never fails for want of a model: without vectors the answers are lexical and `degraded`
    says so."""
    moment = timezone.now()
    served = snapshots.served(shop, moment)
    found = answer(served.snapshot, question, moment)
    if served.takes_back(one.id for one in found.suggestions):
        # This process is still building what went live a moment ago: what was taken back is not said in between.
        return answer(snapshots.served(shop, moment, newest=True).snapshot, question, moment)
    return found


def answer(snapshot: Snapshot, question: Question, moment: datetime) -> Suggestions:
    """A function of its arguments, but for `query_id` and `took_ms`; `moment` is what the conditions go by."""
    started = time.perf_counter()
    asked = _Asked(snapshot, question, moment)
    verdict = _verdict(asked)
    ranking = verdict.ranking
    intent, urgent = _intent(asked, verdict)
    return Suggestions(
        query_id=uuid4(),
        decision=verdict.decision,
        reason=verdict.reason,
        confidence=verdict.confidence,
        intent=intent,
        urgent=urgent,
        emotion=emotion_of(question.query).emotion,
        suggestions=tuple(_shown(question, verdict.decision, verdict.found)),
        release=snapshot.number,
        degraded=ranking.words_only and has_words(question.query),
        locale=question.reader_locale,
        took_ms=round(1000 * (time.perf_counter() - started), 2),
        why=_why(asked, ranking) if question.explain else None,
    )


Encode = Callable[[str], NDArray[np.float32] | None]


def judge(
    snapshot: Snapshot,
    question: Question,
    moment: datetime,
    *,
    hidden: Passage | None = None,
    encode: Encode | None = None,
) -> "Verdict":
    """What `answer` decides, before it is cut to what the reader is shown. `hidden`: as if this passage were not there.
    `encode`: where the vectors of texts come from, by default the release's encoder."""
    return _verdict(_Asked(snapshot, question, moment, hidden, encode))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, and what may be answered to this reader at this moment."""

    snapshot: Snapshot
    question: Question
    moment: datetime
    hidden: Passage | None = None
    encode: Encode | None = None

    @property
    def audience(self) -> Audience:
        agents = self.question.channel == Channel.AGENT
        return self.snapshot.for_agents if agents else self.snapshot.for_shoppers

    def fit(self, ranking: Ranking) -> Confidence:
        return self.audience.reading.fit(words_only=ranking.words_only)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found`: those that have an answer for this reader, best first; `ranking`: all that were found by their words."""

    confidence: float
    decision: Decision
    reason: Reason
    found: Sequence[Suggestion]
    ranking: Ranking


def _verdict(asked: _Asked) -> Verdict:
    query = asked.question.query
    pins = asked.snapshot.rules.pins.of(query, asked.moment)
    # In other words a question could reach an entry that its own words are refused by.
    never = asked.audience.groups_of(pins.never) | asked.audience.groups_refusing(query)
    ranking = _ranked(asked, without=never)
    return _pinned(asked, ranking, pins) or _judged(asked, ranking)


def _ranked(asked: _Asked, *, without: frozenset[str]) -> Ranking:
    encode = asked.encode or asked.audience.query_vector
    limit = asked.question.limit + OPTIONS
    return asked.audience.reader.rank(asked.question.query, encode, limit=limit, without=without, hidden=asked.hidden)


def _pinned(asked: _Asked, ranking: Ranking, pins: Pinned) -> Verdict | None:
    """The first pinned entry that has an answer for this reader, with the others behind it; None where none has."""
    for key, text in pins.first:
        for group in asked.audience.groups_of([key]):
            pin = EntryHit(group, text, score=1.0, dense=0.0, lexical=0.0, by=(FOUND_BY_PIN,))
            found = _answers(asked, [pin, *(hit for hit in ranking.hits if hit.entry != group)], 1.0)
            if found and found[0].group == group:
                return Verdict(1.0, Decision.ANSWER, Reason.PINNED, found, ranking)
    return None


def _judged(asked: _Asked, ranking: Ranking) -> Verdict:
    hits = ranking.hits
    if not has_words(asked.question.query):
        return Verdict(0.0, Decision.ABSTAIN, Reason.NO_WORDS, [], ranking)
    wrong_rate = asked.snapshot.wrong_rate
    confidence, decision, reason = asked.fit(ranking).decide(asked.question.query, hits, wrong_rate=wrong_rate)
    found = _answers(asked, hits, confidence)
    if hits and (not found or found[0].group != hits[0].entry):
        # The best entry has nothing to say here; the next best is not what was asked for.
        return Verdict(0.0, Decision.ABSTAIN, Reason.NO_ANSWER_HERE, found, ranking)
    return Verdict(confidence, decision, reason, found, ranking)


def _why(asked: _Asked, ranking: Ranking) -> dict[str, Any]:
    wrong_rate = asked.snapshot.wrong_rate
    return why_decision(asked.fit(ranking), asked.question.query, ranking.hits, wrong_rate=wrong_rate)


def _intent(asked: _Asked, verdict: Verdict) -> tuple[str, bool]:
    """An editor's rule says it, answered or not; else the entry that is given or offered first."""
    rule = asked.snapshot.rules.intents.of(asked.question.query)
    if rule:
        return rule.intent, rule.urgent or rule.intent in URGENT
    intent = verdict.found[0].content["intent"] if verdict.found and verdict.decision != Decision.ABSTAIN else ""
    return intent, intent in URGENT


def _answers(asked: _Asked, hits: Sequence[EntryHit], confidence: float) -> list[Suggestion]:
    """Of the hits that have an answer for this reader the first ones, as many as may be shown."""
    audience, question = asked.audience, asked.question
    locale = question.reader_locale
    keys = {hit.entry: audience.entry_of(hit.entry, locale) for hit in hits}
    day = timezone.localdate(asked.moment)
    values = asked.snapshot.values(product=question.product_id, locale=locale, day=day)
    values |= {f"order.{name}": value for name, value in question.order.items() if value}
    most = question.limit if question.channel == Channel.AGENT else min(OPTIONS, question.limit)
    found: list[Suggestion] = []
    for hit, chance in zip(hits, _chances(hits, confidence), strict=True):
        key = keys[hit.entry]
        content = audience.entries[key]
        chosen = _variant(content["answers"], question.channel, values)
        if chosen:
            answer, missing = chosen
            why = why_entry(question.query, hit) if question.explain else None
            found.append(Suggestion(key, hit.entry, content, hit.text, hit.by, answer, missing, round(chance, 4), why))
        if len(found) == most:
            break
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
