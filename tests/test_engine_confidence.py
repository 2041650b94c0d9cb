from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.confidence import FEATURES, WRONG_RATES, Confidence, Logistic, features, fit, fit_logistic
from search.engine.fits import LEXICAL, fit_for, load_fits
from search.engine.fitting import fit_on
from search.engine.types import Decision, EntryHit, Reason, Wording


def hit(entry="a", score=0.9, text="怎么退货", dense=0.9, lexical=0.5):
    return EntryHit(entry, text, score, dense, lexical, ("dense",))


def rows(count=400):
    random = np.random.default_rng(7)
    table = random.normal(size=(count, len(FEATURES)))
    return table, table[:, 0] + 0.3 * random.normal(size=count) > 0


def test_without_hits_there_is_nothing_to_say():
    assert fit_for(None).decide("退货", []) == (0.0, Decision.ABSTAIN, Reason.NO_MATCH)


def test_an_exact_hit_far_ahead_is_surer_than_a_tie():
    clear = features("怎么退货", [hit(score=1.0, dense=1.0), hit("b", 0.85)])
    tied = features("怎么退货", [hit(score=0.9), hit("b", 0.9)])
    first = fit_for(max(load_fits(), key=len)).first
    assert first.of(clear) > first.of(tied)


def test_an_only_hit_is_not_sure_for_want_of_a_second():
    first = fit_for(max(load_fits(), key=len)).first
    assert first.of(features("明天下雨吗", [hit(dense=0.86, score=0.86, lexical=0)])) < 0.5


def test_thresholds_separate_answer_choose_and_abstain():
    by_margin = Logistic((0, 10, 0, 0, 0, 0), -1, (0,) * 6)
    confidence = Confidence(by_margin, by_margin, answer_at=((0.05, 0.9),), choose_at=0.5)
    decisions = [confidence.decide("问", [hit(score=0.9), hit("b", 0.9 - gap)])[1] for gap in (0.4, 0.15, 0.0)]
    assert decisions == [Decision.ANSWER, Decision.CHOOSE, Decision.ABSTAIN]


def test_a_fit_finds_the_feature_that_decides_and_is_deterministic():
    table, right = rows()
    found = fit_logistic(table, right)
    assert found.weights[0] > 5 * max(abs(weight) for weight in found.weights[1:])
    assert found == fit_logistic(table, right)


def test_the_answering_threshold_keeps_the_wrong_rate_that_was_asked_for():
    table, right = rows()
    confidence = fit(table, right, right)
    for rate in WRONG_RATES:
        answered = np.array([confidence.first.of(row) >= confidence.threshold(rate) for row in table])
        assert answered.sum() > 50
        assert (~right[answered]).mean() <= rate


def test_a_stricter_rate_is_never_answered_by_a_laxer_threshold():
    sure = Logistic((0, 0, 0, 0, 0, 0), 5, (0,) * 6)
    confidence = Confidence(sure, sure, answer_at=((0.05, 0.9), (0.1, 0.8)))
    assert [confidence.threshold(rate) for rate in (0.2, 0.1, 0.07, 0.05)] == [0.8, 0.8, 0.9, 0.9]
    assert confidence.decide("怎么退", [hit(text="怎样退")], wrong_rate=0.01)[1] == Decision.CHOOSE


def test_a_wrong_rate_that_cannot_be_kept_answers_nothing():
    table, _right = rows(50)
    assert fit(table, np.zeros(50, bool), np.zeros(50, bool)).threshold(0.05) > 1


def test_an_unanswerable_draw_loses_its_entry_for_that_query_alone():
    asked = [("怎么退货", {"a"}, [hit("a"), hit("b", 0.5)])] * 20
    kept = fit_on(asked, unanswerable=0.0, seed=1)
    mixed = fit_on(asked, unanswerable=0.5, seed=1)
    row = features("怎么退货", asked[0][2])
    assert kept.first.of(row) > mixed.first.of(row)


def test_a_recipe_without_a_fit_is_judged_by_its_words():
    assert fit_for("some-other-model") == load_fits()[LEXICAL]
    assert load_fits()[LEXICAL].first.weights[0] == 0


@given(st.floats(-1, 1), st.floats(-1, 2), st.text(max_size=30))
def test_a_probability_lies_between_nothing_and_one(dense, score, query):
    for confidence in load_fits().values():
        assert 0 <= confidence.decide(query, [hit(dense=dense, score=score)])[0] <= 1


def test_features_stand_in_their_documented_order():
    row = features("退货", [hit(score=0.9), hit("b", 0.8), hit("c", 0.6)])
    assert dict(zip(FEATURES, row, strict=True)) == pytest.approx(
        {"cosine": 0.9, "margin": 0.1, "spread": 0.2, "lexical": 0.5, "query_covered": 1.0, "passage_covered": 3 / 7}
    )


def test_why_lists_what_spoke_for_the_first_hit_and_against_it_the_strongest_first():
    fit = Logistic((0, 10, 0, -3, 0, 0), 0, (0, 0.1, 0, 0.5, 0, 0))
    confidence = Confidence(fit, fit, answer_at=((0.05, 0.9),))
    effects = confidence.explain("怎么退货", [hit(score=0.9, lexical=1.0), hit("b", 0.6)])
    assert [(one.feature, one.effect) for one in effects[:2]] == [("margin", 2.0), ("lexical", -1.5)]
    assert confidence.explain("怎么退货", []) == ()


def test_what_only_sounds_like_an_editors_words_is_not_verbatim():
    read = Wording("怎么退货", "pinyin", (("或", "货"),))
    found = [replace(hit(), wording=read), hit("b", 0.5, text="别的")]
    assert fit_for(None).decide("怎么退或", found)[2] != Reason.VERBATIM
    assert fit_for(None).decide("怎么退货", [hit(), hit("b", 0.5, text="别的")])[2] == Reason.VERBATIM
