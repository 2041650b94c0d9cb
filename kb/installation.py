"""A whole installation into one file, and a file into an empty installation: the rows and the media folder.

Nothing is half done: a backup has its name when it is whole, and a restore is one transaction, before which the media
files wait beside their places. Sessions, the secret key and the encoder are in no backup.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from kb import rows
from kb.archive import FORMAT, Archive, ArchiveError, ArchiveWriter, Manifest, Member, Table, writing

logger = logging.getLogger(__name__)

ROWS, MEDIA = "rows/", "media/"
STAGING = ".zhida-restore"  # in the media folder, so that files move from it without being copied again


def take_backup(target: Path, *, overwrite: bool = False) -> Manifest:
    """Writes every row, as all of them are at one moment, and every media file. Raises ArchiveError."""
    if target.resolve().is_relative_to(_media_root().resolve()):
        raise ArchiveError(f"{target} would lie in the media folder, which everybody may read. Choose another place.")
    members: dict[str, Member] = {}
    with writing(target, overwrite=overwrite) as file, ArchiveWriter(file) as archive:
        try:
            with rows.one_moment():
                migrations = rows.migrations()
                made_at = datetime.now(UTC)
                members |= _add_rows(archive)
        except DatabaseError as exc:
            raise ArchiveError(f"The database cannot be read: {exc}") from exc
        # After the rows: a file that is added meanwhile is one too many, not one too few.
        members |= _add_media(archive)
        manifest = Manifest(
            format=FORMAT,
            zhida=settings.VERSION,
            made_at=made_at,
            database=connection.vendor,
            migrations=migrations,
            members=members,
        )
        archive.finish(manifest)
    return manifest


def _add_rows(archive: ArchiveWriter) -> dict[str, Member]:
    members = {}
    for model in rows.stored_models():
        name = _member_of(model._meta.label)
        count = 0
        with archive.adding(name, packed=True) as file:
            for line in rows.lines(model):
                file.write(line)
                count += 1
        members[name] = file.member(rows.described(model, count))
    return members


def _member_of(label: str) -> str:
    return f"{ROWS}{label}.jsonl"


def _add_media(archive: ArchiveWriter) -> dict[str, Member]:
    members = {}
    for name in media_files():
        try:
            source = (_media_root() / name).open("rb")
        except FileNotFoundError:
            continue  # deleted since the folder was read; its row went with it
        except OSError as exc:
            raise ArchiveError(f"{_media_root() / name} cannot be read: {exc.strerror}. No backup was made.") from exc
        with source, archive.adding(MEDIA + name, packed=False) as file:
            shutil.copyfileobj(source, file)
        members[MEDIA + name] = file.member()
    return members


def media_files() -> list[str]:
    """Their paths below the media folder. Raises ArchiveError for a link to a folder, which could lead anywhere."""
    found = []
    for folder, folders, files in os.walk(_media_root()):
        folders[:] = sorted(name for name in folders if name != STAGING)
        if links := [name for name in folders if Path(folder, name).is_symlink()]:
            raise ArchiveError(f"{Path(folder, links[0])} is a link. Put the folder that it leads to in its place.")
        found += [Path(folder, name).relative_to(_media_root()).as_posix() for name in sorted(files)]
    return found


def _media_root() -> Path:
    return Path(settings.MEDIA_ROOT)


def what_is_there() -> list[str]:
    """What keeps an installation from being empty, in words. Migrations make groups, a root page and the like, but
    nothing of this."""
    ours = [model for label in ("cms", "search") for model in apps.get_app_config(label).get_models()]
    pictures = [apps.get_model(label) for label in ("wagtailimages.Image", "wagtaildocs.Document")]
    found = [f"{count} {label}" for label, count in rows.rows_of([*ours, get_user_model(), *pictures]).items()]
    files = len(media_files())
    return [*found, f"{files} media files"] if files else found


@dataclass(frozen=True)
class Restored:
    """`searchable`: whether the CMS's own search was made anew; if not, `wagtail_update_index` is to be run."""

    manifest: Manifest
    searchable: bool


def restore(archive: Archive, *, replace: bool = False) -> Restored:
    """Makes this installation the one in the archive: all rows in one transaction, then the media files.

    Raises ArchiveError, and has changed nothing then: where the archive does not fit, where the installation is not
    empty and `replace` is false, and where the database refuses a row. Only a disk that fails after the transaction
    leaves rows without files, and the error says so.
    """
    check_fit(archive.manifest)
    _refuse_what_is_there(replace)
    with _staged(archive) as staging:
        try:
            with transaction.atomic(durable=True):
                _refuse_what_is_there(replace)
                _put_rows(archive)
        except DatabaseError as exc:
            raise ArchiveError(f"The database refuses the backup: {exc}. Nothing was changed.") from exc
        finally:
            ContentType.objects.clear_cache()
        try:
            _settle(staging, archive.manifest.files)
        except OSError as exc:
            what = f"The rows are restored, but not all media files: {exc}."
            raise ArchiveError(f"{what} Mend that and run the restore again, with --replace.") from exc
    return Restored(archive.manifest, searchable=_update_cms_search())


def check_fit(manifest: Manifest) -> None:
    """Raises ArchiveError unless the tables here are those that the backup was taken from."""
    here = rows.migrations()
    if differing := sorted(set(here) ^ set(manifest.migrations)):
        newer = differing[0] in manifest.migrations
        what = f"The backup is of Zhida {manifest.zhida}, here is {settings.VERSION}; the migration {differing[0]} is "
        what += "unknown here" if newer else "not in the backup"
        todo = "Install that version" if newer else "Restore it with that version, then update and run `migrate`"
        raise ArchiveError(f"{what}. {todo}. Nothing was changed.")
    tables = {_member_of(model._meta.label): rows.described(model, 0).columns for model in rows.stored_models()}
    stated = {name: member.table.columns for name, member in manifest.members.items() if member.table}
    if tables != stated:
        odd = sorted(name for name in tables.keys() | stated.keys() if tables.get(name) != stated.get(name))
        what = f"The backup's {odd[0]} does not fit the tables here"
        raise ArchiveError(f"{what}. Install the packages that Zhida {manifest.zhida} pins. Nothing was changed.")


def _refuse_what_is_there(replace: bool) -> None:
    found = what_is_there()  # with --replace too: it refuses a media folder that leads elsewhere
    if found and not replace:
        what = f"This installation is not empty: {', '.join(found)}."
        raise ArchiveError(f"{what} Restore into a new one, or use --replace, which deletes all of it first.")


def _put_rows(archive: Archive) -> None:
    rows.empty_every_table()
    tables: list[Table] = []
    for model in rows.stored_models():
        name = _member_of(model._meta.label)
        table = archive.manifest.members[name].table
        with archive.open(name) as file:
            rows.insert(model, file)
        tables += [table] if table else []
    rows.continue_numbers(tables)
    connection.check_constraints()


@contextmanager
def _staged(archive: Archive) -> Iterator[Path]:
    """A folder that nobody else may read, with the media files in it; gone afterwards. Raises ArchiveError."""
    staging = _media_root() / STAGING
    handle = _locked(staging)
    try:
        try:
            for path in staging.iterdir():  # what a killed restore left: its lock died with it
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            for name in archive.manifest.files:
                _unpack(archive, name, staging)
        except OSError as exc:
            raise _unwritable(exc) from exc
        yield staging
    finally:
        with suppress(OSError):
            shutil.rmtree(staging)
        os.close(handle)


def _locked(staging: Path) -> int:
    try:
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(staging, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as exc:
        raise _unwritable(exc) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(handle)
        raise ArchiveError("Another restore is at work here. Nothing was changed.") from exc
    return handle


def _unwritable(exc: OSError) -> ArchiveError:
    what = f"The media files cannot be written into {_media_root()}: {exc.strerror or exc}"
    return ArchiveError(f"{what}. Nothing was changed.")


def _unpack(archive: Archive, name: str, staging: Path) -> None:
    path = staging / name.removeprefix(MEDIA)
    if not name.startswith(MEDIA) or f"/{STAGING}/" in name:
        raise ArchiveError(f"The backup's {name} is neither rows nor a media file. Nothing was changed.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as target, archive.open(name) as source:
        shutil.copyfileobj(source, target)
        if settings.FILE_UPLOAD_PERMISSIONS is not None:
            os.fchmod(target.fileno(), settings.FILE_UPLOAD_PERMISSIONS)
        target.flush()
        os.fsync(target.fileno())


def _settle(staging: Path, names: list[str]) -> None:
    """Each file to its place in one step; the old ones go first, as one may be called like a new one's folder."""
    wanted = {name.removeprefix(MEDIA) for name in names}
    for name in media_files():
        if name not in wanted:
            (_media_root() / name).unlink()
    for folder, _folders, _files in os.walk(_media_root(), topdown=False):
        if not Path(folder).is_relative_to(staging) and Path(folder) != _media_root():
            with suppress(OSError):
                Path(folder).rmdir()  # only if it is empty
    for name in wanted:
        target = _media_root() / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(target)


def _update_cms_search() -> bool:
    """What editors find entries with in the CMS; derived, so its failure does not undo a restore."""
    try:
        with transaction.atomic():
            call_command("wagtail_update_index", verbosity=0)
    except Exception:
        logger.exception("The CMS's search index was not made anew.")
        return False
    return True
