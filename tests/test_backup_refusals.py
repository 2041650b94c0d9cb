"""What a restore refuses: an installation in use, and files that are damaged, foreign or made up."""

import json
import re
import stat
import zipfile
from hashlib import sha256

import pytest
from django.core.management import CommandError

from kb import rows
from kb.archive import Archive, ArchiveError, is_safe
from tests.backups import backup, everything, make_empty, media, run, store  # noqa: F401
from tests.builders import make_shop, make_user, publish


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


def test_an_installation_with_something_in_it_is_left_alone(backup):  # noqa: F811
    before = everything()
    with pytest.raises(CommandError, match=r"not empty: 1 cms.Shop, .*1 auth.User, 1 media files"):
        run("restore", backup)
    assert everything() == before


def test_replacing_deletes_what_was_there_but_asks_first(backup, store, client, media, monkeypatch):  # noqa: F811
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


def test_a_truncated_file_is_refused_and_nothing_changes(backup, media, tmp_path):  # noqa: F811
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


def test_a_flipped_byte_is_refused_wherever_it_matters(backup):  # noqa: F811
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


def test_a_backup_of_other_migrations_is_refused_by_name(backup, media, tmp_path):  # noqa: F811
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
def test_a_member_that_leads_elsewhere_is_refused(backup, media, tmp_path, about, said):  # noqa: F811
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


def test_a_member_too_few_or_a_wrong_row_is_refused_and_nothing_changes(backup, media, tmp_path):  # noqa: F811
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
