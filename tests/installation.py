"""A temporary installation on disk, for tests in which several processes meet: a folder and a database of its own.

On PostgreSQL where DATABASE_URL names one, else on SQLite. What a test wants done there is a function of a module,
which a fresh process calls; arguments and results go through JSON.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from search.engine.encoder import HASH_MODEL
from tests.browser import ROOT, START_SECONDS, free_port, is_healthy, within

_SERVE = """
import json, sys
from importlib import import_module
import django
django.setup()
module, name = sys.argv[1].split(":")
function = getattr(import_module(module), name)
for line in sys.stdin:
    print(json.dumps(function(*json.loads(line))), flush=True)
"""


@dataclass(frozen=True)
class Installation:
    environment: dict[str, str]

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What the function returns in a fresh process."""
        with self.talk(function) as say:
            return say(*args)

    @contextmanager
    def talk(self, function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
        """The function, in one process that stays for all calls. Of a process that ends instead of answering, the exit
        status is raised."""
        command = [sys.executable, "-c", _SERVE, f"{function.__module__}:{function.__name__}"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=self.environment, **pipes) as process:

            def say(*args: Any) -> Any:
                process.stdin.write(json.dumps(args) + "\n")
                process.stdin.flush()
                said = process.stdout.readline()
                if not said:
                    raise subprocess.CalledProcessError(process.wait(), function.__name__)
                return json.loads(said)

            yield say

    def manage(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *args]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    @contextmanager
    def served(self, *, workers: int) -> Iterator["Server"]:
        """gunicorn as it is started in production, ready to answer."""
        address = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "gunicorn", "--config", "kb/gunicorn.py", "--bind", address, "kb.wsgi"]
        environment = {**self.environment, "KB_WORKERS": str(workers)}
        log = Path(self.environment["KB_VAR_DIR"]) / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
            server = Server(address, process.pid)
            try:
                within(START_SECONDS, lambda: process.poll() is not None or server.is_ready(workers))
                assert server.is_ready(workers), log.read_text()[-4000:]
                yield server
            finally:
                process.terminate()
                process.wait(timeout=30)


@dataclass(frozen=True)
class Server:
    address: str
    pid: int

    @property
    def workers(self) -> set[int]:
        return set(map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()))

    def is_ready(self, workers: int) -> bool:
        """Whether each worker has answered."""
        if len(self.workers) != workers or not is_healthy(self.address):
            return False
        with self.line_to_each(tries=8) as lines:
            return len(lines) == workers

    @contextmanager
    def line_to_each(self, *, tries: int = 200) -> Iterator[dict[int, "Line"]]:
        """Worker -> a connection to it. Whoever is free accepts one, so they are opened until each has."""
        with ExitStack() as stack:
            lines: dict[int, Line] = {}
            for _try in range(tries):
                line = stack.enter_context(closing(Line(self)))
                lines.setdefault(line.worker, line)
                if lines.keys() == self.workers:
                    break
            yield lines


class Line:
    """A connection that is kept: all that is asked on it, one worker answers."""

    def __init__(self, server: Server) -> None:
        self._connection = HTTPConnection(server.address, timeout=20)
        self._headers: dict[str, str] = {"Content-Type": "application/json", "Accept-Language": "zh-hans"}
        self._connection.request("GET", "/api/v1/health")
        self._connection.getresponse().read()
        self.worker = _holder(self._connection.sock.getsockname()[1], server)

    def ask(self, body: dict[str, Any], *, key: str = "") -> tuple[int, dict[str, Any]]:
        headers = self._headers | ({"Authorization": f"Api-Key {key}"} if key else {})
        self._connection.request("POST", "/api/v1/suggest", json.dumps(body), headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def close(self) -> None:
        self._connection.close()


def _holder(port: int, server: Server) -> int:
    """The worker that holds the other end of the connection from this port: no header tells, but the kernel knows."""
    ends = f":{int(server.address.rpartition(':')[2]):04X}", f":{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(ends[0]) and row[2].endswith(ends[1]))
    for worker in server.workers:
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            if descriptor.is_symlink() and os.readlink(descriptor) == f"socket:[{inode}]":
                return worker
    raise AssertionError(f"no worker holds the connection from port {port}")


@dataclass(frozen=True)
class Blank:
    """A migrated database in which nothing was written yet: a SQLite file, or the URL of a PostgreSQL database."""

    file: Path | None
    url: str

    def copy(self, var: Path) -> str:
        """The URL of a copy; empty for what an installation in the folder `var` finds by itself."""
        if self.file:
            (var / "db.sqlite3").write_bytes(self.file.read_bytes())
            return ""
        return _postgres_copy(self.url, f"zhida_{os.getpid()}_{time.monotonic_ns()}")


@pytest.fixture(name="blank", scope="session")
def blank_database(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Blank]:
    """Taken from the test database, which pytest-django has migrated: to migrate another one takes long."""
    from django.contrib.auth.models import Group
    from django.db import connection

    server = os.environ.get("DATABASE_URL", "")
    with django_db_blocker.unblock():
        if not Group.objects.exists():
            pytest.fail("A test with transaction=True has emptied the test database: mark the others with django_db.")
        if connection.vendor == "sqlite":
            file = tmp_path_factory.mktemp("blank") / "db.sqlite3"
            with closing(sqlite3.connect(file)) as target:
                connection.connection.backup(target)
            yield Blank(file, "")
            return
        name = connection.settings_dict["NAME"]
        connection.close()
    # The fixture is made once for every module that imports it.
    url = _postgres_copy(_named(server, name), f"zhida_{os.getpid()}_blank_{time.monotonic_ns()}")
    yield Blank(None, url)
    _postgres_drop(url)


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _postgres_copy(url: str, name: str) -> str:
    """A database cannot copy itself, so the server's own is asked."""
    source = urlsplit(url).path.strip("/")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
        server.execute(command)
    return _named(url, name)


def _postgres_drop(url: str) -> None:
    name = sql.Identifier(urlsplit(url).path.strip("/"))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def new_installation(blank: Blank, var: Path, encoder: str = HASH_MODEL) -> Installation:
    models = ROOT / "var" / "models"
    models.mkdir(parents=True, exist_ok=True)
    (var / "models").symlink_to(models)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    environment.pop("DATABASE_URL", None)
    environment |= {"DJANGO_SETTINGS_MODULE": "kb.settings", "KB_VAR_DIR": str(var), "KB_ENCODER": encoder}
    environment |= {f"KB_THROTTLE_{who}": "1000000/min" for who in ("WIDGET", "AGENT", "BOT", "FEEDBACK")}
    url = blank.copy(var)
    return Installation(environment | ({"DATABASE_URL": url} if url else {}))


@pytest.fixture(name="install", scope="module")
def installations(blank: Blank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Installation]]:
    """Makes installations; their databases are gone at the end of the module."""
    made: list[Installation] = []

    def make(encoder: str = HASH_MODEL) -> Installation:
        made.append(new_installation(blank, tmp_path_factory.mktemp("installation"), encoder))
        return made[-1]

    yield make
    for one in made:
        if "DATABASE_URL" in one.environment:
            _postgres_drop(one.environment["DATABASE_URL"])
