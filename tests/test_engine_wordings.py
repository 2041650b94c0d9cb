import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.engine.encoder import HashEncoder
from search.engine.homophones import Homophones
from search.engine.retrieval import Retriever
from search.engine.synonyms import Group, Synonyms
from search.engine.types import EntryHit, Passage, Wording
from search.engine.wordings import PINYIN_DISCOUNT, Reader, merge

PASSAGES = [
    Passage("pickup", "取件码在哪里看"),
    Passage("pickup", "怎么查取件码"),
    Passage("invoice", "电子发票怎么开"),
    Passage("wechat", "可以用微信支付吗"),
]


def reader(**others):
    encoder = HashEncoder()
    vectors = encoder.encode([passage.text for passage in PASSAGES])
    return Reader(Retriever(PASSAGES, vectors), **others), lambda text: encoder.encode([text])[0]


def hit(entry, score, *, dense=0.5, bm25=1.0):
    return EntryHit(entry, entry, score, dense, 0.5, ("dense",), bm25)


def test_what_was_typed_with_the_wrong_hanzi_is_found_by_its_sound_and_says_so():
    read, encode = reader(homophones=Homophones([passage.text for passage in PASSAGES]))
    found = read.rank("取件马在哪里看", encode, limit=3)
    assert found.hits[0].entry == "pickup"
    assert found.hits[0].by[-1] == "pinyin"
    assert (found.hits[0].wording.text, found.hits[0].wording.pairs) == ("取件码在哪里看", (("马", "码"),))


def test_a_synonym_finds_what_the_customers_word_does_not_and_says_so():
    read, encode = reader(synonyms=Synonyms([Group(("微信", "绿泡泡"))]))
    found = read.rank("绿泡泡付款可以吗", encode, limit=3)
    assert (found.hits[0].entry, found.hits[0].by[-1]) == ("wechat", "synonym")
    assert found.hits[0].wording.pairs == (("绿泡泡", "微信"),)


def test_an_editors_very_words_are_read_in_no_other_way():
    read, encode = reader(synonyms=Synonyms([Group(("电子", "纸质"))]))
    found = read.rank("电子发票怎么开？", encode, limit=3)
    assert found.hits[0].wording is None
    assert found.hits[0].entry == "invoice"


def test_entries_that_are_not_wanted_are_not_ranked():
    read, encode = reader()
    assert "invoice" not in {hit.entry for hit in read.rank("电子发票", encode, limit=3, without={"invoice"}).hits}


def test_without_vectors_every_wording_is_searched_by_words_alone():
    read, _encode = reader(synonyms=Synonyms([Group(("微信", "绿泡泡"))]))
    found = read.rank("绿泡泡支付", lambda text: None, limit=3)
    assert found.hits[0].entry == "wechat"
    assert all(one.dense == 0 for one in found.hits)


def test_what_is_found_by_sound_stands_behind_what_is_as_near_by_its_characters():
    lists = [(Wording("甲"), [hit("a", 0.6)]), (Wording("乙", "pinyin"), [hit("b", 0.6)])]
    found = merge(lists, limit=2).hits
    assert [one.entry for one in found] == ["a", "b"]
    assert np.isclose(found[1].score, 0.6 - PINYIN_DISCOUNT)


def test_of_two_wordings_the_better_score_of_an_entry_counts():
    own = (Wording("加VX"), [hit("a", 0.6), hit("b", 0.5)])
    found = merge([own, (Wording("加微信", "synonym"), [hit("b", 0.9), hit("a", 0.4), hit("c", 0.3)])], limit=5)
    assert [(one.entry, one.score, one.by) for one in found.hits] == [
        ("b", 0.9, ("dense", "synonym")),
        ("a", 0.6, ("dense",)),
        ("c", 0.3, ("dense", "synonym")),
    ]
    assert found.hits[0].wording.text == "加微信"


def test_where_scores_are_equal_the_customers_own_words_win():
    found = merge(
        [(Wording("甲"), [hit("a", 0.6)]), (Wording("乙", "synonym"), [hit("b", 0.6), hit("a", 0.6)])], limit=1
    )
    assert [(one.entry, one.wording) for one in found.hits] == [("a", None)]
    assert found.hits[0].by == ("dense",)


def test_words_alone_are_compared_by_their_raw_scores():
    own = (Wording("薇信怎么付"), [hit("a", 1.0, dense=0, bm25=2.0)])
    found = merge([own, (Wording("微信怎么付", "synonym"), [hit("b", 1.0, dense=0, bm25=4.0)])], limit=5)
    assert [(one.entry, one.score) for one in found.hits] == [("b", 1.0), ("a", 0.5)]


def test_merging_nothing_is_nothing():
    assert merge([(Wording("甲"), [])], limit=5).hits == ()


SCORES = st.floats(0, 1, width=32)
LISTS = st.lists(st.dictionaries(st.sampled_from("abcde"), SCORES), min_size=1, max_size=4)


@given(LISTS, st.integers(1, 5))
def test_merged_hits_are_each_entrys_best_in_order(lists, limit):
    hits = [[hit(entry, score) for entry, score in scores.items()] for scores in lists]
    found = merge([(Wording(str(place)), some) for place, some in enumerate(hits)], limit=limit).hits
    best = {entry: max(scores.get(entry, 0) for scores in lists) for scores in lists for entry in scores}
    assert [one.score for one in found] == sorted(best.values(), reverse=True)[:limit]
    assert all(best[one.entry] == one.score for one in found)


SAYINGS = Homophones([passage.text for passage in PASSAGES])


@given(st.text(max_size=40))
def test_any_text_is_ranked_with_finite_scores_and_each_entry_once(query):
    read, encode = reader(homophones=SAYINGS, synonyms=Synonyms([Group(("微信", "绿泡泡"))]))
    hits = read.rank(query, encode, limit=5).hits
    assert all(np.isfinite(hit.score) for hit in hits)
    assert len({hit.entry for hit in hits}) == len(hits)


def test_a_hidden_phrasing_is_found_in_no_wording():
    hidden = PASSAGES[0]
    read, encode = reader(homophones=SAYINGS, synonyms=Synonyms([Group(("微信", "绿泡泡"))]))
    hits = read.rank(hidden.text, encode, limit=5, hidden=hidden).hits
    assert all((hit.entry, hit.text) != (hidden.entry, hidden.text) for hit in hits)
    assert read.rank(hidden.text, encode, limit=5).hits[0].text == hidden.text


def test_entries_that_score_the_same_come_in_the_order_of_their_names():
    for order in ("ab", "ba"):
        lists = [(Wording("甲"), [hit(name, 0.5) for name in order])]
        assert [one.entry for one in merge(lists, limit=5).hits] == ["a", "b"]
