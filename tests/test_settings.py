import json
import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from kb.environment import Environment, read_environment
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KB_DEBUG", "perhaps", "KB_DEBUG='perhaps'"),
        ("KB_THREADS", "many", "KB_THREADS='many'"),
        ("KB_WORKERS", "0", "KB_WORKERS='0'"),
        ("KB_THROTTLE_WIDGET", "lots", "KB_THROTTLE_WIDGET='lots'"),
        ("KB_BASE_URL", "kb.example.com", "KB_BASE_URL='kb.example.com'"),
        ("KB_LOG_LEVEL", "LOUD", "KB_LOG_LEVEL='LOUD'"),
        ("KB_DEBGU", "1", "Unknown environment variable KB_DEBGU"),
    ],
)
def test_a_wrong_value_names_the_variable_and_the_value(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ImproperlyConfigured, match=said.replace("(", r"\(")):
        read_environment()


def test_several_wrong_values_are_named_at_once(monkeypatch):
    monkeypatch.setenv("KB_DEBUG", "perhaps")
    monkeypatch.setenv("KB_WORKERS", "-1")
    with pytest.raises(ImproperlyConfigured, match=r"(?s)KB_DEBUG.*KB_WORKERS"):
        read_environment()


def test_an_empty_value_is_no_value(monkeypatch):
    monkeypatch.setenv("KB_DEBUG", "")
    assert read_environment().debug is False


def test_lists_are_split_at_commas(monkeypatch):
    monkeypatch.setenv("KB_ALLOWED_HOSTS", "kb.example.com, www.example.com")
    assert read_environment().allowed_hosts == ["kb.example.com", "www.example.com"]


def start(tmp_path, *command, **environment):
    environment = {"PATH": os.environ["PATH"], "KB_VAR_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_wrong_database_address_stops_at_start_up_and_keeps_the_password(tmp_path):
    done = start(tmp_path, "manage.py", "check", DATABASE_URL="oracel://user:s3cret@host/name")
    assert done.returncode != 0
    assert "DATABASE_URL='oracel:…' cannot be used" in done.stderr
    assert "s3cret" not in done.stderr.splitlines()[-1]


def test_the_secret_key_is_made_once_and_kept_private(tmp_path):
    code = "import django.conf as c; print(c.settings.SECRET_KEY, c.settings.DEBUG)"
    said = {start(tmp_path, "-c", code, DJANGO_SETTINGS_MODULE="kb.settings").stdout for _ in range(2)}
    assert len(said) == 1
    assert said.pop().split()[1] == "False"
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_a_deployment_without_tls_is_warned_of(tmp_path):
    done = start(tmp_path, "manage.py", "check", "--deploy", KB_WORKERS="2")
    assert "kb.W001" in done.stderr
    assert "kb.W002" in done.stderr


def test_every_setting_can_be_given_by_its_variable():
    assert json.dumps(sorted(Environment.variables())).count("KB_") == len(Environment.model_fields) - 1
