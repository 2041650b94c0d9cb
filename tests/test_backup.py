import contextlib
import errno
import io
import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.core.management.color import no_style
from django.db import connection

from cms.models import Cut, Shop
from kb import archive as archives
from kb import rows
from kb.archive import Archive, ArchiveError, is_safe
from kb.installation import _staged
from search.models import QueryRecord, StoredVector
from search.snapshots import forget_snapshots
from search.sync import sync
from tests.builders import make_shop, make_user, publish, publish_script, synonyms
from tests.conftest import ROOT

DERIVED = ("django_session", "wagtailsearch_", "sqlite_")


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (settings.MEDIA_ROOT / "original_images").mkdir(parents=True)
    (settings.MEDIA_ROOT / "original_images" / "花.png").write_bytes(bytes(range(256)) * 40)
    return settings.MEDIA_ROOT


@pytest.fixture
def store(shop, media):
    """A shop with something in most kinds of tables."""
    publish(shop, "怎么开发票", "发票怎么开", answer="在订单页开。")
    publish_script(shop, "您好，在的")
    synonyms(shop, "发票", "收据")
    make_user("eva", "Editor")
    Cut.objects.create(shop=shop, keys=None, report={"r": [1.5, "…", None]})
    StoredVector.objects.create(recipe="r", text_hash="h", vector=b"\x00\xff" * 20)
    sync(shop)
    return shop


@pytest.fixture
def backup(store, tmp_path):
    path = tmp_path / "zhida.zip"
    run("backup", path)
    return path


def run(command, *arguments, **options):
    out = io.StringIO()
    connection.check_constraints()  # PostgreSQL empties no table for which a test's own transaction has checks left
    call_command(command, *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def tables():
    names = connection.introspection.table_names()
    return [name for name in names if not name.startswith(DERIVED)]


def everything():
    """Every value of every table as the database itself tells it, and every media file."""
    from django.conf import settings

    found = {}
    with connection.cursor() as cursor:
        for name in tables():
            cursor.execute(f'SELECT * FROM "{name}" ORDER BY 1')  # noqa: S608
            found[name] = [tuple(map(plain, row)) for row in cursor.fetchall()]
    root = Path(settings.MEDIA_ROOT)
    return found | {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def plain(value):
    """Two databases order the keys of an object differently."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return bytes(value) if isinstance(value, memoryview) else value


def make_empty(media):
    """As migrations leave it, but that they make groups and pages; numbers begin with 1 again."""
    connection.check_constraints()
    names = set(connection.introspection.table_names()) - {"django_migrations"}
    names = [name for name in names if "_fts" not in name]  # a trigger empties these
    flush = connection.ops.sql_flush(no_style(), names, reset_sequences=True)
    connection.ops.execute_sql_flush(flush)
    for path in media.rglob("*.*"):
        path.unlink()
    Group.objects.create(name="of a migration")


def rewritten(source, target, *, without=(), **added):
    """A backup with other members, or another manifest, and sums that are right."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        for info in old.infolist():
            if info.filename not in ("manifest.json", *without):
                new.writestr(info, old.read(info))
        for info, data in added.pop("members", []):
            new.writestr(info, data)
            manifest["members"][info.filename] = {"size": len(data), "sha256": sha256(data).hexdigest()}
        about = zipfile.ZipInfo("manifest.json")
        about.external_attr = (stat.S_IFREG | 0o600) << 16
        new.writestr(about, json.dumps(manifest | added))
    return target


def member(name, kind=stat.S_IFREG):
    about = zipfile.ZipInfo(name)
    about.external_attr = (kind | 0o644) << 16
    return about


def test_a_restored_installation_is_equal_in_every_table_and_file(backup, media):
    before = everything()
    make_empty(media)
    assert "Restored" in run("restore", backup)
    assert everything() == before
    assert not list(media.glob(".*"))


def test_a_backup_of_a_restored_installation_is_the_same_backup(backup, media, tmp_path):
    make_empty(media)
    run("restore", backup)
    run("backup", tmp_path / "again.zip")
    first, second = (Archive(path).manifest.members for path in (backup, tmp_path / "again.zip"))
    assert {name: one.sha256 for name, one in first.items()} == {name: one.sha256 for name, one in second.items()}


def test_the_api_answers_the_same_and_keys_and_passwords_are_good(store, bot, client, media, tmp_path):
    before = asked(bot)
    run("backup", tmp_path / "b.zip")
    make_empty(media)
    run("restore", tmp_path / "b.zip")
    forget_snapshots()
    assert before["suggestions"][0]["answer"]["text"] == "在订单页开。"
    assert asked(bot) == before
    assert client.login(username="eva", password="secret-word")
    assert get_user_model().objects.get().groups.get().name == "Editor"


def asked(bot):
    question = {"query": "发票怎么开", "shop": "demo", "channel": "bot"}
    answer = bot.post("/api/v1/suggest", question, format="json").json()
    return {name: value for name, value in answer.items() if name not in ("query_id", "took_ms")}


def test_json_null_and_no_value_at_all_stay_apart(backup, store, media, tmp_path):
    cut = Cut.objects.filter(shop=store)
    cut.update(report=rows.RawSQL("%s", [connection.ops.adapt_json_value(None, None)]))
    run("backup", tmp_path / "null.zip")
    make_empty(media)
    run("restore", tmp_path / "null.zip")
    assert cut.filter(keys__isnull=True, report__isnull=False).exists()


def test_the_editor_finds_entries_again_after_a_restore(backup, client, media):
    make_empty(media)
    run("restore", backup)
    eva = get_user_model().objects.get()
    eva.is_superuser = True
    eva.save()
    client.force_login(eva)
    assert "怎么开发票" in client.get("/cms/snippets/cms/faq/?q=发票").content.decode()


def test_a_number_that_an_entry_had_is_not_given_to_another(store, media, tmp_path):
    gone = publish(store, "删掉的")
    number = gone.pk
    gone.delete()
    run("backup", tmp_path / "b.zip")
    make_empty(media)
    run("restore", tmp_path / "b.zip")
    assert publish(Shop.objects.get(), "新的").pk > number


def test_sessions_and_the_secret_key_are_in_no_backup(store, client, settings, tmp_path):
    client.login(username="eva", password="secret-word")
    run("backup", tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        assert not [name for name in file.namelist() if "session" in name.lower() and "Editing" not in name]
        held = b"".join(file.read(name) for name in file.namelist())
    assert settings.SECRET_KEY.encode() not in held


def test_restoring_sends_no_signals_and_writes_no_index(backup, media, monkeypatch):
    from django.db.models.signals import m2m_changed, post_save, pre_save

    heard = []
    listeners = [(signal, lambda sender, **_: heard.append(sender)) for signal in (pre_save, post_save, m2m_changed)]
    make_empty(media)
    monkeypatch.setattr("kb.installation.call_command", lambda *_args, **_options: None)  # Wagtail's own index
    for signal, listen in listeners:
        signal.connect(listen, weak=False)
    run("restore", backup)
    for signal, listen in listeners:
        signal.disconnect(listen)
    assert heard == []


def test_an_installation_with_something_in_it_is_left_alone(backup):
    before = everything()
    with pytest.raises(CommandError, match=r"not empty: 1 cms.Shop, .*1 auth.User, 1 media files"):
        run("restore", backup)
    assert everything() == before


def test_replacing_deletes_what_was_there_but_asks_first(backup, store, client, media, monkeypatch):
    before = everything()
    other = make_shop("other")
    publish(other, "别的")
    client.force_login(make_user("mallory"))
    (media / "花.txt").write_text("new")
    (media / "original_images" / "花.png").write_text("changed")
    changed = everything()
    with pytest.raises(CommandError, match=r"deletes 2 cms.Shop.*--yes"):
        run("restore", backup, replace=True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("restore", backup, replace=True)
    assert everything() == changed
    monkeypatch.setattr("builtins.input", lambda _question: "replace")
    run("restore", backup, replace=True)
    assert everything() == before
    assert client.get("/desk/").status_code == 302


def test_a_truncated_file_is_refused_and_nothing_changes(backup, media, tmp_path):
    make_empty(media)
    before = everything()
    whole = backup.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        backup.write_bytes(whole[:size])
        with pytest.raises(CommandError, match="damaged or no backup"):
            run("restore", backup)
    with pytest.raises(CommandError, match="No such file"):
        run("restore", tmp_path / "nowhere.zip")
    assert everything() == before


def test_a_flipped_byte_is_refused_wherever_it_matters(backup):
    """Where it does not matter, as in a member's time, what is read is still what was written."""
    whole = backup.read_bytes()
    with Archive(backup) as archive:
        stated = archive.manifest
    refused = 0
    for place in range(0, len(whole), len(whole) // 150):
        backup.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            with Archive(backup) as archive:
                assert archive.manifest == stated
        except ArchiveError:
            refused += 1
    assert refused > 120


def test_a_backup_of_other_migrations_is_refused_by_name(backup, media, tmp_path):
    make_empty(media)
    before = everything()
    names = rows.migrations()
    newer = rewritten(backup, tmp_path / "newer.zip", migrations=[*names, "cms.9999_later"], zhida="9.1")
    older = rewritten(backup, tmp_path / "older.zip", migrations=names[:-1], zhida="0.0")
    with pytest.raises(CommandError, match=r"9\.1.*cms\.9999_later is unknown here\. Install that version"):
        run("restore", newer)
    with pytest.raises(
        CommandError, match=rf"{re.escape(names[-1])} is not in the backup\. Restore it with that version"
    ):
        run("restore", older)
    with pytest.raises(CommandError, match=r"format 99.*version that wrote it: 9\.1"):
        run("restore", rewritten(newer, tmp_path / "format.zip", format=99))
    assert everything() == before


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (member("media/../../evil.sh"), "leads out of its folder"),
        (member("/etc/evil"), "leads out of its folder"),
        (member("media/a\\..\\evil"), "leads out of its folder"),
        (member("media/link", stat.S_IFLNK), "is a link"),
        (member("elsewhere/evil"), "neither rows nor a media file"),
        (member("media/.zhida-restore/evil"), "neither rows nor a media file"),
    ],
)
def test_a_member_that_leads_elsewhere_is_refused(backup, media, tmp_path, about, said):
    make_empty(media)
    before = everything()
    evil = rewritten(backup, tmp_path / "evil.zip", members=[(about, b"/etc/passwd")])
    with pytest.raises(CommandError, match=said):
        run("restore", evil)
    assert everything() == before
    assert not list(tmp_path.rglob("*evil")) + list(media.glob(".*"))


def test_only_plain_paths_are_safe():
    assert is_safe("media/original_images/花.png")
    assert not [name for name in ("", "/a", "a//b", "a/../b", "..", "./a", "a/", "a\\b", "a\0") if is_safe(name)]


def test_a_member_too_few_or_a_wrong_row_is_refused_and_nothing_changes(backup, media, tmp_path):
    make_empty(media)
    before = everything()
    shops, users = "rows/cms.Shop.jsonl", "rows/auth.User.jsonl"
    with pytest.raises(CommandError, match=r"do not agree about rows/cms\.Shop\.jsonl"):
        run("restore", rewritten(backup, tmp_path / "fewer.zip", without=[shops]))
    renamed = rewritten(backup, tmp_path / "renamed.zip", without=[users], members=[(member(users), b"{}\n")])
    with pytest.raises(CommandError, match="does not fit the tables here"):
        run("restore", renamed)
    with pytest.raises(CommandError, match=r"Row 1 of cms\.Shop cannot be read"):
        run("restore", with_rows(backup, tmp_path / "row.zip", shops, b"{}\n"))
    with pytest.raises(CommandError, match="refuses"):  # categories of no shop
        run("restore", with_rows(backup, tmp_path / "orphans.zip", shops, b""))
    assert everything() == before


def with_rows(source, target, name, data):
    with Archive(source) as archive:
        members = {key: one.model_dump() for key, one in archive.manifest.members.items()}
    members[name] |= {"size": len(data), "sha256": sha256(data).hexdigest()}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        for info in old.infolist():
            found = {name: data, "manifest.json": json.dumps(manifest | {"members": members}).encode()}
            new.writestr(info, found.get(info.filename) or (b"" if info.filename == name else old.read(info)))
    return target


def test_a_file_that_exists_is_kept_unless_forced(backup):
    before = backup.read_bytes()
    with pytest.raises(CommandError, match=r"there already.*--force"):
        run("backup", backup)
    assert backup.read_bytes() == before
    QueryRecord.objects.all().delete()
    report = json.loads(run("backup", backup, force=True, json=True))
    assert report["bytes"] == backup.stat().st_size
    assert report["media_files"] == 1


def test_only_its_owner_may_read_a_backup_and_it_never_lies_in_the_media_folder(backup, media):
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="media folder"):
        run("backup", media / "b.zip")


@pytest.mark.parametrize("room", [0, 5_000, 20_000])
def test_a_full_disk_leaves_no_file_and_the_old_one(backup, tmp_path, monkeypatch, room):
    class FullDisk(io.FileIO):
        left = room

        def write(self, data):
            self.left -= len(data)
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    old = backup.read_bytes()
    monkeypatch.setattr(archives.os, "fdopen", lambda handle, _mode: FullDisk(handle, "wb"))
    with pytest.raises(CommandError, match="No space left on device"):
        run("backup", tmp_path / "new.zip")
    with pytest.raises(CommandError, match="No space left on device"):
        run("backup", backup, force=True)
    assert backup.read_bytes() == old
    assert [path.name for path in tmp_path.iterdir() if path.name != "media"] == ["zhida.zip"]


def test_a_disk_that_is_full_during_a_restore_changes_nothing(backup, media, monkeypatch):
    make_empty(media)
    before = everything()

    def full(*_handles):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kb.installation.shutil.copyfileobj", full)
    with pytest.raises(CommandError, match=r"No space left on device. Nothing was changed"):
        run("restore", backup)
    assert everything() == before


def test_what_a_killed_restore_left_is_no_media_and_goes_with_the_next(backup, media, tmp_path):
    before = everything()
    make_empty(media)
    (media / ".zhida-restore" / "original_images").mkdir(parents=True)
    (media / ".zhida-restore" / "original_images" / "花.png").write_bytes(b"half")
    report = json.loads(run("backup", tmp_path / "none.zip", json=True))
    assert report["media_files"] == 0
    run("restore", backup)
    assert everything() == before


def test_two_restores_do_not_work_at_once(backup, media):
    make_empty(media)
    with Archive(backup) as archive, _staged(archive), pytest.raises(CommandError, match="Another restore"):
        run("restore", backup)
    assert not Shop.objects.exists()


def test_a_media_folder_behind_a_link_is_named(store, media, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (media / "pictures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="pictures is a link"):
        run("backup", tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.slow
def test_a_backup_goes_through_the_other_kind_of_database_and_back(backup, media, tmp_path):
    """Its own process: a database made by migrations, real transactions."""
    before = everything()
    other, var = tmp_path / "other.zip", tmp_path / "var"
    commands = [("migrate", {"verbosity": 0}, []), ("restore", {}, [str(backup)]), ("backup", {}, [str(other)])]
    code = "import django, json, sys; django.setup(); from django.core.management import call_command\n"
    code += "for name, options, arguments in json.loads(sys.argv[1]): call_command(name, *arguments, **options)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    environment |= {"KB_VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "kb.settings", "KB_ENCODER": "hash"}
    environment.pop("DATABASE_URL", None)
    elsewhere = [sys.executable, "tests/on_postgres.py"] if connection.vendor == "sqlite" else []
    command = [*elsewhere, sys.executable, "-c", code, json.dumps(commands)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    make_empty(media)
    run("restore", other)
    assert everything() == before
