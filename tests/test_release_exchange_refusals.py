"""A file of a release that is refused, and an import that writes nothing."""

import io
import json

import pytest
from django.core.files.images import ImageFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from wagtail.images.models import Image
from wagtail.models import Locale

from cms.content import FACTS, entry_content
from cms.exchange import files
from cms.exchange.remaking import entry_of
from cms.models import FAQ, Release, Shop
from cms.releases import ledger
from search.checking import findings
from tests.builders import draft, make_shop
from tests.release_exchanges import (  # noqa: F401
    answers,
    export,
    filled,
    imported,
    media,
    media_files,
    path,
    state,
    stored_files,
    wipe,
)
from tests.test_release_exchange_files import is_refused
from tests.test_search_sync import live  # noqa: F401

# Wagtail leaves the file open in which it makes a rendition.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile:ResourceWarning")


def refused(path, match, *arguments, **options):  # noqa: F811
    """Nothing is written: no row, no file."""
    before, stored = state(), stored_files()
    with pytest.raises(CommandError, match=match):
        imported(path, *arguments, **options)
    assert (state(), stored_files()) == (before, stored)


def test_every_line_of_an_exported_release_is_needed(path, tmp_path):  # noqa: F811
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        assert is_refused(b"".join(lines[:place] + lines[place + 1 :]), tmp_path)


def rewritten(path, change):  # noqa: F811
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
def test_a_file_that_somebody_made_up_is_refused_with_a_sentence(path, change, sentence):  # noqa: F811
    wipe()
    refused(rewritten(path, change), sentence)


def test_a_file_that_is_none_is_refused(db, tmp_path):
    refused(tmp_path / "nowhere.jsonl", "No such file")
    other = tmp_path / "other.jsonl"
    for data in (b"", b"\n", b"[]\n", b"\x1f\x8bnonsense", b"\xff\xfe\n", b"[" * 100_000):
        other.write_bytes(data)
        refused(other, "Nothing was imported")


def test_a_shop_that_has_something_is_left_alone(filled, path):  # noqa: F811
    refused(path, "The shop “demo” is not empty: it has 1 releases, .* entries, .* 1 products")
    refused(path, "faq:.* is an entry of the shop “demo” already and .* more", shop="second")


def test_one_taken_number_is_enough_to_be_refused(path):  # noqa: F811
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


def test_a_failure_half_way_leaves_nothing(path, monkeypatch):  # noqa: F811
    wipe()
    monkeypatch.setattr(ledger, "make_release", lambda *args, **kwargs: 1 / 0)
    before = state()
    with pytest.raises(ZeroDivisionError):
        imported(path)
    assert state() | {"StoredVector": 0} == before
    assert media_files() == []


def test_it_asks_first_unless_told_not_to(path, monkeypatch):  # noqa: F811
    wipe()
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_release", str(path), stdout=io.StringIO())
    assert not Shop.objects.exists()
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    call_command("import_release", str(path), stdout=io.StringIO())
    assert Release.objects.exists()


def test_a_picture_that_is_another_one_here_is_not_replaced(path):  # noqa: F811
    name = Image.objects.get().file.name
    wipe()
    default_storage.save(name, ImageFile(io.BytesIO(b"another")))
    refused(path, f"There is another picture {name} here already")


def test_a_vector_that_is_not_its_texts_is_refused(filled, tmp_path):  # noqa: F811
    path = export(tmp_path / "release.jsonl", with_vectors=True)  # noqa: F811
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


def test_without_the_releases_encoder_it_is_refused_unless_words_will_do(filled, path):  # noqa: F811
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


def test_a_shop_without_that_release_says_so(shop):
    for arguments, sentence in ((["2020-W01"], "demo has no release 2020-W01"), ([], "demo has no release yet")):
        with pytest.raises(CommandError, match=sentence):
            call_command("export_release", *arguments)
