"""A release in a file: written, checked, and put where nothing is yet."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.core.files.images import ImageFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from PIL import Image as Drawing
from wagtail.images.models import Image, Rendition
from wagtail.models import Locale, ReferenceIndex

from cms.content import FACTS, RULES, entry_content, facts_content, live_contents, rules_content
from cms.exchange import files
from cms.exchange.remaking import ANSWERS, entry_of
from cms.models import (
    FAQ,
    Fact,
    IntentRule,
    PendingChange,
    Pin,
    Policy,
    Product,
    Release,
    Script,
    Shop,
    StoredContent,
    SynonymGroup,
)
from cms.releases import ledger
from search import encoding, snapshots
from search.answering import Question, answer
from search.api.answers import as_json
from search.checking import findings
from search.models import StoredVector
from tests.builders import draft, intent_rule, make_shop, pin, publish, publish_script, synonyms
from tests.conftest import ROOT
from tests.test_release_exchange_files import is_refused
from tests.test_search_sync import live  # noqa: F401

# Wagtail leaves the file open in which it makes a rendition.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile:ResourceWarning")

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
QUERIES = [
    "什么时候发货",
    "啥时候能寄出来",
    "怎么开发票",
    "fapiao",
    "invoice",
    "开票",
    "When is it shipped",
    "太慢了",
    "退货",
]
QUERIES += ["保质期到什么时候", "几步退货", "转人工", "我要退款", "？？", "面霜", "安抚一下", "发货时限", "有教程吗"]
QUESTIONS = [Question(query, channel, product_id="P1") for query in QUERIES for channel in ("bot", "agent", "widget")]


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def picture(name="photo.png"):
    data = io.BytesIO()
    Drawing.new("RGB", (8, 6), "teal").save(data, "PNG")
    data.seek(0)
    return Image.objects.create(title="内部名称", file=ImageFile(data, name=name))


def body(entry, *blocks, **fields):
    """Publishes the entry with these blocks as its answer."""
    raw = [{"type": kind, "value": value} for kind, value in blocks]
    entry.answers.set([ANSWERS[type(entry)](body=raw, **fields)])
    entry.save_revision().publish()


@pytest.fixture
def filled(shop, live):  # noqa: F811
    """A shop with one of everything, released, and with drafts and changes that are not."""
    shop.categories.update(name="常见问题", name_en="General", sort_order=3)
    live(fill, shop)
    return shop


def fill(shop):
    product = Product.objects.create(shop=shop, key="P1", name="面霜", name_en="Cream", price="89.00", summary="润")
    shop.facts.create(
        key="ship_within", kind="duration", value="48", unit="小时", label="发货时限", value_en="48 hours"
    )
    shop.facts.create(key="ship_within", value="24", label="发货时限", valid_from="2027-01-01", valid_to="2027-02-01")
    shop.facts.create(product=product, key="best_before", kind="date", value="2029-05-31", label="限用日期")
    shipped = publish(
        shop, "什么时候发货", "啥时候能寄出来", negative="什么时候到货\n发货地在哪", answer="{{ fact.ship_within }}内"
    )
    english = shipped.copy_for_translation(Locale.objects.get(language_code="en"))
    english.title, english.similar = "When is it shipped?", "shipping time"
    english.save()
    body(english, ("paragraph", "<p>Within {{ fact.ship_within }}</p>"))
    rich = publish(
        shop, "几步退货", valid_from=datetime(2026, 1, 1, tzinfo=UTC), valid_to=datetime(2030, 1, 1, tzinfo=UTC)
    )
    source = '<p data-block-key="a">先<b>申请</b>，<br/>再看<a href="https://x.example/?a=1&amp;b=2">这里</a></p><ul><li>快</li></ul>'
    body(
        rich,
        ("paragraph", source),
        ("steps", ["点“退货”", "寄回 <b>商品</b>"]),
        ("link", {"label": "教程", "url": "https://x.example/how"}),
        ("image", {"image": picture().pk, "alt_text": "流程图", "decorative": False}),
    )
    body(publish(shop, "有教程吗"), ("paragraph", "<p>有的。</p>"), text="  有，见客服消息。 ")
    two = [{"answer": "{{ product.best_before }}前"}, {"answer": "看瓶底", "channel": "agent"}]
    publish(shop, "保质期到什么时候", intent="presale.product", answers=two)
    publish_script(
        shop, "太慢了", answer="非常抱歉，{{ order.number }}我马上查", scene="soothing", emotion="angry", mode="both"
    )
    invoice = publish(shop, "怎么开发票", mode="bot", answer="在订单里")
    synonyms(shop, "发票", "fapiao", "invoice")
    synonyms(shop, "顺丰", "SF快递", direction="one_way")
    pin(invoice, "开票", starts=datetime(2026, 1, 1, tzinfo=UTC))
    pin(rich, "包邮", action="never", match="contains")
    intent_rule(shop, "aftersale.refund", "退款", urgent=True, sort_order=7)
    intent_rule(shop, "service.human", "转人工", examples=("我要找客服",), sort_order=30)


SECRETS = ["绝密草稿", "没发布的改动", "还在等的", "待定类目", "停用词"]


def add_secrets(shop, live):  # noqa: F811
    draft(shop, "绝密草稿")
    entry = FAQ.objects.get(title="怎么开发票")
    entry.title = "没发布的改动"
    entry.save_revision()
    Shop.objects.filter(pk=shop.pk).update(release_policy=Policy.GATED)
    live(publish, shop, "还在等的")
    live(shop.facts.filter(key="best_before").first().delete)
    live(Fact.objects.create, shop=shop, key="later", value="还在等的", label="还在等的")
    shop.categories.create(slug="later", name="待定类目")
    SynonymGroup.objects.create(shop=shop, terms="停用词\n禁用词", active=False)


def answers(shop, release=None):
    """What is answered to everything, as the API says it."""
    release = release or ledger.live_release(shop)
    snapshots.forget_snapshots()
    picture = snapshots.build(shop.pk, release.ordinal, release.number, NOON)
    found = (answer(picture, replace(question, explain=True), NOON) for question in QUESTIONS)
    shown = [as_json(replace(one, took_ms=0.0), query_id=None) for one in found]
    return [json.dumps(one, ensure_ascii=False, default=str) for one in shown]


def wipe(*, media=True):
    """As in an installation that has never seen a shop; what models refuse to delete goes by hand."""
    tables = ("cms_golive", "cms_pendingchange", "cms_cut", "cms_releaseitem", "cms_release", "cms_storedcontent")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
    for model in (Pin, FAQ, Script, Shop, StoredVector, Image):
        model.objects.all().delete()
    count_from_one(FAQ, Script)
    if media:
        for folder in ("images", "original_images"):
            for name in default_storage.listdir(folder)[1] if default_storage.exists(folder) else ():
                default_storage.delete(f"{folder}/{name}")


def count_from_one(*models):
    with connection.cursor() as cursor:
        for model in models:
            if connection.vendor == "postgresql":
                cursor.execute(f"ALTER SEQUENCE {model._meta.db_table}_id_seq RESTART")
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])


def state():
    """How many rows there are of everything."""
    return {model.__name__: model._base_manager.count() for model in apps.get_models()}


def export(path, *arguments, **options):
    call_command("export_release", *arguments, output=str(path), stdout=io.StringIO(), **options)
    return path


def imported(path, *arguments, **options):
    out = io.StringIO()
    call_command("import_release", str(path), *arguments, yes=True, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.fixture
def path(filled, tmp_path):
    return export(tmp_path / "release.jsonl")


def test_an_imported_release_answers_the_same_byte_for_byte(filled, path):
    before, old = answers(filled), ledger.live_release(filled)
    wipe()
    assert "is live" in imported(path)
    shop = Shop.objects.get()
    new = ledger.live_release(shop)
    assert answers(shop) == before
    assert sum('"decision": "answer"' in one for one in before) > 10
    assert (new.number, new.kind, new.digest, new.notes) == (old.number, "import", old.digest, old.notes)


def test_what_is_made_again_is_found_healthy_and_makes_no_other_release(filled, path, live):  # noqa: F811
    wipe()
    live(imported, path)
    shop = Shop.objects.get()
    assert findings(shop).healthy
    assert Release.objects.count() == 1
    assert not PendingChange.objects.exists()


def test_editors_go_on_with_what_was_imported(path, live):  # noqa: F811
    wipe()
    imported(path)
    entry = FAQ.objects.get(title="几步退货")
    assert (entry.live, entry.has_unpublished_changes) == (True, False)
    assert entry.latest_revision == entry.live_revision
    opened = entry.get_latest_revision_as_object()
    assert entry_content(opened) == entry_content(entry)
    opened.title = "退货分几步"
    live(opened.save_revision().publish)
    shop = Shop.objects.get()
    assert ledger.live_release(shop).changed == 1
    assert entry_content(FAQ.objects.get(pk=entry.pk)) == entry_content(entry) | {"title": "退货分几步"}
    new = live(publish, shop, "新的问题")
    assert new.pk > entry.pk


def test_what_editors_own_is_as_it_was(filled, path):
    def owned(shop):
        rules = [*SynonymGroup.objects.order_by("pk"), *Pin.objects.order_by("pk"), *IntentRule.objects.order_by("pk")]
        orders = list(IntentRule.objects.order_by("pk").values_list("sort_order", flat=True))
        categories = list(shop.categories.values_list("slug", "name", "name_en", "sort_order"))
        facts = list(Fact.objects.order_by("key", "value").values("key", "kind", "value", "unit", "product__key"))
        products = list(Product.objects.values("key", "name", "name_en", "price", "summary"))
        return [str(rule.uid) for rule in rules], orders, categories, facts, products, dict(live_contents(shop))

    before = owned(filled)
    wipe()
    imported(path)
    shop = Shop.objects.get()
    assert owned(shop) == before
    assert (shop.slug, shop.name, shop.name_en) == (filled.slug, filled.name, filled.name_en)


def test_translations_are_still_linked_and_wagtail_knows_what_is_used(path):
    wipe()
    imported(path)
    english = FAQ.objects.get(locale__language_code="en")
    assert [entry.title for entry in english.get_translations()] == ["什么时候发货"]
    assert ReferenceIndex.get_references_to(Image.objects.get()).exists()
    assert ReferenceIndex.get_references_to(FAQ.objects.get(title="怎么开发票")).exists()


def test_scripts_keep_their_scene_and_emotion(path):
    wipe()
    imported(path)
    script = Script.objects.get()
    assert (script.scene, script.emotion, script.mode) == ("soothing", "angry", "both")


def test_no_draft_and_nothing_that_waits_is_in_the_file(filled, live, tmp_path):  # noqa: F811
    add_secrets(filled, live)
    text = export(tmp_path / "release.jsonl").read_text(encoding="utf-8")
    assert [secret for secret in SECRETS if secret in text] == []
    assert "限用日期" in text
    assert "内部名称" not in text


def test_an_old_release_can_be_exported_as_well(filled, live, tmp_path):  # noqa: F811
    old = ledger.live_release(filled)
    before = answers(filled)
    live(FAQ.objects.get(title="怎么开发票").unpublish)
    assert ledger.live_release(filled) != old
    path = export(tmp_path / "old.jsonl.gz", old.number)
    wipe()
    imported(path)
    assert answers(Shop.objects.get()) == before


def test_the_same_release_is_always_the_same_file(filled, tmp_path):
    one, other = export(tmp_path / "one.jsonl.gz"), export(tmp_path / "other.jsonl.gz")
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == export(tmp_path / "plain.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(
        ["one.jsonl.gz", "other.jsonl.gz", "plain.jsonl"]
    )


def test_a_file_can_go_to_standard_output(filled, path, capfdbinary):
    call_command("export_release", output="-")
    assert capfdbinary.readouterr().out == path.read_bytes()


def stored_files():
    return {path.relative_to(default_storage.location): path.read_bytes() for path in media_files()}


def media_files():
    return [path for path in Path(default_storage.location).rglob("*") if path.is_file()]


def refused(path, match, *arguments, **options):
    """Nothing is written: no row, no file."""
    before, stored = state(), stored_files()
    with pytest.raises(CommandError, match=match):
        imported(path, *arguments, **options)
    assert (state(), stored_files()) == (before, stored)


def test_every_line_of_an_exported_release_is_needed(path, tmp_path):
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        assert is_refused(b"".join(lines[:place] + lines[place + 1 :]), tmp_path)


def rewritten(path, change):
    """A file whose checksum is right again: somebody meant it."""
    lines = [change(json.loads(json.dumps(line))) for line in files.read(path)]
    files.write_file(path, filter(None, lines))
    return path


def on(kind, key, change):
    """`key`: what the keys of the lines begin with, where lines of this kind have one."""
    return lambda line: change(line) if line["line"] == kind and line.get("key", "").startswith(key) else line


def rehashed(line):
    return line | {"hash": ledger.content_hash(line["content"])}


def put_in(line, **fields):
    return line | fields


def poisoned(line):
    line["content"]["answers"][0]["blocks"][0]["html"] = "<p onclick='x()'>hi</p><script>x()</script>"
    return rehashed(line)


def unknown_intent(line):
    line["content"]["intent"] = "weather.tomorrow"
    return rehashed(line)


def leading_astray(line):
    line["content"]["answers"][0]["blocks"] = [{"type": "link", "label": "x", "url": "javascript:alert(1)"}]
    return rehashed(line)


def elsewhere(line):
    line["original"]["path"] = "original_images/../../settings.png"
    return line


def no_picture(line):
    line["original"] |= {"data": "aGk=", "sha256": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"}
    return line


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda line: put_in(line, version=2) if line["line"] == "header" else line, "reads format 1 only"),
        (lambda line: put_in(line, format="photos") if line["line"] == "header" else line, "does not begin like"),
        (lambda line: put_in(line, release={}) if line["line"] == "header" else line, "does not hold what it should"),
        (on("item", FACTS, lambda line: None), "not those of the release"),
        (on("item", FACTS, lambda line: put_in(line, hash="0" * 64)), "facts is not what its hash says"),
        (on("item", FACTS, lambda line: put_in(line, content={"kind": "facts"})), "not what its hash says"),
        (on("item", "faq:", poisoned), "markup that no answer may have"),
        (on("item", "faq:", leading_astray), "address that no answer may have"),
        (on("item", "faq:", unknown_intent), "weather.tomorrow"),
        (on("category", "", lambda line: None), "The category general of an entry is not in the file"),
        (on("category", "", lambda line: line | {"line": "plugin"}), "kind that this version .* does not know"),
        (on("picture", "", elsewhere), "not for the folder"),
        (on("picture", "", no_picture), "cannot be used"),
        (on("picture", "", lambda line: put_in(line, rendition=line["original"])), "not for the folder images"),
    ],
)
def test_a_file_that_somebody_made_up_is_refused_with_a_sentence(path, change, sentence):
    wipe()
    refused(rewritten(path, change), sentence)


def test_a_file_that_is_none_is_refused(db, tmp_path):
    refused(tmp_path / "nowhere.jsonl", "No such file")
    other = tmp_path / "other.jsonl"
    for data in (b"", b"\n", b"[]\n", b"\x1f\x8bnonsense", b"\xff\xfe\n", b"[" * 100_000):
        other.write_bytes(data)
        refused(other, "Nothing was imported")


def test_a_shop_that_has_something_is_left_alone(filled, path):
    refused(path, "The shop “demo” is not empty: it has 1 releases, .* entries, .* 1 products")
    refused(path, "faq:.* is an entry of the shop “demo” already and .* more", shop="second")


def test_one_taken_number_is_enough_to_be_refused(path):
    number = FAQ.objects.get(title="怎么开发票").pk
    wipe()
    other = make_shop("other")
    entry = entry_of(f"faq:{number}", entry_like(other), lambda url: None)
    entry.shop, entry.category, entry.locale = other, other.categories.get(), Locale.objects.first()
    entry.save()
    refused(path, f"faq:{number} is an entry of the shop “other” already\\.")


def entry_like(shop):
    content = entry_content(draft(shop, "别的问题"))
    FAQ.objects.all().delete()
    return content


def test_a_release_can_become_a_shop_of_another_name(path):
    wipe()
    kept = make_shop("new")
    imported(path, shop="new")
    kept.refresh_from_db()
    assert ledger.live_release(kept)
    assert (kept.name, kept.allowed_origins) == ("demo 店", "https://shop.example.com")
    assert kept.categories.get().name == "常见问题"


def test_a_failure_half_way_leaves_nothing(path, monkeypatch):
    wipe()
    monkeypatch.setattr(ledger, "make_release", lambda *args, **kwargs: 1 / 0)
    before = state()
    with pytest.raises(ZeroDivisionError):
        imported(path)
    assert state() | {"StoredVector": 0} == before
    assert media_files() == []


def test_it_asks_first_unless_told_not_to(path, monkeypatch):
    wipe()
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_release", str(path), stdout=io.StringIO())
    assert not Shop.objects.exists()
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    call_command("import_release", str(path), stdout=io.StringIO())
    assert Release.objects.exists()


def test_under_another_address_the_answers_stay_and_the_new_address_waits(filled, path, settings):
    before = answers(filled)
    rich = FAQ.objects.get(title="几步退货")
    wipe()
    settings.WAGTAILADMIN_BASE_URL = "https://new.example"
    assert "1 contents would read otherwise if they were published here" in imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert list(ledger.pending(shop)) == [rich.key]
    assert "https://new.example/media/images/" in StoredContent.objects.get(pk=ledger.pending(shop)[rich.key]).text
    assert findings(shop).healthy


def test_pictures_come_with_the_file_and_go_where_they_were(path):
    stored = stored_files()
    wipe()
    assert media_files() == []
    imported(path)
    assert stored_files() == stored
    wipe(media=False)
    imported(path)
    assert stored_files() == stored
    assert Rendition.objects.count() == 1


def test_a_picture_that_is_another_one_here_is_not_replaced(path):
    name = Image.objects.get().file.name
    wipe()
    default_storage.save(name, ImageFile(io.BytesIO(b"another")))
    refused(path, f"There is another picture {name} here already")


def test_an_answer_whose_picture_is_gone_is_exported_and_says_so(filled, tmp_path):
    before = answers(filled)
    for name in stored_files():
        default_storage.delete(str(name))
    said = io.StringIO()
    path = tmp_path / "release.jsonl"
    call_command("export_release", output=str(path), stdout=io.StringIO(), stderr=said)
    assert "1 pictures that its answers show are no longer there" in said.getvalue()
    wipe()
    assert "1 pictures were not in the file" in imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert len(ledger.pending(shop)) == 1


def test_with_vectors_nothing_is_encoded_but_a_sample(filled, tmp_path, monkeypatch):
    path = export(tmp_path / "release.jsonl", with_vectors=True)
    before, vectors = answers(filled), set(StoredVector.objects.values_list("text_hash", flat=True))
    held = {line["text"] for line in files.read(path) if line["line"] == "vector"}
    wipe()
    encoded = []
    original = type(encoding.encoder()).encode
    monkeypatch.setattr(
        type(encoding.encoder()), "encode", lambda self, texts: encoded.extend(texts) or original(self, texts)
    )
    imported(path)
    assert 0 < len(encoded) < len(held) <= len(vectors)
    assert set(StoredVector.objects.values_list("text_hash", flat=True)) == held
    assert answers(Shop.objects.get()) == before


def test_a_vector_that_is_not_its_texts_is_refused(filled, tmp_path):
    path = export(tmp_path / "release.jsonl", with_vectors=True)
    datas = [line["data"] for line in files.read(path) if line["line"] == "vector"]
    wipe()
    turned = dict(zip(datas, [*datas[1:], datas[0]], strict=True))
    refused(
        rewritten(path, on("vector", "", lambda line: put_in(line, data=turned[line["data"]]))),
        "is not what the encoder",
    )
    refused(
        rewritten(path, on("vector", "", lambda line: put_in(line, data="AAAAAA=="))), "cannot be one of this release"
    )
    refused(rewritten(path, on("vector", "", lambda line: put_in(line, data="?"))), "cannot be decoded")


def test_without_the_releases_encoder_it_is_refused_unless_words_will_do(filled, path):
    wipe()
    header = next(files.read(path))
    reading = next(line for line in files.read(path) if line.get("key") == "reading")
    other = rehashed(reading | {"content": reading["content"] | {"recipe": "hash-of-another-day"}})
    hashes = {line["key"]: line["hash"] for line in files.read(path) if line["line"] == "item"} | {
        "reading": other["hash"]
    }
    told = header["release"] | {"digest": ledger.digest(hashes)}
    encoder = header["encoder"] | {"recipe": "hash-of-another-day"}
    swapped = {"header": header | {"release": told, "encoder": encoder}, "reading": other}
    rewritten(path, lambda line: swapped.get(line.get("key", line["line"]), line))
    refused(path, "encoder hash-of-another-day, which is not here")
    assert "by words alone until rebuild_index" in imported(path, other_encoder=True)
    shop = Shop.objects.get()
    assert all('"degraded": true' in one for one in answers(shop) if "no_words" not in one)
    call_command("rebuild_index", stdout=io.StringIO())
    assert findings(shop).healthy
    assert not any('"degraded": true' in one for one in answers(shop))


def test_releases_that_do_not_say_of_what_kind_a_fact_is_are_imported_too(filled, tmp_path):
    old = facts_content(filled)
    for fact in old["facts"]:
        del fact["kind"], fact["unit"]
    for product in old["products"].values():
        del product["price"], product["summary"], product["summary_en"]
    ledger.store([old])
    ledger.make_release(filled, {FACTS: ledger.content_hash(old)}, ledger.About())
    before = answers(filled)
    path = export(tmp_path / "release.jsonl")
    wipe()
    assert "1 contents would read otherwise" in imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert list(ledger.pending(shop)) == [FACTS]


def test_what_a_later_version_has_one_of_is_kept_in_the_release(filled, tmp_path):
    more = {"kind": "greetings", "texts": ["您好"]}
    ledger.store([more])
    ledger.make_release(filled, {"greetings": ledger.content_hash(more)}, ledger.About())
    path = export(tmp_path / "release.jsonl")
    wipe()
    imported(path)
    shop = Shop.objects.get()
    assert ledger.held(shop, 1)["greetings"] == ledger.content_hash(more)
    assert ledger.pending(shop) == {"greetings": None}


def test_a_pin_of_an_entry_that_is_not_in_the_release_is_left_out(filled, live, tmp_path):  # noqa: F811
    live(FAQ.objects.get(title="怎么开发票").unpublish)
    before = answers(filled)
    path = export(tmp_path / "release.jsonl")
    wipe()
    imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert list(ledger.pending(shop)) == [RULES]
    assert [rule["never"] for rule in rules_content(shop)["pins"]] == [True]


def test_the_gates_report_and_the_reason_for_overriding_it_come_along(filled, tmp_path):
    report = {"kind": "report", "losses": 3}
    ledger.store([report])
    about = ledger.About(notes="双十一", report=ledger.content_hash(report), override_reason="老板说的")
    ledger.make_release(filled, {}, about)
    path = export(tmp_path / "release.jsonl")
    wipe()
    imported(path)
    release = Release.objects.get()
    assert (release.notes, release.override_reason) == ("双十一", "老板说的")
    assert ledger.contents_of([release.report_id])[release.report_id] == report


def test_a_shop_without_that_release_says_so(shop):
    for arguments, sentence in ((["2020-W01"], "demo has no release 2020-W01"), ([], "demo has no release yet")):
        with pytest.raises(CommandError, match=sentence):
            call_command("export_release", *arguments)


def test_numbers_given_by_hand_are_not_given_again(path):
    highest = FAQ.objects.order_by("-pk").first().pk
    wipe()
    imported(path)
    assert make_entry(Shop.objects.get()).pk > highest


def make_entry(shop):
    return draft(shop, "新的问题")


def manage(folder, *arguments):
    environment = {**os.environ, "KB_VAR_DIR": str(folder), "KB_ENCODER": "hash", "DATABASE_URL": ""}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


ASK = """
import json
from django.utils import timezone
from datetime import datetime, UTC
from cms.models import Shop, FAQ
from cms.demo.loader import demo_phrasings
from search.answering import Question, answer
from search.api.answers import as_json
from search.snapshots import current
from dataclasses import replace
picture = current(Shop.objects.get())
moment = datetime(2026, 11, 20, 4, tzinfo=UTC)
queries = [text for _key, text, _negative in demo_phrasings()][::24][:50]
for query in queries:
    for channel in ("bot", "agent"):
        found = answer(picture, Question(query, channel, product_id="P1001"), moment)
        print(json.dumps(as_json(replace(found, took_ms=0.0), query_id=None), ensure_ascii=False, default=str))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_store_moves_to_another_installation_and_answers_the_same(tmp_path):
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "demo.jsonl.gz"
    manage(old, "migrate", "--verbosity=0")
    shutil.copytree(old, new)
    manage(old, "load_demo")
    manage(old, "export_release", f"--output={file}")
    before = manage(old, "shell", "--no-imports", "--command", ASK)
    assert "is live with" in manage(new, "import_release", str(file), "--yes")
    assert manage(new, "shell", "--no-imports", "--command", ASK) == before
    assert before.count("\n") == 100
    assert "0 FAQs, 0 scripts" in manage(new, "load_demo")
    again = tmp_path / "again.jsonl.gz"
    manage(new, "export_release", f"--output={again}")
    # What was loaded again was found, rules too; only the header tells another release.
    assert list(files.read(again))[1:] == list(files.read(file))[1:]
    assert "all as published" in manage(new, "check_index")
