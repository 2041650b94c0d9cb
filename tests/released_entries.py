"""An entry and the release that holds it."""

import pytest

from cms.models import FAQ
from search.sync import sync
from tests.builders import publish


@pytest.fixture
def entry(shop):
    return released(shop, "怎么开发票", "发票咋开", answer="在订单页申请。", intent="invoice.request")


def released(shop, title, *similar, model=FAQ, **fields):
    entry = publish(shop, title, *similar, model=model, **fields)
    sync(shop)
    return entry
