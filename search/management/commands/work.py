"""The worker: what would else need a cron of its own."""

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from search.releases.chores import do_all, keep_doing


class Command(BaseCommand):
    help = "Publishes what is scheduled, cuts what is due, delivers webhooks, every few seconds. SIGTERM ends it."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--once", action="store_true", help="one round, for a cron")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        if options["once"]:
            do_all(stop)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        keep_doing(stop)
