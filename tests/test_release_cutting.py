"""The weekly cut, from what is pending to live."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from cms.content import READING
from cms.models import Cut, CutState, PendingChange, Policy, Release, Shop
from cms.releases import ledger
from cms.releases.rollback import roll_back
from search import encoding, readings
from search.answering import Question, suggest
from search.engine.encoder import HashEncoder
from search.models import StoredVector
from search.releases import cutting, gate, workers
from tests.builders import make_shop, publish
from tests.release_cuts import GONE, answers, blocked, cut_now, gated  # noqa: F401
from tests.test_search_sync import live  # noqa: F401


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


def test_a_key_that_does_not_wait_cannot_be_chosen(gated):  # noqa: F811
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


def test_of_two_cuts_the_second_says_who_runs_the_first(gated):  # noqa: F811
    first = cutting.start(gated, by="lin")
    with pytest.raises(cutting.CutRuns, match="lin") as caught:
        cutting.start(gated)
    assert caught.value.cut == first
    assert not caught.value.is_left


def test_two_shops_are_cut_at_once(gated):  # noqa: F811
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
def test_a_cut_is_left_when_its_process_is_gone(gated, worker, state, silent_for, gone):  # noqa: F811
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


def test_a_cut_that_was_left_can_be_dropped(gated):  # noqa: F811
    cut = cutting.start(gated)
    Cut.objects.update(worker=GONE, state=CutState.BUILDING)
    call_command("cut_release", "--drop", stdout=StringIO())
    cut.refresh_from_db()
    assert cut.state == CutState.DROPPED
    assert cutting.start(gated).state == CutState.WAITING


def test_a_cut_that_runs_is_not_run_a_second_time(gated):  # noqa: F811
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


def test_a_cut_that_has_ended_is_not_run_again(gated):  # noqa: F811
    cut = cut_now(gated)
    with pytest.raises(cutting.CutTaken):
        cutting.run(cut)


def test_a_blocked_cut_keeps_its_report_and_the_old_release_serves(gated, blocked):  # noqa: F811
    assert blocked.report["reasons"] == [{"rule": "must_case", "count": 1}]
    assert answers(gated, "什么时候发货") != ["什么时候发货"]
    assert len(ledger.pending(gated)) == 1


def test_an_override_puts_the_blocked_cut_live_and_keeps_the_reason(gated, blocked):  # noqa: F811
    release = cutting.override(blocked, " 大促前必须上线 ", by="wang")
    assert (release.override_reason, release.made_by) == ("大促前必须上线", "wang")
    assert ledger.live_release(gated) == release
    blocked.refresh_from_db()
    assert (blocked.state, blocked.override_reason) == (CutState.LIVE, "大促前必须上线")
    assert not ledger.pending(gated)


def test_an_override_needs_a_reason(blocked):  # noqa: F811
    with pytest.raises(cutting.NoReason):
        cutting.override(blocked, "  ", by="wang")


def test_what_is_not_blocked_cannot_be_overridden(gated):  # noqa: F811
    with pytest.raises(cutting.NotBlocked):
        cutting.override(cutting.start(gated), "赶时间", by="wang")


def test_an_override_is_refused_once_something_else_is_live(gated, blocked):  # noqa: F811
    ledger.make_release(gated, {}, ledger.About())
    with pytest.raises(cutting.MustBeCheckedAgain):
        cutting.override(blocked, "赶时间", by="wang")
    assert ledger.live_release(gated).kind == "patch"


def test_an_override_is_refused_once_what_was_checked_is_taken_back(gated, blocked):  # noqa: F811
    PendingChange.objects.all().delete()
    with pytest.raises(cutting.MustBeCheckedAgain):
        cutting.override(blocked, "赶时间", by="wang")


def test_a_new_cut_drops_the_blocked_one(gated, blocked):  # noqa: F811
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


def test_another_encoder_is_made_ready_aside_and_goes_live_with_the_cut(gated, other_encoder, monkeypatch):  # noqa: F811
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


def test_a_cut_can_learn(gated):  # noqa: F811
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
