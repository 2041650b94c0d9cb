"""The pictures that answers show: what an editor uploaded, and the rendition whose address the answer names."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from wagtail.images.fields import WagtailImageField
from wagtail.images.models import Image, Rendition

from cms.content import Content
from cms.exchange.files import BadFile, Line

PICTURE, MISSING = "picture", "missing_picture"
FOLDERS = {"original": "original_images", "rendition": "images"}


class PictureTaken(RuntimeError):
    """Another file lies where this one belongs. Nothing was written."""


def urls_in(content: Content) -> set[str]:
    """The addresses of the pictures that an entry's answers show."""
    blocks = (block for answer in content["answers"] for block in answer["blocks"])
    return {block["url"] for block in blocks if block["type"] == "image"}


def picture_lines(urls: Iterable[str]) -> Iterator[Line]:
    """One for each picture; one that says so for each that is no longer there."""
    for url in sorted(urls):
        rendition = Rendition.objects.filter(file=_stored_name(url)).select_related("image").first()
        try:
            yield _line(url, rendition) if rendition else _missing(url)
        except OSError:
            yield _missing(url)


def _missing(url: str) -> Line:
    return {"line": MISSING, "url": url}


def _stored_name(url: str) -> str:
    """Whatever host it was written for."""
    return unquote(urlsplit(url).path.partition(urlsplit(settings.MEDIA_URL).path)[2])


def _line(url: str, rendition: Any) -> Line:
    return {
        "line": PICTURE,
        "url": url,
        "filter": rendition.filter_spec,
        "focal_point": rendition.focal_point_key,
        "original": _file(rendition.image.file),
        "rendition": _file(rendition.file),
    }


def _file(stored: Any) -> dict[str, str]:
    with stored.storage.open(stored.name) as file:
        data = file.read()
    return {"path": stored.name, "sha256": sha256(data).hexdigest(), "data": base64.b64encode(data).decode()}


def check_picture(line: Line) -> None:
    """Raises BadFile for what no upload in the CMS would have let in."""
    for part, folder in FOLDERS.items():
        path, data = PurePosixPath(line[part]["path"]), _data(line[part])
        if path.parent != PurePosixPath(folder) or str(path) != line[part]["path"] or "\\" in path.name:
            raise BadFile(f"The picture {path} is not for the folder {folder}.")
        if sha256(data).hexdigest() != line[part]["sha256"]:
            raise BadFile(f"The picture {path} is not what its checksum was made of.")
    name = line["original"]["path"]
    for part in FOLDERS:
        try:
            WagtailImageField(max_length=None).clean(ContentFile(_data(line[part]), name=line[part]["path"]))
        except ValidationError as exc:
            raise BadFile(f"The picture {name} cannot be used: {' '.join(exc.messages)}") from exc


def _data(part: dict[str, str]) -> bytes:
    try:
        return base64.b64decode(part["data"], validate=True)
    except binascii.Error as exc:
        raise BadFile(f"The picture {part['path']} cannot be decoded.") from exc


def is_there(path: str, checksum: str) -> bool:
    """Raises PictureTaken where another file has its name: answers that are here already may show it."""
    if not default_storage.exists(path):
        return False
    with default_storage.open(path) as file:
        if sha256(file.read()).hexdigest() == checksum:
            return True
    raise PictureTaken(f"There is another picture {path} here already.")


class Album:
    """Puts pictures where they were. `ids`: the address in an answer -> the image here."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.written: list[str] = []

    def put(self, line: Line) -> None:
        original, rendition = (self._placed(line[part]) for part in FOLDERS)
        image = Image.objects.filter(file=original).first() or _image(original, _data(line["original"]))
        Rendition.objects.get_or_create(
            image=image,
            filter_spec=line["filter"],
            focal_point_key=line["focal_point"],
            defaults={"file": rendition},
        )
        self.ids[line["url"]] = image.pk

    def _placed(self, part: dict[str, str]) -> str:
        path = part["path"]
        if not is_there(path, part["sha256"]):
            name = default_storage.save(path, ContentFile(_data(part)))
            self.written.append(name)
            if name != path:
                raise PictureTaken(f"Something else lies at {path}.")
        return path


def _image(path: str, data: bytes) -> Image:
    """As Wagtail's form makes one."""
    digest = sha1(data, usedforsecurity=False).hexdigest()
    return Image.objects.create(title=PurePosixPath(path).stem, file=path, file_size=len(data), file_hash=digest)


@contextmanager
def album() -> Iterator[Album]:
    """What it has written is deleted again where the import fails: a database forgets by itself, a disk does not."""
    one = Album()
    try:
        yield one
    except BaseException:
        for name in one.written:
            default_storage.delete(name)
        raise
