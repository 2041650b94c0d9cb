"""The real encoder, built into `var/models` where it is absent."""

from pathlib import Path

import pytest

MODELS_DIR = Path(__file__).resolve().parent.parent / "var" / "models"


@pytest.fixture(scope="session")
def real_encoder():
    from search.engine.e5_export import build
    from search.engine.encoder import load_encoder

    build(MODELS_DIR)
    return load_encoder("e5-small-int8", models_dir=MODELS_DIR)
