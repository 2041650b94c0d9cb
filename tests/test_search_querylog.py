import pytest
from django.db import DatabaseError
from wagtail.models import Locale

from search import querylog
from search.answering import Question, suggest
from search.models import QueryRecord
from search.querylog import Writer, public_id, read_public_id
from search.sync import sync
from tests.builders import make_shop, publish


class Collecting(Writer):
    def __init__(self, **options):
        super().__init__(**options)
        self.written = []

    def _start(self):
        """No thread: the test flushes by hand."""

    def _write(self, rows):
        self.written.append(len(rows))


def test_lines_are_written_in_batches():
    writer = Collecting(batch=2)
    for _ in range(5):
        writer.put(QueryRecord())
    writer.flush()
    assert writer.written == [2, 2, 1]


def test_a_full_queue_loses_lines_and_counts_them():
    writer = Collecting(size=2)
    for _ in range(5):
        writer.put(QueryRecord())
    assert writer.lost == 3


def test_a_failing_database_costs_the_lines_and_nothing_else(monkeypatch, db):
    def fail(*args, **kwargs):
        raise DatabaseError("gone")

    writer = Writer()
    monkeypatch.setattr(QueryRecord.objects, "bulk_create", fail)
    monkeypatch.setattr(querylog.connection, "close", lambda: None)
    monkeypatch.setattr(writer, "_start", lambda: None)
    writer.put(QueryRecord())
    writer.flush()
    assert writer.lost == 1


@pytest.mark.commits
@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_what_was_asked():
    Locale.objects.get_or_create(language_code="zh-hans")  # another test of this kind has emptied the database
    shop = make_shop("demo")
    publish(shop, "怎么开发票")
    sync(shop)
    found = suggest(shop, Question("怎么开发票", "bot"))
    with pytest.MonkeyPatch.context() as patch:
        writer = Writer(pause=0.01)
        patch.setattr(querylog, "writer", writer)
        querylog.record(shop, "bot", found)
        writer.close()
    row = QueryRecord.objects.get()
    assert (row.query_id, row.decision, row.entry) == (found.query_id, "answer", found.suggestions[0].id)


def test_an_id_is_good_for_the_shop_that_it_was_given_to(shop):
    found = suggest(shop, Question("怎么开发票", "bot"))
    text = public_id(shop, found.query_id)
    assert read_public_id(shop, text) == found.query_id
    for wrong in (text[:-1], "x", "", f"9{text}"):
        with pytest.raises(ValueError, match="id"):
            read_public_id(shop, wrong)
    with pytest.raises(ValueError, match="another shop"):
        read_public_id(make_shop("other"), text)
