from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CmsConfig(AppConfig):
    name = "cms"
    verbose_name = _("Knowledge")

    def ready(self) -> None:
        from cms.releases import guards

        post_migrate.connect(guards.install, sender=self)
