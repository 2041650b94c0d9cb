"""The releases through the API."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cms.models import Policy, Release, Shop
from cms.releases import ledger
from cms.releases.rollback import roll_back
from search.models import KeyChannel, ShopAPIKey
from search.sync import sync
from tests.builders import draft, make_shop, make_user
from tests.released_entries import entry, released  # noqa: F401
from tests.test_api_suggest import error

RELEASES = "/api/v1/releases"


@pytest.fixture
def agent(shop):
    """A client with an agent's key of the shop."""
    client = APIClient()
    _row, key = ShopAPIKey.objects.create_key(name="desk", shop=shop, channel=KeyChannel.AGENT)
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


def make(shop, number, contents, **about):
    """A release of that number in which these keys have these contents (None: are gone)."""
    ledger.store(content for content in contents.values() if content)
    hashes = {key: content and ledger.content_hash(content) for key, content in contents.items()}
    return ledger.make_release(shop, hashes, ledger.About(number=number, **about))


def content(title, *answers, **fields):
    answers = answers or (("any", "好的。"),)
    return {
        "kind": "faq",
        "locale": "zh-hans",
        "title": title,
        "similar": [],
        "negative": [],
        "category": "general",
        "intent": "",
        "mode": "both",
        "valid_from": None,
        "valid_to": None,
        "answers": [{"channel": channel, "text": text, "html": "", "blocks": []} for channel, text in answers],
    } | fields


@pytest.fixture
def history(shop):
    """Three releases: two questions, one of them reworded, and then one of them gone."""
    first = {"faq:1": content("怎么开发票"), "faq:2": content("几天发货"), "facts": {"kind": "facts", "facts": []}}
    make(shop, "2026-W01", first, by="anna", notes="第一周")
    make(shop, "2026-W01.1", {"faq:1": content("怎么开发票呢")}, by="bob")
    make(shop, "2026-W02", {"faq:2": None}, kind="weekly", by="anna", report=report(), override_reason="急")
    return shop


def report():
    found = {"verdict": "blocked", "asked": {"accepted": 3}}
    ledger.store([found])
    return ledger.content_hash(found)


def get(client, path="", **query):
    return client.get(f"{RELEASES}{path}", query)


def test_the_releases_are_listed_newest_first_with_when_they_were_live(agent, history):
    found = get(agent).json()["releases"]
    assert [one["number"] for one in found] == ["2026-W02", "2026-W01.1", "2026-W01"]
    assert [one["live"] for one in found] == [True, False, False]
    assert [one["live_history"][0]["until"] is None for one in found] == [True, False, False]
    assert found[1]["live_history"][0]["until"] == found[0]["live_history"][0]["from"] == found[0]["made_at"]
    counts = [[one[name] for name in ("entries", "added", "changed", "removed")] for one in found]
    assert counts == [[1, 0, 0, 1], [2, 0, 1, 0], [2, 3, 0, 0]]
    assert [one["made_by"] for one in found] == ["anna", "bob", "anna"]
    assert [one["gate"] for one in found] == [{"verdict": "blocked", "override_reason": "急"}, None, None]


def test_a_rollback_names_the_release_that_it_is_equal_to(agent, history):
    roll_back(history, Release.objects.get(number="2026-W01"))
    found = get(agent).json()["releases"]
    assert (found[0]["kind"], found[0]["like"]) == ("rollback", "2026-W01")
    assert found[0]["digest"] == found[-1]["digest"]


def test_a_list_goes_on_where_next_leads(agent, history):
    seen, url = [], f"{RELEASES}?limit=1"
    while url:
        page = agent.get(url).json()
        seen += [one["number"] for one in page["releases"]]
        url = page["next"]
    assert seen == ["2026-W02", "2026-W01.1", "2026-W01"]


def test_a_list_can_be_of_a_kind_or_a_time(agent, history):
    middle = Release.objects.get(number="2026-W01.1").made_at.isoformat()
    numbers = [
        [one["number"] for one in get(agent, **query).json()["releases"]]
        for query in ({"kind": "weekly"}, {"since": middle}, {"until": middle}, {"kind": "rollback"})
    ]
    assert numbers == [["2026-W02"], ["2026-W02", "2026-W01.1"], ["2026-W01"], []]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": 10**30}, "cursor"),
        ({"kind": "daily"}, "kind"),
        ({"since": "2026-01-01"}, "since"),
        ({"since": "2026-01-02T00:00Z", "until": "2026-01-01T00:00Z"}, "until"),
        ({"page": 2}, "page"),
    ],
)
def test_a_wrong_parameter_of_the_list_is_refused_by_name(agent, history, query, field):
    response = get(agent, **query)
    assert response.status_code == 400
    assert list(error(response)["fields"]) == [field]


def test_one_release_tells_what_changed_in_it_and_what_the_gate_found(agent, history):
    found = get(agent, "/2026-W02").json()
    assert found["previous"] == "2026-W01.1"
    assert found["changes"] == [{"key": "faq:2", "change": "removed", "title": "几天发货"}]
    assert found["counts"] == {"added": 0, "changed": 0, "removed": 1, "withheld": 0}
    assert found["report"] == {"verdict": "blocked", "asked": {"accepted": 3}}
    first = get(agent, "/2026-W01").json()
    assert (first["previous"], first["report"]) == (None, None)
    assert [change["key"] for change in first["changes"]] == ["facts", "faq:1", "faq:2"]


def test_what_changed_from_one_release_to_another_is_told_in_words(agent, history):
    found = get(agent, "/2026-W01/diff/2026-W02").json()
    assert (found["before"], found["after"]) == ("2026-W01", "2026-W02")
    changed, removed = found["changes"]
    assert (changed["key"], changed["change"], changed["title"]) == ("faq:1", "changed", "怎么开发票呢")
    (field,) = changed["differences"]
    assert (field["field"], field["how"]) == ("title", "changed")
    assert "".join(part["text"] for part in field["parts"] if part["part"] != "added") == "怎么开发票"
    assert "".join(part["text"] for part in field["parts"] if part["part"] != "removed") == "怎么开发票呢"
    assert (removed["key"], removed["change"]) == ("faq:2", "removed")


def test_a_diff_backwards_is_the_opposite(agent, history):
    found = get(agent, "/2026-W02/diff/2026-W01").json()
    assert [(one["key"], one["change"]) for one in found["changes"]] == [("faq:1", "changed"), ("faq:2", "added")]
    assert get(agent, "/2026-W02/diff/2026-W02").json()["changes"] == []


def test_a_diff_goes_on_where_next_leads(agent, history):
    whole = get(agent, "/2026-W01").json()["changes"]
    seen, url = [], f"{RELEASES}/2026-W01?limit=1"
    while url:
        page = agent.get(url).json()
        assert page["counts"]["added"] == 3
        seen += page["changes"]
        url = page["next"]
    assert seen == whole


@pytest.mark.parametrize("path", ["/2020-W01", "/2020-W01/diff/2026-W02", "/2026-W02/diff/2020-W01", "/%00", "/x"])
def test_a_release_that_is_not_there_is_named(agent, history, path):
    response = get(agent, path)
    assert response.status_code == 404
    assert error(response)["code"] == "not_found"


def test_another_shops_releases_are_not_there(agent, history):
    make(make_shop("other"), "2019-W01", {"faq:9": content("别人的")})
    assert get(agent, "/2019-W01").status_code == 404
    assert get(agent, shop="other").status_code == 403


def test_live_names_the_release_that_is_live(agent, history):
    assert get(agent, "/live").json()["number"] == "2026-W02"
    assert get(agent, "/2026-W01/diff/live").json()["after"] == "2026-W02"
    assert get(agent, "/live")["Cache-Control"] == "private, no-cache"


def test_a_shop_without_releases_has_an_empty_list_and_none_live(agent, shop):
    assert get(agent).json() == {"releases": [], "next": None}
    assert get(agent, "/live").status_code == 404


@pytest.mark.parametrize("path", ["/2026-W02", "/2026-W01/diff/2026-W02"])
def test_what_never_changes_may_be_kept(agent, history, path):
    response = get(agent, path)
    assert response["Cache-Control"] == "private, max-age=86400"
    assert {"Authorization", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}
    again = agent.get(f"{RELEASES}{path}", HTTP_IF_NONE_MATCH=response["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", response["ETag"])


def test_a_shopper_sees_no_releases(api, history):
    for path in ("", "/live", "/2026-W01/diff/live"):
        assert api.get(f"{RELEASES}{path}", {"shop": "demo"}).status_code == 401


def test_an_account_that_may_use_the_desk_sees_them(api, history):
    api.force_login(make_user("nobody"))
    assert get(api, shop="demo").status_code == 403
    api.force_login(make_user("anna", "Agent"))
    assert get(api, shop="demo").json()["releases"][0]["made_by"] == "anna"
    assert list(error(get(api))["fields"]) == ["shop"]


def test_a_bot_is_not_told_who_made_a_release_and_why(bot, history):
    told = [get(bot).json()["releases"][0], get(bot, "/2026-W02").json()]
    assert [[one[name] for name in ("made_by", "notes", "gate")] for one in told] == [[None] * 3] * 2
    assert told[1]["report"] is None


def test_a_bot_sees_of_a_change_only_what_shoppers_may_see(bot, shop):
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    before = {
        "faq:1": content("怎么开发票", ("agent", "内部口径一"), ("any", "在订单页。")),
        "faq:2": content("秘密话术", mode="agent"),
        "faq:3": content("以后才有", valid_from=soon),
        "faq:4": content("变成内部的"),
        "faq:5": content("只有客服的回答", ("agent", "别告诉客人。")),
        "rules": {"kind": "rules", "synonyms": []},
    }
    after = {
        "faq:1": content("怎么开发票", ("agent", "内部口径二"), ("any", "在设置里。"), negative=["不要这个"]),
        "faq:2": content("秘密话术二", mode="agent"),
        "faq:4": content("变成内部的了", mode="agent"),
    }
    make(shop, "2026-W01", before)
    make(shop, "2026-W02", after)
    pages = [get(bot, path) for path in ("/2026-W01", "/2026-W02", "/2026-W01/diff/2026-W02")]
    text = "".join(json.dumps(page.json(), ensure_ascii=False) for page in pages)
    for secret in ("内部口径", "秘密", "以后才有", "变成内部的了", "别告诉", "只有客服", "不要这个", "rules"):
        assert secret not in text
    assert [change["key"] for change in pages[0].json()["changes"]] == ["faq:1", "faq:4"]
    assert pages[0].json()["counts"] == {"added": 2, "changed": 0, "removed": 0, "withheld": 4}
    diff = pages[2].json()
    assert [(one["key"], one["change"]) for one in diff["changes"]] == [("faq:1", "changed"), ("faq:4", "removed")]
    assert pages[0]["Cache-Control"] == "private, max-age=60"


def test_a_draft_is_in_no_diff(agent, entry):  # noqa: F811
    entry.title = "草稿的新说法"
    entry.save_revision()
    draft(entry.shop, "还没发布的问题")
    sync(entry.shop)
    number = ledger.live_release(entry.shop).number
    text = get(agent, f"/{number}").content.decode()
    assert "草稿" not in text
    assert "还没发布" not in text


def test_what_waits_for_the_next_cut_is_in_no_diff(agent, entry):  # noqa: F811
    Shop.objects.filter(pk=entry.shop.pk).update(release_policy=Policy.GATED)
    released(entry.shop, "还在等的问题")
    pages = [get(agent), get(agent, "/live"), get(agent, f"/{ledger.live_release(entry.shop).number}/diff/live")]
    assert all("还在等" not in page.content.decode() for page in pages)


def test_the_schema_describes_the_releases(api, db):
    paths = api.get("/api/v1/schema", HTTP_ACCEPT="application/json").json()["paths"]
    for path in ("", "/{number}", "/{before}/diff/{after}"):
        assert {"200", "400", "401", "403", "404"} <= set(paths[f"{RELEASES}{path}"]["get"]["responses"])
    body = paths["/api/v1/suggest"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert body.endswith("SuggestIn")
