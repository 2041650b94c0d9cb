"""What a process answers from: one immutable picture of a release at a time, built aside and swapped in one assignment.

A picture is a function of the release and of the moment (entries begin and end): built from nothing, or from any other
picture of the shop by what differs, it is the same. So what was answered can be answered again.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock, Thread
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from cms.content import FACTS, READING, RULES, SETTINGS, Content, is_entry_key
from cms.models import Mode, Release, Shop
from cms.releases import ledger
from search import encoding
from search.audiences import Audience
from search.readings import Reading, compile_reading
from search.rules import Rules, compile_rules

logger = logging.getLogger(__name__)
_PAST_KEPT = 8
"""Pictures of the past that a process keeps: they share what they have in common with the one they were built from."""
_WRONG_RATE = 0.05


@dataclass(frozen=True)
class Snapshot:
    """A release of a shop as it stands from `begins` until `ends`, when entries begin or end (None: never).

    `contents`: key -> all that the release holds, also what is not valid at the moment. Release 0 holds nothing.
    """

    shop_id: int
    ordinal: int
    number: str
    contents: Mapping[str, Content]
    hashes: Mapping[str, str]
    reading: Reading
    rules: Rules
    for_agents: Audience
    for_shoppers: Audience
    begins: datetime | None
    ends: datetime | None

    @property
    def facts(self) -> Content:
        return self.contents.get(FACTS, {})

    @property
    def wrong_rate(self) -> float:
        return float(self.contents.get(SETTINGS, {}).get("wrong_rate", _WRONG_RATE))

    def holds_at(self, moment: datetime) -> bool:
        return (self.begins is None or self.begins <= moment) and (self.ends is None or moment < self.ends)

    def values(self, *, product: str | None, locale: str, day: date) -> dict[str, str]:
        """What `{{ fact.… }}` and `{{ product.… }}` stand for on that day, in the reader's language."""
        english = locale.startswith("en")
        names = self.facts.get("products", {}).get(product)
        values = {"product.name": (english and names["name_en"]) or names["name"]} if names else {}
        for fact in self.facts.get("facts", ()):
            if fact["product"] in (None, product) and _holds(fact, day.isoformat()):
                area = "product" if fact["product"] else "fact"
                values[f"{area}.{fact['key']}"] = (english and fact["value_en"]) or fact["value"]
        return values


def _holds(fact: Mapping[str, Any], day: str) -> bool:
    return (fact["valid_from"] or "") <= day and (fact["valid_to"] is None or day <= fact["valid_to"])


def build(shop_id: int, ordinal: int, number: str, moment: datetime, *, before: Snapshot | None = None) -> Snapshot:
    """`before` is any other picture of the shop; it saves work. Raises CorruptContent."""
    hashes = ledger.held(shop_id, ordinal) if before is None else _moved(before, ordinal)
    return picture(shop_id, ordinal, number, hashes, moment, before=before)


def build_what_is_sound(shop_id: int, ordinal: int, number: str, moment: datetime) -> Snapshot:
    """The release without its spoilt contents, for a process that has nothing else to answer from."""
    hashes = ledger.held(shop_id, ordinal)
    sound, _broken = ledger.sound_contents_of(hashes.values())
    return picture(shop_id, ordinal, number, {key: name for key, name in hashes.items() if name in sound}, moment)


def _moved(before: Snapshot, ordinal: int) -> dict[str, str]:
    hashes = dict(before.hashes)
    for change in ledger.changes_between(before.shop_id, before.ordinal, ordinal):
        hashes.pop(change.key, None)
        if change.after:
            hashes[change.key] = change.after
    return hashes


def picture(
    shop_id: int,
    ordinal: int,
    number: str,
    hashes: Mapping[str, str],
    moment: datetime,
    *,
    before: Snapshot | None = None,
) -> Snapshot:
    """Of any set of stored contents, a candidate's too. Raises CorruptContent."""
    contents = _loaded(hashes, before)
    reading = compile_reading(hashes.get(READING, ""), contents.get(READING))
    entries = {key: contents[key] for key in sorted(filter(is_entry_key, contents), key=_place)}
    valid = {key: content for key, content in entries.items() if _valid(content, moment)}
    shown = {key: content for key, content in valid.items() if _for_shoppers(content)}
    rules = compile_rules(contents.get(RULES, {}))
    can_encode = reading.can_encode
    old_agents, old_shoppers = _audiences(before)
    how: dict[str, Any] = {"reading": reading, "rules": rules, "can_encode": can_encode}
    agents = Audience(valid, before=old_agents, **how)
    # Shoppers see most of what agents do: with nothing older that was read alike, that is the nearest.
    usable = old_shoppers if old_shoppers and old_shoppers.is_read_like(agents) else agents
    shoppers = Audience(shown, before=usable, **how)
    begins, ends = _window(entries, moment)
    if not can_encode:
        retry = moment + timedelta(seconds=encoding.RETRY_SECONDS)
        ends = min(ends, retry) if ends else retry
    return Snapshot(shop_id, ordinal, number, contents, hashes, reading, rules, agents, shoppers, begins, ends)


def _audiences(snapshot: Snapshot | None) -> tuple[Audience | None, Audience | None]:
    return (snapshot.for_agents, snapshot.for_shoppers) if snapshot else (None, None)


def _loaded(hashes: Mapping[str, str], before: Snapshot | None) -> dict[str, Content]:
    """The same objects for the same contents as before: so what is unchanged is seen at once."""
    same = {
        key: before.contents[key]
        for key, name in (hashes.items() if before else ())
        if before and before.hashes.get(key) == name
    }
    new = {key: name for key, name in hashes.items() if key not in same}
    found = ledger.contents_of(new.values())
    return same | {key: found[name] for key, name in new.items()}


def _place(key: str) -> tuple[str, int]:
    kind, _colon, pk = key.partition(":")
    return kind, int(pk)


def _for_shoppers(content: Content) -> bool:
    return bool(content["mode"] != Mode.AGENT and content["answers"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _valid(content: Content, now: datetime) -> bool:
    begins, ends = _moment(content["valid_from"]), _moment(content["valid_to"])
    return (begins is None or begins <= now) and (ends is None or now < ends)


def _window(entries: Mapping[str, Content], moment: datetime) -> tuple[datetime | None, datetime | None]:
    """The last and the next moment at which an entry becomes valid or stops being so."""
    turns = [_moment(content[name]) for content in entries.values() for name in ("valid_from", "valid_to")]
    known = [turn for turn in turns if turn]
    past, future = [turn for turn in known if turn <= moment], [turn for turn in known if turn > moment]
    return max(past, default=None), min(future, default=None)


@dataclass(frozen=True, slots=True)
class Served:
    """What a process answers from, and the ordinal of the release that is live: another one while it is being built."""

    snapshot: Snapshot
    live: int

    def takes_back(self, keys: Iterable[str]) -> bool:
        """Whether the live release no longer holds one of these entries."""
        wanted = set(keys)
        if self.live == self.snapshot.ordinal or not wanted:
            return False
        return bool(wanted - ledger.held(self.snapshot.shop_id, self.live, wanted).keys())


class _Shelf:
    """The live picture of each shop, and a few of the past, for this process.

    While one thread builds a newer one, the others answer from the old. A release with a spoilt content is not served:
    the old one stays, or where there is none what is sound; it is tried again after a while.
    """

    def __init__(self) -> None:
        self._current: dict[int, Snapshot] = {}
        self._past: OrderedDict[tuple[int, int, datetime | None], Snapshot] = OrderedDict()
        self._locks: dict[tuple[int, str], Lock] = {}
        self._refused: dict[int, tuple[int, float]] = {}
        self._renewing: set[int] = set()

    def served(self, shop: Shop, moment: datetime | None = None, *, newest: bool = False) -> Served:
        """`newest`: waits for the live release where another thread is building it."""
        moment = moment or timezone.now()
        ordinal, number = ledger.pointer(shop)
        held = self._current.get(shop.pk)
        if held and self._is_fresh(held, ordinal, moment):
            return Served(held, ordinal)
        lock = self._lock(shop.pk, "current")
        if not lock.acquire(blocking=held is None or newest) and held:
            return Served(held, ordinal)
        try:
            held = self._current.get(shop.pk)
            if held is None or not self._is_fresh(held, ordinal, moment):
                held = self._current[shop.pk] = self._built(shop.pk, ordinal, number, moment, held)
                self._renew_aside(held)
            return Served(held, ordinal)
        finally:
            lock.release()

    def _renew_aside(self, held: Snapshot) -> None:
        """Nobody waits for it: until it is there the patched one answers, as rightly and a little more slowly."""
        if held.shop_id not in self._renewing and held.for_agents.is_patched_up:
            self._renewing.add(held.shop_id)
            Thread(target=self._aside, args=(held,), name="renewal", daemon=True).start()

    def _aside(self, held: Snapshot) -> None:
        try:
            self._renew(held)
        except (ledger.CorruptContent, DatabaseError):
            logger.exception("Shop %s goes on with what it answers from", held.shop_id)
        finally:
            self._renewing.discard(held.shop_id)
            connection.close()

    def _renew(self, held: Snapshot) -> None:
        """In the place of the picture that answers by then, one that was built from nothing and brought up to it."""
        fresh = build(held.shop_id, held.ordinal, held.number, timezone.now())
        with self._lock(held.shop_id, "current"):
            now = self._current.get(held.shop_id)
            if now and now.ordinal != fresh.ordinal:
                fresh = build(now.shop_id, now.ordinal, now.number, timezone.now(), before=fresh)
            if now:
                self._current[held.shop_id] = fresh

    def _is_fresh(self, held: Snapshot, ordinal: int, moment: datetime) -> bool:
        refused, until = self._refused.get(held.shop_id, (None, 0.0))
        return (held.ordinal == ordinal and held.holds_at(moment)) or (refused == ordinal and time.monotonic() < until)

    def _built(self, shop_id: int, ordinal: int, number: str, moment: datetime, held: Snapshot | None) -> Snapshot:
        try:
            return build(shop_id, ordinal, number, moment, before=self._nearest(shop_id, ordinal))
        except ledger.CorruptContent:
            logger.exception("Release %s of shop %s is not whole: run `manage.py check_index`", number, shop_id)
            self._refused[shop_id] = ordinal, time.monotonic() + encoding.RETRY_SECONDS
            return held or build_what_is_sound(shop_id, ordinal, number, moment)

    def past(self, shop: Shop, release: Release, moment: datetime) -> Snapshot:
        """That release as it stood at that moment. The first time costs what differs from the live one."""
        with self._lock(shop.pk, "past"):
            for one in self._kept(shop.pk):
                same = one.ordinal == release.ordinal and one.holds_at(moment)
                # One that was built without the encoder serves only while there is none.
                if same and one.for_agents.degraded != one.reading.can_encode:
                    return one
            before = self._nearest(shop.pk, release.ordinal)
            found = build(shop.pk, release.ordinal, release.number, moment, before=before)
            self._past[shop.pk, release.ordinal, found.begins] = found
            while len(self._past) > _PAST_KEPT:
                self._past.popitem(last=False)
            return found

    def _kept(self, shop_id: int) -> list[Snapshot]:
        """The live picture, then those of the past, the last one first."""
        live = self._current.get(shop_id)
        past = [one for one in reversed(list(self._past.values())) if one.shop_id == shop_id]
        return [live, *past] if live else past

    def _nearest(self, shop_id: int, ordinal: int) -> Snapshot | None:
        """What to build that release from: a picture that reads as it does, else any, for its contents."""
        kept = self._kept(shop_id)
        reading = ledger.held(shop_id, ordinal, [READING]).get(READING)
        return next((one for one in kept if one.hashes.get(READING) == reading), kept[0] if kept else None)

    def _lock(self, shop_id: int, what: str) -> Lock:
        return self._locks.setdefault((shop_id, what), Lock())

    def clear(self) -> None:
        for kept in (self._current, self._past, self._refused):
            kept.clear()


_shelf = _Shelf()
served = _shelf.served
past = _shelf.past
forget_snapshots = _shelf.clear


def current(shop: Shop) -> Snapshot:
    """What this process answers from now."""
    return served(shop).snapshot
