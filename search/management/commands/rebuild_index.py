"""Mends what check_index finds, or makes the index anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search.checking import findings, prune_vectors, repair
from search.engine.encoder import EncoderUnavailable
from search.management.shops import add_shop_argument, chosen_shops
from search.models import IndexRecord


class Command(BaseCommand):
    help = "Brings each shop's index in line with what is published, and deletes vectors that nobody needs."

    def add_arguments(self, parser: Any) -> None:
        add_shop_argument(parser)
        parser.add_argument("--anew", action="store_true", help="forget the index rows first; vectors are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        shops = chosen_shops(options["shop"])
        try:
            for shop in shops:
                if options["anew"]:
                    IndexRecord.objects.filter(shop=shop).delete()
                found = findings(shop)
                repair(shop, found)
                done = f"{len(found.write)} written, {len(found.delete)} deleted, {found.vectorless} encoded"
                self.stdout.write(f"{shop.slug}: {done}; {found.entries} entries.")
            if not options["shop"]:
                self.stdout.write(f"{prune_vectors(shops)} unused vectors deleted.")
        except EncoderUnavailable as exc:
            raise CommandError(f"The rows are mended, but there is no encoder for the vectors: {exc}") from exc
