"""Work that follows an edit. Ids in, rows read again; a shop that is gone by now is not a failure."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Q
from django_tasks import task
from wagtail.log_actions import get_active_log_context

from cms.content import is_entry_key
from cms.models import PendingChange, ReleaseItem, Shop
from search.sync import sync


@task()
def sync_keys(shop_id: int, keys: list[str], by: str = "") -> None:
    """These keys in this shop, and entries in any other that still holds them: an entry can be moved between shops."""
    entries = [key for key in keys if is_entry_key(key)]
    holders = ReleaseItem.objects.filter(key__in=entries, until=None).values("shop")
    waiting = PendingChange.objects.filter(key__in=entries).values("shop")
    for shop in Shop.objects.filter(Q(pk=shop_id) | Q(pk__in=holders) | Q(pk__in=waiting)):
        sync(shop, keys if shop.pk == shop_id else entries, by=by)


class _Batch:
    """The changes of one transaction in one shop: a hundred published entries are one sync."""

    def __init__(self, shop_id: int) -> None:
        self.shop_id = shop_id
        self.keys: set[str] = set()
        self.by = _who()
        self.done = False

    def __call__(self) -> None:
        self.done = True
        if _gathering.shops is None:
            sync_keys.enqueue(self.shop_id, sorted(self.keys), self.by)
        else:
            _gathering.shops.setdefault(self.shop_id, set()).update(self.keys)


class _Gathering(threading.local):
    shops: dict[int, set[str]] | None = None


_gathering = _Gathering()


@contextmanager
def one_release(by: str = "") -> Iterator[None]:
    """All that is published inside, in however many transactions, is one sync a shop at the end, and one release."""
    if _gathering.shops is not None:
        yield
        return
    _gathering.shops = {}
    try:
        yield
    finally:
        # Also after a failure half-way: what was committed by then is published.
        gathered, _gathering.shops = _gathering.shops, None
        for shop_id, keys in gathered.items():
            sync_keys.enqueue(shop_id, sorted(keys), by)


def _who() -> str:
    user = get_active_log_context().user
    return user.get_username() if user else ""


def sync_after_commit(shop_id: int, key: str) -> None:
    """Asks for one sync of everything that this transaction changes; nothing happens if it is rolled back."""
    callbacks = (callback for _savepoints, callback, _robust in connection.run_on_commit)
    waiting = (one for one in callbacks if isinstance(one, _Batch) and not one.done)
    batch = next((one for one in waiting if one.shop_id == shop_id), None)
    if batch is None:
        batch = _Batch(shop_id)
        batch.keys.add(key)
        transaction.on_commit(batch, robust=True)
    else:
        batch.keys.add(key)
