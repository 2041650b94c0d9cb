from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cms.content import FACTS, READING, SETTINGS
from cms.models import Fact, Release, ReleaseItem
from cms.releases import ledger
from cms.releases.rollback import roll_back
from search import audiences, encoding, snapshots, sync
from search.answering import Question, suggest
from search.checking import findings
from search.engine.encoder import EncoderUnavailable
from search.models import StoredVector
from search.sync import Plan, plan
from tests.builders import draft, make_shop, publish

HASHES = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.sampled_from(["1", "2"]))


@pytest.fixture
def live(shop, django_capture_on_commit_callbacks):
    """Does something and then what follows its commit."""

    def do(action, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return action(*args, **kwargs)

    return do


def titles(shop, query, channel="agent"):
    return [found.content["title"] for found in suggest(shop, Question(query, channel)).suggestions]


def rows(shop):
    """What the live release holds, without the reading of its vectors."""
    release = ledger.live_release(shop)
    found = ledger.held(shop, release.ordinal) if release else {}
    return {key: name for key, name in found.items() if key != READING}


def releases(shop):
    return Release.objects.filter(shop=shop).count()


@given(HASHES, HASHES)
def test_a_plan_makes_stored_equal_to_wanted(wanted, stored):
    todo = plan(wanted, stored)
    after = {key: value for key, value in stored.items() if key not in todo.delete}
    after |= {key: wanted[key] for key in todo.write}
    assert after == wanted
    assert plan(wanted, after) == Plan(frozenset(), frozenset())


def test_a_published_entry_is_found_by_its_similar_question(shop, live):
    live(publish, shop, "下单后多久发货？", "啥时候能寄出来")
    assert titles(shop, "啥时候能寄出来") == ["下单后多久发货？"]


def test_a_draft_is_never_indexed(shop, live):
    live(draft, shop, "还没写完的问题")
    assert titles(shop, "还没写完的问题") == []


def test_a_draft_change_of_a_live_entry_is_not_seen_before_it_is_published(shop, live):
    entry = live(publish, shop, "怎么开发票")
    entry.title = "秘密的新标题"
    live(entry.save_revision)
    assert titles(shop, "怎么开发票") == ["怎么开发票"]
    live(entry.latest_revision.publish)
    assert titles(shop, "怎么开发票") == ["秘密的新标题"]


def test_an_entry_scheduled_for_tomorrow_is_not_indexed(shop, live):
    entry = draft(shop, "双十二活动规则")
    entry.go_live_at = timezone.now() + timedelta(days=1)
    live(entry.save_revision().publish)
    assert titles(shop, "双十二活动规则") == []


def test_an_unpublished_entry_is_gone(shop, live):
    entry = live(publish, shop, "怎么开发票")
    live(entry.unpublish)
    assert titles(shop, "怎么开发票") == []


def test_a_deleted_entry_is_gone(shop, live):
    entry = live(publish, shop, "怎么开发票")
    live(entry.delete)
    assert titles(shop, "怎么开发票") == []
    assert set(rows(shop)) == {FACTS, SETTINGS}


def test_an_entry_moved_to_another_shop_leaves_the_first(shop, live):
    other = make_shop("other")
    entry = live(publish, shop, "怎么开发票")
    entry.shop, entry.category = other, other.categories.get()
    live(entry.save_revision().publish)
    assert titles(shop, "怎么开发票") == []
    assert titles(other, "怎么开发票") == ["怎么开发票"]


def test_entries_published_in_one_transaction_are_one_change(shop, live):
    def publish_three():
        with transaction.atomic():
            for title in ("一号问题", "二号问题", "三号问题"):
                publish(shop, title)

    live(publish_three)
    assert releases(shop) == 1
    assert ledger.live_release(shop).entries == 3


def test_a_rolled_back_publication_changes_nothing(shop, live):
    def fail():
        with transaction.atomic():
            publish(shop, "怎么开发票")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        live(fail)
    assert rows(shop) == {}


def test_incremental_sync_equals_a_full_rebuild(shop, live):
    kept = live(publish, shop, "怎么开发票", "发票咋开")
    live(live(publish, shop, "会下线的问题").unpublish)
    kept.similar += "\n能开专票吗"
    live(kept.save_revision().publish)
    live(Fact.objects.create, shop=shop, key="days", label="天数", kind="number", value="7")
    before = rows(shop)
    assert not sync.sync(shop)
    assert rows(shop) == before
    assert set(before) == {kept.key, FACTS, SETTINGS}


def test_syncing_again_changes_nothing(shop, live):
    live(publish, shop, "怎么开发票")
    sync.sync(shop)
    before = releases(shop)
    assert not sync.sync(shop)
    assert releases(shop) == before


def test_the_same_text_is_encoded_once(shop, live):
    live(publish, shop, "怎么开发票")
    live(publish, make_shop("other"), "怎么開發票")
    assert StoredVector.objects.count() == 1


def test_a_failing_index_never_fails_the_editors_save(shop, live, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "make_release", fail)
        entry = live(publish, shop, "怎么开发票")
    assert entry.live
    assert findings(shop).write == (FACTS, entry.key, SETTINGS)


def test_check_index_reports_and_rebuild_index_mends(shop, live, capsys):
    live(publish, shop, "什么时候发货")
    entry = publish(shop, "怎么开发票")  # committed, and the process was killed before anything else
    StoredVector.objects.all().delete()
    with pytest.raises(CommandError, match="rebuild_index"):
        call_command("check_index")
    assert f"1 to write ({entry.key}); 2 phrasings without a vector" in capsys.readouterr().out
    call_command("rebuild_index")
    call_command("check_index")
    assert titles(shop, "怎么开发票")[0] == "怎么开发票"


def test_rebuild_index_keeps_the_vectors_of_old_releases_and_deletes_those_of_none(shop, live):
    live(live(publish, shop, "会下线的问题").unpublish)
    encoding.store_missing(["没有人用的问题"])
    assert StoredVector.objects.count() == 2
    call_command("rebuild_index")
    assert StoredVector.objects.count() == 1


def test_a_spoilt_vector_is_reported_and_encoded_again(shop, live):
    live(publish, shop, "怎么开发票")
    StoredVector.objects.update(vector=b"\0" * 1024)
    assert findings(shop).vectorless == 1
    call_command("rebuild_index")
    assert findings(shop).healthy


def test_an_unpublished_entry_is_gone_even_without_an_encoder(shop, live, monkeypatch):
    entry = live(publish, shop, "怎么开发票")

    def unavailable(name=""):
        raise EncoderUnavailable("broken file")

    monkeypatch.setattr(encoding, "encoder", unavailable)
    live(entry.unpublish)
    live(publish, shop, "没有向量的问题")
    assert entry.key not in rows(shop)
    assert titles(shop, "没有向量的问题") == ["没有向量的问题"]


def test_an_entry_taken_back_is_not_said_while_the_next_release_is_being_built(shop, live):
    entry = live(publish, shop, "怎么开发票")
    assert titles(shop, "怎么开发票") == ["怎么开发票"]
    shelf = snapshots._shelf
    live(entry.unpublish)
    # Another thread has begun to build; this one would answer from what it holds.
    lock = shelf._lock(shop.pk, "current")
    with lock:
        served = snapshots.served(shop)
    assert (served.snapshot.ordinal, served.live) == (1, 2)
    assert served.takes_back([entry.key])
    assert titles(shop, "怎么开发票") == []


def test_a_product_that_is_gone_takes_its_facts_along(shop, live):
    product = live(shop.products.create, key="P1", name="杯子")
    live(Fact.objects.create, shop=shop, product=product, key="size", label="尺寸", value="大")
    live(product.delete)
    assert snapshots.current(shop).facts == {"kind": "facts", "products": {}, "facts": []}


def built(shop, *, before=None):
    release = ledger.live_release(shop)
    return snapshots.build(shop.pk, release.ordinal, release.number, timezone.now(), before=before)


def test_an_edit_reuses_what_stands_and_finds_what_a_full_build_finds(shop):
    titles = [
        "怎么开发票",
        "什么时候发货",
        "可以用微信支付吗",
        "坏了怎么赔",
        *(f"第{place}件商品多少钱" for place in range(20)),
    ]
    entries = [publish(shop, title) for title in titles]
    sync.sync(shop)
    before = built(shop)
    entries[1].title, entries[1].similar = "多久能发货", "几天寄出"
    entries[1].save_revision().publish()
    entries[0].unpublish()
    sync.sync(shop)
    grown, anew = built(shop, before=before), built(shop)
    assert grown.contents == anew.contents
    for query in ("几天寄出", "怎么开发票", "微信支付", "赔"):
        found = [one.for_shoppers.reader.rank(query, encoding.query_vector, limit=5) for one in (grown, anew)]
        assert found[0] == found[1]


def spoil(key):
    """As a failing disk does it: past the models, and past the triggers."""
    item = ReleaseItem.objects.get(key=key, until=None)
    with connection.cursor() as cursor:
        for statement in UNGUARDED[connection.vendor]:
            cursor.execute(statement)
        cursor.execute("UPDATE cms_storedcontent SET text = '{}' WHERE hash = %s", [item.content_id])


UNGUARDED = {
    "sqlite": ["DROP TRIGGER cms_storedcontent_frozen"],
    "postgresql": ["DROP TRIGGER cms_storedcontent_frozen ON cms_storedcontent"],
}


def test_a_release_with_a_spoilt_content_is_not_served_while_there_is_an_older_one(shop, live, caplog):
    live(publish, shop, "怎么开发票")
    snapshots.current(shop)
    spoilt = live(publish, shop, "什么时候发货")
    spoil(spoilt.key)
    assert snapshots.current(shop).ordinal == 1
    assert titles(shop, "怎么开发票") == ["怎么开发票"]
    assert "is not whole" in caplog.text
    assert findings(shop).broken


def test_a_new_process_answers_from_what_is_sound(shop, live, caplog):
    live(publish, shop, "怎么开发票")
    spoilt = live(publish, shop, "什么时候发货")
    spoil(spoilt.key)
    assert titles(shop, "怎么开发票") == ["怎么开发票"]
    assert snapshots.current(shop).ordinal == 2
    assert "is not whole" in caplog.text


def test_a_picture_that_was_patched_up_is_renewed_aside_and_answers_the_same(shop, live, monkeypatch):
    monkeypatch.setattr(audiences, "_QUICKLY_BUILT", 0)
    begun = []
    monkeypatch.setattr(snapshots, "Thread", lambda **how: begun.append(how) or Mock())
    live(publish, shop, "怎么开发票")
    snapshots.current(shop)
    live(publish, shop, "什么时候发货", "几天发货")
    patched = snapshots.current(shop)
    assert patched.for_agents.is_patched_up
    assert [how["args"] for how in begun] == [(patched,)]
    found = suggest(shop, Question("几天能发货", "agent")).suggestions
    live(publish, shop, "能退货吗")
    snapshots.current(shop)
    snapshots._shelf._renew(patched)
    renewed = snapshots.current(shop)
    assert renewed.ordinal == 3
    assert renewed.for_agents.retriever._built == 3
    assert suggest(shop, Question("几天能发货", "agent")).suggestions[0].content == found[0].content


def test_a_picture_is_built_from_one_that_was_read_alike(shop, live):
    live(publish, shop, "怎么开发票")
    taught = snapshots.current(shop)
    live(sync.propose, shop, {READING: {**taught.contents[READING], "learnt": True}})
    untaught, taught = taught, snapshots.current(shop)
    assert taught.reading is not untaught.reading
    again = snapshots.past(shop, ledger.release_at(shop, timezone.now()), timezone.now())
    assert again is taught
    first = Release.objects.get(shop=shop, ordinal=1)
    old = snapshots.past(shop, first, timezone.now())
    roll_back(shop, first)
    assert snapshots._shelf._nearest(shop.pk, 3) is old
