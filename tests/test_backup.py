"""None"""

import errno
import io
import json
import os
import stat
import subprocess
import sys
import zipfile

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.db import connection

from cms.models import Cut, Shop
from kb import archive as archives
from kb import rows
from kb.archive import Archive
from kb.installation import _staged
from search.models import QueryRecord
from search.snapshots import forget_snapshots
from tests.backups import backup, everything, make_empty, media, run, store  # noqa: F401
from tests.builders import publish
from tests.conftest import ROOT


def test_a_restored_installation_is_equal_in_every_table_and_file(backup, media):  # noqa: F811
    before = everything()
    make_empty(media)
    assert "Restored" in run("restore", backup)
    assert everything() == before
    assert not list(media.glob(".*"))


def test_a_backup_of_a_restored_installation_is_the_same_backup(backup, media, tmp_path):  # noqa: F811
    make_empty(media)
    run("restore", backup)
    run("backup", tmp_path / "again.zip")
    first, second = (Archive(path).manifest.members for path in (backup, tmp_path / "again.zip"))
    assert {name: one.sha256 for name, one in first.items()} == {name: one.sha256 for name, one in second.items()}


def test_the_api_answers_the_same_and_keys_and_passwords_are_good(store, bot, client, media, tmp_path):  # noqa: F811
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


def test_json_null_and_no_value_at_all_stay_apart(backup, store, media, tmp_path):  # noqa: F811
    cut = Cut.objects.filter(shop=store)
    cut.update(report=rows.RawSQL("%s", [connection.ops.adapt_json_value(None, None)]))
    run("backup", tmp_path / "null.zip")
    make_empty(media)
    run("restore", tmp_path / "null.zip")
    assert cut.filter(keys__isnull=True, report__isnull=False).exists()


def test_the_editor_finds_entries_again_after_a_restore(backup, client, media):  # noqa: F811
    make_empty(media)
    run("restore", backup)
    eva = get_user_model().objects.get()
    eva.is_superuser = True
    eva.save()
    client.force_login(eva)
    assert "怎么开发票" in client.get("/cms/snippets/cms/faq/?q=发票").content.decode()


def test_a_number_that_an_entry_had_is_not_given_to_another(store, media, tmp_path):  # noqa: F811
    gone = publish(store, "删掉的")
    number = gone.pk
    gone.delete()
    run("backup", tmp_path / "b.zip")
    make_empty(media)
    run("restore", tmp_path / "b.zip")
    assert publish(Shop.objects.get(), "新的").pk > number


def test_sessions_and_the_secret_key_are_in_no_backup(store, client, settings, tmp_path):  # noqa: F811
    client.login(username="eva", password="secret-word")
    run("backup", tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        assert not [name for name in file.namelist() if "session" in name.lower() and "Editing" not in name]
        held = b"".join(file.read(name) for name in file.namelist())
    assert settings.SECRET_KEY.encode() not in held


def test_restoring_sends_no_signals_and_writes_no_index(backup, media, monkeypatch):  # noqa: F811
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


def test_a_file_that_exists_is_kept_unless_forced(backup):  # noqa: F811
    before = backup.read_bytes()
    with pytest.raises(CommandError, match=r"there already.*--force"):
        run("backup", backup)
    assert backup.read_bytes() == before
    QueryRecord.objects.all().delete()
    report = json.loads(run("backup", backup, force=True, json=True))
    assert report["bytes"] == backup.stat().st_size
    assert report["media_files"] == 1


def test_only_its_owner_may_read_a_backup_and_it_never_lies_in_the_media_folder(backup, media):  # noqa: F811
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="media folder"):
        run("backup", media / "b.zip")


@pytest.mark.parametrize("room", [0, 5_000, 20_000])
def test_a_full_disk_leaves_no_file_and_the_old_one(backup, tmp_path, monkeypatch, room):  # noqa: F811
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


def test_a_disk_that_is_full_during_a_restore_changes_nothing(backup, media, monkeypatch):  # noqa: F811
    make_empty(media)
    before = everything()

    def full(*_handles):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kb.installation.shutil.copyfileobj", full)
    with pytest.raises(CommandError, match=r"No space left on device. Nothing was changed"):
        run("restore", backup)
    assert everything() == before


def test_what_a_killed_restore_left_is_no_media_and_goes_with_the_next(backup, media, tmp_path):  # noqa: F811
    before = everything()
    make_empty(media)
    (media / ".zhida-restore" / "original_images").mkdir(parents=True)
    (media / ".zhida-restore" / "original_images" / "花.png").write_bytes(b"half")
    report = json.loads(run("backup", tmp_path / "none.zip", json=True))
    assert report["media_files"] == 0
    run("restore", backup)
    assert everything() == before


def test_two_restores_do_not_work_at_once(backup, media):  # noqa: F811
    make_empty(media)
    with Archive(backup) as archive, _staged(archive), pytest.raises(CommandError, match="Another restore"):
        run("restore", backup)
    assert not Shop.objects.exists()


def test_a_media_folder_behind_a_link_is_named(store, media, tmp_path):  # noqa: F811
    (tmp_path / "elsewhere").mkdir()
    (media / "pictures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="pictures is a link"):
        run("backup", tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.slow
def test_a_backup_goes_through_the_other_kind_of_database_and_back(backup, media, tmp_path):  # noqa: F811
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
