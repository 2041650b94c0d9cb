import re

import pytest
from django.core.management import get_commands
from django.urls import get_resolver

from kb.environment import Environment
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
OURS = sorted(name for name, app in get_commands().items() if app in {"kb", "cms", "search"})
ENDPOINTS = sorted(
    str(pattern.pattern)
    for entry in get_resolver().url_patterns
    if str(entry.pattern) == "api/v1/"
    for pattern in entry.url_patterns
)


@pytest.mark.parametrize("variable", sorted(Environment.variables()))
def test_every_setting_stands_in_the_readme(variable):
    assert f"`{variable}`" in README


@pytest.mark.parametrize("command", OURS)
def test_every_command_stands_in_the_readme(command):
    assert f"`{command}`" in README


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_stands_in_the_readme(endpoint):
    said = re.sub(r"<str:(\w+)>", r"{\1}", endpoint)
    assert f"/api/v1/{said}`" in README


def test_the_readme_names_no_setting_or_command_that_is_not_there():
    assert set(re.findall(r"`(KB_[A-Z_]+)`", README)) <= set(Environment.variables())
    assert set(re.findall(r"manage\.py ([a-z_]+)", README)) <= set(get_commands())


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_link_of_the_readme_leads_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("path", re.findall(r"^\| .+? \| `([a-z_]+/[a-z0-9_/]*(?:\.py)?)` \|$", README, flags=re.M))
def test_every_module_of_the_readmes_table_exists(path):
    assert (ROOT / path).exists()


def test_every_text_has_a_chinese_translation():
    from babel.messages.pofile import read_po

    with (ROOT / "kb/locale/zh_Hans/LC_MESSAGES/django.po").open("rb") as file:
        catalogue = read_po(file)
    assert [message.id for message in catalogue if message.id and (message.fuzzy or not message.string)] == []


def test_every_marked_text_is_in_the_catalogue():
    from babel.messages.pofile import read_po

    with (ROOT / "kb/locale/zh_Hans/LC_MESSAGES/django.po").open("rb") as file:
        known = {message.id for message in read_po(file)}
    marked = set()
    for room in ("kb", "cms", "search"):
        for path in (ROOT / room).rglob("*.py"):
            marked |= set(re.findall(r"\b(?:_|gettext)\(\s*\"((?:[^\"\\]|\\.)*)\"", path.read_text(encoding="utf-8")))
        for path in (ROOT / room).rglob("*.html"):
            marked |= set(re.findall(r"{% translate \"([^\"]+)\"", path.read_text(encoding="utf-8")))
    assert {text.replace("\\'", "'") for text in marked} - known == set()
