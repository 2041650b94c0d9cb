"""When a cut is made: by a command, when its hour has come, by the worker."""

import json
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from threading import Event

import pytest
from django.core.management import CommandError, call_command, get_commands
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from wagtail.models import Locale

from cms.models import Cut, CutState, Policy, Release, Shop
from cms.releases import ledger
from search.releases import chores, cutting, schedule
from tests.builders import draft, make_shop, publish
from tests.release_cuts import GONE, answers, blocked, cut_now, gated  # noqa: F401
from tests.test_search_sync import live  # noqa: F401

# --- commands


def test_the_command_says_what_was_won_and_lost(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    said = StringIO()
    call_command("cut_release", "--shop", gated.slug, "--notes", "本周", stdout=said)
    assert f"{ledger.live_release(gated).number} is live" in said.getvalue()
    assert "0 lost" in said.getvalue()


def test_the_command_fails_with_the_gates_reasons_in_words(gated, blocked):  # noqa: F811
    said = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("cut_release", stdout=said)
    assert caught.value.returncode == 1
    assert "“什么时候发货” must get no answer, gets" in said.getvalue()
    call_command("cut_release", "--override", "大促前必须上线", stdout=StringIO())
    assert ledger.live_release(gated).override_reason == "大促前必须上线"


def test_the_command_gives_json(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    said = StringIO()
    call_command("cut_release", "--json", stdout=said)
    [cut] = json.loads(said.getvalue())
    assert (cut["state"], cut["release"]) == ("live", ledger.live_release(gated).number)
    assert cut["report"]["verdict"] == "passed"


def test_a_launched_cut_is_run_by_number(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    cut = cutting.start(gated)
    call_command("cut_release", "--go-on", str(cut.pk), stdout=StringIO())
    cut.refresh_from_db()
    assert cut.state == CutState.LIVE


@pytest.mark.parametrize("options", [["--drop"], ["--override", "赶时间"], ["--go-on", "7"]])
def test_the_command_refuses_what_is_not_there(gated, options):  # noqa: F811
    with pytest.raises(CommandError):
        call_command("cut_release", *options, stdout=StringIO())


# --- the schedule

WEDNESDAY = datetime(2026, 11, 18, 2, tzinfo=UTC)  # 10:00 in Shanghai


@pytest.mark.parametrize(
    ("weekday", "at", "now", "due"),
    [
        (3, time(10), WEDNESDAY, WEDNESDAY),
        (3, time(10), WEDNESDAY - timedelta(seconds=1), None),
        (3, time(10), WEDNESDAY + timedelta(days=4), WEDNESDAY),
        (3, time(10), WEDNESDAY + timedelta(days=5), None),
        (1, time(0), datetime(2026, 11, 15, 16, tzinfo=UTC), datetime(2026, 11, 15, 16, tzinfo=UTC)),
        (None, time(10), WEDNESDAY, None),
    ],
)
def test_a_cut_comes_due_by_the_clock_of_the_shops_time_zone(weekday, at, now, due):
    assert schedule.came_due(weekday, at, now) == due


@given(st.integers(1, 7), st.times(), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_what_came_due_did_so_this_week_on_that_day(weekday, at, now):
    moment = schedule.came_due(weekday, at, now)
    local = timezone.localtime(now)
    if moment is None:
        assert (local.isoweekday(), local.time()) < (weekday, at)
    else:
        assert moment <= now
        assert timezone.localtime(moment).isocalendar() == (*local.isocalendar()[:2], weekday)


@pytest.fixture
def due(gated):  # noqa: F811
    """The hour of the cut has come."""
    local = timezone.localtime() - timedelta(minutes=1)
    Shop.objects.update(cut_weekday=local.isoweekday(), cut_time=local.time())
    gated.refresh_from_db()
    return gated


def test_a_due_cut_is_made_once_however_often_it_is_asked_for(due, live):  # noqa: F811
    live(publish, due, "什么时候发货")
    for _minute in range(3):
        call_command("cut_release", "--scheduled", stdout=StringIO())
    assert [cut.state for cut in Cut.objects.all()] == [CutState.LIVE]
    assert ledger.live_release(due).made_by == "schedule"


def test_no_cut_is_made_without_a_day_for_it(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    call_command("cut_release", "--scheduled", stdout=StringIO())
    assert not Cut.objects.exists()


def test_a_week_that_somebody_cut_by_hand_is_not_cut_again(due, live):  # noqa: F811
    cut_now(due)
    live(publish, due, "什么时候发货")
    call_command("cut_release", "--scheduled", stdout=StringIO())
    assert Cut.objects.count() == 1


def test_a_scheduled_cut_that_was_left_a_moment_ago_is_gone_on_with(due, live):  # noqa: F811
    live(publish, due, "什么时候发货")
    cutting.start(due)
    Cut.objects.update(worker=GONE, state=CutState.CHECKING)
    call_command("cut_release", "--scheduled", stdout=StringIO())
    assert [cut.state for cut in Cut.objects.all()] == [CutState.LIVE]


def test_a_cut_that_was_left_long_ago_does_not_keep_the_week_from_being_cut(due, live):  # noqa: F811
    live(publish, due, "什么时候发货")
    cutting.start(due)
    Cut.objects.update(worker=GONE, started_at=timezone.now() - timedelta(days=7))
    call_command("cut_release", "--scheduled", stdout=StringIO())
    assert sorted(cut.state for cut in Cut.objects.all()) == [CutState.DROPPED, CutState.LIVE]


# --- the worker


@pytest.fixture
def committed(transactional_db):
    """A shop in a database where things are committed, which has forgotten what migrations wrote."""
    Locale.objects.get_or_create(language_code="zh-hans")
    return make_shop("demo")


@pytest.mark.commits
def test_the_worker_publishes_what_is_scheduled_and_then_cuts_what_is_due(committed):
    shop = committed
    local = timezone.localtime() - timedelta(minutes=1)
    Shop.objects.update(release_policy=Policy.GATED, cut_weekday=local.isoweekday(), cut_time=local.time())
    revision = draft(shop, "双十二活动规则").latest_revision
    revision.approved_go_live_at = timezone.now() - timedelta(minutes=1)
    revision.save()
    call_command("work", "--once", stdout=StringIO())
    assert answers(shop, "双十二活动规则") == ["双十二活动规则"]
    assert ledger.live_release(shop).kind == "weekly"


def test_a_chore_that_fails_stops_no_other(monkeypatch, caplog):
    done = []

    def broken():
        raise RuntimeError("broken")

    monkeypatch.setattr(chores, "CHORES", (broken, lambda: done.append(1)))
    monkeypatch.setattr(chores, "close_old_connections", lambda: None)
    chores.do_all(Event())
    assert done == [1]
    assert "broken failed" in caplog.text


def test_the_worker_ends_between_two_chores(monkeypatch):
    stop, done = Event(), []
    monkeypatch.setattr(chores, "CHORES", (stop.set, lambda: done.append(1)))
    monkeypatch.setattr(chores, "close_old_connections", lambda: None)
    chores.keep_doing(stop, seconds=0)
    assert done == []


def test_publish_scheduled_is_ours():
    assert get_commands()["publish_scheduled"] == "search"


@pytest.mark.commits
def test_a_hundred_scheduled_entries_make_one_release(committed):
    for number in range(100):
        revision = draft(committed, f"第{number}个活动").latest_revision
        revision.approved_go_live_at = timezone.now() - timedelta(minutes=1)
        revision.save()
    call_command("publish_scheduled")
    assert ledger.live_release(committed).entries == 100
    assert Release.objects.count() == 1
