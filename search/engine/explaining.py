"""Why an entry was suggested: what found it, by which numbers, and the places in its phrasing to mark."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from search.engine.confidence import Confidence
from search.engine.highlighting import highlights
from search.engine.types import EntryHit, Wording


def why_entry(query: str, hit: EntryHit) -> dict[str, Any]:
    """`highlights`: [start, end) in the phrasing as it was written, in code points. `rewritten`: the other wording that
    found it, or None."""
    wording = hit.wording or Wording(query)
    return {
        "phrasing": hit.text,
        "highlights": [list(place) for place in highlights(wording.text, hit.text)],
        "by": list(hit.by),
        "rewritten": _rewritten(wording) if wording.by else None,
        "score": round(hit.score, 4),
        "cosine": round(hit.dense, 4),
        "lexical": round(hit.lexical, 4),
        "bm25": round(hit.bm25, 3),
    }


def _rewritten(wording: Wording) -> dict[str, Any]:
    pairs = [{"said": said, "meant": meant} for said, meant in wording.pairs]
    return {"text": wording.text, "by": wording.by, "pairs": pairs}


def why_decision(fit: Confidence, query: str, hits: Sequence[EntryHit], *, wrong_rate: float) -> dict[str, Any]:
    """`answers_from`: the probability from which this shop answers by itself. `features`: the strongest first."""
    return {
        "wrong_rate": wrong_rate,
        "answers_from": min(fit.threshold(wrong_rate), 1.0),
        "features": [asdict(effect) for effect in fit.explain(query, hits)],
    }
