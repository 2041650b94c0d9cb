"""Work that follows an edit. Ids in, rows read again; a shop that is gone by now is not a failure."""

from django.db import connection, transaction
from django.db.models import Q
from django_tasks import task

from cms.models import Shop
from search.models import IndexRecord
from search.sync import sync


@task()
def sync_keys(shop_id: int, keys: list[str]) -> None:
    """These keys in this shop, and in any other that still holds them: an entry can be moved between shops."""
    holders = IndexRecord.objects.filter(key__in=keys).values("shop")
    for shop in Shop.objects.filter(Q(pk=shop_id) | Q(pk__in=holders)):
        sync(shop, keys)


class _Batch:
    """The changes of one transaction in one shop: a hundred published entries are one sync."""

    def __init__(self, shop_id: int) -> None:
        self.shop_id = shop_id
        self.keys: set[str] = set()
        self.done = False

    def __call__(self) -> None:
        self.done = True
        sync_keys.enqueue(self.shop_id, sorted(self.keys))


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
