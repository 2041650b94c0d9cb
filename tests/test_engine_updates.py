"""A retriever that was changed in place of being built anew, and the two sides of the index behind it."""

from dataclasses import replace

import bm25s
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search.engine import lexical
from search.engine import vectors as dense
from search.engine.encoder import HashEncoder
from search.engine.fusion import LEXICAL_WEIGHT
from search.engine.lexical import LexicalIndex
from search.engine.retrieval import POOL, Retriever
from search.engine.text import tokens
from search.engine.tuning.phrasings import read_fields
from search.engine.types import Passage
from search.engine.vectors import VectorIndex
from search.made_up import PHRASINGS, questions, vectors

ENCODER = HashEncoder()
WORDS = st.text("发货退款票运费换尺码", min_size=1, max_size=6)
ENTRY = st.lists(WORDS, min_size=1, max_size=3)
CORPUS = st.lists(ENTRY, min_size=1, max_size=6)
UNRELATED = st.text("麻雀飞过田野", min_size=1, max_size=6)


def corpus(entries, *, first=0):
    return [Passage(f"e{number}", text) for number, texts in enumerate(entries, first) for text in texts]


def paired(passages):
    return list(zip(passages, ENCODER.encode([one.text for one in passages]), strict=True))


def built(passages):
    return Retriever(passages, ENCODER.encode([one.text for one in passages]))


def ask(retriever, query, *, limit=50, **options):
    return retriever.search(query, ENCODER.encode([query])[0], limit=limit, **options)


@given(CORPUS, WORDS, UNRELATED)
def test_adding_an_unrelated_entry_never_changes_what_the_others_score_by_their_vectors(entries, query, text):
    before = built(corpus(entries))
    after = before.updated(add=paired([Passage("other", text)]))
    found = [hit for hit in ask(after, query, lexical=False) if hit.entry != "other"]
    # How rare a word is has changed, and a hit says what that makes of it.
    unweighed = [replace(hit, bm25=0) for hit in ask(before, query, lexical=False)]
    assert [replace(hit, bm25=0) for hit in found] == unweighed


@given(CORPUS, CORPUS, st.sets(st.integers(0, 5)), WORDS)
def test_an_updated_retriever_finds_what_a_fresh_one_finds(entries, more, removed, query):
    assume(len(removed & set(range(len(entries)))) < len(entries))
    remove = {f"e{number}" for number in removed}
    added = corpus(more, first=4)
    updated = built(corpus(entries)).updated(remove=remove, add=paired(added))
    fresh = built([one for one in corpus(entries) if one.entry not in remove] + added)
    assert len(updated) == len(fresh)
    for options in ({}, {"lexical": False}):
        ours, theirs = ({hit.entry: hit for hit in ask(one, query, **options)} for one in (updated, fresh))
        assert ours.keys() == theirs.keys()
        for entry, hit in ours.items():
            # The statistics are those of the last build: they weigh words, and words are so much of the score at most.
            assert hit.score == pytest.approx(theirs[entry].score, abs=LEXICAL_WEIGHT if not options else 1e-5)


@given(CORPUS, CORPUS, WORDS)
def test_one_update_and_several_are_the_same(entries, more, query):
    at_once = built(corpus(entries)).updated(add=paired(corpus(more, first=9)))
    one_by_one = built(corpus(entries))
    for passage in paired(corpus(more, first=9)):
        one_by_one = one_by_one.updated(add=[passage])
    ours, theirs = ask(at_once, query), ask(one_by_one, query)
    assert [hit.entry for hit in ours] == [hit.entry for hit in theirs]
    assert [hit.bm25 for hit in ours] == pytest.approx([hit.bm25 for hit in theirs])


def test_the_old_retriever_answers_as_before_beside_the_updated_one():
    old = built(corpus([["怎么退货"], ["多久发货"]]))
    before = ask(old, "怎么退货")
    new = old.updated(remove={"e0"}, add=paired([Passage("e2", "怎么退款呀")]))
    assert ask(old, "怎么退货") == before
    assert {hit.entry for hit in ask(new, "怎么退货")} == {"e1", "e2"}


def test_an_entry_that_is_replaced_again_and_again_is_found_once_by_its_last_words():
    retriever = built(corpus([["怎么退货"], ["多久发货"]]))
    for text in ("甲", "乙", "能开发票吗"):
        retriever = retriever.updated(remove={"e0"}, add=paired([Passage("e0", text)]))
    assert len(retriever) == 2
    assert [hit.text for hit in ask(retriever, "能开发票吗") if hit.entry == "e0"] == ["能开发票吗"]


def test_a_retriever_that_was_empty_is_built_by_its_first_update():
    retriever = Retriever([], None).updated(add=paired([Passage("e0", "怎么退货")]))
    assert ask(retriever, "怎么退货")[0].dense == pytest.approx(1, abs=1e-5)


def test_nothing_is_found_where_everything_was_removed():
    retriever = built(corpus([["怎么退货"]])).updated(remove={"e0"})
    assert len(retriever) == 0
    assert ask(retriever, "怎么退货") == []


def test_an_update_needs_a_vector_for_each_passage_where_there_are_vectors_and_none_elsewhere():
    with pytest.raises(ValueError, match="1 passages but 0 vectors"):
        built(corpus([["怎么退货"]])).updated(add=[(Passage("e1", "发货"), None)])
    words_only = Retriever(corpus([["怎么退货"]]), None)
    with pytest.raises(ValueError, match="1 passages but 1 vectors"):
        words_only.updated(add=paired([Passage("e1", "发货")]))
    assert words_only.updated(add=[(Passage("e1", "发货"), None)]).search("发货", None, limit=1)[0].entry == "e1"


def test_a_rebuild_is_due_when_more_than_a_fifth_has_changed():
    retriever = built(corpus([["怎么退货"]] * 10))
    assert not retriever.updated(remove={"e0"}, add=paired([Passage("e0", "退")])).rebuild_due
    assert retriever.updated(remove={"e0", "e1"}, add=paired([Passage("e0", "退")])).rebuild_due


@pytest.mark.parametrize("updated", [False, True], ids=["built", "updated"])
def test_bm25_is_that_of_the_published_library_where_texts_are_as_long_as_is_usual(monkeypatch, updated):
    texts = [tokens(text) for text in questions(400)]
    monkeypatch.setattr(lexical, "AVERAGE_LENGTH", np.mean([len(words) for words in texts]))
    library = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    library.index(texts, show_progress=False)
    ours = LexicalIndex(texts)
    if updated:
        ours = LexicalIndex([*texts[200:], ["别的"], *texts[:50]]).updated(remove=range(200, 251), add=[["新词"]])
        ours = ours.updated(remove=[251], add=texts[:200])
    for query in [*texts[::40], texts[0] * 2, ["没有"], ["别的"], ["新词"]]:
        known = library.get_tokens_ids(query)
        theirs = library.get_scores_from_ids(known) if known else np.zeros(len(texts))
        found = ours.match(query).scores
        # First those that were built, the 52 that are gone score nothing, and the rest came at the end.
        found = np.concatenate([found[252:], found[:200]]) if updated else found
        assert found == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_the_usual_length_is_that_of_the_phrasings_that_ship():
    phrasings = [text for field in read_fields().values() for question in field for text in question.wordings]
    assert lexical.AVERAGE_LENGTH == pytest.approx(np.mean([len(tokens(text)) for text in phrasings]), abs=0.01)


@pytest.mark.parametrize("limit", [1, 10, 100, 5000])
def test_the_top_by_words_are_the_highest_scores_and_what_ties_with_the_last(limit):
    texts = [tokens(text) for text in questions(9_000)]
    for query in texts[::3000]:
        matches = LexicalIndex(texts).match(query)
        top = matches.top(limit)
        best = np.sort(matches.scores[matches.scores > 0])[::-1]
        best = best[best >= best[:limit][-1]]
        assert len(set(top.tolist())) == len(top)
        assert np.sort(matches.of(top))[::-1].tolist() == best.tolist()


def test_compressed_vectors_find_99_in_100_of_the_nearest_and_each_once():
    rows, queries = vectors(10_000, 100, 384)
    index = VectorIndex(rows)
    assert len(rows) > dense.FLAT_UP_TO
    shares = []
    for query in queries:
        found = index.nearest(query, POOL)
        assert len(set(found.tolist())) == POOL
        assert found.min() >= 0
        cosines = rows @ query
        assert index.cosines(query, found) == pytest.approx(cosines[found], abs=1e-5)
        shares.append(len(set(found[:10].tolist()) & set(np.argsort(-cosines)[:10].tolist())) / 10)
        assert index.exact().nearest(query, 10).tolist() == np.argsort(-cosines)[:10].tolist()
    assert np.mean(shares) >= 0.99


@pytest.mark.parametrize("flat_up_to", [0, 10_000], ids=["compressed", "flat"])
def test_removed_vectors_are_never_found_and_as_many_as_asked_for_are(monkeypatch, flat_up_to):
    monkeypatch.setattr(dense, "FLAT_UP_TO", flat_up_to)
    rows, queries = vectors(2_000, 1, 32)
    nearest = np.argsort(-(rows @ queries[0]))
    index = VectorIndex(rows).updated(remove=nearest[:1990].tolist(), add=rows[:PHRASINGS])
    found = index.nearest(queries[0], 100)
    assert sorted(found.tolist()) == sorted([*nearest[1990:].tolist(), *range(2_000, 2_000 + PHRASINGS)])
