"""The screens of the releases in the CMS."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from wagtail.users.models import UserProfile

from cms.models import CutState, PendingChange, Policy, Release, ReleaseKind, Shop
from cms.releases import ledger
from cms.releases.rollback import roll_back
from search.releases.screens.standing import next_cut
from search.releases.screens.timeline import stretches
from tests.builders import make_shop, make_user, publish
from tests.release_screens import (  # noqa: F401
    blocked_cut,
    editor,
    entry_content,
    put,
    released,
    reviewer,
    reword,
    screen,
    with_permissions,
    words,
)
from tests.test_search_sync import live  # noqa: F401

MOST_QUERIES = 26
"""Of Wagtail's frame and of a screen together, however much is listed."""


# --- who may


SCREENS = ["timeline", "compare", "pending", "effect", "trial"]


@pytest.mark.parametrize("name", SCREENS)
def test_editors_see_what_is_released(name, editor, released):  # noqa: F811
    screen(editor, name, released.shop)


@pytest.mark.parametrize("name", [*SCREENS, "cut"])
def test_who_may_not_see_releases_gets_403(name, client, released):  # noqa: F811
    client.force_login(with_permissions(make_user("agent"), "access_admin"))
    screen(client, name, released.shop, status=403)


def test_a_visitor_is_sent_to_the_log_in(client, released):  # noqa: F811
    response = client.get(reverse("releases:timeline", args=["demo"]))
    assert response.status_code == 302
    assert "/login/" in response.url


def test_an_editor_may_not_cut_and_is_shown_no_button(editor, released):  # noqa: F811
    screen(editor, "cut", released.shop, status=403)
    page = screen(editor, "timeline", released.shop)
    assert reverse("releases:cut", args=["demo"]) not in page


def test_an_editor_may_not_roll_back_and_is_shown_no_button(editor, released):  # noqa: F811
    first = ledger.live_release(released.shop)
    put(released.shop, {"faq:900": "新的"})
    assert reverse("releases:back", args=["demo", first.number]) not in screen(
        editor, "release", released.shop, first.number
    )
    screen(editor, "back", released.shop, first.number, status=403)
    assert editor.post(reverse("releases:back", args=["demo", first.number])).status_code == 403
    assert Release.objects.count() == 2


def test_only_who_may_override_can_put_a_blocked_cut_live(client, released):  # noqa: F811
    cut = blocked_cut(released.shop)
    client.force_login(with_permissions(make_user("only", "Editor"), "cut_release"))
    url = reverse("releases:cut_state", args=["demo", cut.pk])
    assert client.post(url, {"do": "override", "reason": "急"}).status_code == 403
    assert 'value="override"' not in client.get(url).content.decode()
    cut.refresh_from_db()
    assert cut.state == CutState.BLOCKED


def test_an_editor_reads_why_a_cut_was_blocked_and_decides_nothing(editor, released):  # noqa: F811
    cut = blocked_cut(released.shop)
    page = screen(editor, "cut_state", released.shop, cut.pk)
    assert "几时发出" in page
    assert 'name="do"' not in page
    for action in ("override", "drop", "go_on"):
        url = reverse("releases:cut_state", args=["demo", cut.pk])
        assert editor.post(url, {"do": action, "reason": "急"}).status_code == 403


# --- what there is not


def test_an_unknown_shop_or_release_or_cut_is_404(reviewer, released):  # noqa: F811
    for name, args in [
        ("timeline", ["nowhere"]),
        ("release", ["demo", "2020-W01"]),
        ("back", ["demo", "2020-W01"]),
        ("cut_state", ["demo", 999]),
    ]:
        assert reviewer.get(reverse(f"releases:{name}", args=args)).status_code == 404


def test_a_cut_of_another_shop_is_404(reviewer, released):  # noqa: F811
    cut = blocked_cut(make_shop("other"))
    assert reviewer.get(reverse("releases:cut_state", args=["demo", cut.pk])).status_code == 404


def test_a_release_of_another_shop_is_not_compared(reviewer, released):  # noqa: F811
    put(make_shop("other"), {"faq:900": "别家的秘密"}, number="2020-W07")
    page = screen(reviewer, "compare", released.shop, a="2020-W07", b=ledger.live_release(released.shop).number)
    assert "别家的秘密" not in page


def test_a_house_without_shops_says_what_to_do(reviewer):  # noqa: F811
    response = reviewer.get(reverse("releases:index"))
    assert response.status_code == 200


def test_a_shop_without_releases_has_all_its_screens(reviewer, shop):  # noqa: F811
    for name in [*SCREENS, "cut"]:
        screen(reviewer, name, shop)
    screen(reviewer, "trial", shop, query="什么时候发货")


# --- the way in


def test_the_only_shop_is_gone_to_straight_away(reviewer, released):  # noqa: F811
    response = reviewer.get(reverse("releases:index"))
    assert response.url == reverse("releases:timeline", args=["demo"])


def test_of_several_shops_the_last_one_is_remembered(reviewer, released):  # noqa: F811
    other = make_shop("other")
    assert reverse("releases:timeline", args=["other"]) in screen(reviewer, "timeline", released.shop)
    screen(reviewer, "timeline", other)
    assert reviewer.get(reverse("releases:index")).url == reverse("releases:timeline", args=["other"])


# --- the timeline


def test_the_timeline_tells_what_is_live_and_what_waits(reviewer, released):  # noqa: F811
    released.live(publish, released.shop, "怎么开发票")
    page = screen(reviewer, "timeline", released.shop)
    assert ledger.live_release(released.shop).number in page
    assert reverse("releases:pending", args=["demo"]) in page


def test_patches_are_folded_under_the_release_before_them(released):  # noqa: F811
    shop = released.shop
    for number in range(13):
        put(shop, {"faq:900": f"第{number}版"})
    week = put(shop, {"faq:900": "周版"}, kind=ReleaseKind.WEEKLY)
    patch = put(shop, {"faq:900": "周版之后"})
    newest, oldest = stretches(shop, [week, Release.objects.get(ordinal=1)], patch.ordinal)
    assert (newest.count, [one.ordinal for one in newest.newest]) == (1, [patch.ordinal])
    assert (oldest.count, [one.ordinal for one in oldest.newest]) == (13, [*range(14, 4, -1)])
    assert newest.holds_live


def test_the_timeline_is_narrowed_by_entry_kind_and_day(reviewer, released):  # noqa: F811
    shop = released.shop
    touched = put(shop, {"faq:900": "新的"})
    other = put(shop, {"faq:901": "别的"}, kind=ReleaseKind.WEEKLY)
    gone = put(shop, {"faq:900": None})

    def listed(**query):
        page = screen(reviewer, "timeline_results", shop, **query)
        return [one for one in (touched, other, gone) if reverse("releases:release", args=["demo", one.number]) in page]

    assert listed(entry="faq:900") == [touched, gone]
    assert listed(entry="什么时候") == []
    assert listed(kind="weekly") == [other]
    assert listed(made_at_from="2020-01-01", made_at_to="2020-01-02") == []
    assert len(listed(made_at_from="2020-01-01")) == 3


def test_times_are_the_shops_whatever_the_readers_time_zone(reviewer, released):  # noqa: F811
    user = make_user("far", "Reviewer")
    UserProfile.objects.create(user=user, current_time_zone="America/New_York")
    reviewer.force_login(user)
    release = ledger.live_release(released.shop)
    shown = timezone.localtime(release.made_at).strftime("%Y-%m-%d %H:%M:%S")
    assert shown in screen(reviewer, "release", released.shop, release.number)


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        (datetime(2026, 11, 16, 1, tzinfo=UTC), datetime(2026, 11, 18, 2, tzinfo=UTC)),
        (datetime(2026, 11, 18, 1, tzinfo=UTC), datetime(2026, 11, 18, 2, tzinfo=UTC)),
        (datetime(2026, 11, 18, 2, tzinfo=UTC), datetime(2026, 11, 25, 2, tzinfo=UTC)),
    ],
)
def test_the_next_cut_is_the_next_weekly_moment_in_the_shops_time(now, moment):
    assert next_cut(Shop(cut_weekday=3, cut_time=time(10)), now) == moment


def test_without_a_weekly_day_there_is_no_next_cut():
    assert next_cut(Shop(cut_weekday=None), timezone.now()) is None


# --- one release, and two


def test_a_change_is_shown_word_by_word(reviewer, released):  # noqa: F811
    made = put(released.shop, {"faq:900": "什么时候发货"})
    content = entry_content("faq:900", "什么时候发货")
    content["answers"][0]["text"] = "什么时候发货的说明。"
    ledger.store([content])
    after = ledger.make_release(released.shop, {"faq:900": ledger.content_hash(content)}, ledger.About())
    page = words(screen(reviewer, "release", released.shop, after.number))
    assert "什么时候发货的<del>答案</del><ins>说明</ins>。" in page
    compared = words(screen(reviewer, "compare", released.shop, a=made.number, b=after.number))
    assert "什么时候发货的<del>答案</del><ins>说明</ins>。" in compared


def test_comparing_backwards_swaps_what_came_and_what_went(reviewer, released):  # noqa: F811
    before = ledger.live_release(released.shop)
    after = put(released.shop, {"faq:900": "新的"})
    there = words(screen(reviewer, "compare", released.shop, a=before.number, b=after.number))
    back = words(screen(reviewer, "compare", released.shop, a=after.number, b=before.number))
    assert "<ins>新的</ins>" in there
    assert "<del>新的</del>" in back


def test_what_an_entry_says_is_never_markup(reviewer, released):  # noqa: F811
    made = put(released.shop, {"faq:900": "<script>alert(1)</script>"})
    page = screen(reviewer, "release", released.shop, made.number)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_entry_is_linked_to_its_form_as_long_as_it_is_there(reviewer, released):  # noqa: F811
    release = ledger.live_release(released.shop)
    edit = reverse("wagtailsnippets_cms_faq:edit", args=[released.entry.pk])
    assert edit in screen(reviewer, "release", released.shop, release.number)
    released.live(released.entry.delete)
    assert edit not in screen(reviewer, "release", released.shop, release.number)


def test_a_weekly_release_tells_its_week_and_its_step(reviewer, released):  # noqa: F811
    shop = released.shop
    put(shop, {"faq:900": "第一"}, kind=ReleaseKind.WEEKLY)
    put(shop, {"faq:901": "补丁里的"})
    week = put(shop, {"faq:902": "周版里的"}, kind=ReleaseKind.WEEKLY)
    whole = screen(reviewer, "release", shop, week.number)
    step = screen(reviewer, "release", shop, week.number, against="previous")
    assert "补丁里的" in whole
    assert "周版里的" in whole
    assert "补丁里的" not in step
    assert "周版里的" in step


def test_a_spoilt_content_is_said_and_spoils_no_page(reviewer, released):  # noqa: F811
    made = put(released.shop, {"faq:900": "好的", "faq:901": "坏的"})
    spoilt = ledger.content_hash(entry_content("faq:901", "坏的"))
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS cms_storedcontent_frozen") if connection.vendor == "sqlite" else (
            cursor.execute("DROP TRIGGER cms_storedcontent_frozen ON cms_storedcontent")
        )
        cursor.execute("UPDATE cms_storedcontent SET text = 'x' WHERE hash = %s", [spoilt])
    page = screen(reviewer, "release", released.shop, made.number)
    assert "好的" in page
    assert spoilt in page


@pytest.mark.parametrize("count", [3, 300])
def test_a_page_costs_the_same_however_much_is_listed(count, reviewer, released, django_assert_max_num_queries):  # noqa: F811
    shop = released.shop
    made = put(shop, {f"faq:{1000 + number}": f"问题{number}" for number in range(count)})
    for number in range(1 + count // 10):
        put(shop, {"faq:900": f"第{number}版"}, kind=ReleaseKind.WEEKLY)
    for key in range(count):
        name = ledger.content_hash(entry_content(f"faq:{1000 + key}", f"问题{key}"))
        PendingChange.objects.create(shop=shop, key=f"faq:{5000 + key}", content_id=name, at=timezone.now())
    for name, args in [("timeline", []), ("release", [made.number]), ("pending", []), ("back", [made.number])]:
        reviewer.get(reverse(f"releases:{name}", args=["demo", *args]))
        with django_assert_max_num_queries(MOST_QUERIES):
            screen(reviewer, name, shop, *args)


# --- back


def test_rolling_back_says_what_would_change_and_changes_it_only_when_told(reviewer, released):  # noqa: F811
    shop = released.shop
    first = ledger.live_release(shop)
    put(shop, {"faq:900": "写错了的"})
    page = screen(reviewer, "back", shop, first.number)
    assert "写错了的" in page
    assert Release.objects.count() == 2
    response = reviewer.post(reverse("releases:back", args=["demo", first.number]), {"notes": "写错了"})
    made = ledger.live_release(shop)
    assert response.url == reverse("releases:release", args=["demo", made.number])
    assert (made.kind, made.like, made.notes, made.made_by) == ("rollback", first.ordinal, "写错了", "lin")
    assert made.digest == first.digest


def test_there_is_no_way_back_to_what_is_live(reviewer, released):  # noqa: F811
    number = ledger.live_release(released.shop).number
    url = reverse("releases:back", args=["demo", number])
    assert reviewer.get(url).status_code == 302
    assert reviewer.post(url).status_code == 302
    assert Release.objects.count() == 1


# --- a question


def test_a_release_and_the_live_one_answer_beside_each_other(reviewer, released):  # noqa: F811
    shop = released.shop
    old = ledger.live_release(shop)
    Shop.objects.update(release_policy=Policy.CONTINUOUS)
    reword(released.entry, released.live, title="什么时候能发货")
    page = words(screen(reviewer, "trial", shop, query="多久发货", release=old.number, channel="agent"))
    assert old.number in page
    assert "什么时候<ins>能</ins>发货" in page


def test_a_question_is_asked_with_the_clock_of_then(reviewer, released):  # noqa: F811
    shop = released.shop
    ahead = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    for moment in ("2020-01-01T10:00", ahead):
        page = screen(reviewer, "trial", shop, query="多久发货", as_of=moment)
        assert "rel-columns" not in page
    assert "rel-columns" in screen(reviewer, "trial", shop, query="多久发货")


def test_a_question_without_words_is_not_asked(reviewer, released):  # noqa: F811
    assert "rel-columns" not in screen(reviewer, "trial", released.shop, query="\u200b")


def test_a_question_can_be_kept_as_a_golden_case(reviewer, released):  # noqa: F811
    page = screen(reviewer, "trial", released.shop, query="多久发货")
    assert reverse("wagtailsnippets_cms_goldencase:add") in page


def test_the_shops_form_has_its_releases(client, shop, admin_user):
    client.force_login(admin_user)
    page = client.get(reverse("shop:edit", args=[shop.pk])).content.decode()
    for name in ("release_policy", "cut_weekday", "cut_time", "most_losses"):
        assert f'name="{name}"' in page


def test_a_rollbacks_page_names_what_it_is_equal_to(reviewer, released):  # noqa: F811
    shop = released.shop
    first = ledger.live_release(shop)
    put(shop, {"faq:900": "新的"})
    made = roll_back(shop, first, by="lin")
    assert reverse("releases:release", args=["demo", first.number]) in screen(reviewer, "release", shop, made.number)


def test_a_question_that_was_tried_comes_into_the_form_of_a_golden_case(admin_client, shop):
    form = admin_client.get("/cms/snippets/cms/goldencase/add/", {"shop": shop.pk, "query": "能开专票吗"})
    assert 'value="能开专票吗"' in form.content.decode()
