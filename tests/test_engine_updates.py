"""A retriever that was changed in place of being built anew, and the two sides of the index behind it."""

from dataclasses import replace

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine import lexical, retrieval
from search.engine import vectors as dense
from search.engine.adapter import Adapter
from search.engine.codebook import EXACT, Codebook, train_codebook
from search.engine.encoder import HashEncoder
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


def built(passages, *, vectors=True, **options):
    return Retriever(passages, ENCODER.encode([one.text for one in passages]) if vectors else None, **options)


def ask(retriever, query, *, limit=50, **options):
    return retriever.search(query, ENCODER.encode([query])[0], limit=limit, **options)


def unweighed(hits):
    """How rare a word is depends on all passages, and a hit says what that makes of it even where it does not count."""
    return [replace(hit, bm25=0) for hit in hits]


@given(CORPUS, WORDS, UNRELATED)
def test_adding_an_unrelated_entry_never_changes_what_the_others_score_by_their_vectors(entries, query, text):
    before = built(corpus(entries))
    after = before.updated(add=paired([Passage("other", text)]))
    found = [hit for hit in ask(after, query, lexical=False) if hit.entry != "other"]
    assert unweighed(found) == unweighed(ask(before, query, lexical=False))


class Shop:
    """What a chain of edits leaves, and the retriever that went with it."""

    def __init__(self, entries, **options):
        self.entries, self.options = dict(entries), options
        self.retriever = built(self.passages(), **options)

    def passages(self, *names):
        return [one for name in names or self.entries for one in self.entries[name]]

    def edit(self, change):
        removed = [name for name, passages in change.items() if not passages]
        self.entries = {name: one for name, one in (self.entries | change).items() if one}
        added = self.passages(*sorted(change.keys() - {*removed})) if len(removed) < len(change) else []
        with_vectors = self.options.get("vectors", True)
        pairs = paired(added) if with_vectors else [(one, None) for one in added]
        self.retriever = self.retriever.updated(remove=set(change), add=pairs)

    def anew(self):
        return built(self.passages()[::-1], **self.options)


def phrasings(entry):
    return st.lists(st.builds(Passage, st.just(entry), WORDS, st.booleans()), min_size=1, max_size=4)


NAMES = ("a", "b", "c", "d")
ENTRIES = st.fixed_dictionaries({}, optional={name: phrasings(name) for name in NAMES})
FULL = ENTRIES.filter(bool)
CHANGES = st.lists(
    st.fixed_dictionaries({}, optional={name: st.just([]) | phrasings(name) for name in NAMES}).filter(bool),
    min_size=1,
    max_size=4,
)
TURN = Adapter(np.linalg.qr(np.random.default_rng(1).standard_normal((256, 256)))[0].astype(np.float32))
COMPRESSED = train_codebook(ENCODER.encode(questions(500)))
KINDS = {
    "vectors": {},
    "words": {"vectors": False},
    "adapter": {"adapter": TURN},
    "codebook": {"codebook": COMPRESSED},
    "exact": {"codebook": EXACT},
}


@pytest.mark.parametrize("kind", KINDS)
@given(before=FULL, changes=CHANGES, query=WORDS)
def test_any_chain_of_updates_finds_bit_for_bit_what_is_found_anew(kind, before, changes, query):
    # So few that every border and tie of a large shop is met.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "POOL", 3)
        patch.setattr(retrieval, "CONTENDERS", 1)
        patch.setattr(dense, "REACH", 1)
        shop = Shop(before, **KINDS[kind])
        for change in changes:
            shop.edit(change)
            for options in ({"limit": 2}, {}, {"lexical": False}):
                assert ask(shop.retriever, query, **options) == ask(shop.anew(), query, **options)


@given(before=FULL, changes=CHANGES, query=WORDS)
def test_going_back_to_what_was_finds_again_what_was_found(before, changes, query):
    shop = Shop(before)
    first = ask(shop.retriever, query)
    for change in changes:
        shop.edit(change)
    shop.edit({name: before.get(name, []) for name in NAMES})
    assert ask(shop.retriever, query) == first


def test_a_large_shop_finds_the_same_by_its_codebook_whatever_its_history():
    texts, (rows, queries) = questions(1_500), vectors(1_500, 40, 96)
    passages = [Passage(f"e{place // PHRASINGS}", text) for place, text in enumerate(texts)]
    options = {"codebook": train_codebook(rows[::-1])}
    fresh = Retriever(passages, rows, **options)
    order = np.random.default_rng(0).permutation(300)
    items = [place * PHRASINGS + at for place in order for at in range(PHRASINGS)]
    grown = Retriever([passages[item] for item in items[:700]], rows[items[:700]], **options)
    for start in range(600, 1_500, 100):
        chosen = items[start : start + 100]
        added = [(passages[item], rows[item]) for item in chosen]
        grown = grown.updated(remove={passage.entry for passage, _ in added}, add=added)
    assert grown.codebook is fresh.codebook is not None
    for text, query in zip(texts, queries, strict=False):
        assert grown.search(text, query, limit=10) == fresh.search(text, query, limit=10)


@given(FULL, st.data())
def test_a_hidden_passage_is_found_by_nothing_and_counts_for_nothing(entries, data):
    passages = [one for passages in entries.values() for one in passages]
    hidden = data.draw(st.sampled_from(passages))
    left = [one for one in passages if one != hidden]
    found = ask(built(passages), hidden.text, hidden=hidden, lexical=False)
    assert unweighed(found) == unweighed(ask(built(left), hidden.text, lexical=False))


@given(FULL, st.data())
def test_the_best_by_words_of_what_is_not_hidden_scores_one(entries, data):
    passages = [one for passages in entries.values() for one in passages]
    hidden = data.draw(st.sampled_from(passages))
    found = built(passages, vectors=False).search(hidden.text, None, limit=9, hidden=hidden)
    assert not found or hidden.negative or any(one.negative for one in passages) or found[0].lexical == 1
    assert all((hit.entry, hit.text) != (hidden.entry, hidden.text) or hidden.negative for hit in found)


def test_an_entry_without_another_phrasing_is_not_found_by_the_hidden_one():
    retriever = built(corpus([["怎么退货"], ["怎么退货", "退货流程"]]))
    found = ask(retriever, "怎么退货", hidden=Passage("e0", "怎么退货"))
    assert [(hit.entry, hit.text) for hit in found] == [("e1", "怎么退货")]


def test_the_same_phrasing_of_two_entries_comes_in_the_order_of_their_names():
    for passages in (corpus([["怎么退货"], ["怎么退货"]]), corpus([["怎么退货"], ["怎么退货"]])[::-1]):
        assert [hit.entry for hit in ask(built(passages), "怎么退货")] == ["e0", "e1"]


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


def test_the_usual_length_is_that_of_the_formal_wordings_that_ship():
    phrasings = [one.chinese[0] for field in read_fields().values() for one in field if one.chinese]
    assert pytest.approx(np.mean([len(tokens(text)) for text in phrasings]), abs=0.01) == lexical.AVERAGE_LENGTH


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


def test_a_codebook_comes_back_from_its_bytes_and_finds_the_same():
    rows, queries = vectors(2_000, 5, 32)
    codebook = train_codebook(rows)
    back = Codebook.from_bytes(codebook.to_bytes())
    assert back.to_bytes() == codebook.to_bytes()
    for query in queries:
        ours, theirs = (VectorIndex(rows, codebook=one).nearest(query, 20) for one in (codebook, back))
        assert ours.tolist() == theirs.tolist()


def test_a_codebook_is_trained_the_same_from_the_same_vectors_and_is_never_trained_again():
    rows = vectors(500, 1, 32)[0]
    codebook = train_codebook(rows)
    assert train_codebook(rows).to_bytes() == codebook.to_bytes()
    index = VectorIndex(rows[:100], codebook=codebook).updated(remove=range(100), add=rows[200:])
    assert index.codebook is codebook


@pytest.mark.parametrize(
    "data", [b"", b"short", b"\x02\0\0\0\x02\0\0\0", train_codebook(np.eye(16, 8)).to_bytes()[:-4]]
)
def test_bytes_that_are_no_codebook_are_refused(data):
    with pytest.raises(ValueError, match="no codebook"):
        Codebook.from_bytes(data)


def test_a_codebook_of_another_dimension_or_of_too_few_vectors_is_refused():
    with pytest.raises(ValueError, match="16 dimensions, a codebook of 8"):
        VectorIndex(np.eye(16, dtype=np.float32), codebook=train_codebook(np.eye(16, 8, dtype=np.float32)))
    with pytest.raises(ValueError, match="3 vectors are too few"):
        train_codebook(np.eye(3, dtype=np.float32))


def test_without_a_codebook_on_purpose_many_vectors_are_searched_exactly():
    rows, queries = vectors(dense.FLAT_UP_TO + 1, 1, 32)
    assert VectorIndex(rows).codebook is not None
    index = VectorIndex(rows, codebook=EXACT)
    assert index.codebook is None
    assert index.nearest(queries[0], 50).tolist() == VectorIndex(rows).exact().nearest(queries[0], 50).tolist()


def test_a_cosine_is_the_same_whatever_is_computed_beside_it():
    rows, queries = vectors(700, 1, 384)
    index = VectorIndex(rows[:350]).updated(remove=(), add=rows[350:])
    whole, chance = VectorIndex(rows).cosines(queries[0], np.arange(700)), np.random.default_rng(0)
    for count in (*range(1, 9), 64, 333):
        items = chance.choice(700, count, replace=False)
        assert index.cosines(queries[0], items).tolist() == whole[items].tolist()
