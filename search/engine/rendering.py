"""Facts and variables in an answer: `{{ fact.ship_within }}`. A value that is missing is named, never guessed."""

import re
from collections.abc import Callable, Mapping

PLACEHOLDER = re.compile(r"\{\{\s*([a-z]+\.[a-z][a-z0-9_]*)\s*\}\}")


def names(template: str) -> list[str]:
    """The names that the template asks for, in order, each once."""
    return list(dict.fromkeys(PLACEHOLDER.findall(template)))


def fill(template: str, values: Mapping[str, str], *, escape: Callable[[str], str] = str) -> str:
    """The template with every known name replaced; an unknown one stays as it stands, a field to fill in."""
    return PLACEHOLDER.sub(lambda match: escape(values[match[1]]) if match[1] in values else match[0], template)
