from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from search.engine.e5_weights import Dimensions, Pieces, Weights
from search.engine.tuning.delta import load_factors, save_factors, tuned
from search.engine.tuning.misspelling import misspelt
from search.engine.tuning.phrasings import Question, read_fields

FIELDS = read_fields()


def test_every_question_has_several_wordings_and_no_line_of_markup():
    questions = [question for field in FIELDS.values() for question in field]
    assert len(questions) > 2000
    for question in questions:
        assert len(question.wordings) > 1
        assert not any(text.startswith(("#", "=")) for text in question.wordings)


def test_look_alikes_share_a_cluster_and_fields_do_not():
    clusters = [{question.cluster for question in field} for field in FIELDS.values()]
    assert sum(map(len, clusters)) == len(set.union(*clusters))


def test_a_block_of_lines_is_one_question_in_two_languages(tmp_path):
    (tmp_path / "a-1.txt").write_text(
        "## 群\n退货\n怎么退\n= return it\n\n只有一句\n\n## 群二\n换货\n想换\n", encoding="utf-8"
    )
    assert read_fields(tmp_path) == {
        "a": [Question(1, ("退货", "怎么退"), ("return it",)), Question(2, ("换货", "想换"), ())]
    }


@given(st.text("什么时候发货退款abc ", max_size=20), st.integers())
def test_a_misspelt_text_sounds_as_it_did(text, seed):
    found = misspelt(text, Random(seed))
    assert len(found) == len(text)
    assert [lazy_pinyin(char) for char in found] == [lazy_pinyin(char) for char in text]


def test_misspelling_changes_one_or_two_characters():
    found = misspelt("什么时候可以发货", Random(1))
    assert 1 <= sum(old != new for old, new in zip("什么时候可以发货", found, strict=True)) <= 2


def weights():
    size = Dimensions(hidden=4, layers=1, heads=1, ffn=4, vocabulary=1, positions=1, token_types=1, epsilon=1e-12)
    tensors = {name: np.arange(16, dtype=np.float32) for name in ("l0.q.w", "l0.k.w")}
    return Weights(size, Pieces((), 0, 0, 0, 0), tensors)


def test_a_delta_is_added_to_the_matrices_that_it_names_and_to_no_other(tmp_path):
    up, down = np.full((4, 1), 2, np.float32), np.array([[1, 0, 0, 3]], np.float32)
    save_factors({"l0.q.w": (up, down)}, tmp_path / "delta.npz")
    found = tuned(weights(), load_factors(tmp_path / "delta.npz"))
    assert np.array_equal(found.matrix("l0.q.w", 4), weights().matrix("l0.q.w", 4) + up @ down)
    assert np.array_equal(found.matrix("l0.k.w", 4), weights().matrix("l0.k.w", 4))


def test_the_delta_that_ships_fits_the_encoders_matrices():
    factors = load_factors()
    assert len(factors) == 48
    assert {(up.shape, down.shape) for up, down in factors.values()} == {((384, 8), (8, 384))}


@pytest.mark.slow
def test_tuning_learns_something_of_the_shape_that_ships():
    from search.engine.e5_weights import load_weights
    from search.engine.tuning.training import Recipe, Trainee, train

    fields = {"orders": FIELDS["orders"][:12]}
    losses = []
    recipe = replace(Recipe(), steps=6, batch=8)
    factors = train(load_weights(), fields, recipe, progress=lambda step, loss: losses.append(loss))
    assert len(losses) == 6
    assert any(np.abs(up).max() > 0 for up, _down in factors.values())
    trainee = Trainee(load_weights(), recipe.rank)
    assert {name: up.shape for name, (up, _) in trainee.factors.items()} == {
        name: up.shape for name, (up, _) in factors.items()
    }
