"""Releases as they are kept."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cms.models import (
    Frozen,
    GoLive,
    PendingChange,
    Policy,
    Release,
    ReleaseItem,
    ReleaseKind,
    Shop,
    StoredContent,
)
from cms.releases import ledger
from cms.releases.numbering import number_for, week_of
from cms.releases.rollback import NothingToRollBack, roll_back
from search.sync import sync
from tests.builders import publish
from tests.test_search_sync import live  # noqa: F401

MONDAY = datetime(2026, 11, 16, 1, tzinfo=UTC)


def put(shop, contents, **about):
    """A release in which these keys say these words (None: are gone)."""
    made = {key: words and {"kind": "faq", "title": words} for key, words in contents.items()}
    ledger.store(content for content in made.values() if content)
    hashes = {key: content and ledger.content_hash(content) for key, content in made.items()}
    return ledger.make_release(shop, hashes, ledger.About(**about))


def said(shop, ordinal):
    hashes = ledger.held(shop, ordinal)
    contents = ledger.contents_of(hashes.values())
    return {key: contents[name]["title"] for key, name in hashes.items()}


@pytest.mark.parametrize(
    ("taken", "weekly", "number"),
    [
        (set(), True, "2026-W47"),
        (set(), False, "2026-W47.1"),
        ({"2026-W47"}, False, "2026-W47.1"),
        ({"2026-W47", "2026-W47.1", "2026-W47.12"}, False, "2026-W47.13"),
        ({"2026-W47.1"}, True, "2026-W47"),
        ({"2026-W47"}, True, "2026-W47.1"),
    ],
)
def test_a_number_is_the_iso_week_and_a_counter(taken, weekly, number):
    assert number_for(MONDAY, taken, weekly=weekly) == number


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        (datetime(2026, 11, 15, 15, 59, tzinfo=UTC), "2026-W46"),
        (datetime(2026, 11, 15, 16, 0, tzinfo=UTC), "2026-W47"),
        (datetime(2025, 12, 29, 12, tzinfo=UTC), "2026-W01"),
        (datetime(2027, 1, 3, 12, tzinfo=UTC), "2026-W53"),
    ],
)
def test_a_week_begins_on_monday_in_the_shops_time_zone(moment, week):
    assert week_of(moment) == week


def test_the_first_release_has_the_bare_number_and_the_next_ones_count(shop):
    week = put(shop, {"faq:1": "一"}).number
    assert [put(shop, {"faq:2": word}).number for word in "二三"] == [f"{week}.1", f"{week}.2"]
    assert put(shop, {"faq:2": "四"}, kind=ReleaseKind.WEEKLY).number == f"{week}.3"


CONTENTS = st.dictionaries(st.sampled_from(["faq:1", "faq:2", "faq:3", "facts"]), st.sampled_from([None, "甲", "乙"]))


@pytest.mark.django_db
@given(st.lists(CONTENTS, max_size=6))
def test_every_release_holds_what_was_put_into_it_whatever_came_later(history):
    with transaction.atomic():
        shop = Shop.objects.create(name="店", slug="s")
        now, expected = {}, {}
        for contents in history:
            now = {key: words for key, words in {**now, **contents}.items() if words}
            expected[put(shop, contents).ordinal] = now
        assert {ordinal: said(shop, ordinal) for ordinal in expected} == expected
        for one in expected:
            for other in expected:
                changes = {change.key: change.after for change in ledger.changes_between(shop, one, other)}
                moved = {**ledger.held(shop, one), **changes}
                assert {key: name for key, name in moved.items() if name} == ledger.held(shop, other)
        for release in Release.objects.filter(shop=shop):
            assert release.digest == ledger.digest(ledger.held(shop, release.ordinal))
        transaction.set_rollback(True)


def test_a_release_counts_what_it_changed(shop):
    put(shop, {"faq:1": "一", "faq:2": "二", "facts": "事实"})
    release = put(shop, {"faq:1": "另一", "faq:2": None, "faq:3": "三"})
    assert (release.entries, release.added, release.changed, release.removed) == (2, 1, 1, 1)


def test_what_was_live_at_a_moment_is_found(shop):
    first, second = put(shop, {"faq:1": "一"}), put(shop, {"faq:1": "二"})
    assert ledger.live_release(shop) == second
    assert ledger.release_at(shop, second.made_at) == second
    assert ledger.release_at(shop, first.made_at) == first
    assert ledger.release_at(shop, MONDAY.replace(year=2001)) is None
    assert ledger.first_moment(shop) == first.made_at


def test_a_clock_that_goes_back_never_puts_a_switch_before_the_last(shop, monkeypatch):
    first = put(shop, {"faq:1": "一"})
    monkeypatch.setattr(ledger.timezone, "now", lambda: MONDAY.replace(year=2001))
    assert put(shop, {"faq:1": "二"}).made_at > first.made_at


def test_a_release_is_made_whole_or_not_at_all(shop, monkeypatch):
    put(shop, {"faq:1": "一"})

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(ledger, "_clear_pending", fail)
    with pytest.raises(OSError, match="disk full"):
        put(shop, {"faq:1": "二"})
    assert said(shop, 1) == {"faq:1": "一"}
    assert (Release.objects.count(), ReleaseItem.objects.count(), GoLive.objects.count()) == (1, 1, 1)


def test_a_content_that_is_not_there_goes_into_no_release(shop):
    with pytest.raises(ledger.CorruptContent, match="missing"):
        ledger.make_release(shop, {"faq:1": "0" * 64}, ledger.About())
    assert ledger.live_release(shop) is None


def test_changes_worked_out_against_another_release_are_refused(shop):
    put(shop, {"faq:1": "一"})
    with pytest.raises(ledger.OutOfStep):
        ledger.make_release(shop, {"faq:1": None}, ledger.About(), base=0)


def test_a_spoilt_content_is_named(shop):
    StoredContent.objects.create(hash="1" * 64, text="{}")
    with pytest.raises(ledger.CorruptContent, match="not what was written"):
        ledger.contents_of(["1" * 64])


FROZEN = [StoredContent, Release, ReleaseItem, GoLive]


@pytest.mark.parametrize("model", FROZEN)
def test_no_row_of_a_release_can_be_saved_again_or_deleted(shop, model):
    put(shop, {"faq:1": "一"})
    row = model.objects.first()
    for change in (
        row.save,
        row.delete,
        model.objects.all().delete,
        lambda: model.objects.update(pk=7),
        lambda: model.objects.bulk_update([row], ["pk"]),
        lambda: model.objects.bulk_create([row], update_conflicts=True, unique_fields=["pk"], update_fields=["pk"]),
        lambda: model.objects.update_or_create(pk=row.pk),
        lambda: model._base_manager.all().delete(),
        lambda: model._base_manager.update(pk=7),
    ):
        with pytest.raises(Frozen):
            change()


@pytest.mark.parametrize(
    ("model", "column", "value"),
    [
        (StoredContent, "text", "'{}'"),
        (Release, "notes", "'rewritten'"),
        (Release, "number", "'2020-W01'"),
        (ReleaseItem, "since", "9"),
        (ReleaseItem, "key", "'faq:9'"),
        (GoLive, "by", "'somebody else'"),
    ],
)
def test_not_even_sql_by_hand_changes_a_release(shop, model, column, value):
    put(shop, {"faq:1": "一"})
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {column} = {value}")  # noqa: S608


def test_the_end_of_an_item_is_written_once(shop):
    put(shop, {"faq:1": "一"})
    put(shop, {"faq:1": None})
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE cms_releaseitem SET until = 9")


def test_a_shop_that_has_releases_is_not_deleted(shop):
    put(shop, {"faq:1": "一"})
    with pytest.raises(ProtectedError):
        shop.delete()


def test_in_a_gated_shop_what_is_published_waits(shop, live):  # noqa: F811
    Shop.objects.update(release_policy=Policy.GATED)
    entry = live(publish, shop, "怎么开发票")
    assert ledger.live_release(shop) is None
    assert entry.key in ledger.pending(shop)
    live(entry.unpublish)
    assert entry.key not in ledger.pending(shop)


def test_a_change_that_is_undone_no_longer_waits(shop, live):  # noqa: F811
    entry = live(publish, shop, "怎么开发票")
    Shop.objects.update(release_policy=Policy.GATED)
    entry.title = "怎么开票"
    live(entry.save_revision().publish)
    assert list(ledger.pending(shop)) == [entry.key]
    entry.title = "怎么开发票"
    live(entry.save_revision().publish)
    assert ledger.pending(shop) == {}


def test_a_rollback_is_a_new_release_equal_to_the_old_one_and_what_came_since_waits(shop, live):  # noqa: F811
    kept, changed = live(publish, shop, "怎么开发票"), live(publish, shop, "什么时候发货")
    first = ledger.live_release(shop)
    changed.title = "几天发货"
    live(changed.save_revision().publish)
    added = live(publish, shop, "能退货吗")
    published = ledger.proposed(shop)
    back = roll_back(shop, first, by="lin")
    assert (back.kind, back.like, back.digest, back.made_by) == ("rollback", first.ordinal, first.digest, "lin")
    assert set(ledger.pending(shop)) == {changed.key, added.key}
    assert ledger.proposed(shop) == published
    assert not sync(shop)
    assert kept.key not in ledger.pending(shop)


def test_a_rollback_forwards_settles_what_waited(shop, live):  # noqa: F811
    live(publish, shop, "怎么开发票")
    first = ledger.live_release(shop)
    live(publish, shop, "能退货吗")
    second = ledger.live_release(shop)
    roll_back(shop, first)
    assert PendingChange.objects.exists()
    roll_back(shop, second)
    assert not PendingChange.objects.exists()
    with pytest.raises(NothingToRollBack):
        roll_back(shop, second)


def test_what_waited_since_another_policy_does_not_come_back_once_it_is_unpublished(shop, live):  # noqa: F811
    entry = live(publish, shop, "怎么开发票")
    Shop.objects.update(release_policy=Policy.GATED)
    entry.title = "怎么开票"
    live(entry.save_revision().publish)
    Shop.objects.update(release_policy=Policy.CONTINUOUS)
    live(entry.unpublish)
    assert ledger.pending(shop) == {}
    assert entry.key not in ledger.proposed(shop)


def test_an_edit_after_a_rollback_outdates_what_waited_of_that_entry(shop, live):  # noqa: F811
    entry = live(publish, shop, "怎么开发票")
    first = ledger.live_release(shop)
    entry.title = "怎么开票"
    live(entry.save_revision().publish)
    roll_back(shop, first)
    assert list(ledger.pending(shop)) == [entry.key]
    entry.title = "怎么开发票"
    live(entry.save_revision().publish)
    assert ledger.pending(shop) == {}


def test_a_week_goes_by_the_shops_zone_and_not_by_an_editors(settings):
    sunday_evening_in_london = datetime(2026, 11, 15, 20, tzinfo=UTC)
    with timezone.override("Europe/London"):
        assert week_of(sunday_evening_in_london) == "2026-W47"
