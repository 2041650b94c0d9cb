"""One file that holds an installation: a ZIP of members, and a manifest with a SHA-256 of each.

ZIP, not tar.gz: a member is written while its size is still unknown, so rows stream; the manifest stands last, where
the sums are known, and is read first, without unpacking what precedes it. Everything about the file is here, nothing
about rows: `kb/installation.py` says what goes in. The sums tell damage. They do not tell who wrote the file.
"""

import hashlib
import json
import os
import secrets
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 256 * 1024 * 1024  # a million pictures need that much
CHUNK = 1024 * 1024
# What `zipfile` and `json` raise on bytes that nobody wrote.
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, LookupError, RuntimeError)


class ArchiveError(Exception):
    """What is wrong with a backup, or in its way, and what to do. Nothing has been changed."""


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(_Stated):
    """A model's rows: how many, in which columns, and the highest number that its table ever gave out."""

    model: str
    columns: list[str]
    rows: int = Field(ge=0)
    last_id: int | None = None


class Member(_Stated):
    size: int = Field(ge=0)
    sha256: str
    table: Table | None = None  # None: a file of the media folder


class Manifest(_Stated):
    format: int
    zhida: str
    made_at: datetime
    database: str
    migrations: list[str]
    members: dict[str, Member]

    @property
    def rows(self) -> int:
        return sum(member.table.rows for member in self.members.values() if member.table)

    @property
    def files(self) -> list[str]:
        return [name for name, member in self.members.items() if member.table is None]


class Summed:
    """A member while it is written: what passes through is counted and summed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._sum.update(data)
        self.size += len(data)

    def member(self, table: Table | None = None) -> Member:
        return Member(size=self.size, sha256=self._sum.hexdigest(), table=table)


class ArchiveWriter:
    """Members one after the other, the manifest at last."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._zip.close()

    @contextmanager
    def adding(self, name: str, *, packed: bool) -> Iterator[Summed]:
        """`packed`: whether compressing is worth it; pictures are compressed already. Raises ArchiveError for a name
        that could not be restored."""
        if not is_safe(name):
            raise ArchiveError(f"{name!r} is no name that every system can restore; rename that file.")
        now = datetime.now(UTC)
        about = zipfile.ZipInfo(name, (now.year, now.month, now.day, now.hour, now.minute, now.second))
        about.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        about.external_attr = (stat.S_IFREG | 0o600) << 16
        with self._zip.open(about, "w", force_zip64=True) as file:
            yield Summed(file)

    def finish(self, manifest: Manifest) -> None:
        with self.adding(MANIFEST, packed=True) as file:
            file.write(manifest.model_dump_json(indent=1).encode())


@contextmanager
def writing(target: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file that is called `target` when it is whole and on the disk, and never before; readable by its owner alone.

    Raises ArchiveError where there is such a file already, or it cannot be written.
    """
    if target.is_dir() or (target.exists() and not overwrite):
        hint = (
            "a folder; name a file in it" if target.is_dir() else "there already; choose another name, or use --force"
        )
        raise ArchiveError(f"{target} is {hint}.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists() and not overwrite:
            raise ArchiveError(f"{target} was made by another program meanwhile; choose another name.")
        draft.replace(target)
        sync_folder(target.parent)
    except OSError as exc:
        raise ArchiveError(f"{target} cannot be written: {exc.strerror or exc}. No backup was made.") from exc
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """What was renamed in it is still so after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Archive:
    """A backup that was read from end to end: every member is there and whole, and nothing else is."""

    def __init__(self, path: Path) -> None:
        """Raises ArchiveError."""
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as exc:
            raise ArchiveError(f"{path} cannot be read: {exc.strerror or exc}.") from exc
        except UNREADABLE as exc:
            raise self._damaged(f"it is not a whole ZIP file ({exc})") from exc
        try:
            self.manifest = self._manifest()
            self._check_members()
            for name, member in self.manifest.members.items():
                self._check_sum(name, member)
        except (*UNREADABLE, OSError) as exc:
            self._zip.close()
            raise self._damaged(str(exc) or type(exc).__name__) from exc
        except ArchiveError:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._zip.close()

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def _damaged(self, why: str) -> ArchiveError:
        return ArchiveError(f"{self.path} is damaged or no backup: {why}. Nothing was changed; use another copy.")

    def _manifest(self) -> Manifest:
        about = self._zip.getinfo(MANIFEST)
        if about.file_size > LARGEST_MANIFEST:
            raise self._damaged("its manifest is far too large")
        stated = json.loads(self._zip.read(about))
        if not isinstance(stated, dict) or "format" not in stated:
            raise self._damaged("its manifest is another program's")
        if stated["format"] != FORMAT:
            what = f"{self.path} has format {stated['format']!r}, and this Zhida reads format {FORMAT}."
            raise ArchiveError(f"{what} Restore it with the version that wrote it: {stated.get('zhida')}.")
        try:
            return Manifest.model_validate(stated)
        except ValidationError as exc:
            first = exc.errors()[0]
            raise self._damaged(f"its manifest has {'.'.join(map(str, first['loc']))}: {first['msg']}") from exc

    def _check_members(self) -> None:
        """Before a single one is opened."""
        infos = self._zip.infolist()
        for info in infos:
            if not is_safe(info.filename):
                raise self._damaged(f"“{info.filename}” leads out of its folder")
            if stat.S_IFMT(info.external_attr >> 16) != stat.S_IFREG:
                raise self._damaged(f"“{info.filename}” is a link, or no file")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self._damaged(f"“{info.filename}” is packed in a way that backups are not")
        names = [info.filename for info in infos]
        stated = self.manifest.members.keys() | {MANIFEST}
        if len(names) != len(set(names)) or set(names) != stated:
            odd = sorted(set(names) ^ stated) or ["a name that occurs twice"]
            raise self._damaged(f"it and its manifest do not agree about {odd[0]}")

    def _check_sum(self, name: str, member: Member) -> None:
        found, size = hashlib.sha256(), 0
        with self.open(name) as file:
            while size <= member.size and (data := file.read(CHUNK)):
                found.update(data)
                size += len(data)
        if size != member.size or found.hexdigest() != member.sha256:
            raise self._damaged(f"the checksum of “{name}” is wrong")


def is_safe(name: str) -> bool:
    """Whether a member's name is a plain path below the folder that it is put into."""
    return not any(part in ("", ".", "..") for part in name.split("/")) and not set(name) & {"\\", "\0"}
