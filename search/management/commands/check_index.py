"""Says where the index differs from what is published; changes nothing."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search.checking import Findings, findings
from search.management.shops import add_shop_argument, chosen_shops


class Command(BaseCommand):
    help = "Compares each shop's index with its published entries; exit status 1 when something is stale."

    def add_arguments(self, parser: Any) -> None:
        add_shop_argument(parser)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [findings(shop) for shop in chosen_shops(options["shop"])]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(one) | {"healthy": one.healthy} for one in found], ensure_ascii=False))
        else:
            for one in found:
                self.stdout.write(_sentence(one))
        if not all(one.healthy for one in found):
            raise CommandError("The index is stale: run `manage.py rebuild_index`.", returncode=1)


def _sentence(found: Findings) -> str:
    if found.healthy:
        return f"{found.shop}: {found.entries} entries, all as published."
    parts = [
        f"{len(found.write)} to write ({', '.join(found.write[:5])})" if found.write else "",
        f"{len(found.delete)} to delete ({', '.join(found.delete[:5])})" if found.delete else "",
        f"{found.vectorless} phrasings without a vector" if found.vectorless else "",
        "read by an encoder that is another one by now" if found.unread else "",
        *found.broken[:3],
        found.encoder,
    ]
    return f"{found.shop}: {found.entries} entries; " + "; ".join(part for part in parts if part)
