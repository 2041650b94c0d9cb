from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cms.content import facts_key
from cms.models import Fact
from search import encoding, snapshots, sync
from search.answering import Question, suggest
from search.checking import findings
from search.engine.encoder import EncoderUnavailable
from search.models import IndexRecord, IndexVersion, StoredVector
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
    return dict(IndexRecord.objects.filter(shop=shop).values_list("key", "content_hash"))


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
    assert list(rows(shop)) == []


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
    assert IndexVersion.objects.get(shop=shop).number == 1
    assert len(rows(shop)) == 3


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
    IndexRecord.objects.all().delete()
    sync.sync(shop)
    assert rows(shop) == before
    assert set(before) == {kept.key, facts_key(shop.pk)}


def test_syncing_again_changes_nothing(shop, live):
    live(publish, shop, "怎么开发票")
    sync.sync(shop)
    number = IndexVersion.objects.get(shop=shop).number
    assert not sync.sync(shop)
    assert IndexVersion.objects.get(shop=shop).number == number


def test_the_same_text_is_encoded_once(shop, live):
    live(publish, shop, "怎么开发票")
    live(publish, make_shop("other"), "怎么開發票")
    assert StoredVector.objects.count() == 1


def test_a_failing_index_never_fails_the_editors_save(shop, live, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(sync, "_write", fail)
        entry = live(publish, shop, "怎么开发票")
    assert entry.live
    assert findings(shop).write == (facts_key(shop.pk), entry.key)


def test_check_index_reports_and_rebuild_index_mends(shop, live, capsys):
    entry = live(publish, shop, "怎么开发票")
    sync.sync(shop)
    IndexRecord.objects.filter(key=entry.key).delete()
    StoredVector.objects.all().delete()
    with pytest.raises(CommandError, match="rebuild_index"):
        call_command("check_index")
    assert f"1 to write ({entry.key}); 1 phrasings without a vector" in capsys.readouterr().out
    call_command("rebuild_index")
    call_command("check_index")
    assert titles(shop, "怎么开发票") == ["怎么开发票"]


def test_rebuild_index_deletes_vectors_that_nobody_needs(shop, live):
    live(live(publish, shop, "会下线的问题").unpublish)
    assert StoredVector.objects.count() == 1
    call_command("rebuild_index")
    assert StoredVector.objects.count() == 0


def test_an_unpublished_entry_is_gone_even_without_an_encoder(shop, live, monkeypatch):
    entry = live(publish, shop, "怎么开发票")

    def unavailable():
        raise EncoderUnavailable("broken file")

    monkeypatch.setattr(encoding, "encoder", unavailable)
    live(entry.unpublish)
    live(publish, shop, "没有向量的问题")
    assert entry.key not in rows(shop)
    assert titles(shop, "没有向量的问题") == ["没有向量的问题"]


def test_an_entry_taken_back_is_not_said_even_if_the_index_still_holds_it(shop, live):
    entry = live(publish, shop, "怎么开发票")
    type(entry).objects.filter(pk=entry.pk).update(live=False)
    assert titles(shop, "怎么开发票") == []


def test_a_product_that_is_gone_takes_its_facts_along(shop, live):
    product = live(shop.products.create, key="P1", name="杯子")
    live(Fact.objects.create, shop=shop, product=product, key="size", label="尺寸", value="大")
    live(product.delete)
    assert IndexRecord.objects.get(key=facts_key(shop.pk)).content == {"kind": "facts", "products": {}, "facts": []}


def built(shop):
    sync.sync(shop)
    return snapshots.build(shop)


def test_an_edit_reuses_what_stands_and_finds_what_a_full_build_finds(shop):
    titles = [
        "怎么开发票",
        "什么时候发货",
        "可以用微信支付吗",
        "坏了怎么赔",
        *(f"第{place}件商品多少钱" for place in range(20)),
    ]
    entries = [publish(shop, title) for title in titles]
    before = built(shop)
    entries[1].title, entries[1].similar = "多久能发货", "几天寄出"
    entries[1].save_revision().publish()
    entries[0].unpublish()
    sync.sync(shop)
    grown, anew = snapshots.build(shop, before=before), snapshots.build(shop)
    assert grown.for_shoppers._homophones is before.for_shoppers._homophones
    for query in ("几天寄出", "怎么开发票", "微信支付", "赔"):
        found = [one.for_shoppers.reader.rank(query, lambda text: None, limit=5).hits for one in (grown, anew)]
        assert [hit.entry for hit in found[0]] == [hit.entry for hit in found[1]]


def test_vectors_that_come_later_reach_a_snapshot_that_was_built_without_them(shop):
    publish(shop, "怎么开发票")
    before = built(shop)
    sync.touch(shop)
    assert snapshots.build(shop, before=before).for_shoppers._homophones is not before.for_shoppers._homophones
