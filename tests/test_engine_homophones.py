import random
from functools import cache

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from search.engine.homophones import Homophones, Replacement
from search.engine.sounds import fuzzy, near, readings
from search.engine.text import clean
from search.engine.vocabulary import vocabulary
from tests.conftest import ROOT

TEXTS = [
    "经典款有吗",
    "取件码是多少",
    "电子发票怎么开",
    "支持七天无理由退货吗",
    "什么时候发货",
    "什么时候发货呀",
    "几天能发货",
]
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40) | st.text(
    "什么时候发货获侯侯經典點😀a \u200b", max_size=12
)


@cache
def shop():
    return Homophones(TEXTS)


@cache
def phrasings():
    files = sorted((ROOT / "cms/demo/faqs").glob("*.yaml"))
    entries = [entry for path in files for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
    return [text for entry in entries for text in (entry["question"], *entry.get("similar", []))]


def corrected(homophones, query):
    found = homophones.corrections(query)
    return found[0].text if found else clean(query)


def mistyped(text, chance):
    """With one Hanzi replaced by another of the same sound, both of those that phrases use."""
    usual = vocabulary().shares
    places = [
        (place, others)
        for place, char in enumerate(text)
        if (others := [other for other in same_sound().get(readings(char)[:1], ()) if other != char and other in usual])
    ]
    place, others = chance.choice(places)
    return text[:place] + chance.choice(others) + text[place + 1 :]


@cache
def same_sound():
    table = {}
    for char, share in vocabulary().shares.items():
        if share > 2e-5:
            table.setdefault(readings(char)[:1], []).append(char)
    return table


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("什么时侯发货", "什么时候发货"),
        ("七天无里由", "七天无理由"),
        ("經點款", "经典款"),
    ],
)
def test_what_the_shop_does_not_write_is_read_by_its_sound(query, meant):
    assert corrected(shop(), query) == meant


@pytest.mark.parametrize(
    "query", ["景点", "景点门票", "发货", "发火了", "", "abc", "货", "😀", "四天无理由", "在嘛", *TEXTS]
)
def test_words_and_what_the_shop_writes_stay(query):
    assert shop().corrections(query) == ()


def test_a_correction_says_what_was_said_what_was_meant_and_where():
    (found,) = shop().corrections("请问 什么时侯发货")
    assert found.pairs == (Replacement("侯", "候", 6),)
    assert clean("请问 什么时侯发货")[6] == "侯"


def test_a_shop_without_hanzi_corrects_nothing():
    assert Homophones(["when does it ship"]).corrections("什么时侯发货") == ()
    assert Homophones([]).corrections("什么时侯发货") == ()


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        ("发", "罚", 0),
        ("三", "山", 1),
        ("南", "蓝", 1),
        ("金", "京", 1),
        ("湖", "福", 1),
        ("张", "站", 1),
        ("张", "赞", 2),
    ],
)
def test_sounds_that_speakers_confuse_are_near(one, other, steps):
    assert {fuzzy(left) for left in readings(one)} & {fuzzy(right) for right in readings(other)}
    assert near(one, other) == steps


def test_most_errors_of_the_ear_in_the_shops_own_phrasings_are_repaired():
    homophones, chance = Homophones(phrasings()), random.Random(7)
    sample = [clean(text) for text in chance.sample(phrasings(), 300)]
    repaired = sum(corrected(homophones, mistyped(text, chance)) == text for text in sample)
    assert repaired / len(sample) >= 0.75


def test_fewer_than_one_in_a_hundred_new_phrasings_are_changed():
    changed = tried = 0
    for fold in range(2):
        homophones = Homophones(text for place, text in enumerate(phrasings()) if place % 5 != fold)
        held_out = phrasings()[fold::5]
        changed += sum(bool(homophones.corrections(text)) for text in held_out)
        tried += len(held_out)
    assert changed / tried < 0.01


@given(ANYTHING)
def test_a_correction_is_as_long_as_the_cleaned_query_and_differs_where_it_says(query):
    text = clean(query)
    for found in shop().corrections(query):
        assert len(found.text) == len(text)
        assert found.text != text
        for pair in found.pairs:
            assert text[pair.start :].startswith(pair.said)
            assert found.text[pair.start :].startswith(pair.meant)


WRITTEN = st.lists(st.sampled_from([*TEXTS, "获发货时候", "开票吗", "no Hanzi", "款"]), max_size=6)


@given(WRITTEN, WRITTEN, st.data())
def test_after_updates_they_answer_as_if_built_from_what_is_left(before, more, data):
    gone = data.draw(st.lists(st.sampled_from(range(len(before))), unique=True)) if before else []
    left = [text for place, text in enumerate(before) if place not in gone]
    changed = Homophones(before).updated(remove=[before[place] for place in gone], add=more)
    fresh = Homophones([*more, *left])
    for query in ("取件马是多少", "店子发票怎么开", "什么时侯发货", "经点款有吗", "获发活时候"):
        assert changed.corrections(query) == fresh.corrections(query)
    assert changed.updated(add=left, remove=more).corrections("什么时侯发货") == Homophones(left * 2).corrections(
        "什么时侯发货"
    )


def test_what_was_added_is_understood_and_what_was_removed_is_forgotten():
    added = shop().updated(add=["快递驿站在哪里"])
    assert corrected(added, "快递译站在哪里") == "快递驿站在哪里"
    assert corrected(added.updated(remove=["快递驿站在哪里"]), "快递译站在哪里") == corrected(shop(), "快递译站在哪里")
