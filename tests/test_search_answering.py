from datetime import date, timedelta

import pytest
from django.utils import timezone

from cms.models import Fact
from cms.releases.numbering import week_of
from search import encoding, snapshots
from search.answering import Question, suggest
from search.engine.confidence import Confidence
from search.engine.encoder import EncoderUnavailable
from search.engine.types import Decision, Reason
from search.sync import sync
from search.warming import warm
from tests.builders import make_shop, publish, publish_script


def ask(shop, query, channel="widget", **options):
    sync(shop)
    return suggest(shop, Question(query, channel, **options))


def titles(found):
    return [one.content["title"] for one in found.suggestions]


def test_a_shopper_gets_the_one_answer_that_is_sure(shop):
    publish(shop, "怎么开发票", answer="在订单页申请。")
    publish(shop, "什么时候发货")
    found = ask(shop, "怎么开发票")
    assert (found.decision, found.reason) == (Decision.ANSWER, Reason.VERBATIM)
    assert [one.answer["text"] for one in found.suggestions] == ["在订单页申请。"]


def test_a_phrase_that_two_entries_share_is_asked_back(shop):
    publish(shop, "不要了怎么取消订单", "不要了")
    publish(shop, "不要了怎么退货", "不要了")
    found = ask(shop, "不要了")
    assert found.decision == Decision.CHOOSE
    assert len(found.suggestions) == 2


def test_what_nobody_wrote_about_is_not_answered(shop):
    publish(shop, "怎么开发票")
    found = ask(shop, "明天天气预报")
    assert found.decision == Decision.ABSTAIN
    assert found.suggestions == ()


def test_an_agent_sees_the_nearest_even_when_nothing_is_sure(shop):
    publish(shop, "怎么开发票")
    found = ask(shop, "明天去开会吗", "agent")
    assert found.decision == Decision.ABSTAIN
    assert titles(found) == ["怎么开发票"]


def test_a_question_without_words_is_not_a_failure(shop):
    publish(shop, "怎么开发票")
    found = ask(shop, "😀😀")
    assert (found.decision, found.reason, found.degraded) == (Decision.ABSTAIN, Reason.NO_WORDS, False)


def test_scripts_are_for_agents_unless_an_editor_says_otherwise(shop):
    publish_script(shop, "安抚生气的客户", "你们太差了")
    assert titles(ask(shop, "你们太差了", "agent")) == ["安抚生气的客户"]
    assert titles(ask(shop, "你们太差了", "widget")) == []
    assert titles(ask(shop, "你们太差了", "bot")) == []


def test_an_entry_for_the_bot_is_offered_to_agents_too(shop):
    publish(shop, "怎么开发票", mode="bot")
    assert titles(ask(shop, "怎么开发票", "agent")) == ["怎么开发票"]


def test_another_shops_entries_are_never_suggested(shop):
    publish(make_shop("other"), "怎么开发票")
    assert titles(ask(shop, "怎么开发票", "agent")) == []


@pytest.mark.parametrize(("starts", "ends"), [(1, None), (None, -1), (-2, -1)])
def test_an_entry_outside_its_dates_is_not_suggested(shop, starts, ends):
    now = timezone.now()
    begin = now + timedelta(hours=starts) if starts else None
    end = now + timedelta(hours=ends) if ends else None
    publish(shop, "怎么开发票", valid_from=begin, valid_to=end)
    assert titles(ask(shop, "怎么开发票", "agent")) == []


def test_an_entry_begins_at_its_moment_without_any_edit(shop, monkeypatch):
    publish(shop, "怎么开发票", valid_from=timezone.now() + timedelta(hours=1))
    assert titles(ask(shop, "怎么开发票", "agent")) == []
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert titles(suggest(shop, Question("怎么开发票", "agent"))) == ["怎么开发票"]


def test_a_question_in_english_gets_the_english_answer(shop):
    chinese = publish(shop, "怎么开发票", answer="在订单页申请。")
    publish(
        shop,
        "How do I get an invoice?",
        answer="On the order page.",
        locale="en",
        translation_key=chinese.translation_key,
    )
    assert [one.answer["text"] for one in ask(shop, "How do I get an invoice?").suggestions] == ["On the order page."]
    asked_in_english = ask(shop, "How do I get an invoice?", locale="zh-hans")
    assert [one.answer["text"] for one in asked_in_english.suggestions] == ["在订单页申请。"]


def test_an_entry_without_a_translation_is_answered_in_its_own_language(shop):
    publish(shop, "怎么开发票", answer="在订单页申请。")
    assert [one.answer["text"] for one in ask(shop, "怎么开发票", locale="en").suggestions] == ["在订单页申请。"]


def test_the_variant_for_the_channel_wins_where_it_stands_first(shop):
    publish(shop, "怎么开发票", answers=[{"answer": "机器人说", "channel": "bot"}, {"answer": "都能说"}])
    assert ask(shop, "怎么开发票", "bot").suggestions[0].answer["text"] == "机器人说"
    assert ask(shop, "怎么开发票", "widget").suggestions[0].answer["text"] == "都能说"


def test_facts_are_filled_in_and_follow_their_dates(shop):
    Fact.objects.create(shop=shop, key="days", label="天数", kind="number", value="7", unit="天", value_en="7 days")
    Fact.objects.create(shop=shop, key="old", label="旧", value="x", valid_to=date(2020, 1, 1))
    publish(shop, "几天内能退", answer="{{ fact.days }}内。")
    publish(shop, "旧规则是什么", answer="{{ fact.old }}")
    assert ask(shop, "几天内能退").suggestions[0].answer["html"] == "<p>7 天内。</p>"
    assert ask(shop, "几天内能退", locale="en").suggestions[0].answer["text"] == "7 days内。"
    assert ask(shop, "旧规则是什么").reason == Reason.NO_ANSWER_HERE


def test_a_missing_fact_is_never_guessed_for_a_shopper_and_is_a_field_for_an_agent(shop):
    publish(shop, "保质期到什么时候", answer="到 {{ product.best_before }}。")
    publish(shop, "保修多久", answer="一年。")
    shopper, agent = ask(shop, "保质期到什么时候"), ask(shop, "保质期到什么时候", "agent")
    assert (shopper.decision, shopper.reason, shopper.suggestions) == (Decision.ABSTAIN, Reason.NO_ANSWER_HERE, ())
    assert agent.suggestions[0].missing == ("product.best_before",)
    assert "{{ product.best_before }}" in agent.suggestions[0].answer["text"]


def test_a_products_fact_is_said_only_for_that_product(shop):
    product = shop.products.create(key="P1", name="面霜")
    Fact.objects.create(shop=shop, product=product, key="best_before", label="限用", kind="date", value="2027-05-31")
    general = [{"answer": "{{ product.name }}到 {{ product.best_before }}。"}, {"answer": "见包装。"}]
    publish(shop, "保质期到什么时候", answers=general)
    assert ask(shop, "保质期到什么时候", product_id="P1").suggestions[0].answer["text"] == "面霜到 2027-05-31。"
    assert ask(shop, "保质期到什么时候", product_id="P9").suggestions[0].answer["text"] == "见包装。"


def test_order_variables_come_from_the_context(shop):
    publish_script(shop, "催快递", "快点", answers=[{"answer": "订单 {{ order.number }} 已催。"}])
    found = ask(shop, "快点", "agent", order={"number": "<b>77</b>"})
    assert found.suggestions[0].answer["text"] == "订单 <b>77</b> 已催。"
    assert found.suggestions[0].answer["html"] == "<p>订单 &lt;b&gt;77&lt;/b&gt; 已催。</p>"


def test_without_an_encoder_answers_are_lexical_and_say_so(shop, monkeypatch):
    def unavailable(name=""):
        raise EncoderUnavailable("broken file")

    monkeypatch.setattr(encoding, "encoder", unavailable)
    publish(shop, "怎么开发票")
    publish(shop, "什么时候发货")
    found = ask(shop, "发票怎么开", "agent")
    assert found.degraded
    assert titles(found)[0] == "怎么开发票"


def test_a_snapshot_without_vectors_is_made_anew_when_the_encoder_is_back(shop, monkeypatch, settings):
    publish(shop, "怎么开发票")
    settings.KB_ENCODER = "e5-small-int8"
    settings.KB_MODELS_DIR = settings.VAR_DIR / "no-such-folder"
    assert ask(shop, "怎么开发票", "agent").degraded
    settings.KB_ENCODER = "hash"
    encoding.forget_encoder()
    later = timezone.now() + timedelta(seconds=encoding.RETRY_SECONDS + 1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    suggest(shop, Question("怎么开发票", "agent"))
    assert not snapshots.current(shop).for_agents.degraded


def test_options_carry_what_is_left_of_the_probability(shop):
    for title in ("退货怎么弄", "退款怎么弄", "换货怎么弄"):
        publish(shop, title)
    chances = [one.confidence for one in ask(shop, "怎么弄退货", "agent").suggestions]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) <= 1.0001


def test_warming_builds_every_shops_snapshot(shop):
    publish(shop, "怎么开发票")
    sync(shop)
    warm()
    assert snapshots._shelf._current[shop.pk].number == week_of(timezone.now())


def test_the_shops_own_wrong_rate_decides(shop, monkeypatch):
    asked = []
    real = Confidence.decide

    def decide(self, query, hits, *, wrong_rate):
        asked.append(wrong_rate)
        return real(self, query, hits, wrong_rate=wrong_rate)

    monkeypatch.setattr(Confidence, "decide", decide)
    publish(shop, "怎么开发票")
    shop.wrong_rate = 0.02
    ask(shop, "发票怎么开")
    assert asked == [0.02]
