"""The file of a release as a file, and the answers that are made again from their contents."""

import gzip
import io
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cms import content
from cms.content import sanitise
from cms.exchange import files
from cms.exchange.files import BadFile
from cms.exchange.remaking import entry_of
from cms.models import FAQAnswer

LINES = [{"line": "header", "format": files.FORMAT, "version": 1}, *({"line": "item", "n": n} for n in range(4))]


def whole():
    out = io.BytesIO()
    files.write(LINES, out)
    return out.getvalue()


def is_refused(data, tmp_path):
    path = tmp_path / "altered"
    path.write_bytes(data)
    with pytest.raises(BadFile):
        list(files.read(path))
    return True


SLOWLY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_whole_file_gives_its_lines_again(tmp_path):
    path = tmp_path / "whole"
    for data in (whole(), gzip.compress(whole())):
        path.write_bytes(data)
        assert list(files.read(path)) == LINES


@given(place=st.integers(0, len(whole()) - 1), mask=st.integers(1, 255))
@SLOWLY
def test_a_changed_byte_is_noticed_wherever_it_stands(tmp_path, place, mask):
    data = bytearray(whole())
    data[place] ^= mask
    assert is_refused(data, tmp_path)


@given(length=st.integers(0, len(whole()) - 1), added=st.binary(min_size=1))
@SLOWLY
def test_a_file_that_is_cut_off_or_goes_on_is_noticed(tmp_path, length, added):
    assert is_refused(whole()[:length], tmp_path)
    assert is_refused(whole() + added, tmp_path)
    packed = gzip.compress(whole())
    assert is_refused(packed[: length % len(packed)], tmp_path)


@given(st.permutations(whole().splitlines(keepends=True)), st.integers(0, len(LINES)))
@SLOWLY
def test_lines_that_are_missing_doubled_or_in_another_order_are_noticed(tmp_path, mixed, place):
    lines = whole().splitlines(keepends=True)
    assert is_refused(b"".join(lines[:place] + lines[place + 1 :]), tmp_path)
    assert is_refused(b"".join(lines[: place + 1] + lines[place:]), tmp_path)
    assert mixed == lines or is_refused(b"".join(mixed), tmp_path)


def test_what_cannot_be_written_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "release.jsonl"
    path.write_text("yesterday's")
    with pytest.raises(ZeroDivisionError):
        files.write_file(path, ({"line": "x", "n": 1 // (2 - n)} for n in range(5)))
    assert path.read_text() == "yesterday's"
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["release.jsonl"]


TEXT = st.text(st.sampled_from("退货<b>&amp; \n\t'\"/{}一.。 "), max_size=20)
MARKUP = st.recursive(
    TEXT,
    lambda inner: st.one_of(
        st.builds("<p>{}</p>".format, inner),
        st.builds("<b>{}</b>".format, inner),
        st.builds("{}<br/>{}".format, inner, inner),
        st.builds("<ul><li>{}</li><li>{}</li></ul>".format, inner, inner),
        st.builds('<a href="https://x.example/?q={}">{}</a>'.format, st.integers(), inner),
        st.builds('<p data-block-key="k1">{}</p>'.format, inner),
    ),
    max_leaves=6,
)
BLOCK = st.one_of(
    st.tuples(st.just("paragraph"), MARKUP),
    st.tuples(st.just("steps"), st.lists(TEXT, max_size=3)),
    st.tuples(st.just("link"), st.fixed_dictionaries({"label": TEXT, "url": st.just("https://x.example/a?b=c&d=e")})),
)


@given(blocks=st.lists(BLOCK, min_size=1, max_size=3), text=TEXT)
def test_any_answer_is_made_again_from_its_content(blocks, text):
    def told(answer):
        return content._answer(answer)

    first = told(FAQAnswer(body=[{"type": kind, "value": value} for kind, value in blocks], text=text))
    entry = entry_of("faq:1", CONTENT | {"answers": [first]}, lambda url: None)
    (again,) = entry.answers.all()
    assert told(again) == first
    assert sanitise(first["html"]).strip() == first["html"].strip()


CONTENT = {"kind": "faq", "group": str(UUID(int=1)), "title": "问", "similar": [], "negative": [], "intent": ""}
CONTENT |= {"mode": "both", "valid_from": None, "valid_to": None}
