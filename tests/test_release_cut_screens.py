"""The screens of what waits and of its cuts in the CMS."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from cms.models import Cut, CutState
from cms.releases import ledger
from search.releases import cutting
from search.releases.screens.effects import effects
from search.releases.screens.reports import Report
from tests.builders import publish
from tests.release_screens import blocked_cut, released, reviewer, reword, screen, words  # noqa: F401
from tests.test_search_sync import live  # noqa: F401

# --- what waits


def test_a_pending_change_is_shown_against_what_is_live(reviewer, released):  # noqa: F811
    reword(released.entry, released.live, similar="多久能发货")
    page = words(screen(reviewer, "pending", released.shop))
    assert "多久<ins>能</ins>发货" in page


def test_what_is_to_go_is_shown_by_its_name(reviewer, released):  # noqa: F811
    released.live(released.entry.unpublish)
    assert "什么时候发货" in screen(reviewer, "pending", released.shop)
    assert "什么时候发货" in screen(reviewer, "cut", released.shop)


def test_the_effect_tells_who_answers_now_and_then(released):  # noqa: F811
    shop, live = released.shop, released.live  # noqa: F811
    entry = live(publish, shop, "发票怎么开", "多久发货")
    live(released.entry.unpublish)
    found = {one.question: one for one in effects(shop, [entry.key, released.entry.key])}
    assert found["多久发货"].now.key == released.entry.key
    assert found["多久发货"].then.key == entry.key
    assert found["多久发货"].differs


def test_the_effect_is_a_page_and_a_piece_of_one(reviewer, released):  # noqa: F811
    reword(released.entry, released.live, similar="多久能发货")
    whole = screen(reviewer, "effect", released.shop)
    piece = screen(reviewer, "effect", released.shop, part=1)
    assert "多久能发货" in whole
    assert "多久能发货" in piece
    assert "<html" not in piece


# --- a cut


@pytest.fixture
def launched(monkeypatch):
    """The cuts that would have been run in processes of their own."""
    found = []
    monkeypatch.setattr(cutting, "launch", found.append)
    return found


def test_cutting_now_starts_a_cut_and_watches_it(reviewer, released, launched):  # noqa: F811
    released.live(publish, released.shop, "怎么开发票")
    response = reviewer.post(reverse("releases:cut", args=["demo"]), {"notes": "本周：发票", "learn": "on"})
    (cut,) = launched
    assert (cut.notes, cut.by, cut.learn, cut.keys, cut.even_if_nothing_new) == ("本周：发票", "lin", True, None, False)
    assert response.url == reverse("releases:cut_state", args=["demo", cut.pk])
    assert "data-rel-poll" in reviewer.get(response.url).content.decode()


def test_only_the_chosen_changes_are_cut(reviewer, released, launched):  # noqa: F811
    chosen, other = (released.live(publish, released.shop, title) for title in ("怎么开发票", "怎么退货"))
    url = reverse("releases:cut", args=["demo"])
    form = reviewer.post(url, {"choose": "1", "keys": [chosen.key]}).content.decode()
    assert not launched
    assert f'name="keys" value="{chosen.key}"' in form
    assert other.key not in form
    reviewer.post(url, {"keys": [chosen.key]})
    assert launched[0].keys == [chosen.key]


def test_choosing_nothing_leads_back(reviewer, released, launched):  # noqa: F811
    response = reviewer.post(reverse("releases:cut", args=["demo"]), {"choose": "1"})
    assert response.url == reverse("releases:pending", args=["demo"])


def test_what_no_longer_waits_is_not_cut(reviewer, released, launched):  # noqa: F811
    response = reviewer.post(reverse("releases:cut", args=["demo"]), {"keys": ["faq:999"]})
    assert response.url == reverse("releases:pending", args=["demo"])
    assert not launched


def test_a_second_cut_leads_to_the_first(reviewer, released, launched):  # noqa: F811
    first = cutting.start(released.shop)
    response = reviewer.post(reverse("releases:cut", args=["demo"]))
    assert response.url == reverse("releases:cut_state", args=["demo", first.pk])
    assert not launched


def test_progress_is_polled_until_the_cut_ends(reviewer, released):  # noqa: F811
    cut = cutting.start(released.shop)
    Cut.objects.update(state=CutState.CHECKING, done=40, total=120)
    url = reverse("releases:cut_state", args=["demo", cut.pk])
    running = reviewer.get(url, {"poll": 1}).json()
    assert running["runs"]
    assert "40 / 120" in running["html"]
    Cut.objects.update(state=CutState.NOTHING_NEW, ended_at=timezone.now())
    assert not reviewer.get(url, {"poll": 1}).json()["runs"]


def test_a_cut_that_went_live_leads_to_its_release(reviewer, released):  # noqa: F811
    released.live(publish, released.shop, "怎么开发票")
    cut = cutting.run(cutting.start(released.shop, by="lin"))
    page = screen(reviewer, "cut_state", released.shop, cut.pk)
    assert reverse("releases:release", args=["demo", cut.release.number]) in page
    screen(reviewer, "release", released.shop, cut.release.number)


def test_a_blocked_cut_says_why_and_names_the_culprit(reviewer, released):  # noqa: F811
    page = screen(reviewer, "cut_state", released.shop, blocked_cut(released.shop).pk)
    for said in ("怎么开发票", "几时发出", "转人工", "3 %", "2 %", 'value="override"', 'value="drop"'):
        assert said in page


def test_overriding_needs_a_reason_that_is_kept(reviewer, released):  # noqa: F811
    released.live(publish, released.shop, "怎么开发票")
    cut = blocked_cut(released.shop, changes=ledger.pending(released.shop), base=1)
    url = reverse("releases:cut_state", args=["demo", cut.pk])
    assert reviewer.post(url, {"do": "override", "reason": "  "}).status_code == 200
    assert ledger.live_release(released.shop).ordinal == 1
    reviewer.post(url, {"do": "override", "reason": "已和组长确认"})
    made = ledger.live_release(released.shop)
    assert (made.ordinal, made.override_reason) == (2, "已和组长确认")
    assert "已和组长确认" in screen(reviewer, "release", released.shop, made.number)


def test_a_blocked_cut_can_be_dropped(reviewer, released):  # noqa: F811
    cut = blocked_cut(released.shop)
    reviewer.post(reverse("releases:cut_state", args=["demo", cut.pk]), {"do": "drop"})
    cut.refresh_from_db()
    assert cut.state == CutState.DROPPED


def test_a_cut_that_was_left_can_be_gone_on_with(reviewer, released, launched):  # noqa: F811
    cut = cutting.start(released.shop)
    silent = timezone.now() - timedelta(hours=1)
    Cut.objects.update(worker="elsewhere:1:1", state=CutState.CHECKING, started_at=silent, beat_at=silent)
    page = screen(reviewer, "cut_state", released.shop, cut.pk)
    assert 'value="go_on"' in page
    assert "data-rel-poll" not in page
    assert "rel-progress" not in screen(reviewer, "timeline", released.shop)
    reviewer.post(reverse("releases:cut_state", args=["demo", cut.pk]), {"do": "go_on"})
    assert launched == [cut]


def test_what_nobody_knows_is_not_done_to_a_cut(reviewer, released):  # noqa: F811
    cut = blocked_cut(released.shop)
    assert reviewer.post(reverse("releases:cut_state", args=["demo", cut.pk]), {"do": "?"}).status_code == 404


def test_an_empty_report_is_read_without_fault():
    report = Report({})
    assert (report.blocked, report.reasons, report.figures, report.asked) == (False, [], [], "")
