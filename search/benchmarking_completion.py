"""Measures type-ahead beside a scan of all phrasings, in the same run and on the same key strokes."""

import time

import numpy as np
from pypinyin import Style, lazy_pinyin

from search.benchmarking import WARM_UP, Calls, Figures, Watch, in_turns, percentiles, questions
from search.engine.completion import CompletionIndex, Weights

LIMIT = 12  # what the API asks for: twice what it shows, as some may have been taken back


def measure_completion(phrasings: int, strokes: int, watch: Watch) -> Figures:
    """Build time of the index, and one key stroke of each kind in turn; three phrasings an entry, a fifth asked."""
    texts = questions(phrasings)
    known = [(f"faq:{number // 3}", text) for number, text in enumerate(texts)]
    started = time.perf_counter()
    index = CompletionIndex(known)
    build_s = round(time.perf_counter() - started, 2)
    weights = index.weights({f"faq:{number}": 1 + number % 50 for number in range(0, phrasings // 3, 5)})
    kinds: dict[str, Figures] = {}
    ours, peers = [], []
    for kind, typed in _typed(texts, strokes + WARM_UP).items():
        taken = in_turns(_rivals(index, weights, texts), watch(typed, f"type {kind}"))
        kinds[kind] = percentiles(taken["ours"])
        ours += taken["ours"]
        peers += taken["peer"]
    figures, peer = percentiles(ours), percentiles(peers)
    about = {"phrasings": phrasings, "build_s": build_s, "kinds": kinds}
    beside = {"peer": {"name": "scan for the characters, no pinyin, no order"} | peer}
    return about | figures | beside | {"ratio": round(peer["p50_ms"] / figures["p50_ms"], 2)}


def _rivals(index: CompletionIndex, weights: Weights, texts: list[str]) -> Calls:
    return {
        "ours": lambda typed: index.search(typed, limit=LIMIT, weights=weights),
        "peer": lambda typed: [text for text in texts if typed in text],
    }


def _typed(texts: list[str], count: int) -> dict[str, list[str]]:
    """What is typed on the way to a phrasing: parts of one to five characters, and each of them as pinyin."""
    random = np.random.default_rng(1)
    parts = []
    for number in random.integers(len(texts), size=count):
        text = texts[number]
        start = int(random.integers(len(text)))
        parts.append(text[start : start + int(random.integers(1, 6))])
    spelt = {
        "initials": ["".join(lazy_pinyin(part, style=Style.FIRST_LETTER)) for part in parts],
        "pinyin": ["".join(lazy_pinyin(part)) for part in parts],
        "mixed": [part[:1] + "".join(lazy_pinyin(part[1:])) for part in parts],
    }
    return {"characters": parts} | spelt
