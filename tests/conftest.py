"""Shared parts. Database tests use the encoder that ships for tests; `real_encoder` is the one that shops run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from cms.models import Shop
from search import encoding, querylog, snapshots
from search.engine.encoder import HASH_MODEL, Encoder
from search.models import KeyChannel, QueryRecord, ShopAPIKey
from tests.browser import chromium, log_ins, site, visitor  # noqa: F401
from tests.builders import make_shop

# On busy cores how long an example takes says nothing about it.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def fresh_process(settings, monkeypatch, tmp_path_factory) -> Iterator[None]:
    """Every test begins like a process that has just started, with the fake encoder, and writes its log at once."""
    settings.KB_ENCODER = HASH_MODEL
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.STATIC_ROOT = tmp_path_factory.getbasetemp()  # nothing has been collected in a fresh checkout
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(querylog, "writer", AtOnce())
    encoding.forget_encoder()
    snapshots.forget_snapshots()
    cache.clear()
    yield
    encoding.forget_encoder()
    snapshots.forget_snapshots()


class AtOnce:
    """The log's writer without its thread, whose connection would not see what a test's transaction holds."""

    lost = 0

    def put(self, record: QueryRecord) -> None:
        record.save()


@pytest.fixture(scope="session")
def real_encoder() -> Encoder:
    """The encoder that shops run, built into var/models where it is missing."""
    from search.engine.e5_export import build
    from search.engine.encoder import BUILT_MODEL, load_encoder

    models = ROOT / "var" / "models"
    build(models)
    return load_encoder(BUILT_MODEL, models_dir=models)


@pytest.fixture
def shop(db) -> Shop:
    return make_shop("demo")


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture
def bot(shop, api) -> APIClient:
    """A client that asks with a bot's key of the shop."""
    _row, key = ShopAPIKey.objects.create_key(name="bot", shop=shop, channel=KeyChannel.BOT)
    api.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return api
