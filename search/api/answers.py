"""An answer as JSON. By hand: nested serializers copy their fields for every answer, a millisecond each time.

`SuggestOut` describes the same for the schema; a test holds the two equal.
"""

from typing import Any

from search.answering import Suggestion, Suggestions


def as_json(found: Suggestions, *, query_id: str | None) -> dict[str, Any]:
    """`query_id` is the signed one that feedback names; None where nobody was answered, so that none can be given."""
    return {
        "decision": found.decision,
        "reason": found.reason,
        "intent": {"name": found.intent, "urgent": found.urgent} if found.intent else None,
        "emotion": found.emotion,
        "suggestions": [_suggestion(one) for one in found.suggestions],
        "release": found.release,
        "degraded": found.degraded,
        "query_id": query_id,
        "took_ms": found.took_ms,
        "why": found.why,
    }


def _suggestion(one: Suggestion) -> dict[str, Any]:
    content = one.content
    scripts: dict[str, Any] = {name: content[name] for name in ("scene", "emotion") if name in content}
    return {
        "id": one.id,
        "kind": content["kind"],
        "title": content["title"],
        "category": content["category"],
        "locale": content["locale"],
        **scripts,
        "matched": {"text": one.matched, "by": one.by},
        "answer": one.answer,
        "confidence": one.confidence,
        "missing": one.missing,
        "why": one.why,
    }
