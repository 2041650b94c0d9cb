"""Mends what check_index finds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cms.releases.ledger import CorruptContent
from search.checking import findings, prune_vectors, repair
from search.engine.encoder import EncoderUnavailable
from search.management.shops import add_shop_argument, chosen_shops


class Command(BaseCommand):
    help = "Releases what is published and was not, encodes what has no vector, and deletes vectors that nobody needs."

    def add_arguments(self, parser: Any) -> None:
        add_shop_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        shops = chosen_shops(options["shop"])
        try:
            for shop in shops:
                found = findings(shop)
                repair(shop, found)
                done = f"{len(found.write)} written, {len(found.delete)} deleted, {found.vectorless} encoded"
                self.stdout.write(f"{shop.slug}: {done}; {found.entries} entries.")
            if not options["shop"]:
                self.stdout.write(f"{prune_vectors()} unused vectors deleted.")
        except EncoderUnavailable as exc:
            raise CommandError(f"The releases are mended, but there is no encoder for the vectors: {exc}") from exc
        except CorruptContent as exc:
            raise CommandError(f"{exc} Restore it from a backup, or publish the entry again.") from exc
