"""What the gate asks, what it finds, and when it blocks."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cms.models import CaseSource, GoldenCase, Mode, Policy, Product, Shop, StoredContent
from cms.releases import ledger
from search import snapshots
from search.answering import Question, answer
from search.engine.types import Decision
from search.releases import gate
from search.releases.asking import Outcome, Side, is_right, passes, tally
from search.releases.candidates import candidate, chosen
from search.releases.culprits import Compared, gains
from search.releases.gate import BLOCKED, PASSED, verdict
from search.releases.golden import Golden, Kind, drawn, kept_cases, similar_questions, titles
from tests.builders import draft, make_shop, make_user, publish, publish_script
from tests.test_search_sync import live  # noqa: F401

COUNTS = st.integers(0, 500)


@given(COUNTS, COUNTS, COUNTS, st.sampled_from([0.0, 0.01, 0.02, 0.05]))
def test_it_blocks_for_more_losses_than_are_accepted_and_for_any_case_that_must_pass(losses, more, must, limit):
    asked = losses + more
    decided, reasons = verdict(losses=losses, asked=asked, must_failed=must, most_losses=limit)
    too_many = losses > 0 and losses / asked > limit
    assert [reason["rule"] for reason in reasons] == ["losses"] * too_many + ["must_case"] * (must > 0)
    assert decided == (BLOCKED if reasons else PASSED)


def question(number, *, key="faq:1"):
    return Golden(Kind.HELD_OUT, Question(f"第{number}问", "bot"), key, key)


@given(st.sets(st.integers(0, 200)), st.integers(0, 100), st.randoms(use_true_random=False))
def test_the_same_questions_are_drawn_in_whatever_order_they_come(numbers, most, random):
    questions = [question(number) for number in sorted(numbers)]
    first = [one.question.query for one in drawn(questions, most)]
    random.shuffle(questions)
    assert [one.question.query for one in drawn(questions, most)] == first
    assert len(first) == min(most, len(numbers))
    assert [one.question.query for one in drawn(questions, most // 2)] == first[: most // 2]


@given(st.sets(st.integers(0, 100)), st.sets(st.integers(101, 200)), st.integers(0, 250))
def test_what_weighs_more_is_drawn_first(light, heavy, most):
    questions = [question(number) for number in light] + [question(number, key="faq:2") for number in heavy]
    found = drawn(questions, most, lambda one: one.key == "faq:2")
    assert sum(one.key == "faq:2" for one in found) == min(len(heavy), most)


def said(key, decision=Decision.ANSWER, *, confidence=0.9):
    told = {"key": key, "title": f"{key} 的标题"} if key else None
    return Outcome(key, told, decision, confidence, (key,))


def test_wins_and_losses_are_told_with_who_took_them():
    rows = [
        Compared(question(number, key=expected), {"key": expected, "title": expected}, said(before), said(after))
        for number, (expected, before, after) in enumerate(
            [
                ("faq:31", "faq:31", "faq:318"),
                ("faq:31", "faq:31", "faq:318"),
                ("faq:31", "faq:31", "faq:7"),
                ("faq:31", "faq:31", ""),
                ("faq:31", "faq:9", "faq:31"),
                ("faq:31", "faq:9", "faq:7"),
                ("faq:31", "faq:31", "faq:31"),
            ]
        )
    ]
    report = gains(rows)
    assert (report["wins_count"], report["losses_count"]) == (1, 4)
    assert [(row["taker"]["key"], row["loser"]["key"], row["count"]) for row in report["takers"]] == [
        ("faq:318", "faq:31", 2),
        ("faq:7", "faq:31", 1),
    ]
    assert report["losses"][3]["after"] is None
    assert report["takers"][0]["examples"] == ["第0问", "第1问"]


@given(st.lists(st.tuples(st.sampled_from(["faq:1", "faq:2", ""]), st.sampled_from(list(Decision)))))
def test_every_question_is_decided_once(outcomes):
    figures = tally([(question(number), said(key, decision)) for number, (key, decision) in enumerate(outcomes)])
    assert sum(figures.values()) - figures["right"] == len(outcomes)
    assert figures["answered_right"] <= figures["right"]


# --- with a shop


@pytest.fixture
def gated(shop, live):  # noqa: F811
    live(publish, shop, "怎么开发票", "发票咋开", "电子发票在哪里下载")
    live(publish, shop, "什么时候发货", "几天能发货")
    Shop.objects.update(release_policy=Policy.GATED)
    shop.refresh_from_db()
    return shop


def checked(shop, **options):
    return gate.check(shop, candidate(shop, chosen(shop, None)), lambda done, total: None, **options)


def case(shop, query, **fields):
    made = GoldenCase(shop=shop, query=query, **fields)
    made.full_clean()
    made.save()
    return made


def test_who_takes_a_question_from_whom_is_named(gated, live):  # noqa: F811
    taker = live(publish, gated, "下载电子发票", "电子发票在哪里可以下载")
    report = checked(gated)
    [taken] = report["takers"]
    assert taken["taker"] == {"key": taker.key, "title": "下载电子发票"}
    assert (taken["loser"]["title"], taken["examples"]) == ("怎么开发票", ["电子发票在哪里下载"])
    assert report["verdict"] == BLOCKED
    assert report["reasons"] == [
        {"rule": "losses", "count": 1, "asked": 3, "share": pytest.approx(1 / 3), "limit": 0.02}
    ]


def test_what_is_lost_now_is_won_when_it_is_undone(gated, live):  # noqa: F811
    taker = live(publish, gated, "下载电子发票", "电子发票在哪里可以下载")
    found = candidate(gated, chosen(gated, None))
    ledger.make_release(gated, found.changes, ledger.About())
    live(taker.unpublish)
    report = checked(gated)
    assert (report["wins_count"], report["losses_count"]) == (1, 0)
    assert report["wins"][0]["before"]["key"] == taker.key


def test_the_report_has_the_shape_that_screens_and_programs_read(gated, live):  # noqa: F811
    live(publish, gated, "能退货吗", "可以退吗")
    report = checked(gated)
    assert set(report) == {
        *("base", "verdict", "reasons", "asked", "before", "after", "wins", "wins_count", "losses", "losses_count"),
        *("new_count", "gone_count", "takers", "cases", "cases_failed", "unreached", "unreached_count"),
        *("reliability", "seconds"),
    }
    assert set(report["asked"]) == {"held_out", "held_out_of", "cases", "accepted", "must_not"}
    for side in ("before", "after"):
        assert set(report[side]) == {"right", "answered_right", "answered_wrong", "asked_back", "abstained"}
        assert all(set(row) == {"promised", "right", "count"} for row in report["reliability"][side])
    assert report["base"] == ledger.live_release(gated).number
    assert ledger.content_hash(report)


def test_every_similar_question_is_asked_while_it_is_held_out(gated):
    report = checked(gated)
    assert (report["asked"]["held_out"], report["asked"]["held_out_of"]) == (3, 3)
    moment = timezone.now()
    side = Side(snapshots.current(gated), moment)
    for golden in similar_questions(side.snapshot):
        side.prepare([golden])
        assert side.ask(golden).confidence < 1.0


def test_no_question_is_encoded_that_has_a_vector(gated, monkeypatch):
    def encoded(*args, **kwargs):
        raise AssertionError("encoded")

    monkeypatch.setattr("search.encoding.query_vector", encoded)
    assert checked(gated)["asked"]["held_out"] == 3


def test_at_most_so_many_are_held_out_and_those_of_changed_entries_first(gated, live):  # noqa: F811
    live(publish, gated, "能退货吗", "可以退吗", "不想要了退货")
    progress = []
    found = candidate(gated, chosen(gated, None))
    report = gate.check(gated, found, lambda *told: progress.append(told), most=2)
    assert (report["asked"]["held_out"], report["asked"]["held_out_of"]) == (2, 5)
    assert (report["new_count"], report["wins_count"], report["losses_count"]) == (2, 0, 0)
    assert all(done <= total for done, total in progress)
    assert progress[-1][0] == progress[-1][1]


def test_questions_of_an_entry_that_only_one_side_holds_are_neither_won_nor_lost(gated, live):  # noqa: F811
    live(publish, gated, "能退货吗", "可以退吗")
    gone = live(publish, gated, "有赠品吗", "送东西吗")
    ledger.make_release(gated, {gone.key: ledger.pending(gated)[gone.key]}, ledger.About())
    live(gone.unpublish)
    report = checked(gated)
    assert (report["new_count"], report["gone_count"]) == (1, 1)
    assert report["losses_count"] == 0


def test_without_a_live_release_only_cases_that_must_pass_count(shop, live):  # noqa: F811
    Shop.objects.update(release_policy=Policy.GATED)
    live(publish, shop, "怎么开发票", "发票咋开")
    report = checked(shop)
    assert (report["before"], report["base"], report["verdict"]) == (None, "", PASSED)
    assert report["reliability"]["before"] is None
    assert report["after"]["right"] == 1
    case(shop, "怎么开发票", must=True)
    assert checked(shop)["verdict"] == BLOCKED


def test_an_entry_for_agents_only_is_asked_about_as_agents_ask(gated, live):  # noqa: F811
    live(publish_script, gated, "安抚催单的顾客", "顾客一直在催", mode=Mode.AGENT)
    found = candidate(gated, chosen(gated, None))
    ledger.make_release(gated, found.changes, ledger.About())
    channels = {one.question.query: one.question.channel for one in similar_questions(snapshots.current(gated))}
    assert (channels["顾客一直在催"], channels["发票咋开"]) == ("agent", "bot")
    report = checked(gated)
    assert report["before"] == report["after"]
    assert report["after"]["right"] >= 1


def test_an_entry_that_has_expired_is_asked_about_no_more(gated, live):  # noqa: F811
    live(publish, gated, "双十一活动", "双11有什么活动", valid_to=timezone.now() - timedelta(days=1))
    assert checked(gated)["asked"]["held_out_of"] == 3


def test_an_entry_that_nothing_brings_first_is_named(gated, live):  # noqa: F811
    live(publish, gated, "能退货吗")
    live(publish, gated, "能退货吗")
    report = checked(gated)
    assert (report["unreached_count"], report["unreached"][0]["title"]) == (1, "能退货吗")


def test_the_gate_is_answered_as_customers_are(gated):
    snapshot, moment = snapshots.current(gated), timezone.now()
    side = Side(snapshot, moment)
    for golden in titles(snapshot):
        outcome, told = side.ask(golden), answer(snapshot, golden.question, moment)
        assert (outcome.decision, outcome.confidence) == (told.decision, told.confidence)
        assert outcome.said["key"] == told.suggestions[0].id


def test_a_live_release_that_cannot_be_read_keeps_nobody_from_mending_it(gated, live):  # noqa: F811
    entry = live(publish, gated, "能退货吗")
    StoredContent.objects.create(hash="1" * 64, text="{}")
    ledger.make_release(gated, {entry.key: "1" * 64}, ledger.About())
    found = candidate(gated, {entry.key: None})
    report = gate.check(gated, found, lambda *_: None)
    assert report["before"] is None


# --- cases


def by_query(report):
    return {row["query"]: row for row in report["cases"]}


def test_cases_are_passed_and_failed_and_those_that_failed_come_first(gated):
    invoice = gated.faq_set.get(title="怎么开发票")
    case(gated, "怎么开发票", faq=invoice)
    case(gated, "什么时候发货", faq=invoice, must=True)
    case(gated, "怎么开发票？", faq=invoice, source=CaseSource.ACCEPTED)
    case(gated, "今天天气怎么样")
    report = checked(gated)
    assert [row["passed"] for row in report["cases"]] == [False, True, True, True]
    failed = report["cases"][0]
    assert (failed["query"], failed["must"], failed["decision"]) == ("什么时候发货", True, "answer")
    assert (failed["expected"]["title"], failed["got"]["title"]) == ("怎么开发票", "什么时候发货")
    assert by_query(report)["今天天气怎么样"]["expected"] is None
    counts = {name: report["asked"][name] for name in ("cases", "accepted", "must_not")}
    assert counts == {"cases": 2, "accepted": 1, "must_not": 1}
    assert report["cases_failed"] == 1
    assert report["reasons"] == [{"rule": "must_case", "count": 1}]


def test_a_case_that_need_not_pass_blocks_nothing(gated):
    case(gated, "什么时候发货")
    report = checked(gated)
    assert (report["cases_failed"], report["verdict"]) == (1, PASSED)


def test_a_case_that_is_switched_off_is_not_asked(gated):
    case(gated, "什么时候发货", must=True, active=False)
    assert checked(gated)["cases"] == []


def test_a_case_whose_entry_is_taken_back_fails(gated, live):  # noqa: F811
    invoice = gated.faq_set.get(title="怎么开发票")
    case(gated, "怎么开发票", faq=invoice, must=True)
    live(invoice.unpublish)
    report = checked(gated)
    assert report["verdict"] == BLOCKED
    assert report["gone_count"] == 3
    assert report["cases"][0]["expected"] == {"key": invoice.key, "title": "怎么开发票"}


def test_the_title_of_a_draft_is_in_no_report(gated):
    case(gated, "秘密活动", faq=draft(gated, "还没公布的秘密活动"))
    report = checked(gated)
    assert "还没公布" not in str(report)


def test_a_case_is_asked_in_its_context(gated):
    product = Product.objects.create(shop=gated, key="P1", name="保温杯")
    case(gated, "怎么开发票", channel="widget", locale="en", product=product, order_state="paid")
    [golden] = kept_cases(gated, snapshots.current(gated))
    assert golden.question == Question("怎么开发票", "widget", "en", "P1", {"state": "paid"})
    assert golden.kind == Kind.MUST_NOT


def test_a_shopper_has_to_be_told_of_an_expected_entry_and_an_agent_only_to_see_it_first():
    asked = {channel: Golden(Kind.CASE, Question("?", channel), "faq:1", "faq:1") for channel in ("bot", "agent")}
    outcome = said("faq:1", Decision.ABSTAIN)
    assert is_right(asked["bot"], outcome)
    assert (passes(asked["bot"], outcome), passes(asked["agent"], outcome)) == (False, True)
    assert passes(asked["bot"], said("faq:1", Decision.CHOOSE))


def test_editors_keep_cases_in_the_cms(gated, client):
    client.force_login(make_user("editor", "Editor"))
    case(gated, "怎么开发票？", faq=gated.faq_set.get(title="怎么开发票"), must=True)
    listed = client.get(reverse("wagtailsnippets_cms_goldencase:list"))
    assert "怎么开发票？" in listed.content.decode()
    form = client.get(reverse("wagtailsnippets_cms_goldencase:add"))
    assert form.status_code == 200
    assert all(f'name="{name}"' in form.content.decode() for name in ("query", "faq", "must", "order_state"))


def test_a_case_has_at_most_one_entry_of_its_own_shop_and_says_something(gated):
    other = make_shop("other")
    invoice = gated.faq_set.get(title="怎么开发票")
    product = Product.objects.create(shop=other, key="P1", name="保温杯")
    for fields, wrong in (
        ({"shop": other, "query": "怎么开发票", "faq": invoice}, "faq"),
        ({"shop": gated, "query": "怎么开发票", "product": product}, "product"),
        ({"shop": gated, "query": "？！"}, "query"),
        ({"shop": gated, "query": ""}, "query"),
        ({"shop": gated, "query": "问" * 501}, "query"),
    ):
        with pytest.raises(ValidationError) as caught:
            GoldenCase(**fields).full_clean()
        assert wrong in caught.value.message_dict
