"""Sends what webhooks are still to be told; what cannot be sent now is tried again later."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from search.webhooks.outbox import deliver_due


class Command(BaseCommand):
    help = "Sends the webhook messages that are due. Run it every minute: it tries again what a receiver did not take."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="what was done, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        done = deliver_due()
        if options["json"]:
            self.stdout.write(json.dumps({"delivered": done.delivered, "failed": done.failed}))
        elif done.delivered or done.failed:
            # Run every minute, it says nothing of minutes in which nothing was due.
            self.stdout.write(f"Delivered {done.delivered}; {done.failed} receivers did not take theirs.")
