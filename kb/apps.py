from django.apps import AppConfig


class KbConfig(AppConfig):
    name = "kb"
    verbose_name = "知答 Zhida"

    def ready(self) -> None:
        from kb import checks  # noqa: F401
