import json
import math
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from search.engine.emotion.fitting import FOLDS, LOWEST, fit, report, shipped_messages
from search.engine.emotion.model import EMOTIONS, Emotion, decide, emotion_of, load_model
from search.engine.emotion.reading import signs
from search.management.commands import fit_emotion


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("真行啊你们，一个星期了还没发货", Emotion.ANGRY),
        ("怎么还不退款！！", Emotion.ANGRY),
        ("我要投诉你们", Emotion.ANGRY),
        ("谢谢你们的耐心，可惜问题没解决，我很失望", Emotion.ANGRY),
        ("This is unacceptable, I want my money back!!", Emotion.ANGRY),
        ("麻烦快点，明天要用", Emotion.ANXIOUS),
        ("please hurry, I need it by tomorrow", Emotion.ANXIOUS),
        ("太好了，谢谢！", Emotion.PLEASED),
        ("great service, thank you so much", Emotion.PLEASED),
        ("投诉电话是多少", Emotion.NEUTRAL),
        ("退款多久到账", Emotion.NEUTRAL),
        ("有没有大号的垃圾袋", Emotion.NEUTRAL),
        ("不着急，慢慢来", Emotion.NEUTRAL),
        ("好的，谢谢", Emotion.NEUTRAL),
        ("where is my order", Emotion.NEUTRAL),
    ],
)
def test_a_message_is_read_as_people_mean_it(text, emotion):
    assert emotion_of(text).emotion == emotion


@given(st.text(max_size=200) | st.text(st.characters(), max_size=20))
def test_any_text_has_finite_probabilities_that_sum_to_one(text):
    mood = emotion_of(text)
    assert set(mood.probabilities) == set(EMOTIONS)
    assert all(math.isfinite(chance) and 0 <= chance <= 1 for chance in mood.probabilities.values())
    assert sum(mood.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "。", "http://example.com/垃圾骗子", "1234567"])
def test_what_says_nothing_is_neutral_and_explained_by_nothing(text):
    assert emotion_of(text)[::2] == (Emotion.NEUTRAL, ())


def test_the_words_that_spoke_for_an_emotion_stand_in_the_message():
    because = emotion_of("你们就是骗子，退钱！！").because
    assert because[0] == "骗子"
    assert "!!" in because


def test_traditional_and_full_width_writing_feel_the_same():
    assert emotion_of("怎麼還不退款！！") == emotion_of("怎么还不退款!!")


def test_marks_and_emoji_count():
    calm, loud = (emotion_of(text).probabilities[Emotion.ANGRY] for text in ("还没处理", "还没处理！！😡"))
    assert loud > calm


def test_a_longer_term_keeps_a_shorter_one_in_it_from_being_read():
    assert "threat" in {sign.name for sign in signs("我要投诉")}
    assert {sign.name for sign in signs("投诉电话")}.isdisjoint({"threat", "demand"})
    assert "insult" not in {sign.name for sign in signs("shells, classic")}


def test_a_negated_word_is_another_sign():
    assert "not praise" in {sign.name for sign in signs("一点也不好看")}
    assert "not praise" in {sign.name for sign in signs("it is not great")}


def test_an_emotion_is_only_named_from_its_threshold_on():
    thresholds = {Emotion.ANGRY: 0.6, Emotion.ANXIOUS: 0.5, Emotion.PLEASED: 0.5}
    assert decide([0.59, 0.2, 0.2, 0.01], thresholds) == Emotion.NEUTRAL
    assert decide([0.6, 0.2, 0.2, 0.0], thresholds) == Emotion.ANGRY
    assert min(load_model().thresholds.values()) >= LOWEST


def test_fitting_twice_gives_the_same_bytes():
    messages = shipped_messages()[::15]
    assert fit(messages)[0].saved() == fit(messages)[0].saved()


def test_a_fit_without_an_emotion_is_refused_by_name():
    with pytest.raises(ValueError, match="pleased"):
        fit([row for row in shipped_messages() if row[1] != Emotion.PLEASED])


def test_no_message_stands_under_two_emotions():
    texts = [text for text, _emotion in shipped_messages()]
    assert len(texts) == len(set(texts))


def test_a_report_counts_what_is_called_what():
    messages = [("a", Emotion.ANGRY), ("b", Emotion.ANGRY), ("c", Emotion.NEUTRAL), ("d", Emotion.NEUTRAL)]
    found = report(messages, [Emotion.ANGRY, Emotion.NEUTRAL, Emotion.NEUTRAL, Emotion.ANGRY])
    assert found.confusion["angry"] == {"angry": 1, "anxious": 0, "neutral": 1, "pleased": 0}
    assert found.scores["angry"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert found.scores["pleased"]["f1"] == 0
    assert found.macro_f1 == pytest.approx(0.25)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(fit_emotion, "WEIGHTS", tmp_path / "weights.json")
    monkeypatch.setattr(fit_emotion, "shipped_messages", lambda: shipped_messages()[::15])
    yield tmp_path
    load_model.cache_clear()


def test_fit_emotion_writes_the_weights_and_judges_on_other_messages(small):
    labelled, out = small / "labelled.jsonl", StringIO()
    labelled.write_text(
        '{"text": "在吗", "label": "neutral"}\n\n{"text": "骗子！！", "label": "angry"}', encoding="utf-8"
    )
    call_command("fit_emotion", labelled=labelled, json=True, stdout=out)
    figures = json.loads(out.getvalue())
    assert set(figures) == {"thresholds", "held out", "labelled"}
    assert sum(figures["labelled"]["confusion"]["angry"].values()) == 1
    assert set(json.loads((small / "weights.json").read_text(encoding="utf-8"))) == {"bias", "thresholds", "weights"}


def test_fit_emotion_prints_a_table_for_people(small):
    out = StringIO()
    call_command("fit_emotion", stdout=out)
    assert "held out: macro F1" in out.getvalue()
    assert out.getvalue().count("\n") > FOLDS


def test_fit_emotion_names_the_line_that_is_wrong_before_it_fits(small):
    labelled = small / "labelled.jsonl"
    for line in ("not json", '{"text": "a"}', '{"text": "a", "label": "sad"}', "[]"):
        labelled.write_text(line, encoding="utf-8")
        with pytest.raises(CommandError, match=r"labelled\.jsonl:1: .* angry, anxious, neutral, pleased"):
            call_command("fit_emotion", labelled=labelled)
    with pytest.raises(CommandError, match="nowhere"):
        call_command("fit_emotion", labelled=small / "nowhere")
    assert not (small / "weights.json").exists()
