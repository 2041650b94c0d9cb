from search.sync import sync
from tests.builders import intent_rule, pin, publish, synonyms

URL = "/api/v1/suggest"


def ask(bot, shop, query):
    sync(shop)
    return bot.post(URL, {"query": query}, format="json").json()


def test_the_answer_says_that_a_synonym_found_it(bot, shop):
    publish(shop, "肯德基在哪")
    synonyms(shop, "肯德基", "KFC")
    found = ask(bot, shop, "KFC在哪")
    assert found["suggestions"][0]["matched"]["text"] == "肯德基在哪"
    assert found["suggestions"][0]["matched"]["by"][-1] == "synonym"


def test_the_answer_says_that_it_is_pinned(bot, shop):
    pin(publish(shop, "怎么开发票"), "开票")
    found = ask(bot, shop, "开票")
    assert (found["decision"], found["reason"]) == ("answer", "pinned")
    assert found["suggestions"][0]["matched"] == {"text": "开票", "by": ["pin"]}


def test_a_rules_intent_is_reported_without_any_suggestion(bot, shop):
    intent_rule(shop, "service.human", "转人工", urgent=True)
    found = ask(bot, shop, "给我转人工")
    assert (found["decision"], found["suggestions"]) == ("abstain", [])
    assert found["intent"] == {"name": "service.human", "urgent": True}
