"""Puts a backup into an empty installation, or in the place of what is there."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kb.archive import Archive, ArchiveError
from kb.installation import check_fit, restore, what_is_there


class Command(BaseCommand):
    help = "The installation becomes the one in the file, or stays as it was. Stop the servers first."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path, help="what `backup` wrote; only from someone you trust with log-ins")
        parser.add_argument("--replace", action="store_true", help="delete what is there first, all of it")
        parser.add_argument("--yes", action="store_true", help="do not ask whether it may be deleted")
        parser.add_argument("--json", action="store_true", help="print what was done as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            with Archive(options["file"]) as archive:
                check_fit(archive.manifest)
                if options["replace"] and not options["yes"]:
                    _ask(what_is_there())
                done = restore(archive, replace=options["replace"])
        except ArchiveError as exc:
            raise CommandError(str(exc)) from exc
        if not done.searchable:
            self.stderr.write("The CMS's own search is not up to date: run `python manage.py wagtail_update_index`.")
        manifest, seconds = done.manifest, round(time.monotonic() - began, 1)
        if options["json"]:
            report = {
                "made_at": manifest.made_at.isoformat(),
                "zhida": manifest.zhida,
                "rows": manifest.rows,
                "media_files": len(manifest.files),
                "seconds": seconds,
                "searchable": done.searchable,
            }
            self.stdout.write(json.dumps(report))
            return
        self.stdout.write(
            f"Restored {manifest.rows} rows and {len(manifest.files)} media files of {manifest.made_at:%Y-%m-%d %H:%M} "
            f"UTC, in {seconds} s.\nRun `python manage.py prepare` and start the servers; everybody logs in again."
        )


def _ask(found: list[str]) -> None:
    """Raises CommandError unless whoever is there agrees."""
    if not found:
        return
    what = f"This deletes {', '.join(found)} for good."
    if not sys.stdin.isatty():
        raise CommandError(f"{what} Say --yes where nobody can be asked. Nothing was changed.")
    if input(f"{what} Type “replace” to go on: ").strip() != "replace":
        raise CommandError("Nothing was changed.")
