"""What the environment decides, typed and checked once at start-up.

A value that cannot be used, or a `KB_` variable that nobody reads, stops the process with a message that names
the variable and the value (never the value of a secret). README, "Settings", lists every one of them.
"""

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent
CommaList = Annotated[list[str], NoDecode]
Rate = Annotated[str, Field(pattern=r"^[1-9]\d*/(s|sec|m|min|h|hour|d|day)$")]


class Environment(BaseSettings):
    """One attribute a variable; the attribute `allowed_hosts` is read from `KB_ALLOWED_HOSTS`."""

    model_config = SettingsConfigDict(env_prefix="KB_", env_ignore_empty=True)

    debug: bool = False
    secret_key: SecretStr | None = None
    var_dir: Path = BASE_DIR / "var"
    base_url: str = "http://127.0.0.1:8000"
    allowed_hosts: CommaList = ["127.0.0.1", "localhost", "[::1]"]
    https: bool = False
    trusted_proxies: Annotated[int, Field(ge=0, le=9)] = 0
    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    cache_url: SecretStr | None = None
    encoder: str = "e5-small-int8"
    encoder_threads: Annotated[int, Field(ge=1, le=64)] = 1
    throttle_widget: Rate = "300/min"
    throttle_agent: Rate = "1200/min"
    throttle_bot: Rate = "6000/min"
    throttle_feedback: Rate = "60/min"
    webhook_hosts: CommaList = []
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    threads: Annotated[int, Field(ge=1, le=64)] = 8
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("allowed_hosts", "webhook_hosts", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a full address is needed, such as https://kb.example.com")
        return value.rstrip("/")

    @field_validator("var_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value if value.is_absolute() else BASE_DIR / value

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Environment variable -> attribute, for every setting there is."""
        return {str(field.validation_alias or f"KB_{name.upper()}"): name for name, field in cls.model_fields.items()}


def read_environment() -> Environment:
    """Raises ImproperlyConfigured, naming every variable that is wrong and its value."""
    known = Environment.variables()
    unknown = sorted(name for name in os.environ if name.startswith("KB_") and name not in known)
    if unknown:
        raise ImproperlyConfigured(f"Unknown environment variable {', '.join(unknown)}; known are {', '.join(known)}.")
    try:
        return Environment()
    except ValidationError as exc:
        raise ImproperlyConfigured("\n".join(_explain(error, known) for error in exc.errors())) from exc


def _explain(error: ErrorDetails, known: dict[str, str]) -> str:
    place = str(error["loc"][0])
    variable = place if place in known else f"KB_{place.upper()}"
    value = "(hidden)" if "SecretStr" in str(Environment.model_fields[known[variable]].annotation) else error["input"]
    return f"Environment variable {variable}={value!r} cannot be used: {error['msg']}."
