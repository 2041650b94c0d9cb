"""An installation with something in it, its backup, and everything that it holds."""

import contextlib
import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection

from cms.models import Cut
from search.models import StoredVector
from search.sync import sync
from tests.builders import make_user, publish, publish_script, synonyms

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
