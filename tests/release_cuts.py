"""A shop where what is published waits, and its cuts."""

import pytest

from cms.models import CutState, GoldenCase, Policy, Shop
from search.answering import Question, suggest
from search.releases import cutting, workers
from tests.builders import publish

GONE = f"{workers.socket.gethostname()}:999999999:1"


@pytest.fixture
def gated(shop, live):
    """A shop with one released entry, where what is published waits."""
    live(publish, shop, "怎么开发票", "发票咋开")
    Shop.objects.update(release_policy=Policy.GATED)
    shop.refresh_from_db()
    return shop


def answers(shop, query):
    return [found.content["title"] for found in suggest(shop, Question(query, "agent")).suggestions]


def cut_now(shop, **options):
    return cutting.run(cutting.start(shop, **options))


@pytest.fixture
def blocked(gated, live):
    """A cut that the gate has blocked."""
    GoldenCase.objects.create(shop=gated, query="什么时候发货", must=True)
    live(publish, gated, "什么时候发货")
    cut = cut_now(gated)
    assert cut.state == CutState.BLOCKED
    return cut
