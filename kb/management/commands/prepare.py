"""Everything that a server needs before it starts. Run again at once, it finds all of it done."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from cms.models import Shop
from search.checking import findings
from search.engine.e5_export import is_intact
from search.engine.encoder import BUILT_MODEL
from search.lessons import knows_lesson


class Command(BaseCommand):
    help = "Database, static files, encoder and, with --demo, the demo store: made or brought up to date."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--demo", action="store_true", help="load the demo store and print where everything is")

    def handle(self, *args: Any, **options: Any) -> None:
        if not encoder_is_ready():
            call_command("prepare_encoder", stdout=self.stdout)
        if has_migrations_to_run():
            self.stdout.write("Migrating the database …")
            call_command("migrate", verbosity=0, interactive=False)
        if static_is_stale():
            self.stdout.write("Collecting static files …")
            call_command("collectstatic", verbosity=0, interactive=False)
        if index_is_stale():
            call_command("rebuild_index", stdout=self.stdout)
        if options["demo"]:
            call_command("load_demo", stdout=self.stdout)
            if not has_learnt():
                call_command("learn_shop", stdout=self.stdout)
            self.stdout.write(_addresses(settings.WAGTAILADMIN_BASE_URL))


def encoder_is_ready() -> bool:
    """Whether the built encoder is there, unbroken; one of another name is loaded and checked by prepare_encoder."""
    return settings.KB_ENCODER == BUILT_MODEL and is_intact(settings.KB_MODELS_DIR / BUILT_MODEL)


def index_is_stale() -> bool:
    """Whether a shop's index lacks something: after a new version the encoder can be another one, for example."""
    return any(not findings(shop).healthy for shop in Shop.objects.all())


def has_learnt() -> bool:
    """Whether every shop that has a release has tried to learn with the encoder that there is now."""
    return all(map(knows_lesson, Shop.objects.filter(releases__isnull=False).distinct()))


def has_migrations_to_run() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def static_is_stale() -> bool:
    """Whether a source is newer than what was collected from it."""
    collected = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if settings.DEBUG or not collected.exists():
        return not settings.DEBUG
    when = collected.stat().st_mtime
    return any(
        Path(storage.path(path)).stat().st_mtime > when for finder in get_finders() for path, storage in finder.list([])
    )


def _addresses(base: str) -> str:
    return f"""
  知答 Zhida              {base}/
  Storefront with widget  {base}/demo/
  Agents' desk            {base}/desk/        agent / zhida-demo
  CMS                     {base}/cms/         editor / zhida-demo, reviewer / zhida-demo, admin / zhida-demo
  API documentation       {base}/api/v1/docs

  The demo log-ins are for this machine only: a shop that others can reach makes its own.
"""
