"""Back to what an old release held: as a new release, since what was answered meanwhile stays on record."""

from cms.models import Release, ReleaseKind, Shop
from cms.releases import ledger


class NothingToRollBack(RuntimeError):
    """The live release holds just what that one held."""


def roll_back(shop: Shop, target: Release, *, by: str = "", notes: str = "") -> Release:
    """A release equal to `target`, live at once. What is published since then waits as pending changes, so that the
    next cut brings it back, or an editor takes it back. Raises NothingToRollBack and CorruptContent."""
    with ledger.locked(shop):
        live = ledger.live_release(shop)
        if live is None or live.digest == target.digest:
            raise NothingToRollBack(target.number)
        published = ledger.proposed(shop)
        changes = {change.key: change.after for change in ledger.changes_between(shop, live.ordinal, target.ordinal)}
        ledger.contents_of(name for name in changes.values() if name)
        about = ledger.About(kind=str(ReleaseKind.ROLLBACK), by=by, notes=notes, like=target.ordinal)
        release = ledger.make_release(shop, changes, about, base=live.ordinal)
        ledger.set_pending(
            shop, {key: published.get(key) for key in changes.keys() | ledger.pending(shop).keys()}, by=by
        )
    return release
