from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation

from cms.content import entry_content, live_contents, sanitise
from cms.home import concerns
from cms.intents import URGENT, Intent
from cms.models import FAQ, Category, Fact, Product, Script, Shop
from search.answering import Question, suggest
from search.browsing import popular
from search.sync import sync
from tests.builders import draft, make_shop, make_user, publish, publish_script


def test_phrases_are_lines_in_order_and_once(shop):
    entry = draft(shop, "怎么开发票", "  发票咋开 ", "", "能开票吗", "发票咋开")
    assert entry.similar_phrases == ["发票咋开", "能开票吗"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"similar": "长" * 201}, "similar"),
        ({"similar": "一样", "negative": "一样"}, "negative"),
        ({"valid_from": timezone.now(), "valid_to": timezone.now() - timedelta(days=1)}, "valid_to"),
    ],
)
def test_what_contradicts_itself_is_refused_by_field(shop, fields, wrong):
    entry = draft(shop, "怎么开发票")
    for name, value in fields.items():
        setattr(entry, name, value)
    with pytest.raises(ValidationError) as refused:
        entry.full_clean()
    assert list(refused.value.message_dict) == [wrong]


def test_a_category_of_another_shop_is_refused(shop):
    entry = draft(shop, "怎么开发票")
    entry.category = make_shop("other").categories.get()
    with pytest.raises(ValidationError, match="category"):
        entry.full_clean()


def test_content_holds_everything_that_an_answer_needs(shop):
    script = publish_script(shop, "安抚", "太差了", scene="soothing", emotion="angry", answer="抱歉。")
    assert entry_content(script) == {
        "kind": "script",
        "group": str(script.translation_key),
        "locale": "zh-hans",
        "title": "安抚",
        "similar": ["太差了"],
        "negative": [],
        "category": "general",
        "intent": "",
        "mode": "agent",
        "valid_from": None,
        "valid_to": None,
        "scene": "soothing",
        "emotion": "angry",
        "answers": [
            {
                "channel": "any",
                "text": "抱歉。",
                "html": "<p>抱歉。</p>",
                "blocks": [{"type": "paragraph", "html": "<p>抱歉。</p>"}],
            }
        ],
    }


def test_steps_and_links_have_a_plain_text_form(shop):
    entry = draft(shop, "怎么退货")
    answer = entry.answers.get()
    answer.body = [
        {"type": "paragraph", "value": "<p>您好：</p>"},
        {"type": "steps", "value": ["打开订单", "点 <退货>"]},
        {"type": "link", "value": {"label": "详情", "url": "https://example.com/a"}},
    ]
    answer.save()
    content = entry_content(FAQ.objects.get())["answers"][0]
    assert content["text"] == "您好：\n1. 打开订单\n2. 点 <退货>\n详情 https://example.com/a"
    assert "<ol><li>打开订单</li><li>点 &lt;退货&gt;</li></ol>" in content["html"]


def test_an_answer_that_says_nothing_is_refused_and_never_given(shop):
    entry = publish(shop, "怎么退货")
    answer = entry.answers.get()
    answer.body = [{"type": "paragraph", "value": '<p data-block-key="x"> </p>'}]
    with pytest.raises(ValidationError, match="body"):
        answer.full_clean()
    answer.save()
    sync(shop)
    assert suggest(shop, Question("怎么退货", "widget")).suggestions == ()
    assert popular(shop, locale="zh-hans", product_id="P1", limit=5).offers == ()


def test_an_editors_own_plain_text_wins(shop):
    entry = draft(shop, "怎么退货")
    answer = entry.answers.get()
    answer.text = "短信版"
    assert answer.as_text == "短信版"


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("<p>好<script>alert(1)</script></p>", "<p>好</p>"),
        ('<img src="x" onerror="alert(1)">', '<img src="x">'),
        ('<a href="javascript:alert(1)">x</a>', '<a rel="noopener noreferrer">x</a>'),
        ('<p style="position:fixed" class="x">好</p>', "<p>好</p>"),
        ("<iframe src=//evil></iframe><svg/onload=alert(1)>", ""),
    ],
)
def test_only_harmless_markup_is_let_through(dirty, cleaned):
    assert sanitise(dirty) == cleaned


def test_drafts_and_expired_entries_are_what_needs_an_editor(shop):
    draft(shop, "还没写完")
    changed = publish(shop, "怎么开发票")
    changed.title = "改了"
    changed.save_revision()
    publish(shop, "双十一活动", valid_to=timezone.now() + timedelta(days=3))
    publish(shop, "去年的活动", valid_to=timezone.now() - timedelta(days=3))
    found = {concern.state: [str(entry) for entry in concern.first] for concern in concerns(make_user("eva", "Editor"))}
    assert found == {
        "expired": ["去年的活动"],
        "expiring": ["双十一活动"],
        "changed": ["怎么开发票"],
        "draft": ["还没写完"],
    }


def test_an_agent_is_told_of_no_editors_work(shop):
    draft(shop, "还没写完")
    assert concerns(make_user("anna", "Agent")) == []


def test_the_groups_may_what_their_names_say(db):
    def may(name):
        return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))

    assert {"add_faq", "change_script", "publish_faq", "access_admin", "use_desk", "change_fact"} <= may("Editor")
    assert {"unlock_faq", "publish_script"} <= may("Reviewer")
    assert "unlock_faq" not in may("Editor")
    assert may("Agent") == {"use_desk"}
    assert not Group.objects.filter(name__in=["Editors", "Moderators"]).exists()


@pytest.mark.parametrize("kind", ["faq", "script"])
def test_an_editors_listing_filters_and_searches_chinese(client, shop, kind):
    model = {"faq": FAQ, "script": Script}[kind]
    publish(shop, "怎么开发票", "电子票据", model=model)
    draft(shop, "怎么退货", model=model)
    client.force_login(make_user("eva", "Editor"))
    url = reverse(model.snippet_viewset.get_url_name("list"))
    assert "怎么退货" not in client.get(url, {"q": "票据"}).content.decode()
    assert "怎么开发票" in client.get(url, {"q": "票据"}).content.decode()
    drafts = client.get(url, {"state": "draft", "shop": shop.pk}).content.decode()
    assert "怎么退货" in drafts
    assert "怎么开发票" not in drafts


@pytest.mark.parametrize("state", ["live", "changed", "draft", "scheduled", "expiring", "expired"])
def test_every_state_can_be_asked_for(client, shop, state):
    client.force_login(make_user("eva", "Editor"))
    assert client.get(reverse(FAQ.snippet_viewset.get_url_name("list")), {"state": state}).status_code == 200


def test_the_cms_speaks_the_readers_language(client, shop):
    client.force_login(make_user("eva", "Editor"))
    home = reverse("wagtailadmin_home")
    assert "待处理" in client.get(home, headers={"accept-language": "zh-CN"}).content.decode()
    assert "What needs you" in client.get(home, headers={"accept-language": "en"}).content.decode()


def test_an_agent_may_not_enter_the_cms(client, shop):
    client.force_login(make_user("anna", "Agent"))
    assert client.get(reverse(FAQ.snippet_viewset.get_url_name("list"))).status_code == 302


def test_a_preview_shows_question_and_answers(rf, shop):
    entry = publish(shop, "怎么开发票", answer="在订单页申请。")
    page = entry.make_preview_request().content.decode()
    assert "怎么开发票" in page
    assert "在订单页申请。" in page


@pytest.mark.parametrize(
    ("kind", "value"),
    [("number", "七"), ("money", "59元"), ("date", "2027-02-30"), ("date", "明年"), ("time", "25:00")],
)
def test_a_fact_that_is_not_of_its_kind_is_refused(shop, kind, value):
    with pytest.raises(ValidationError, match="value"):
        Fact(shop=shop, key="x", label="x", kind=kind, value=value).full_clean()


def test_a_fact_of_the_same_key_and_day_stands_once(shop):
    Fact.objects.create(shop=shop, key="x", label="x", value="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Fact.objects.create(shop=shop, key="x", label="x", value="2")


def test_a_fact_of_another_shops_product_is_refused(shop):
    product = Product.objects.create(shop=make_shop("other"), key="P1", name="杯子")
    with pytest.raises(ValidationError, match="product"):
        Fact(shop=shop, product=product, key="x", label="x", value="1").full_clean()


@pytest.mark.parametrize("origin", ["shop.example.com", "https://shop.example.com/path", "ftp://x", "javascript:x"])
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(ValidationError, match="allowed_origins"):
        Shop(name="x", slug="x", allowed_origins=origin).clean()


def test_names_are_shown_in_the_readers_language(shop):
    category = Category(name="物流", name_en="Shipping")
    with translation.override("en"):
        assert str(category) == "Shipping"
    with translation.override("zh-hans"):
        assert str(category) == "物流"


def test_urgent_intents_are_intents():
    assert set(Intent.values) >= URGENT


def test_live_contents_of_one_key_is_that_entry_alone(shop):
    first = publish(shop, "怎么开发票")
    publish(shop, "怎么退货")
    assert [key for key, _content in live_contents(shop, [first.key])] == [first.key]
