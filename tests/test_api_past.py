"""The past through the API: a question as of a moment, or of a release."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from cms.models import GoLive, Script
from cms.releases import ledger
from search import snapshots
from search.models import KeyChannel, QueryRecord, ShopAPIKey
from search.sync import sync
from tests.builders import make_shop, make_user
from tests.released_entries import entry, released  # noqa: F401
from tests.test_api_suggest import error

SUGGEST = "/api/v1/suggest"


def reword(entry, answer):  # noqa: F811
    found = entry.answers.get()
    found.body = [{"type": "paragraph", "value": f"<p>{answer}</p>"}]
    entry.answers.set([found])
    entry.save_revision().publish()
    sync(entry.shop)


def ask(client, query="怎么开发票", **body):
    return client.post(SUGGEST, {"query": query, **body}, format="json")


def said(response):
    return response.json()["suggestions"][0]["answer"]["text"]


def same_part(response):
    """The answer's bytes but for what names or times this one asking."""
    body = response.json()
    assert {"query_id", "took_ms"} < set(body)
    return json.dumps({name: value for name, value in body.items() if name not in ("query_id", "took_ms")})


def test_a_release_that_is_named_answers_as_it_did(bot, entry):  # noqa: F811
    before = ask(bot, explain=True)
    reword(entry, "在设置里申请。")
    released(entry.shop, "几天发货")
    assert said(ask(bot)) == "在设置里申请。"
    number = before.json()["release"]
    again = ask(bot, explain=True, release=number)
    assert again.json()["release"] == number
    assert same_part(again) == same_part(before)


def test_as_of_answers_by_the_release_that_was_live_then(bot, entry):  # noqa: F811
    reword(entry, "在设置里申请。")
    moments = GoLive.objects.filter(shop=entry.shop).order_by("pk").values_list("at", flat=True)
    assert [said(ask(bot, as_of=moment.isoformat())) for moment in moments] == ["在订单页申请。", "在设置里申请。"]


def test_recorded_answers_are_replayed_byte_for_byte(bot, entry):  # noqa: F811
    recorded = []
    for turn in range(4):
        reword(entry, f"第{turn}版。")
        released(entry.shop, f"第{turn}个问题怎么办")
        recorded += [(query, timezone.now(), ask(bot, query)) for query in ("发票咋开", "第2个问题怎么办", "天气")]
    snapshots.forget_snapshots()
    for query, moment, answer in recorded:
        assert same_part(ask(bot, query, as_of=moment.isoformat())) == same_part(answer)


def test_a_release_and_a_moment_together_are_that_release_by_that_clock(bot, shop):
    now = timezone.now()
    released(shop, "双十一怎么退", answer="照常。", valid_from=now - timedelta(hours=1))
    number = ledger.live_release(shop).number
    assert said(ask(bot, "双十一怎么退", release=number)) == "照常。"
    early = (now - timedelta(hours=2)).isoformat()
    assert ask(bot, "双十一怎么退", release=number, as_of=early).json()["suggestions"] == []


def test_an_unknown_release_is_not_found_and_named(bot, entry):  # noqa: F811
    response = ask(bot, release="2020-W01.9")
    assert response.status_code == 404
    assert error(response)["code"] == "not_found"
    assert "2020-W01.9" in error(response)["message"]


def test_another_shops_release_is_not_found(bot, entry):  # noqa: F811
    other = make_shop("other")
    number = "2019-W01"
    ledger.make_release(other, {}, ledger.About(number=number))
    assert ask(bot, release=number).status_code == 404


def test_before_the_first_release_the_first_moment_is_told(bot, entry):  # noqa: F811
    first = ledger.first_moment(entry.shop)
    response = ask(bot, as_of=(first - timedelta(microseconds=1)).isoformat())
    assert response.status_code == 404
    assert error(response)["code"] == "not_found"
    (told,) = error(response)["fields"]["as_of"]
    assert told in error(response)["message"]
    assert ask(bot, as_of=told).status_code == 200


def test_a_shop_without_releases_has_no_past(bot, shop):
    response = ask(bot, as_of=timezone.now().isoformat())
    assert response.status_code == 404
    assert error(response)["fields"] == {}


def test_a_moment_to_come_is_refused(bot, entry):  # noqa: F811
    response = ask(bot, as_of=(timezone.now() + timedelta(minutes=1)).isoformat())
    assert response.status_code == 400
    assert list(error(response)["fields"]) == ["as_of"]


@pytest.mark.parametrize(
    "moment",
    ["2026-11-11T20:05:00", "2026-11-11", "yesterday", "", None, 5, "0001-01-01T00:00:00+08:00", "9999-12-31T23:59Z"],
)
def test_a_moment_that_is_none_is_refused_by_name(bot, entry, moment):  # noqa: F811
    response = ask(bot, as_of=moment)
    assert response.status_code == 400
    assert list(error(response)["fields"]) == ["as_of"]


@pytest.mark.parametrize("number", ["", None, "x" * 21, ["2026-W47"], "a\x00b"])
def test_a_number_that_is_none_is_refused_by_name(bot, entry, number):  # noqa: F811
    response = ask(bot, release=number)
    assert response.status_code == 400
    assert list(error(response)["fields"]) == ["release"]


@pytest.mark.parametrize("name", ["release", "as_of"])
def test_a_shopper_may_not_ask_the_past(api, entry, name):  # noqa: F811
    value = {"release": ledger.live_release(entry.shop).number, "as_of": timezone.now().isoformat()}[name]
    response = ask(api, shop="demo", **{name: value})
    assert response.status_code == 400
    assert list(error(response)["fields"]) == [name]
    assert api.get(SUGGEST, {"q": "怎么开发票", "shop": "demo", name: value}).status_code == 400


def test_an_agent_may_ask_the_past_with_a_log_in_or_a_key(api, entry):  # noqa: F811
    moment = timezone.now().isoformat()
    api.force_login(make_user("anna", "Agent"))
    assert said(ask(api, shop="demo", channel="agent", as_of=moment)) == "在订单页申请。"
    api.logout()
    _row, key = ShopAPIKey.objects.create_key(name="desk", shop=entry.shop, channel=KeyChannel.AGENT)
    api.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert said(ask(api, as_of=moment)) == "在订单页申请。"


def test_a_bot_is_not_told_what_was_for_agents_in_the_past(bot, shop):
    released(shop, "安抚生气的客户", "你们太差了", model=Script, emotion="angry", scene="soothing")
    number = ledger.live_release(shop).number
    assert ask(bot, "你们太差了", release=number).json()["suggestions"] == []


def test_an_answer_from_the_past_is_nobodys_question(bot, entry):  # noqa: F811
    response = ask(bot, as_of=timezone.now().isoformat())
    assert response.json()["query_id"] is None
    assert not QueryRecord.objects.exists()


def test_a_release_whose_content_is_spoilt_says_so(bot, entry, monkeypatch):  # noqa: F811
    def spoilt(hashes):
        raise ledger.CorruptContent("The stored content … is missing.")

    monkeypatch.setattr(ledger, "contents_of", spoilt)
    snapshots.forget_snapshots()
    response = ask(bot, release=ledger.live_release(entry.shop).number)
    assert response.status_code == 503
    assert error(response)["code"] == "unreadable"
