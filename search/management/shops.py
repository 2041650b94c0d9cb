"""The `--shop` option that the commands share."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from cms.models import Shop


def add_shop_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--shop", help="slug of one shop; all of them by default")


def chosen_shops(slug: str | None) -> list[Shop]:
    """Raises CommandError for a slug that no shop has."""
    shops = list(Shop.objects.filter(slug=slug) if slug else Shop.objects.order_by("slug"))
    if slug and not shops:
        raise CommandError(f"There is no shop “{slug}”.")
    return shops


def add_one_shop_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--shop", help="slug of the shop; may be left out where there is only one")


def one_shop(slug: str | None) -> Shop:
    """Raises CommandError where it is not clear which."""
    shops = chosen_shops(slug)
    if len(shops) != 1:
        raise CommandError("Say which with --shop: " + ", ".join(shop.slug for shop in shops) + ".")
    return shops[0]
