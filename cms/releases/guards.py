"""Triggers in the database itself: no code, not even SQL by hand, changes a row of a release.

They are made after every migration, since SQLite drops a table's triggers whenever it rebuilds the table. Deleting is
refused by the models and by foreign keys.
"""

from typing import Any

from django.db import connections

from cms.models import GoLive, Release, ReleaseItem, StoredContent

_MESSAGE = "what a release holds is never changed"
# Of an item only the end may be written, and only once.
_MAY = {
    ReleaseItem: "OLD.until IS NULL AND NEW.until IS NOT NULL AND NEW.id = OLD.id AND NEW.shop_id = OLD.shop_id "
    "AND NEW.key = OLD.key AND NEW.content_id = OLD.content_id AND NEW.since = OLD.since"
}


def install(sender: Any, using: str, **kwargs: Any) -> None:
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    models = [model for model in (StoredContent, Release, ReleaseItem, GoLive) if model._meta.db_table in tables]
    statements = [line for model in models for line in _STATEMENTS[connection.vendor](model)]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _on_sqlite(model: Any) -> list[str]:
    table, allowed = model._meta.db_table, _MAY.get(model, "0")
    head = f"CREATE TRIGGER IF NOT EXISTS {table}_frozen BEFORE UPDATE ON {table}"
    return [f"{head} WHEN NOT ({allowed}) BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"]


def _on_postgres(model: Any) -> list[str]:
    table, allowed = model._meta.db_table, _MAY.get(model, "false")
    body = f"BEGIN RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END"
    head = f"CREATE OR REPLACE TRIGGER {table}_frozen BEFORE UPDATE ON {table} FOR EACH ROW"
    return [
        f"CREATE OR REPLACE FUNCTION {table}_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        f"{head} WHEN (NOT ({allowed})) EXECUTE FUNCTION {table}_frozen()",
    ]


_STATEMENTS = {"sqlite": _on_sqlite, "postgresql": _on_postgres}
