"""Makes an old release answer again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cms.releases.ledger import CorruptContent
from cms.releases.rollback import NothingToRollBack, roll_back
from search.management.shops import add_one_shop_argument, one_shop
from search.replaying import UnknownRelease, find


class Command(BaseCommand):
    help = "Makes a new release that is equal to an old one, and puts it live; later changes wait for the next cut."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("number", help="the release to go back to, such as 2026-W47")
        parser.add_argument("--notes", default="", help="why")
        add_one_shop_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        shop = one_shop(options["shop"])
        try:
            release = roll_back(shop, find(shop, options["number"]), by="rollback_release", notes=options["notes"])
        except UnknownRelease as exc:
            raise CommandError(f"{shop.slug} has no release {options['number']}.") from exc
        except NothingToRollBack as exc:
            raise CommandError(f"The live release of {shop.slug} holds just what {exc} held.") from exc
        except CorruptContent as exc:
            raise CommandError(f"Not rolled back: {exc}") from exc
        self.stdout.write(f"{shop.slug}: {release.number} is live, equal to {options['number']}.")
