import pytest

from search.engine import vocabulary as module
from search.engine.vocabulary import vocabulary


@pytest.mark.parametrize("word", ["经典", "景点", "快递", "付款", "发货", "衣服"])
def test_everyday_words_are_words(word):
    assert word in vocabulary().pairs


@pytest.mark.parametrize("pair", ["密蚂", "店子", "验政", "架保"])
def test_what_is_mistyped_is_no_word(pair):
    assert pair not in vocabulary().pairs


def test_usual_characters_have_the_larger_share_of_one():
    shares = vocabulary().shares
    assert shares["的"] > shares["货"] > shares["蚂"]
    assert sum(shares.values()) == pytest.approx(1)


def test_without_the_tokenizers_pieces_the_phrases_must_do(tmp_path, monkeypatch):
    (tmp_path / "other.bin").write_bytes(b"another file" * 20)
    monkeypatch.setattr(module, "source_path", lambda: tmp_path / "other.bin")
    found = vocabulary.__wrapped__()
    assert "景点" in found.pairs
    assert sum(found.shares.values()) == pytest.approx(1)
