"""What changed between two releases, as the one who asks may see it.

An agent sees it all. A bot sees what shoppers may see: entries for them, valid by now, without the answers that are for
agents; what else changed is only counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from cms.content import Content, is_entry_key
from cms.models import Channel, Mode, Shop
from cms.releases import ledger
from cms.releases.ledger import Change, ChangeKind
from search.engine.content_differences import FieldChange, content_diff

_SHOPPERS_SEE = ("kind", "locale", "title", "similar", "category", "intent", "answers", "scene", "emotion")
"""What an answer shows of an entry."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A change as it is seen: `before` and `after` hold no more than may be shown, None where there was nothing."""

    key: str
    before: Content | None
    after: Content | None

    @property
    def change(self) -> ChangeKind:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def title(self) -> str:
        """What a shop has one of (`facts`, `rules`, …) has no title but its key."""
        return str((self.after or self.before or {}).get("title") or self.key)

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        return content_diff(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Page:
    """`counts` are of all pages; `withheld`: changed as well, and not for the one who asks. `cursor` None: the last."""

    changes: Sequence[Seen]
    counts: dict[ChangeKind, int]
    withheld: int
    cursor: str | None


def changes(shop: Shop, before: int, after: int, *, for_agents: bool, cursor: str = "", limit: int = 50) -> Page:
    """From ordinal `before` (0: nothing) to `after`, by key, those after `cursor`. Raises CorruptContent."""
    found = ledger.changes_between(shop, before, after)
    if for_agents:
        # Only what is shown is read: a first release can be ten thousand entries.
        rest = [change for change in found if change.key > cursor]
        counts = Counter(change.kind for change in found)
        return _page(_read(rest[:limit]), counts, 0, more=len(rest) > limit)
    seen = [one for one in map(_by_a_shopper, _read(found)) if one]
    rest_seen = [one for one in seen if one.key > cursor]
    counts = Counter(one.change for one in seen)
    return _page(rest_seen[:limit], counts, len(found) - len(seen), more=len(rest_seen) > limit)


def _page(seen: list[Seen], counts: Counter[ChangeKind], withheld: int, *, more: bool) -> Page:
    kinds: tuple[ChangeKind, ...] = ("added", "changed", "removed")
    return Page(seen, {kind: counts[kind] for kind in kinds}, withheld, seen[-1].key if more else None)


def _read(found: Sequence[Change]) -> list[Seen]:
    contents = ledger.contents_of(name for change in found for name in (change.before, change.after) if name)
    return [Seen(change.key, contents.get(change.before or ""), contents.get(change.after or "")) for change in found]


def _by_a_shopper(seen: Seen) -> Seen | None:
    """None where a shopper sees no difference."""
    if not is_entry_key(seen.key):
        return None
    now = timezone.now()
    before, after = _shown(seen.before, now), _shown(seen.after, now)
    return None if before == after else Seen(seen.key, before, after)


def _shown(content: Content | None, now: datetime) -> Content | None:
    if content is None or content["mode"] == Mode.AGENT:
        return None
    begins = content["valid_from"]
    if begins and datetime.fromisoformat(begins) > now:
        return None
    answers = [answer for answer in content["answers"] if answer["channel"] != Channel.AGENT]
    shown = {name: content[name] for name in _SHOPPERS_SEE if name in content}
    return {**shown, "answers": answers} if answers else None
