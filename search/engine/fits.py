"""The confidence fits that ship. A fit belongs to an encoder; `manage.py fit_confidence` makes them."""

import json
from functools import cache
from pathlib import Path

from search.engine.confidence import Confidence

FITS = Path(__file__).parent / "fits.json"
LEXICAL = "lexical"


@cache
def load_fits() -> dict[str, Confidence]:
    rows = json.loads(FITS.read_text(encoding="utf-8"))
    return {recipe: Confidence(**{**row, "weights": tuple(row["weights"])}) for recipe, row in rows.items()}


def fit_for(recipe: str | None) -> Confidence:
    """The fit of this encoder recipe; for one that has none, and for None (no vector), the lexical one."""
    return load_fits().get(recipe or LEXICAL, load_fits()[LEXICAL])


def save_fits(fits: dict[str, Confidence]) -> None:
    rows = {
        recipe: {
            "weights": list(fit.weights),
            "bias": fit.bias,
            "answer_at": fit.answer_at,
            "choose_at": fit.choose_at,
        }
        for recipe, fit in sorted(fits.items())
    }
    FITS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    load_fits.cache_clear()
