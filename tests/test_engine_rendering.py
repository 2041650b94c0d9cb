from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from search.engine.evaluation import coverage, first_rank, rank_report
from search.engine.rendering import fill, names


def test_a_known_name_is_replaced_and_an_unknown_one_stays():
    assert fill("{{ fact.days }} 天，{{order.number}}", {"fact.days": "7"}) == "7 天，{{order.number}}"


def test_a_value_cannot_bring_markup_into_html():
    assert fill("<p>{{ fact.x }}</p>", {"fact.x": "<script>"}, escape=escape) == "<p>&lt;script&gt;</p>"


def test_a_value_that_looks_like_a_name_is_not_replaced_again():
    assert fill("{{ fact.a }}", {"fact.a": "{{ fact.b }}", "fact.b": "x"}) == "{{ fact.b }}"


def test_names_come_in_order_and_once():
    assert names("{{ product.size }} {{ fact.days }} {{product.size}}") == ["product.size", "fact.days"]


def test_what_is_no_name_is_left_alone():
    assert names("{{ 1+1 }} {{ fact }} { fact.x } {{ Fact.X }}") == []


@given(st.text(max_size=60))
def test_text_without_names_is_unchanged(text):
    assert names(text) or fill(text, {"fact.x": "1"}) == text


def test_the_first_right_entry_gives_the_rank():
    assert first_rank(["a", "b", "c"], {"b", "c"}) == 2
    assert first_rank(["a"], {"b"}) is None


def test_a_report_means_over_the_answerable_queries():
    report = rank_report([1, 2, None, 11], seconds=2, asked=8)
    assert report.as_dict() == {"r@1": 0.25, "r@3": 0.5, "r@10": 0.5, "mrr@10": 0.375, "ms": 250}


def test_coverage_is_what_the_laxest_threshold_of_that_precision_answers():
    scores, right = [0.9, 0.8, 0.7, 0.6], [True, True, False, True]
    assert coverage(scores, right, answerable=4, precision=0.95) == 0.5
    assert coverage(scores, right, answerable=4, precision=0.75) == 0.75
    assert coverage([0.9, 0.8], [False, True], answerable=1, precision=0.95) == 0
    assert coverage([], [], answerable=0, precision=0.95) == 0


def test_queries_of_equal_score_are_answered_together():
    assert coverage([0.5, 0.5], [True, False], answerable=2, precision=0.95) == 0
