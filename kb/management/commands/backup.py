"""Writes the whole installation into one file."""

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kb.archive import ArchiveError
from kb.installation import take_backup


class Command(BaseCommand):
    help = "Every row and every media file into one file, as they are at one moment; servers may go on running."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path, help="the file to write, such as zhida-2026-11-22.zip")
        parser.add_argument("--force", action="store_true", help="replace a file of that name")
        parser.add_argument("--json", action="store_true", help="print what was done as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            manifest = take_backup(options["file"], overwrite=options["force"])
        except ArchiveError as exc:
            raise CommandError(str(exc)) from exc
        done = {
            "file": str(options["file"]),
            "bytes": options["file"].stat().st_size,
            "rows": manifest.rows,
            "media_files": len(manifest.files),
            "seconds": round(time.monotonic() - began, 1),
        }
        if options["json"]:
            self.stdout.write(json.dumps(done, ensure_ascii=False))
            return
        self.stdout.write(
            f"{done['file']}: {done['rows']} rows and {done['media_files']} media files, {done['bytes'] / 1e6:.1f} MB, "
            f"in {done['seconds']} s.\nIt holds password hashes and what was asked: keep it where only you can read it."
        )
