from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = _("Search")

    def ready(self) -> None:
        from search import checks, signals, webhook_viewsets  # noqa: F401
        from search.api import cors
        from search.webhooks import courier

        signals.connect()
        cors.connect()
        courier.connect()
