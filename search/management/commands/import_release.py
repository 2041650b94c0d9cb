"""Puts the file of a release into an installation that has nothing of the shop yet."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from cms.exchange.checking import Checked
from cms.exchange.files import BadFile
from cms.exchange.importing import Imported, NotEmpty, check_room
from cms.exchange.pictures import PictureTaken
from search.engine.encoder import EncoderUnavailable
from search.releases import exchange
from search.releases.exchange import OtherEncoder


class Command(BaseCommand):
    help = "Checks the file of a release, and makes a shop of it that answers the same. Nothing, or all of it."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--shop", help="slug of the shop; the one in the file by default")
        parser.add_argument("--yes", action="store_true", help="asks nothing")
        parser.add_argument(
            "--other-encoder",
            action="store_true",
            help="even if this installation has not the release's encoder: it answers by words until rebuild_index",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = exchange.check(options["file"])
            slug = options["shop"] or str(found.checked.header["shop"]["slug"])
            check_room(found.checked, slug)
            if not (options["yes"] or self._is_agreed(found.checked, slug)):
                raise CommandError("Nothing was imported.")
            with tqdm(total=len(found.texts) - found.vectors, desc="encode", leave=False, disable=None) as bar:
                done = exchange.put(
                    found, slug, by="import_release", other_encoder=options["other_encoder"], progress=bar.update
                )
        except (BadFile, NotEmpty, PictureTaken, EncoderUnavailable, OSError) as exc:
            raise CommandError(f"Nothing was imported. {exc}") from exc
        except OtherEncoder as exc:
            raise CommandError(
                f"Nothing was imported. The release was made with the encoder {exc}, which is not here: KB_ENCODER. "
                "With --other-encoder it answers by words alone, until rebuild_index reads it with the one here."
            ) from exc
        self._tell(found, slug, done)

    def _is_agreed(self, checked: Checked, slug: str) -> bool:
        told = checked.header["release"]
        self.stdout.write(
            f"Release {told['number']} of {told['made_at']}, {len(checked.entries)} entries, becomes the shop “{slug}”."
        )
        try:
            return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
        except EOFError as exc:
            raise CommandError("Nothing was imported. Say --yes where nobody can be asked.") from exc

    def _tell(self, found: exchange.Readable, slug: str, done: Imported) -> None:
        release = done.release
        self.stdout.write(f"{slug}: {release.number} is live with {release.entries} entries.")
        if done.waiting:
            shown = ", ".join(done.waiting[:5]) + (" …" if len(done.waiting) > 5 else "")
            self.stdout.write(
                f"{len(done.waiting)} contents would read otherwise if they were published here (the addresses of "
                f"pictures, for one): {shown}. They wait for the next cut."
            )
        if found.checked.counts["missing_picture"]:
            self.stderr.write(f"{found.checked.counts['missing_picture']} pictures were not in the file.")
        if not found.has_the_encoder:
            self.stderr.write("Its encoder is not here: it answers by words alone until rebuild_index.")
