import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine.encoder import HashEncoder
from search.engine.fusion import LEXICAL_WEIGHT, lexical_weights
from search.engine.lexical import LexicalIndex
from search.engine.retrieval import Retriever
from search.engine.text import tokens
from search.engine.types import Passage
from search.engine.vectors import VectorIndex

ENCODER = HashEncoder()
STORE = [
    Passage("ship", "下单后多久发货？"),
    Passage("ship", "啥时候能发货呀"),
    Passage("invoice", "怎么开发票"),
    Passage("return", "七天无理由退货怎么申请"),
    Passage("return", "不想要了怎么退"),
]


def retriever(passages=STORE, *, vectors=True):
    return Retriever(passages, ENCODER.encode([one.text for one in passages]) if vectors else None)


def ask(query, passages=STORE, *, limit=5, **options):
    return retriever(passages).search(query, ENCODER.encode([query])[0], limit=limit, **options)


@pytest.mark.parametrize("passage", STORE, ids=lambda one: one.text)
def test_every_phrasing_is_its_own_nearest_neighbour_with_score_one(passage):
    best = ask(passage.text, lexical=False)[0]
    assert (best.entry, best.text) == (passage.entry, passage.text)
    assert best.score == pytest.approx(1, abs=1e-5)


def test_phrasings_collapse_to_their_entry():
    assert [hit.entry for hit in ask("啥时候发货")].count("ship") == 1


def test_at_most_limit_entries_come_back():
    assert len(ask("怎么", limit=2)) == 2


def test_without_a_vector_the_words_decide():
    hits = retriever().search("发票怎么开", None, limit=3)
    assert hits[0].entry == "invoice"
    assert hits[0].by == ("lexical",)


def test_an_index_without_vectors_answers_from_words():
    assert retriever(vectors=False).search("退货", None, limit=3)[0].entry == "return"


def test_an_entry_whose_nearest_phrasing_is_a_negative_one_is_left_out():
    passages = [*STORE, Passage("ship", "预售什么时候发货", negative=True)]
    assert "ship" not in [hit.entry for hit in ask("预售什么时候发货", passages)]
    assert ask("啥时候能发货呀", passages)[0].entry == "ship"


def test_an_empty_index_finds_nothing():
    assert retriever([]).search("发货", ENCODER.encode(["发货"])[0], limit=5) == []


def test_a_query_that_shares_no_token_finds_nothing_by_words():
    assert retriever().search("zzz", None, limit=5) == []


def test_vectors_and_passages_must_match():
    with pytest.raises(ValueError, match="5 passages but 1 vectors"):
        Retriever(STORE, ENCODER.encode(["一"]))


def test_a_vector_index_never_gives_more_than_there_are():
    index = VectorIndex(ENCODER.encode(["一", "二"]))
    assert sorted(index.nearest(ENCODER.encode(["一"])[0], 10)) == [0, 1]


def test_shared_words_count_only_within_one_script():
    weights = lexical_weights(0.0, np.array([0.0, 0.6, 1.0], dtype=np.float32))
    assert weights.tolist() == pytest.approx([LEXICAL_WEIGHT, 0, 0])


@given(st.text(max_size=60))
def test_scores_are_finite_for_any_query(query):
    assert np.isfinite(LexicalIndex([tokens(one.text) for one in STORE]).match(tokens(query)).scores).all()
    assert all(np.isfinite(hit.score) for hit in ask(query))


@given(st.sampled_from([one.text for one in STORE]), st.text("麻雀飞过田野", min_size=1, max_size=6))
def test_an_unrelated_entry_never_reorders_the_others_by_vector(query, unrelated):
    before = [hit.entry for hit in ask(query, lexical=False)]
    after = [hit.entry for hit in ask(query, [*STORE, Passage("other", unrelated)], lexical=False, limit=9)]
    assert [entry for entry in after if entry != "other"] == before
