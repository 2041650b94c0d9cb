import numpy as np
import pytest

from search.engine.adapter import Adapter, fit_adapter
from search.engine.learning import ENOUGH, Trial, learn
from search.engine.retrieval import Retriever
from search.engine.types import Passage

ENTRIES, PHRASINGS, DIMENSION = 60, 6, 32


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def shop(*, noise, entries=ENTRIES, seed=0):
    """Phrasings that differ in some directions by entry, and in others, which are louder, by accident."""
    random = np.random.default_rng(seed)
    meaning = np.repeat(random.normal(size=(entries, DIMENSION // 2)), PHRASINGS, axis=0)
    accident = noise * random.normal(size=(entries * PHRASINGS, DIMENSION // 2))
    passages = [Passage(f"e{row // PHRASINGS}", f"问题{row}") for row in range(entries * PHRASINGS)]
    return passages, unit(np.hstack([meaning, accident]))


@pytest.fixture(scope="module")
def noisy():
    return shop(noise=2.0)


@pytest.fixture(scope="module")
def lesson(noisy):
    return learn(*noisy)


def test_an_adapter_that_answers_held_out_phrasings_better_is_taken(lesson):
    assert lesson.adapter is not None
    assert lesson.trial.wins > 5 * lesson.trial.losses
    assert lesson.trial.asked == ENTRIES * (PHRASINGS - 1)


def test_the_confidence_is_fitted_to_what_the_adapted_index_finds(lesson):
    assert lesson.confidence is not None
    assert len(lesson.confidence.first.weights) == len(lesson.confidence.first.centre)


def test_learning_twice_gives_the_same(noisy, lesson):
    again = learn(*noisy)
    assert np.array_equal(again.adapter.matrix, lesson.adapter.matrix)
    assert (again.confidence, again.trial) == (lesson.confidence, lesson.trial)


def test_an_adapter_that_helps_nobody_is_not_taken():
    passages, vectors = shop(noise=0.0)
    assert learn(passages, vectors).adapter is None


def test_a_shop_with_few_phrasings_goes_without():
    passages, vectors = shop(noise=2.0, entries=ENOUGH // PHRASINGS)
    taught = learn(passages, vectors)
    assert (taught.adapter, taught.confidence, taught.trial) == (None, None, None)


@pytest.mark.parametrize(("wins", "losses", "taken"), [(10, 0, True), (30, 25, False), (0, 0, False), (5, 20, False)])
def test_a_gain_that_could_be_luck_does_not_convince(wins, losses, taken):
    assert Trial(asked=100, without=0.5, adapted=0.5, wins=wins, losses=losses).convincing is taken


def test_entries_with_a_single_phrasing_teach_nothing():
    assert fit_adapter(unit(np.eye(4)), ["a", "b", "c", "d"]) is None


def test_adapted_vectors_have_length_one_and_missing_ones_stay_missing(lesson):
    rows = unit(np.random.default_rng(1).normal(size=(5, DIMENSION)))
    rows[2] = 0
    lengths = np.linalg.norm(lesson.adapter(rows), axis=1)
    assert np.allclose(lengths, [1, 1, 0, 1, 1], atol=1e-5)


def test_an_adapter_comes_back_from_its_bytes_as_it_was(lesson):
    rows = unit(np.random.default_rng(2).normal(size=(20, DIMENSION)))
    again = Adapter.from_bytes(lesson.adapter.to_bytes())
    assert np.allclose(again(rows), lesson.adapter(rows), atol=2e-3)


def test_bytes_that_are_no_square_matrix_are_refused():
    with pytest.raises(ValueError, match="reshape"):
        Adapter.from_bytes(b"\0\0" * 5)


def test_a_retriever_adapts_its_passages_those_added_and_the_query(noisy, lesson):
    passages, vectors = noisy
    whole = Retriever(passages, vectors, adapter=lesson.adapter)
    parts = Retriever(passages[:-6], vectors[:-6], adapter=lesson.adapter)
    grown = parts.updated(add=list(zip(passages[-6:], vectors[-6:], strict=True)))
    found, expected = (one.search("", vectors[-1], limit=3) for one in (grown, whole))
    assert [(hit.entry, round(hit.dense, 4)) for hit in found] == [(hit.entry, round(hit.dense, 4)) for hit in expected]
