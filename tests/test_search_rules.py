"""Editors' rules, from the save to the answer."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from cms.content import RULES
from cms.releases import ledger
from search import encoding
from search.answering import Question, suggest
from search.checking import findings
from search.engine.encoder import EncoderUnavailable, HashEncoder
from search.engine.types import Decision, Reason
from search.models import StoredVector
from search.sync import sync
from tests.builders import draft, intent_rule, make_shop, pin, publish, publish_script, synonyms
from tests.test_search_sync import live  # noqa: F401

REFUND = "aftersale.refund"


def ask(shop, query, channel="widget", **options):
    sync(shop)
    return suggest(shop, Question(query, channel, **options))


def titles(found):
    return [one.content["title"] for one in found.suggestions]


def number(shop):
    return ledger.live_release(shop).ordinal


def test_a_rule_holds_with_the_next_query_and_no_longer_when_it_is_switched_off(shop, live):  # noqa: F811
    live(publish, shop, "肯德基在哪")
    live(publish, shop, "开封府在哪")
    assert suggest(shop, Question("开封菜在哪", "bot")).reason != Reason.VERBATIM
    group = live(synonyms, shop, "肯德基", "KFC", "开封菜")
    assert suggest(shop, Question("开封菜在哪", "bot")).reason == Reason.VERBATIM
    group.active = False
    live(group.save)
    assert suggest(shop, Question("开封菜在哪", "bot")).reason != Reason.VERBATIM


def test_a_rule_moves_the_version_and_encodes_no_stored_phrase(shop, live, monkeypatch):  # noqa: F811
    live(publish, shop, "肯德基在哪")
    before, vectors = number(shop), set(StoredVector.objects.values_list("pk", "text_hash"))
    monkeypatch.setattr(HashEncoder, "encode", lambda *args: pytest.fail("a stored phrase was encoded again"))
    group = live(synonyms, shop, "肯德基", "KFC")
    assert number(shop) == before + 1
    live(group.delete)
    assert number(shop) == before + 2
    assert set(StoredVector.objects.values_list("pk", "text_hash")) == vectors


def test_a_shop_without_rules_has_no_record_of_them(shop, live):  # noqa: F811
    rule = live(intent_rule, shop, REFUND, "我要退款")
    assert RULES in ledger.proposed(shop)
    live(rule.delete)
    assert RULES not in ledger.proposed(shop)


def test_rules_saved_in_one_transaction_are_one_change(shop, live):  # noqa: F811
    def save_three():
        with transaction.atomic():
            for word in ("甲乙", "丙丁", "戊己"):
                synonyms(shop, word, "别的")

    live(save_three)
    assert number(shop) == 1


def test_check_index_sees_a_stale_rule_and_rebuild_index_mends_it(shop, live, capsys):  # noqa: F811
    live(publish, shop, "怎么开发票")
    synonyms(shop, "微信", "VX")  # committed, and the process was killed before anything else
    assert findings(shop).write == (RULES,)
    assert findings(shop).entries == 1
    with pytest.raises(CommandError, match="rebuild_index"):
        call_command("check_index")
    call_command("rebuild_index")
    assert findings(shop).healthy


@pytest.mark.parametrize(
    ("written", "said"), [("肯德基在哪", "KFC在哪"), ("KFC在哪", "开封菜在哪"), ("楼下有肯德基吗", "楼下有kfc吗")]
)
def test_entry_and_customer_may_use_different_terms_of_a_group(shop, written, said):
    publish(shop, written)
    publish(shop, "开封府在哪", "楼下有停车场吗")
    synonyms(shop, "肯德基", "KFC", "开封菜")
    found = ask(shop, said)
    assert (found.decision, titles(found)) == (Decision.ANSWER, [written])
    assert "synonym" in found.suggestions[0].by


def test_a_one_way_group_does_not_lead_back(shop):
    publish(shop, "SF到了吗")
    synonyms(shop, "顺丰", "SF", direction="one_way")
    assert ask(shop, "顺丰到了吗").reason != Reason.VERBATIM


def test_what_an_editor_wrote_in_these_very_words_needs_no_synonym(shop):
    publish(shop, "KFC在哪")
    publish(shop, "肯德基在哪")
    synonyms(shop, "肯德基", "KFC")
    found = ask(shop, "kfc在哪")
    assert (found.reason, titles(found)) == (Reason.VERBATIM, ["KFC在哪"])
    assert "synonym" not in found.suggestions[0].by


def test_synonyms_help_without_an_encoder_too(shop, monkeypatch):
    def unavailable(name=""):
        raise EncoderUnavailable("broken file")

    monkeypatch.setattr(encoding, "encoder", unavailable)
    publish(shop, "肯德基")
    publish(shop, "怎么退货")
    synonyms(shop, "KFC", "肯德基")
    found = ask(shop, "kfc", "agent")
    assert found.degraded
    assert titles(found)[0] == "肯德基"


def test_another_shops_synonyms_mean_nothing_here(shop):
    publish(shop, "肯德基在哪")
    synonyms(make_shop("other"), "肯德基", "KFC")
    assert all("synonym" not in one.by for one in ask(shop, "KFC在哪", "agent").suggestions)


def test_a_question_that_an_entry_refuses_does_not_reach_it_by_a_synonym(shop):
    publish(shop, "肯德基在哪", negative="KFC在哪")
    synonyms(shop, "肯德基", "KFC")
    assert titles(ask(shop, "KFC在哪", "agent")) == []


def test_a_pinned_entry_is_the_answer_and_the_others_follow_for_an_agent(shop):
    publish(shop, "怎么开发票", "开票")
    pin(publish(shop, "发票多久能开", answer="三天。"), "开票")
    found = ask(shop, "开票？")
    assert (found.decision, found.reason, found.confidence) == (Decision.ANSWER, Reason.PINNED, 1.0)
    assert [(one.answer["text"], one.by, one.matched) for one in found.suggestions] == [("三天。", ("pin",), "开票")]
    assert titles(ask(shop, "开票", "agent")) == ["发票多久能开", "怎么开发票"]


def test_a_pin_that_asks_for_words_holds_where_they_stand(shop):
    publish(shop, "怎么退货")
    pin(publish(shop, "双十一活动规则"), "双十一", match="contains")
    assert ask(shop, "你们双十一怎么退货").reason == Reason.PINNED
    assert ask(shop, "怎么退货").reason == Reason.VERBATIM


def test_an_entry_that_is_pinned_away_is_not_given_for_this_question_alone(shop):
    publish(shop, "怎么开发票", "发票")
    pin(publish(shop, "发票", "发票抬头"), "发票", action="never")
    assert titles(ask(shop, "发票", "agent")) == ["怎么开发票"]
    assert titles(ask(shop, "发票抬头")) == ["发票"]


def test_a_pin_begins_and_ends_by_the_clock_without_any_edit(shop, monkeypatch):
    now = timezone.now()
    entry = publish(shop, "双十一活动规则")
    pin(entry, "活动", starts=now + timedelta(hours=1), ends=now + timedelta(hours=2))
    publish(shop, "会员活动", "活动")
    reasons = [ask(shop, "活动").reason]
    for minutes in (90, 120):
        monkeypatch.setattr(timezone, "now", lambda minutes=minutes: now + timedelta(minutes=minutes))
        reasons.append(suggest(shop, Question("活动", "widget")).reason)
    assert reasons == [Reason.VERBATIM, Reason.PINNED, Reason.VERBATIM]


def test_a_pin_on_an_entry_that_is_not_live_does_nothing(shop):
    publish(shop, "怎么开发票", "开票")
    pin(draft(shop, "没写完的"), "开票")
    gone = publish(shop, "下线的")
    pin(gone, "抬头")
    sync(shop)
    type(gone).objects.filter(pk=gone.pk).update(live=False)
    assert titles(ask(shop, "开票")) == ["怎么开发票"]
    assert suggest(shop, Question("抬头", "widget")).reason != Reason.PINNED


def test_a_pinned_script_for_agents_is_never_said_to_a_shopper(shop):
    publish(shop, "怎么开发票", "开票")
    pin(publish_script(shop, "开票话术"), "开票")
    assert titles(ask(shop, "开票")) == ["怎么开发票"]
    assert titles(ask(shop, "开票", "agent"))[0] == "开票话术"


def test_a_pinned_entry_without_an_answer_for_this_reader_is_passed_over(shop):
    publish(shop, "怎么开发票", "开票")
    pin(publish(shop, "发票抬头", answer="{{ fact.unknown }}"), "开票")
    assert (ask(shop, "开票").reason, titles(ask(shop, "开票"))) == (Reason.VERBATIM, ["怎么开发票"])


def test_a_pinned_entry_is_given_in_the_readers_language(shop):
    chinese = publish(shop, "怎么开发票", answer="在订单页。")
    publish(shop, "Invoices", answer="On the order page.", locale="en", translation_key=chinese.translation_key)
    pin(chinese, "fapiao")
    assert ask(shop, "Fapiao!").suggestions[0].answer["text"] == "On the order page."


def test_a_rules_intent_stands_over_the_entrys_and_is_urgent_if_it_says_so(shop):
    publish(shop, "怎么联系客服", "我要投诉", intent="service.human")
    assert (ask(shop, "我要投诉").intent, ask(shop, "我要投诉").urgent) == ("service.human", False)
    intent_rule(shop, "service.hours", "投诉", urgent=True)
    assert (ask(shop, "我要投诉").intent, ask(shop, "我要投诉").urgent) == ("service.hours", True)


def test_a_rules_intent_is_said_even_when_nothing_is_answered(shop):
    intent_rule(shop, "complaint.service", examples=("打12315举报",))
    found = ask(shop, "我去打12315电话举报了")
    assert (found.decision, found.intent, found.urgent) == (Decision.ABSTAIN, "complaint.service", True)


def test_of_two_rules_the_one_with_the_lower_number_counts(shop):
    intent_rule(shop, "service.human", "退款", sort_order=20)
    intent_rule(shop, REFUND, "我要退款", sort_order=10)
    assert [ask(shop, query).intent for query in ("我要退款", "退款")] == [REFUND, "service.human"]
