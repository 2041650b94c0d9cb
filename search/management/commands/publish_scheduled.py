"""Wagtail's command of this name; what it publishes and takes back in one run is one release a shop."""

from typing import Any

from wagtail.management.commands.publish_scheduled import Command as WagtailCommand

from search.tasks import one_release


class Command(WagtailCommand):
    help = "Publishes what is scheduled for now and takes back what has expired: one release a shop, however many."

    def handle(self, *args: Any, **options: Any) -> None:
        with one_release(by="publish_scheduled"):
            super().handle(*args, **options)
