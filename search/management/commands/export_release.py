"""Writes one file with all of a release."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cms.exchange import files
from cms.models import Release, Shop
from cms.releases.ledger import CorruptContent, live_release
from search.management.shops import add_one_shop_argument, one_shop
from search.releases import exchange
from search.releases.replaying import UnknownRelease, find


class Command(BaseCommand):
    help = "Writes a release into one file (JSON lines with a checksum), with which import_release answers the same."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("number", nargs="?", help="the release, such as 2026-W47; the live one by default")
        parser.add_argument("--output", help="the file, compressed where it ends in .gz; - for standard output")
        parser.add_argument("--with-vectors", action="store_true", help="larger, but nothing is encoded at the import")
        add_one_shop_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        release = _chosen(one_shop(options["shop"]), options["number"])
        lines = exchange.lines(release, vectors=options["with_vectors"])
        name = options["output"] or f"{release.shop.slug}-{release.number}.jsonl.gz"
        try:
            if name == "-":
                files.write(lines, sys.stdout.buffer)
                return
            counts = files.write_file(Path(name), lines)
        except (CorruptContent, OSError) as exc:
            raise CommandError(f"Not exported: {exc}") from exc
        self.stdout.write(
            f"{release.shop.slug}: {release.number} with {release.entries} entries, {counts['picture']} pictures and "
            f"{counts['vector']} vectors in {name} ({Path(name).stat().st_size:,} bytes)."
        )
        if counts["missing_picture"]:
            self.stderr.write(f"{counts['missing_picture']} pictures that its answers show are no longer there.")


def _chosen(shop: Shop, number: str | None) -> Release:
    try:
        release = find(shop, number) if number else live_release(shop)
    except UnknownRelease as exc:
        raise CommandError(f"{shop.slug} has no release {number}.") from exc
    if release is None:
        raise CommandError(f"{shop.slug} has no release yet.")
    return release
