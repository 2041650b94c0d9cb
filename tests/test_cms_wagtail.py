"""That Wagtail's own ways of publishing end where they should: in the index."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from wagtail.models import Locale, Workflow

from cms.models import FAQ
from search.answering import Question, suggest
from tests.builders import draft, make_user, publish


@pytest.fixture
def live(django_capture_on_commit_callbacks):
    def do(action, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return action(*args, **kwargs)

    return do


def found(shop, query):
    return [one.content["title"] for one in suggest(shop, Question(query, "agent")).suggestions]


def test_a_translation_begins_as_a_draft_that_nobody_is_told(client, shop, live):
    entry = live(publish, shop, "怎么开发票", answer="在订单页申请。")
    client.force_login(make_user("eva", "Editor"))
    url = reverse("simple_translation:submit_snippet_translation", args=["cms", "faq", entry.pk])
    live(client.post, url, {"locales": [Locale.objects.get(language_code="en").pk]})
    translation = FAQ.objects.get(locale__language_code="en")
    assert not translation.live
    assert translation.translation_key == entry.translation_key
    assert translation.answers.get().as_text == "在订单页申请。"
    assert client.get(reverse(FAQ.snippet_viewset.get_url_name("edit"), args=[translation.pk])).status_code == 200
    translation.title = "How do I get an invoice?"
    live(translation.save_revision().publish)
    assert found(shop, "How do I get an invoice?") == ["How do I get an invoice?"]


def test_what_a_reviewer_approves_goes_live(shop, live):
    entry = draft(shop, "怎么开发票")
    state = Workflow.objects.get().start(entry, make_user("eva", "Editor"))
    assert found(shop, "怎么开发票") == []
    task = state.current_task_state.task.specific
    reviewer = make_user("rita", "Reviewer")
    assert task.user_can_access_editor(entry, reviewer)
    live(state.current_task_state.approve, user=reviewer)
    assert found(shop, "怎么开发票") == ["怎么开发票"]


def test_a_schedule_that_has_come_is_published_and_one_that_has_ended_is_not(shop, live, monkeypatch):
    start = timezone.now()
    entry = draft(shop, "双十二活动规则")
    entry.go_live_at, entry.expire_at = start + timedelta(hours=1), start + timedelta(hours=3)
    live(entry.save_revision().publish)
    seen = []
    for hours in (0, 2, 4):
        monkeypatch.setattr(timezone, "now", lambda hours=hours: start + timedelta(hours=hours))
        live(call_command, "publish_scheduled")
        seen.append(found(shop, "双十二活动规则"))
    assert seen == [[], ["双十二活动规则"], []]


def test_entries_deleted_in_bulk_are_gone(client, shop, live):
    entries = [live(publish, shop, title) for title in ("怎么开发票", "怎么退货")]
    client.force_login(make_user("eva", "Editor"))
    url = reverse("wagtail_bulk_action", args=["cms", "faq", "delete"])
    ids = "&".join(f"id={entry.pk}" for entry in entries)
    live(client.post, f"{url}?{ids}")
    assert FAQ.objects.count() == 0
    assert found(shop, "怎么开发票") == []


def test_an_editor_creates_and_publishes_by_the_form(client, shop, live):
    client.force_login(make_user("eva", "Editor"))
    data = {
        "title": "怎么开发票",
        "shop": shop.pk,
        "category": shop.categories.get().pk,
        "similar": "发票咋开\r\n能开票吗\r\n",
        "negative": "",
        "mode": "both",
        "answers-TOTAL_FORMS": "1",
        "answers-INITIAL_FORMS": "0",
        "answers-MIN_NUM_FORMS": "1",
        "answers-MAX_NUM_FORMS": "1000",
        "answers-0-channel": "any",
        "answers-0-ORDER": "1",
        "answers-0-text": "",
        "answers-0-body-count": "1",
        "answers-0-body-0-deleted": "",
        "answers-0-body-0-order": "0",
        "answers-0-body-0-type": "steps",
        "answers-0-body-0-id": "",
        "answers-0-body-0-value-count": "2",
        "answers-0-body-0-value-0-deleted": "",
        "answers-0-body-0-value-0-order": "0",
        "answers-0-body-0-value-0-value": "打开订单",
        "answers-0-body-0-value-1-deleted": "",
        "answers-0-body-0-value-1-order": "1",
        "answers-0-body-0-value-1-value": "点申请开票",
        "action-publish": "1",
    }
    response = live(client.post, reverse(FAQ.snippet_viewset.get_url_name("add")), data)
    assert response.status_code == 302
    answer = suggest(shop, Question("能开票吗", "widget")).suggestions[0].answer
    assert answer["text"] == "1. 打开订单\n2. 点申请开票"
    assert answer["blocks"] == [{"type": "steps", "steps": ["打开订单", "点申请开票"]}]


def test_an_agent_without_the_permission_is_refused_by_every_screen_of_entries(client, shop):
    entry = publish(shop, "怎么开发票")
    client.force_login(make_user("anna", "Agent"))
    for name, arguments in (("list", []), ("add", []), ("edit", [entry.pk]), ("delete", [entry.pk])):
        assert client.get(reverse(FAQ.snippet_viewset.get_url_name(name), args=arguments)).status_code == 302
