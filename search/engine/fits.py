"""The confidence fits that ship. A fit belongs to an encoder; `manage.py fit_confidence` makes them."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from search.engine.confidence import Confidence, Logistic

FITS = Path(__file__).parent / "fits.json"
LEXICAL = "lexical"


@cache
def load_fits() -> dict[str, Confidence]:
    rows = json.loads(FITS.read_text(encoding="utf-8"))
    return {recipe: confidence_of(row) for recipe, row in rows.items()}


def confidence_of(row: dict[str, Any]) -> Confidence:
    """A fit from what `dataclasses.asdict` made of it."""
    return Confidence(
        _logistic(row["first"]),
        _logistic(row["among"]),
        tuple((rate, probability) for rate, probability in row["answer_at"]),
        row["choose_at"],
    )


def _logistic(row: dict[str, Any]) -> Logistic:
    return Logistic(tuple(row["weights"]), row["bias"], tuple(row["centre"]))


def fit_for(recipe: str | None) -> Confidence:
    """The fit of this encoder recipe; for one that has none, and for None (no vector), the lexical one."""
    return load_fits().get(recipe or LEXICAL, load_fits()[LEXICAL])


def save_fits(fits: dict[str, Confidence]) -> None:
    rows = {recipe: asdict(fit) for recipe, fit in sorted(fits.items())}
    FITS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    load_fits.cache_clear()
