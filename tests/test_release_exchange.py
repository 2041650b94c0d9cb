"""A release in a file: written, and put where nothing is yet."""

import gzip
import io
import os
import shutil
import subprocess
import sys

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from wagtail.images.models import Image, Rendition
from wagtail.models import ReferenceIndex

from cms.content import FACTS, RULES, entry_content, facts_content, live_contents, rules_content
from cms.exchange import files
from cms.models import (
    FAQ,
    Fact,
    IntentRule,
    PendingChange,
    Pin,
    Product,
    Release,
    Script,
    Shop,
    StoredContent,
    SynonymGroup,
)
from cms.releases import ledger
from search import encoding
from search.checking import findings
from search.models import StoredVector
from tests.builders import draft, make_shop, publish
from tests.conftest import ROOT
from tests.release_exchanges import (  # noqa: F401
    SECRETS,
    add_secrets,
    answers,
    export,
    filled,
    imported,
    media,
    media_files,
    path,
    stored_files,
    wipe,
)
from tests.test_search_sync import live  # noqa: F401

# Wagtail leaves the file open in which it makes a rendition.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile:ResourceWarning")


def test_an_imported_release_answers_the_same_byte_for_byte(filled, path):  # noqa: F811
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


def test_what_editors_own_is_as_it_was(filled, path):  # noqa: F811
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


def test_translations_are_still_linked_and_wagtail_knows_what_is_used(path):  # noqa: F811
    wipe()
    imported(path)
    english = FAQ.objects.get(locale__language_code="en")
    assert [entry.title for entry in english.get_translations()] == ["什么时候发货"]
    assert ReferenceIndex.get_references_to(Image.objects.get()).exists()
    assert ReferenceIndex.get_references_to(FAQ.objects.get(title="怎么开发票")).exists()


def test_scripts_keep_their_scene_and_emotion(path):  # noqa: F811
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
    path = export(tmp_path / "old.jsonl.gz", old.number)  # noqa: F811
    wipe()
    imported(path)
    assert answers(Shop.objects.get()) == before


def test_the_same_release_is_always_the_same_file(filled, tmp_path):  # noqa: F811
    one, other = export(tmp_path / "one.jsonl.gz"), export(tmp_path / "other.jsonl.gz")
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == export(tmp_path / "plain.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(  # noqa: F811
        ["one.jsonl.gz", "other.jsonl.gz", "plain.jsonl"]
    )


def test_a_file_can_go_to_standard_output(filled, path, capfdbinary):  # noqa: F811
    call_command("export_release", output="-")
    assert capfdbinary.readouterr().out == path.read_bytes()


def test_a_release_can_become_a_shop_of_another_name(path):  # noqa: F811
    wipe()
    kept = make_shop("new")
    imported(path, shop="new")
    kept.refresh_from_db()
    assert ledger.live_release(kept)
    assert (kept.name, kept.allowed_origins) == ("demo 店", "https://shop.example.com")
    assert kept.categories.get().name == "常见问题"


def test_under_another_address_the_answers_stay_and_the_new_address_waits(filled, path, settings):  # noqa: F811
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


def test_pictures_come_with_the_file_and_go_where_they_were(path):  # noqa: F811
    stored = stored_files()
    wipe()
    assert media_files() == []
    imported(path)
    assert stored_files() == stored
    wipe(media=False)
    imported(path)
    assert stored_files() == stored
    assert Rendition.objects.count() == 1


def test_an_answer_whose_picture_is_gone_is_exported_and_says_so(filled, tmp_path):  # noqa: F811
    before = answers(filled)
    for name in stored_files():
        default_storage.delete(str(name))
    said = io.StringIO()
    path = tmp_path / "release.jsonl"  # noqa: F811
    call_command("export_release", output=str(path), stdout=io.StringIO(), stderr=said)
    assert "1 pictures that its answers show are no longer there" in said.getvalue()
    wipe()
    assert "1 pictures were not in the file" in imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert len(ledger.pending(shop)) == 1


def test_with_vectors_nothing_is_encoded_but_a_sample(filled, tmp_path, monkeypatch):  # noqa: F811
    path = export(tmp_path / "release.jsonl", with_vectors=True)  # noqa: F811
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


def test_releases_that_do_not_say_of_what_kind_a_fact_is_are_imported_too(filled, tmp_path):  # noqa: F811
    old = facts_content(filled)
    for fact in old["facts"]:
        del fact["kind"], fact["unit"]
    for product in old["products"].values():
        del product["price"], product["summary"], product["summary_en"]
    ledger.store([old])
    ledger.make_release(filled, {FACTS: ledger.content_hash(old)}, ledger.About())
    before = answers(filled)
    path = export(tmp_path / "release.jsonl")  # noqa: F811
    wipe()
    assert "1 contents would read otherwise" in imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert list(ledger.pending(shop)) == [FACTS]


def test_what_a_later_version_has_one_of_is_kept_in_the_release(filled, tmp_path):  # noqa: F811
    more = {"kind": "greetings", "texts": ["您好"]}
    ledger.store([more])
    ledger.make_release(filled, {"greetings": ledger.content_hash(more)}, ledger.About())
    path = export(tmp_path / "release.jsonl")  # noqa: F811
    wipe()
    imported(path)
    shop = Shop.objects.get()
    assert ledger.held(shop, 1)["greetings"] == ledger.content_hash(more)
    assert ledger.pending(shop) == {"greetings": None}


def test_a_pin_of_an_entry_that_is_not_in_the_release_is_left_out(filled, live, tmp_path):  # noqa: F811
    live(FAQ.objects.get(title="怎么开发票").unpublish)
    before = answers(filled)
    path = export(tmp_path / "release.jsonl")  # noqa: F811
    wipe()
    imported(path)
    shop = Shop.objects.get()
    assert answers(shop) == before
    assert list(ledger.pending(shop)) == [RULES]
    assert [rule["never"] for rule in rules_content(shop)["pins"]] == [True]


def test_the_gates_report_and_the_reason_for_overriding_it_come_along(filled, tmp_path):  # noqa: F811
    report = {"kind": "report", "losses": 3}
    ledger.store([report])
    about = ledger.About(notes="双十一", report=ledger.content_hash(report), override_reason="老板说的")
    ledger.make_release(filled, {}, about)
    path = export(tmp_path / "release.jsonl")  # noqa: F811
    wipe()
    imported(path)
    release = Release.objects.get()
    assert (release.notes, release.override_reason) == ("双十一", "老板说的")
    assert ledger.contents_of([release.report_id])[release.report_id] == report


def test_numbers_given_by_hand_are_not_given_again(path):  # noqa: F811
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
