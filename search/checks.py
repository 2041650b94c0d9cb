"""System checks of the index and the encoder."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register


@register()
def encoder_is_built(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.KB_ENCODER != "e5-small-int8" or (settings.KB_MODELS_DIR / settings.KB_ENCODER).is_dir():
        return []
    hint = "Run `manage.py prepare_encoder`; until then answers come from the lexical index only."
    return [checks.Warning("The encoder has not been built.", hint=hint, id="search.W001")]
