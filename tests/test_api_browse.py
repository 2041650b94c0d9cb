from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from cms.models import FAQ, Fact
from search import browsing, snapshots
from search.models import Feedback
from search.sync import sync
from tests.builders import draft, make_shop, publish


@pytest.fixture
def store(shop):
    publish(shop, "怎么开发票", "发票咋开")
    publish(shop, "什么时候发货", "几天发货")
    publish(shop, "How do I get an invoice?", locale="en")
    draft(shop, "怎么加入秘密活动")
    sync(shop)
    return shop


def titles(response, name):
    return [row["title"] for row in response.json()[name]]


def test_completions_begin_with_what_was_typed_before_they_contain_it(api, store):
    publish(store, "电子发票怎么开")
    sync(store)
    response = api.get("/api/v1/complete", {"q": "发票", "shop": "demo"})
    assert titles(response, "completions") == ["怎么开发票", "电子发票怎么开"]
    assert response.json()["completions"][0]["matched"] == "发票咋开"


def test_completions_fall_back_on_shared_words(api, store):
    assert titles(api.get("/api/v1/complete", {"q": "票开", "shop": "demo"}), "completions") == ["怎么开发票"]


@pytest.mark.parametrize("typed", ["fhsj", "fahuo", "fa huo sh", "发huo", "fa货", "發貨"])
def test_completions_are_found_by_pinyin_and_traditional_characters(api, store, typed):
    publish(store, "发货时间说明")
    sync(store)
    found = api.get("/api/v1/complete", {"q": typed, "shop": "demo"})
    assert "发货时间说明" in titles(found, "completions")


def test_what_is_asked_most_is_completed_first(api, store):
    publish(store, "发票")
    sync(store)
    api.get("/api/v1/suggest", {"q": "怎么开发票", "shop": "demo"})
    found = api.get("/api/v1/complete", {"q": "发票", "shop": "demo"})
    assert titles(found, "completions") == ["怎么开发票", "发票"]


def test_how_often_was_asked_is_counted_once_a_minute(api, store, monkeypatch):
    counted = []
    monkeypatch.setattr(browsing, "_asked", lambda shop: counted.append(shop) or Counter())
    for second, times in ((0, 1), (59, 1), (61, 2)):
        monkeypatch.setattr(browsing, "monotonic", lambda second=second: second)
        api.get("/api/v1/complete", {"q": "发票", "shop": "demo"})
        assert len(counted) == times


def test_what_was_taken_back_a_moment_ago_is_not_completed(api, store):
    api.get("/api/v1/complete", {"q": "发票", "shop": "demo"})
    with snapshots._shelf._lock(store.pk, "current"):  # another thread builds the next release
        FAQ.objects.get(title="怎么开发票").unpublish()
        sync(store)
        assert titles(api.get("/api/v1/complete", {"q": "发票", "shop": "demo"}), "completions") == []


def test_what_no_shopper_may_see_is_not_completed(api, store):
    publish(store, "内部发货口径", mode="agent")
    publish(store, "发货旧规定", valid_to=timezone.now() - timedelta(days=1))
    draft(store, "发货草稿")
    sync(store)
    assert titles(api.get("/api/v1/complete", {"q": "fahuo", "shop": "demo"}), "completions") == ["什么时候发货"]


def test_completions_and_popular_questions_come_in_the_readers_language(api, store):
    asked = {"shop": "demo", "locale": "en"}
    assert titles(api.get("/api/v1/complete", {"q": "inv", **asked}), "completions") == ["How do I get an invoice?"]
    assert titles(api.get("/api/v1/popular", asked), "popular") == ["How do I get an invoice?"]


def test_a_draft_is_neither_completed_nor_popular(api, store):
    assert titles(api.get("/api/v1/complete", {"q": "怎么加入", "shop": "demo"}), "completions") == []
    assert "怎么加入秘密活动" not in titles(api.get("/api/v1/popular", {"shop": "demo"}), "popular")


def test_what_is_asked_most_is_popular(api, store):
    for _ in range(2):
        api.get("/api/v1/suggest", {"q": "什么时候发货", "shop": "demo"})
    assert titles(api.get("/api/v1/popular", {"shop": "demo"}), "popular") == ["什么时候发货", "怎么开发票"]


def test_questions_about_the_product_come_first(api, store):
    product = store.products.create(key="P1", name="面霜")
    Fact.objects.create(shop=store, product=product, key="best_before", label="限用", value="2027-05-31")
    publish(store, "保质期到什么时候", answer="到 {{ product.best_before }}。")
    sync(store)
    assert titles(api.get("/api/v1/popular", {"shop": "demo", "product_id": "P1"}), "popular")[0] == "保质期到什么时候"
    assert titles(api.get("/api/v1/popular", {"shop": "demo"}), "popular")[0] == "怎么开发票"


def feedback(client, shop="demo", **body):
    asked = client.get("/api/v1/suggest", {"q": "怎么开发票", "shop": "demo"}).json()
    body = {"query_id": asked["query_id"], "entry": asked["suggestions"][0]["id"], "verdict": "helpful", **body}
    return client.post("/api/v1/feedback", {"shop": shop, **body}, format="json")


def test_feedback_is_recorded_once_a_verdict(api, store):
    first = feedback(api, verdict="not_helpful", reason="过时了")
    assert first.status_code == 201
    query_id = Feedback.objects.get().query_id
    assert Feedback.objects.get().reason == "过时了"
    assert feedback(api, verdict="not_helpful").status_code == 201
    assert Feedback.objects.filter(query_id=query_id).count() == 1


def test_feedback_on_an_answer_that_was_never_given_is_refused(api, store):
    make_shop("other")
    forged = feedback(api, query_id="1.abc:forged")
    assert forged.status_code == 400
    assert list(forged.json()["error"]["fields"]) == ["query_id"]
    assert feedback(api, shop="other").status_code == 400
    assert feedback(api, entry="faq:x").status_code == 400
    assert Feedback.objects.count() == 0


@pytest.mark.parametrize("path", ["suggest", "complete", "popular"])
def test_an_unknown_parameter_of_a_page_is_refused_by_name(api, store, path):
    response = api.get(
        f"/api/v1/{path}", {"q": "x", "shop": "demo", "shpo": "demo"} if path != "popular" else {"shpo": "x"}
    )
    assert response.status_code == 400
    assert "shpo" in response.json()["error"]["fields"]


def test_health_says_what_works(api, db):
    assert api.get("/api/v1/health").json() == {"status": "ok", "database": "ok", "encoder": "ok", "version": "0.1.0"}


def test_the_schema_describes_every_endpoint(api, db):
    schema = api.get("/api/v1/schema", HTTP_ACCEPT="application/json").json()
    assert {"/api/v1/suggest", "/api/v1/complete", "/api/v1/popular", "/api/v1/feedback", "/api/v1/health"} <= set(
        schema["paths"]
    )
    assert set(schema["paths"]["/api/v1/suggest"]["post"]["responses"]) == {
        "200",
        "400",
        "401",
        "403",
        "404",
        "413",
        "429",
        "503",
    }


def test_the_documentation_page_loads_nothing_from_elsewhere(client, db):
    page = client.get("/api/v1/docs").content.decode()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
