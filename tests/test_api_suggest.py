import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cms.releases.numbering import week_of
from search import encoding
from search.answering import Question, suggest
from search.api.answers import as_json
from search.api.serializers import FOUND_BY, SuggestOut
from search.engine.encoder import EncoderUnavailable
from search.models import KeyChannel, QueryRecord, ShopAPIKey
from search.sync import sync
from tests.builders import make_shop, make_user, publish, publish_script

URL = "/api/v1/suggest"


@pytest.fixture
def store(shop):
    publish(shop, "怎么开发票", "发票咋开", answer="在订单页申请。", intent="invoice.request")
    publish(shop, "商品破损了怎么办", answer="请拍照。", intent="aftersale.quality")
    publish_script(shop, "安抚生气的客户", "你们太差了", answer="非常抱歉。", emotion="angry", scene="soothing")
    sync(shop)
    return shop


def ask(client, query="怎么开发票", **body):
    return client.post(URL, {"query": query, "shop": "demo", **body}, format="json")


def error(response):
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields"}
    return body["error"]


def test_a_shopper_gets_answer_intent_release_and_an_id_for_feedback(api, store):
    body = ask(api, channel="widget").json()
    assert body["decision"] == "answer"
    assert body["intent"] == {"name": "invoice.request", "urgent": False}
    assert body["release"] == week_of(timezone.now())
    assert body["degraded"] is False
    assert body["query_id"]
    suggestion = body["suggestions"][0]
    assert suggestion["title"] == "怎么开发票"
    assert suggestion["answer"]["html"] == "<p>在订单页申请。</p>"
    assert suggestion["answer"]["blocks"] == [{"type": "paragraph", "html": "<p>在订单页申请。</p>"}]
    assert suggestion["matched"] == {"text": "怎么开发票", "by": ["dense", "lexical"]}


def test_an_urgent_intent_is_marked(api, store):
    assert ask(api, "商品破损了怎么办").json()["intent"] == {"name": "aftersale.quality", "urgent": True}


def test_the_get_form_gives_the_same_answer_and_may_be_kept_for_a_while(api, store):
    response = api.get(URL, {"q": "怎么开发票", "shop": "demo"})
    assert response.json()["suggestions"] == ask(api).json()["suggestions"]
    assert response["Cache-Control"] == "private, max-age=30"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "   \t\n"}, "query"),
        ({"query": "长" * 501}, "query"),
        ({"query": "a" * 10_240}, "query"),
        ({"query": "a\x00b"}, "query"),
        ({"query": "\u202e\u200f"}, "query"),
        ({"query": 5}, "query"),
        ({"query": ["x"]}, "query"),
        ({"query": None}, "query"),
        ({}, "query"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": "many"}, "limit"),
        ({"query": "x", "channel": "phone"}, "channel"),
        ({"query": "x", "locale": "fr"}, "locale"),
        ({"query": "x", "qurey": "y"}, "qurey"),
        ({"query": "x", "context": {"product": "P1"}}, "context.product"),
        ({"query": "x", "context": "P1"}, "context"),
        ({"query": "x", "context": {"order": {"paid_at": "yesterday"}}}, "context.order.paid_at"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_parameter_is_refused_by_name(api, store, body, field):
    response = api.post(URL, {"shop": "demo", **body}, format="json")
    assert response.status_code == 400
    assert error(response)["code"] == "invalid"
    assert list(error(response)["fields"]) == [field]


@pytest.mark.parametrize("body", ["not json", "[1, 2]", '"text"', "null", '{"query": "\\ud800", "shop": "demo"}', ""])
def test_a_body_that_is_no_object_is_refused(api, store, body):
    response = api.post(URL, body, content_type="application/json")
    assert response.status_code == 400
    error(response)


@pytest.mark.parametrize(
    "query",
    [
        "<script>alert(1)</script>",
        "'; DROP TABLE cms_faq; --",
        "e\u0301\u0302" * 50,
        "ب" * 40,
        "😀 发票",
        "a\x07b",
        "%s{{7*7}}",
    ],
)
def test_hostile_text_is_just_text(api, store, query):
    response = ask(api, query)
    assert response.status_code == 200
    assert "<script" not in response.content.decode()


def test_five_hundred_characters_are_allowed(api, store):
    assert ask(api, " " + "长" * 500 + " ").status_code == 200


def test_a_body_that_is_too_large_is_refused_before_it_is_read(api, store):
    response = ask(api, "x" * 70_000)
    assert response.status_code == 413
    assert error(response)["code"] == "too_large"


def test_form_data_is_refused(api, store):
    response = api.post(URL, "query=x", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 415
    error(response)


def test_another_method_is_refused_with_the_same_body(api, store):
    assert error(api.put(URL, {}, format="json"))["code"] == "method_not_allowed"


def test_an_unknown_shop_is_not_found(api, store):
    response = ask(api, shop="nowhere")
    assert response.status_code == 404
    assert "nowhere" in error(response)["message"]


def test_without_a_key_the_shop_must_be_named(api, store):
    response = api.post(URL, {"query": "x"}, format="json")
    assert response.status_code == 400
    assert list(error(response)["fields"]) == ["shop"]


def test_a_key_names_shop_and_channel(bot, store):
    response = bot.post(URL, {"query": "怎么开发票"}, format="json")
    assert response.json()["decision"] == "answer"
    assert QueryRecord.objects.get().channel == "bot"


@pytest.mark.parametrize("body", [{"shop": "other"}, {"channel": "agent"}, {"channel": "widget"}])
def test_a_key_is_good_for_its_own_shop_and_channel_only(bot, store, body):
    make_shop("other")
    response = bot.post(URL, {"query": "x", **body}, format="json")
    assert response.status_code == 403
    assert error(response)["code"] == "permission_denied"


def test_a_key_that_is_wrong_revoked_or_expired_is_refused(api, store):
    row, key = ShopAPIKey.objects.create_key(name="old", shop=store, channel=KeyChannel.BOT)
    wrong = [f"{key}x", "nonsense", "ÿ", "."]
    for text in wrong:
        assert api.post(URL, {"query": "x"}, format="json", HTTP_AUTHORIZATION=f"Api-Key {text}").status_code == 401
    ShopAPIKey.objects.filter(pk=row.pk).update(expiry_date=timezone.now() - timedelta(days=1))
    assert api.post(URL, {"query": "x"}, format="json", HTTP_AUTHORIZATION=f"Api-Key {key}").status_code == 401
    ShopAPIKey.objects.filter(pk=row.pk).update(expiry_date=None, revoked=True)
    assert api.post(URL, {"query": "x"}, format="json", HTTP_AUTHORIZATION=f"Api-Key {key}").status_code == 401


def test_only_the_hash_of_a_key_is_stored(store):
    row, key = ShopAPIKey.objects.create_key(name="bot", shop=store)
    assert key.split(".")[1] not in json.dumps(list(ShopAPIKey.objects.filter(pk=row.pk).values()), default=str)


def test_the_bots_channel_needs_a_key(api, store):
    response = ask(api, channel="bot")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Api-Key"


def test_the_agents_channel_needs_a_log_in_that_may_use_the_desk(api, store):
    assert ask(api, channel="agent").status_code == 401
    api.force_login(make_user("nobody"))
    assert ask(api, channel="agent").status_code == 403
    api.force_login(make_user("anna", "Agent"))
    assert ask(api, "你们太差了", channel="agent").json()["suggestions"][0]["scene"] == "soothing"


def test_a_session_needs_its_csrf_token(store):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_user("anna", "Agent"))
    assert ask(client, channel="agent").status_code == 403


def test_a_shopper_never_sees_what_is_for_agents(api, store):
    assert ask(api, "你们太差了").json()["suggestions"] == []
    assert api.get("/api/v1/complete", {"q": "你们太差了", "shop": "demo"}).json()["completions"] == []


def test_a_foreign_page_may_not_ask_and_the_shops_own_may(api, store):
    assert ask(api).status_code == 200
    foreign = api.post(URL, {"query": "x", "shop": "demo"}, format="json", HTTP_ORIGIN="https://evil.example")
    assert foreign.status_code == 403
    assert "Access-Control-Allow-Origin" not in foreign
    own = api.post(URL, {"query": "x", "shop": "demo"}, format="json", HTTP_ORIGIN="https://shop.example.com")
    assert own.status_code == 200
    assert own["Access-Control-Allow-Origin"] == "https://shop.example.com"
    assert "Access-Control-Allow-Credentials" not in own


def test_one_shops_page_may_not_ask_for_another(api, store):
    make_shop("other").__class__.objects.filter(slug="other").update(allowed_origins="https://other.example.com")
    response = api.post(URL, {"query": "x", "shop": "demo"}, format="json", HTTP_ORIGIN="https://other.example.com")
    assert response.status_code == 403


def test_a_preflight_is_answered_for_a_storefront_only(api, store):
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    assert "Access-Control-Allow-Origin" in api.options(URL, HTTP_ORIGIN="https://shop.example.com", **asked)
    assert "Access-Control-Allow-Origin" not in api.options(URL, HTTP_ORIGIN="https://evil.example", **asked)


def test_each_address_is_throttled_and_told_when_to_come_back(api, store, monkeypatch):
    from search.api.callers import CallerThrottle

    monkeypatch.setattr(CallerThrottle, "THROTTLE_RATES", {"widget": "2/min", "agent": "9/min"})
    assert [ask(api).status_code for _ in range(3)] == [200, 200, 429]
    response = ask(api)
    assert int(response["Retry-After"]) > 0
    assert error(response)["code"] == "throttled"
    assert api.post(URL, {"query": "x", "shop": "demo"}, format="json", REMOTE_ADDR="10.0.0.9").status_code == 200
    spoofed = api.post(URL, {"query": "x", "shop": "demo"}, format="json", HTTP_X_FORWARDED_FOR="1.2.3.4")
    assert spoofed.status_code == 429


def test_without_an_encoder_the_answer_is_lexical_and_health_says_so(api, store, monkeypatch):
    def unavailable(name=""):
        raise EncoderUnavailable("broken file")

    monkeypatch.setattr(encoding, "encoder", unavailable)
    body = ask(api).json()
    assert body["degraded"] is True
    assert body["suggestions"][0]["title"] == "怎么开发票"
    health = api.get("/api/v1/health")
    assert (health.status_code, health.json()["status"], health.json()["encoder"]) == (200, "degraded", "unavailable")


def test_markup_in_an_answer_is_cleaned(api, shop):
    entry = publish(shop, "怎么开发票")
    answer = entry.answers.get()
    answer.body = [
        {"type": "paragraph", "value": '<p onclick="x()">好<script>alert(1)</script><a href="javascript:x">链</a></p>'}
    ]
    answer.save()
    sync(shop)
    html = ask(api).json()["suggestions"][0]["answer"]["html"]
    assert html == '<p>好<a rel="noopener noreferrer">链</a></p>'


def test_what_was_asked_is_counted_without_its_words(api, store):
    ask(api, "怎么开发票，我的电话是13800000000", conversation_id="c-1")
    row = QueryRecord.objects.values().get()
    assert row["conversation_id"] == "c-1"
    assert "138" not in str(row)
    assert row["decision"] in {"answer", "choose", "abstain"}


def test_an_agent_can_ask_why_and_gets_the_phrasing_the_places_and_the_numbers(store, bot):
    body = ask(bot, "请问发票咋开呀", explain=True).json()
    why = body["suggestions"][0]["why"]
    assert why["phrasing"] == "发票咋开"
    assert why["highlights"] == [[0, 4]]
    assert why["rewritten"] is None
    assert set(why["by"]) == {"dense", "lexical"}
    assert {"cosine", "lexical", "bm25", "score"} < set(why)


def test_why_names_the_features_that_spoke_for_and_against(store, bot):
    why = ask(bot, "请问发票咋开呀", explain=True).json()["why"]
    assert why["wrong_rate"] == 0.05
    assert 0 < why["answers_from"] <= 1
    effects = [abs(feature["effect"]) for feature in why["features"]]
    assert effects == sorted(effects, reverse=True)


def test_without_asking_nothing_is_explained(store, bot):
    body = ask(bot, "请问发票咋开呀").json()
    assert (body["why"], body["suggestions"][0]["why"]) == (None, None)


def test_a_shopper_may_not_ask_why(api, store):
    response = ask(api, "发票咋开", channel="widget", explain=True)
    assert response.status_code == 400
    assert set(error(response)["fields"]) == {"explain"}


def test_what_was_typed_with_the_wrong_hanzi_says_what_it_was_read_as(store, bot):
    why = ask(bot, "怎么开发漂呀", explain=True, limit=3).json()["suggestions"][0]["why"]
    assert why["rewritten"] == {"text": "怎么开发票呀", "by": "pinyin", "pairs": [{"said": "漂", "meant": "票"}]}
    assert why["by"][-1] == "pinyin"


@pytest.mark.parametrize("query", ["请问发票咋开呀", "你们太差了", "明天天气预报"])
@pytest.mark.parametrize("explain", [True, False])
def test_the_answer_is_what_the_schema_describes(store, query, explain):
    found = suggest(store, Question(query, "agent", explain=explain))
    said = json.loads(json.dumps(as_json(found, query_id="q")))
    assert said == json.loads(json.dumps(SuggestOut(found, context={"query_id": "q"}).data))


def test_the_desk_has_a_word_for_everything_that_finds_an_entry():
    script = (Path(__file__).parent.parent / "search/static/search/desk.js").read_text(encoding="utf-8")
    assert all(script.count(f" {name}: ") >= 2 for name in FOUND_BY)
