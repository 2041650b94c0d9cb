"""The file that holds a release: JSON lines, the first says what it is, the last is a checksum over all before it.

What is read here is whole and unaltered, or it raises BadFile. Nobody has to trust a line before the last one was read.
"""

import gzip
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, cast

from cms.releases.ledger import canonical

FORMAT, VERSION = "zhida-release", 1
HEADER, END = "header", "end"
_GZIP = b"\x1f\x8b"
Line = dict[str, Any]
"""`line` names its kind."""


class BadFile(ValueError):
    """It is not a release, or not a whole one, or not as it was written. Nothing of it can be used: fetch it anew."""


def write(lines: Iterable[Line], out: BinaryIO) -> Counter[str]:
    """Returns how many lines of each kind there are. The same lines are always the same bytes."""
    counts: Counter[str] = Counter()
    checksum = sha256()
    for line in lines:
        data = _bytes(line)
        checksum.update(data)
        out.write(data)
        counts[line["line"]] += 1
    out.write(_end(counts.total(), checksum.hexdigest()))
    return counts


def _bytes(line: Line) -> bytes:
    return canonical(line).encode() + b"\n"


def _end(lines: int, checksum: str) -> bytes:
    return _bytes({"line": END, "lines": lines, "sha256": checksum})


def write_file(path: Path, lines: Iterable[Line]) -> Counter[str]:
    """Aside first: under its name there is a whole file, or the one that was there before. Compressed where the name
    ends in .gz."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            if path.suffix == ".gz":
                # Without a name and a time in it, equal releases are equal files.
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    counts = write(lines, cast(BinaryIO, packed))
            else:
                counts = write(lines, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return counts


def read(path: Path) -> Iterator[Line]:
    """All lines but the last. Raises BadFile, at the latest after the last line was taken."""
    checksum = sha256()
    number = 0
    held = b""
    with _opened(path) as file:
        for data in file:
            if held:
                number += 1
                checksum.update(held)
                yield _parsed(held, number)
            held = data
    if held != _end(number, checksum.hexdigest()):
        raise BadFile("The file is cut off, or was altered: what it holds is not what its checksum was made of.")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
    except (gzip.BadGzipFile, zlib.error, EOFError) as exc:
        raise BadFile(f"The file cannot be unpacked: {exc}.") from exc


def _parsed(data: bytes, number: int) -> Line:
    try:
        line = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise BadFile(f"Line {number} is not JSON: this is no exported release, or it was altered.") from exc
    if not isinstance(line, dict) or not isinstance(line.get("line"), str):
        raise BadFile(f"Line {number} does not say what it holds: this is no exported release, or it was altered.")
    if number == 1:
        _check_header(line)
    return line


def _check_header(line: Line) -> None:
    version = line.get("version")
    if line["line"] != HEADER or line.get("format") != FORMAT or not isinstance(version, int):
        raise BadFile("The file does not begin like an exported release.")
    if version != VERSION:
        raise BadFile(f"The file has format {version}, and this version of Zhida reads format {VERSION} only.")
