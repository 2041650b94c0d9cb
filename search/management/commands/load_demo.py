"""Loads the demo store, its accounts, and its index."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cms.demo.loader import Loaded, load_store
from cms.releases import ledger
from search.sync import sync

ACCOUNTS = {"editor": "Editor", "reviewer": "Reviewer", "agent": "Agent"}
PASSWORD = "zhida-demo"  # noqa: S105 the demo's log-ins are printed on purpose; --no-accounts leaves them out


class Command(BaseCommand):
    help = "Loads the demo store. Loading twice changes nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-accounts", action="store_true", help="without the demo log-ins")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                loaded = load_store()
                made = [] if options["no_accounts"] else make_accounts()
        except (OSError, KeyError, ValueError) as exc:
            raise CommandError(f"The demo store's files cannot be loaded: {exc!r}") from exc
        if loaded.anything or ledger.live_release(loaded.shop) is None:
            sync(loaded.shop, by="load_demo")
        self.stdout.write(_sentence(loaded, made))


def make_accounts() -> list[str]:
    """Log-ins that exist already keep their password. Returns the names that are new."""
    users = get_user_model().objects
    made = []
    for name, group in ACCOUNTS.items():
        user, created = users.get_or_create(username=name, defaults={"first_name": name.capitalize()})
        if created:
            user.set_password(PASSWORD)
            user.save()
            made.append(name)
        user.groups.add(Group.objects.get(name=group))
    admin, created = users.get_or_create(username="admin", defaults={"is_superuser": True, "is_staff": True})
    if created:
        admin.set_password(PASSWORD)
        admin.save()
        made.append("admin")
    return made


def _sentence(loaded: Loaded, accounts: list[str]) -> str:
    new = f"{loaded.faqs} FAQs, {loaded.scripts} scripts, {loaded.translations} translations, "
    new += f"{loaded.products} products, {loaded.facts} facts, {loaded.rules} rules, {len(accounts)} accounts"
    return f"Demo store “{loaded.shop.slug}”: {new} made."
