"""The weekly cut, from what is pending to live."""

import json
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from threading import Event

import pytest
from django.core.management import CommandError, call_command, get_commands
from django.db import OperationalError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from wagtail.models import Locale

from cms.content import READING
from cms.models import Cut, CutState, GoldenCase, PendingChange, Policy, Release, Shop, StoredContent
from cms.releases import ledger
from cms.releases.rollback import roll_back
from search import encoding, readings
from search.answering import Question, suggest
from search.engine.encoder import EncoderUnavailable, HashEncoder
from search.models import StoredVector
from search.releases import chores, cutting, gate, schedule, workers
from tests.builders import draft, make_shop, publish
from tests.test_search_sync import live  # noqa: F401

GONE = f"{workers.socket.gethostname()}:999999999:1"


@pytest.fixture
def gated(shop, live):  # noqa: F811
    """A shop with one released entry, where what is published waits."""
    live(publish, shop, "怎么开发票", "发票咋开")
    Shop.objects.update(release_policy=Policy.GATED)
    shop.refresh_from_db()
    return shop


def answers(shop, query):
    return [found.content["title"] for found in suggest(shop, Question(query, "agent")).suggestions]


def cut_now(shop, **options):
    return cutting.run(cutting.start(shop, **options))


def test_a_cut_releases_what_is_pending_as_the_week(gated, live):  # noqa: F811
    entry = live(publish, gated, "什么时候发货")
    cut = cut_now(gated, notes="发货说明", by="lin")
    assert cut.state == CutState.LIVE
    assert (cut.release.kind, cut.release.notes, cut.release.made_by) == ("weekly", "发货说明", "lin")
    assert ledger.live_release(gated) == cut.release
    assert entry.key in ledger.held(gated, cut.release.ordinal)
    assert not ledger.pending(gated)
    assert answers(gated, "什么时候发货")[0] == "什么时候发货"


def test_the_report_is_kept_with_the_release(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    cut = cut_now(gated)
    assert json.loads(cut.release.report.text) == cut.report
    assert cut.report["verdict"] == gate.PASSED
    assert cut.report["base"] == ledger.release_at(gated, cut.release.made_at - timedelta(microseconds=1)).number


def test_only_the_chosen_changes_are_released(gated, live):  # noqa: F811
    one, other = live(publish, gated, "什么时候发货"), live(publish, gated, "能退货吗")
    cut = cut_now(gated, keys=[one.key])
    assert one.key in ledger.held(gated, cut.release.ordinal)
    assert list(ledger.pending(gated)) == [other.key]


def test_a_key_that_does_not_wait_cannot_be_chosen(gated):
    with pytest.raises(cutting.NotPending, match="faq:999"):
        cutting.start(gated, keys=["faq:999"])


def test_a_cut_with_nothing_new_makes_no_release_unless_it_is_asked_to(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    cut_now(gated)
    count = Release.objects.count()
    assert cut_now(gated).state == CutState.NOTHING_NEW
    assert Release.objects.count() == count
    assert cut_now(gated, even_if_nothing_new=True).state == CutState.LIVE
    assert Release.objects.count() == count + 1


def test_in_a_continuous_shop_the_weeks_patches_become_the_weeks_release(shop, live):  # noqa: F811
    live(publish, shop, "怎么开发票")
    live(publish, shop, "什么时候发货")
    cut = cut_now(shop)
    assert (cut.state, cut.release.kind, cut.release.added) == (CutState.LIVE, "weekly", 0)
    assert cut_now(shop).state == CutState.NOTHING_NEW


def test_a_shop_without_anything_has_nothing_to_cut(shop):
    assert cut_now(shop).state == CutState.NOTHING_NEW


def test_the_first_release_of_a_gated_shop_is_cut(shop, live):  # noqa: F811
    Shop.objects.update(release_policy=Policy.GATED)
    live(publish, shop, "怎么开发票", "发票咋开")
    cut = cut_now(shop)
    assert (cut.state, cut.report["before"], cut.report["base"]) == (CutState.LIVE, None, "")
    assert answers(shop, "发票咋开") == ["怎么开发票"]


def test_what_is_published_while_a_cut_runs_stays_pending(gated, live, monkeypatch):  # noqa: F811
    entry = live(publish, gated, "什么时候发货")
    check = gate.check

    def edited_meanwhile(*args, **kwargs):
        entry.title = "几天发货"
        live(entry.save_revision().publish)
        live(publish, gated, "能退货吗")
        return check(*args, **kwargs)

    monkeypatch.setattr(gate, "check", edited_meanwhile)
    cut = cut_now(gated)
    assert "什么时候发货" in answers(gated, "什么时候发货")
    assert entry.key in ledger.pending(gated)
    assert len(ledger.pending(gated)) == 2
    assert cut.release.added == 1


def test_what_is_taken_back_while_a_cut_runs_is_not_released(gated, live, monkeypatch):  # noqa: F811
    kept, taken_back = live(publish, gated, "什么时候发货"), live(publish, gated, "能退货吗")
    check = gate.check

    def taken_back_meanwhile(*args, **kwargs):
        if kwargs["most"] == gate.MOST_HELD_OUT:
            live(taken_back.unpublish)
        return check(*args, **kwargs)

    monkeypatch.setattr(gate, "check", taken_back_meanwhile)
    cut = cut_now(gated)
    held = ledger.held(gated, cut.release.ordinal)
    assert (kept.key in held, taken_back.key in held) == (True, False)


def test_a_patch_that_goes_live_while_a_cut_runs_is_part_of_it(shop, live, monkeypatch):  # noqa: F811
    live(publish, shop, "怎么开发票")
    check, patched = gate.check, []

    def patched_meanwhile(*args, **kwargs):
        if not patched:
            patched.append(live(publish, shop, "什么时候发货"))
        return check(*args, **kwargs)

    monkeypatch.setattr(gate, "check", patched_meanwhile)
    cut = cut_now(shop)
    assert cut.state == CutState.LIVE
    assert patched[0].key in ledger.held(shop, cut.release.ordinal)
    assert cut.report["base"] == Release.objects.get(ordinal=cut.release.ordinal - 1).number


def test_a_cut_gives_up_where_other_releases_never_stop(shop, live, monkeypatch):  # noqa: F811
    live(publish, shop, "怎么开发票")
    check = gate.check

    def patched_each_time(*args, **kwargs):
        live(publish, shop, f"第{Release.objects.count()}个问题")
        return check(*args, **kwargs)

    monkeypatch.setattr(gate, "check", patched_each_time)
    with pytest.raises(cutting.CutFailed, match="5"):
        cut_now(shop)
    assert Cut.objects.get().state == CutState.FAILED


def test_what_a_rollback_took_back_comes_again_with_the_next_cut(shop, live):  # noqa: F811
    live(publish, shop, "怎么开发票")
    first = ledger.live_release(shop)
    later = live(publish, shop, "什么时候发货")
    roll_back(shop, first)
    cut = cut_now(shop)
    assert later.key in ledger.held(shop, cut.release.ordinal)


def test_of_two_cuts_the_second_says_who_runs_the_first(gated):
    first = cutting.start(gated, by="lin")
    with pytest.raises(cutting.CutRuns, match="lin") as caught:
        cutting.start(gated)
    assert caught.value.cut == first
    assert not caught.value.is_left


def test_two_shops_are_cut_at_once(gated):
    other = make_shop("other")
    assert cutting.start(gated).shop != cutting.start(other).shop


@pytest.mark.parametrize(
    ("worker", "state", "silent_for", "gone"),
    [
        (workers.this_worker(), "checking", 3600, False),
        (GONE, "checking", 0, True),
        (workers.this_worker().rpartition(":")[0] + ":7", "checking", 0, True),
        ("elsewhere:1:1", "checking", 5, False),
        ("elsewhere:1:1", "checking", 61, True),
        (workers.this_worker(), "waiting", 5, False),
        (workers.this_worker(), "waiting", 61, True),
        (GONE, "waiting", 5, True),
        ("", "waiting", 5, False),
    ],
    # Names of processes differ from one to the next, and all that run tests side by side must find the same tests.
    ids=["mine", "gone", "number_given_again", "silent", "too_silent", "waits", "long", "early", "unclaimed"],
)
def test_a_cut_is_left_when_its_process_is_gone(gated, worker, state, silent_for, gone):
    cut = cutting.start(gated)
    moment = timezone.now() - timedelta(seconds=silent_for)
    Cut.objects.update(worker=worker, state=state, started_at=moment, beat_at=moment if worker else None)
    cut.refresh_from_db()
    assert workers.is_gone(cut) == gone
    assert (cutting.left(gated) == cut) == gone


def test_a_cut_that_was_left_is_gone_on_with(gated, live):  # noqa: F811
    one, other = live(publish, gated, "什么时候发货"), live(publish, gated, "能退货吗")
    cutting.start(gated, keys=[one.key], notes="只发一条")
    Cut.objects.update(worker=GONE, state=CutState.CHECKING)
    said = StringIO()
    call_command("cut_release", stderr=said, stdout=StringIO())
    release = ledger.live_release(gated)
    assert "process is gone" in said.getvalue() or "进程" in said.getvalue()
    assert (release.kind, release.notes) == ("weekly", "只发一条")
    assert list(ledger.pending(gated)) == [other.key]


def test_a_cut_that_was_left_can_be_dropped(gated):
    cut = cutting.start(gated)
    Cut.objects.update(worker=GONE, state=CutState.BUILDING)
    call_command("cut_release", "--drop", stdout=StringIO())
    cut.refresh_from_db()
    assert cut.state == CutState.DROPPED
    assert cutting.start(gated).state == CutState.WAITING


def test_a_cut_that_runs_is_not_run_a_second_time(gated):
    cut = cutting.start(gated)
    Cut.objects.update(worker=workers.this_worker(), state=CutState.CHECKING)
    cut.refresh_from_db()
    with pytest.raises(cutting.CutRuns):
        cutting.run(cut)


def test_a_cut_that_is_dropped_while_it_runs_does_not_go_live(gated, live, monkeypatch):  # noqa: F811
    live(publish, gated, "什么时候发货")
    check, before = gate.check, ledger.live_release(gated)

    def dropped_meanwhile(*args, **kwargs):
        cutting.drop(Cut.objects.get())
        return check(*args, **kwargs)

    monkeypatch.setattr(gate, "check", dropped_meanwhile)
    with pytest.raises(cutting.CutTaken):
        cut_now(gated)
    assert ledger.live_release(gated) == before
    assert Cut.objects.get().state == CutState.DROPPED


def test_a_cut_that_has_ended_is_not_run_again(gated):
    cut = cut_now(gated)
    with pytest.raises(cutting.CutTaken):
        cutting.run(cut)


@pytest.fixture
def blocked(gated, live):  # noqa: F811
    """A cut that the gate has blocked."""
    GoldenCase.objects.create(shop=gated, query="什么时候发货", must=True)
    live(publish, gated, "什么时候发货")
    cut = cut_now(gated)
    assert cut.state == CutState.BLOCKED
    return cut


def test_a_blocked_cut_keeps_its_report_and_the_old_release_serves(gated, blocked):
    assert blocked.report["reasons"] == [{"rule": "must_case", "count": 1}]
    assert answers(gated, "什么时候发货") != ["什么时候发货"]
    assert len(ledger.pending(gated)) == 1


def test_an_override_puts_the_blocked_cut_live_and_keeps_the_reason(gated, blocked):
    release = cutting.override(blocked, " 大促前必须上线 ", by="wang")
    assert (release.override_reason, release.made_by) == ("大促前必须上线", "wang")
    assert ledger.live_release(gated) == release
    blocked.refresh_from_db()
    assert (blocked.state, blocked.override_reason) == (CutState.LIVE, "大促前必须上线")
    assert not ledger.pending(gated)


def test_an_override_needs_a_reason(blocked):
    with pytest.raises(cutting.NoReason):
        cutting.override(blocked, "  ", by="wang")


def test_what_is_not_blocked_cannot_be_overridden(gated):
    with pytest.raises(cutting.NotBlocked):
        cutting.override(cutting.start(gated), "赶时间", by="wang")


def test_an_override_is_refused_once_something_else_is_live(gated, blocked):
    ledger.make_release(gated, {}, ledger.About())
    with pytest.raises(cutting.MustBeCheckedAgain):
        cutting.override(blocked, "赶时间", by="wang")
    assert ledger.live_release(gated).kind == "patch"


def test_an_override_is_refused_once_what_was_checked_is_taken_back(gated, blocked):
    PendingChange.objects.all().delete()
    with pytest.raises(cutting.MustBeCheckedAgain):
        cutting.override(blocked, "赶时间", by="wang")


def test_a_new_cut_drops_the_blocked_one(gated, blocked):
    cutting.start(gated)
    blocked.refresh_from_db()
    assert blocked.state == CutState.DROPPED


# --- another encoder


class Doubled(HashEncoder):
    recipe = "doubled"

    def __init__(self):
        super().__init__(128)


@pytest.fixture
def other_encoder(settings, monkeypatch):
    """An encoder of another name becomes the one for new releases."""
    load = encoding.load_encoder
    monkeypatch.setattr(
        encoding, "load_encoder", lambda name, **kwargs: Doubled() if name == "doubled" else load(name, **kwargs)
    )
    settings.KB_ENCODER = "doubled"


def test_another_encoder_is_made_ready_aside_and_goes_live_with_the_cut(gated, other_encoder, monkeypatch):
    check, seen = gate.check, []

    def while_checked(*args, **kwargs):
        seen.append(suggest(gated, Question("发票咋开", "bot")).degraded)
        return check(*args, **kwargs)

    monkeypatch.setattr(gate, "check", while_checked)
    cut = cut_now(gated)
    assert cut.state == CutState.LIVE
    reading = ledger.held(gated, cut.release.ordinal)[READING]
    assert ledger.contents_of([reading])[reading]["encoder"] == "doubled"
    assert seen == [False]
    assert StoredVector.objects.filter(recipe="doubled").count() == 2
    assert not suggest(gated, Question("发票咋开", "bot")).degraded


def test_an_encoder_that_cannot_be_had_fails_the_cut_and_the_old_one_serves(gated, settings, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    settings.KB_ENCODER = "nowhere/to-be-found"
    before = ledger.live_release(gated)
    with pytest.raises(cutting.CutFailed):
        cut_now(gated)
    cut = Cut.objects.get()
    assert cut.state == CutState.FAILED
    assert "nowhere/to-be-found" in cut.error
    assert ledger.live_release(gated) == before


def test_a_shop_that_never_had_an_encoder_is_cut_by_words_alone(shop, live, settings):  # noqa: F811
    settings.KB_ENCODER = "nowhere/to-be-found"
    Shop.objects.update(release_policy=Policy.GATED)
    live(publish, shop, "怎么开发票", "发票咋开")
    cut = cut_now(shop)
    assert cut.state == CutState.LIVE
    assert READING not in ledger.held(shop, cut.release.ordinal)


def test_a_cut_can_learn(gated):
    cut = cut_now(gated, learn=True)
    reading = ledger.held(gated, cut.release.ordinal)[READING]
    assert ledger.contents_of([reading])[reading]["learnt"]


def test_a_shop_that_has_grown_large_gets_a_codebook_and_keeps_it(gated, live, monkeypatch):  # noqa: F811
    monkeypatch.setattr(readings, "FLAT_UP_TO", 20)
    live(publish, gated, "什么时候发货", *(f"第{number}天能发货吗" for number in range(30)))
    cut = cut_now(gated)
    reading = ledger.held(gated, cut.release.ordinal)[READING]
    assert ledger.contents_of([reading])[reading]["codebook"]
    assert answers(gated, "第7天能发货吗")[0] == "什么时候发货"
    assert cut_now(gated).state == CutState.NOTHING_NEW


# --- faults


def test_a_spoilt_content_fails_the_cut_by_name_and_the_old_release_serves(gated):
    StoredContent.objects.create(hash="1" * 64, text="{}")
    PendingChange.objects.create(shop=gated, key="faq:77", content_id="1" * 64, at=timezone.now())
    before = ledger.live_release(gated)
    with pytest.raises(cutting.CutFailed, match="faq:77"):
        cut_now(gated)
    assert Cut.objects.get().state == CutState.FAILED
    assert ledger.live_release(gated) == before
    assert answers(gated, "发票咋开") == ["怎么开发票"]


def test_a_spoilt_vector_is_encoded_anew(gated):
    StoredVector.objects.update(vector=b"spoilt")
    cut = cut_now(gated, even_if_nothing_new=True)
    assert cut.state == CutState.LIVE
    assert not StoredVector.objects.filter(vector=b"spoilt").exists()


def test_a_vector_that_cannot_be_had_fails_the_cut_by_name(gated, monkeypatch):
    StoredVector.objects.all().delete()
    monkeypatch.setattr(encoding, "store_missing", lambda *args, **kwargs: 0)
    with pytest.raises(cutting.CutFailed, match="怎么开发票"):
        cut_now(gated, even_if_nothing_new=True)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OperationalError("disk is full")])
@pytest.mark.parametrize("step", ["store", "_move_intervals", "_clear_pending"])
def test_a_full_disk_fails_the_cut_and_the_old_release_serves(gated, live, monkeypatch, step, error):  # noqa: F811
    live(publish, gated, "什么时候发货")
    before, rows = ledger.live_release(gated), Release.objects.count()

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(ledger, step, fail)
    with pytest.raises(cutting.CutFailed):
        cut_now(gated)
    cut = Cut.objects.get()
    assert (cut.state, cut.release) == (CutState.FAILED, None)
    assert str(error.args[-1]) in cut.error
    assert (ledger.live_release(gated), Release.objects.count()) == (before, rows)
    assert len(ledger.pending(gated)) == 1


def test_a_failed_cut_can_be_cut_again(gated, live, monkeypatch):  # noqa: F811
    live(publish, gated, "什么时候发货")
    with monkeypatch.context() as broken:
        broken.setattr(gate, "check", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(cutting.CutFailed):
            cut_now(gated)
    assert cut_now(gated).state == CutState.LIVE


def test_an_encoder_that_goes_away_half_way_fails_the_cut(gated, live, monkeypatch):  # noqa: F811
    live(publish, gated, "什么时候发货")
    StoredVector.objects.all().delete()

    def gone(self, texts):
        raise EncoderUnavailable("the model is gone")

    monkeypatch.setattr(HashEncoder, "encode", gone)
    with pytest.raises(cutting.CutFailed, match="the model is gone"):
        cut_now(gated)


# --- commands


def test_the_command_says_what_was_won_and_lost(gated, live):  # noqa: F811
    live(publish, gated, "什么时候发货")
    said = StringIO()
    call_command("cut_release", "--shop", gated.slug, "--notes", "本周", stdout=said)
    assert f"{ledger.live_release(gated).number} is live" in said.getvalue()
    assert "0 lost" in said.getvalue()


def test_the_command_fails_with_the_gates_reasons_in_words(gated, blocked):
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
def test_the_command_refuses_what_is_not_there(gated, options):
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
def due(gated):
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
