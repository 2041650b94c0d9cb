"""Every table's rows as JSON lines, and back: from SQLite into PostgreSQL too.

Values travel in Django's own portable form (`Field.value_to_string`, `Field.to_python`). Not `dumpdata` and `loaddata`:
they cut times to milliseconds, take JSON's null for SQL's, and save row by row, with signals. Not django-dbbackup: it
calls `pg_dump`, which has to be there, and what that writes fits one kind of database. Rows are inserted and, where an
installation is replaced, deleted; never updated, which published releases refuse.
"""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import SimpleNamespace
from typing import IO, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import AutoField, Field, Model, QuerySet, TextField
from django.db.models.expressions import F, RawSQL
from django.db.models.functions import Cast

from kb.archive import ArchiveError, Table

# Log-ins end with a restore. What the CMS's own search finds is derived: `wagtail_update_index` makes it anew.
LEFT_OUT = {"sessions", "wagtailsearch", "modelsearch"}
FILLED_BY_A_TRIGGER = {"SQLiteFTSIndexEntry"}
AT_ONCE = 500
LOCK_SECONDS = 20


def stored_models() -> list[type[Model]]:
    """One a table, parents of multi-table inheritance and automatic many-to-many tables as well."""
    return [model for model in _all_models() if model._meta.app_label not in LEFT_OUT]


def _all_models() -> list[type[Model]]:
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def columns(model: type[Model]) -> list[Field]:
    """Those of the model's own table, without its parents' and what the database computes."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]


def migrations() -> list[str]:
    """Those of this code, all of which have been applied. Raises ArchiveError where they have not."""
    loader = MigrationLoader(connection)
    names = sorted(loader.graph.nodes)
    if missing := [node for node in names if node not in loader.applied_migrations]:
        what = f"The database lacks the migration {'.'.join(missing[0])}"
        raise ArchiveError(f"{what}. Run `python manage.py migrate` first.")
    return [".".join(node) for node in names]


@contextmanager
def one_moment() -> Iterator[None]:
    """A transaction that sees the database as it is at its first query, and keeps no writer waiting."""
    mode = getattr(connection, "transaction_mode", None)
    try:
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            connection.transaction_mode = "DEFERRED"  # the setting, IMMEDIATE, is a writer's
        nested = connection.in_atomic_block  # whoever began it has decided what it sees
        with transaction.atomic(durable=True):
            if connection.vendor == "postgresql" and not nested:
                _execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    finally:
        if connection.vendor == "sqlite":
            connection.transaction_mode = mode


def lines(model: type[Model]) -> Iterator[bytes]:
    """The rows by primary key, never all of them in memory."""
    fields = columns(model)
    names = [field.attname for field in fields]
    # A JSON column as its text, since its value does not say whether None is JSON's null or SQL's.
    asked = [Cast(F(field.name), TextField()) if is_json(field) else F(field.attname) for field in fields]
    for row in QuerySet(model).order_by("pk").values_list(*asked).iterator(chunk_size=AT_ONCE):
        values = map(_portable, fields, row)
        yield json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False).encode() + b"\n"


def is_json(field: Field) -> bool:
    return field.get_internal_type() == "JSONField"


def _portable(field: Field, value: Any) -> Any:
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    return field.value_to_string(SimpleNamespace(**{field.attname: value}))


def _own(field: Field, value: Any) -> Any:
    """The inverse of `_portable`."""
    if value is None:
        return None
    if is_json(field):
        # RawSQL, since a plain None would be stored as SQL's null, and a text be packed once more.
        return RawSQL("%s", [connection.ops.adapt_json_value(json.loads(value), None)])
    return field.to_python(value)


def insert(model: type[Model], file: IO[bytes]) -> None:
    """Every line as a row, with its primary key, without signals. Raises ArchiveError or DatabaseError."""
    fields = columns(model)
    rows = _parsed(model, fields, file)
    size = max(1, min(AT_ONCE, connection.ops.bulk_batch_size(fields, range(AT_ONCE))))
    while batch := list(islice(rows, size)):
        try:
            QuerySet(model)._insert(batch, fields=fields, using=connection.alias, raw=True)
        except (DatabaseError, ValueError) as exc:
            first, last = batch[0], batch[-1]
            key = model._meta.pk.attname
            which = f"{model._meta.label} {getattr(first, key)} to {getattr(last, key)}"
            raise ArchiveError(f"The database refuses {which}: {_one_line(exc)}. Nothing was changed.") from exc


def _parsed(model: type[Model], fields: list[Field], file: IO[bytes]) -> Iterator[SimpleNamespace]:
    for number, line in enumerate(file, start=1):
        try:
            row = json.loads(line)
            yield SimpleNamespace(**{field.attname: _own(field, row[field.attname]) for field in fields})
        except (ValueError, LookupError, TypeError, ValidationError) as exc:
            what = f"Row {number} of {model._meta.label} cannot be read"
            raise ArchiveError(f"{what}: {_one_line(exc)}. Nothing was changed.") from exc


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split()).rstrip(".")


def empty_every_table() -> None:
    """All that a restore brings back, and what is derived from it or would outlive it: log-ins too."""
    if connection.vendor == "postgresql":
        _execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")  # as SQLite's; a server may hold a table
    there = set(connection.introspection.table_names())
    models = [model for model in _all_models() if model.__name__ not in FILLED_BY_A_TRIGGER]
    tables = sorted({model._meta.db_table for model in models} & there)
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables))


def rows_of(models: Iterable[type[Model]]) -> dict[str, int]:
    """How many rows there are by model, of those that have any."""
    counts = {model._meta.label: QuerySet(model).count() for model in models}
    return {label: count for label, count in counts.items() if count}


def described(model: type[Model], rows: int) -> Table:
    names = [field.attname for field in columns(model)]
    return Table(model=model._meta.label, columns=names, rows=rows, last_id=last_id(model))


def last_id(model: type[Model]) -> int | None:
    """The highest number that the table has ever given out. Feedback and releases name entries that are gone: what is
    written after a restore must not be taken for one of those."""
    table, column = model._meta.db_table, model._meta.pk.column
    if not _is_numbered(model):
        return None
    if connection.vendor == "sqlite":
        found = _execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
    else:
        name = connection.ops.quote_name(table)
        found = _execute("SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, %s))", [name, column])
    return (found[0][0] or None) if found else None


def continue_numbers(tables: Iterable[Table]) -> None:
    """What is written next gets a number that no row had, in the backup or before it."""
    models = {model._meta.label: model for model in stored_models()}
    for statement in connection.ops.sequence_reset_sql(no_style(), list(models.values())):
        _execute(statement)
    for table in tables:
        model = models[table.model]
        if table.last_id and _is_numbered(model) and table.last_id > (last_id(model) or 0):
            _set_last_id(model, table.last_id)


def _set_last_id(model: type[Model], number: int) -> None:
    table, column = model._meta.db_table, model._meta.pk.column
    if connection.vendor == "sqlite":
        _execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
        _execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, number])
    else:
        name = connection.ops.quote_name(table)
        _execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [name, column, number])


def _is_numbered(model: type[Model]) -> bool:
    return isinstance(model._meta.pk, AutoField)


def _execute(sql: str, parameters: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []
