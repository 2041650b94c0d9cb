"""A real server, started as `make run` starts it, and a real Chromium: for the tests marked `e2e`.

They speak to the server over HTTP only, so nothing here needs Django's test database. The server's own is a SQLite
file in a temporary folder, whatever DATABASE_URL says.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "zhida-demo"
START_SECONDS = 60
CHROMIUM_ARGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("No Chromium: browser tests are skipped")
    return found


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[str]:
    """The address of a server with the demo store in it."""
    find_chromium()
    var = tmp_path_factory.mktemp("site")
    models = ROOT / "var" / "models"
    models.mkdir(parents=True, exist_ok=True)
    (var / "models").symlink_to(models)
    address = f"127.0.0.1:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    environment.pop("DATABASE_URL", None)
    environment |= {f"KB_THROTTLE_{who}": "100000/min" for who in ("WIDGET", "AGENT", "BOT", "FEEDBACK")}
    environment |= {"KB_VAR_DIR": str(var), "KB_BASE_URL": f"http://{address}"}
    started: dict[str, Any] = {"cwd": ROOT, "env": environment, "stderr": subprocess.STDOUT}
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "kb/gunicorn.py", "--bind", address, "kb.wsgi"]
    log = var / "server.log"
    with log.open("wb") as output:
        prepare = [sys.executable, "manage.py", "prepare", "--demo"]
        if subprocess.run(prepare, stdout=output, check=False, **started).returncode:
            pytest.fail(f"The demo store was not prepared:\n{log.read_text()[-4000:]}", pytrace=False)
        server = subprocess.Popen(gunicorn, stdout=output, **started)
        try:
            if not within(START_SECONDS, lambda: server.poll() is not None or is_healthy(address)) or server.poll():
                pytest.fail(f"The server did not start:\n{log.read_text()[-4000:]}", pytrace=False)
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def within(seconds: float, probe: Callable[[], Any]) -> Any:
    """The first true result of `probe`; when the time is over, its last one."""
    end = time.monotonic() + seconds
    while not (found := probe()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def is_healthy(address: str) -> bool:
    try:
        return bool(call(f"http://{address}", "health")["status"] == "ok")
    except OSError:
        return False


def call(site: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the API answers a program; a Chinese one, where it asks for a language."""
    connection = HTTPConnection(urlsplit(site).netloc, timeout=20)
    headers = {"Content-Type": "application/json", "Accept-Language": "zh-hans"}
    try:
        data = None if body is None else json.dumps(body)
        connection.request("GET" if data is None else "POST", f"/api/v1/{path}", data, headers)
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def suggest(site: str, query: str) -> dict[str, Any]:
    return call(site, "suggest", {"query": query, "shop": "demo", "channel": "widget"})


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A module's browser: Playwright holds an event loop, in which Django would refuse the next module its database."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def log_ins() -> dict[str, Any]:
    """Account -> its cookies: one log-in by hand is enough, a server hashes passwords slowly on purpose."""
    return {}


class Visitor:
    """Opens pages, each in a browser profile of its own, and hears what goes wrong in them."""

    def __init__(self, browser: Browser, site: str, log_ins: dict[str, Any]) -> None:
        self.browser, self.site, self.log_ins = browser, site, log_ins
        self.contexts: list[BrowserContext] = []
        self.exceptions: list[str] = []
        self.console_errors: list[str] = []

    def page(self, *, language: str = "zh-CN", width: int = 1280, height: int = 900, cookies: Any = None) -> Page:
        viewport: Any = {"width": width, "height": height}
        context = self.browser.new_context(
            base_url=self.site, locale=language, viewport=viewport, storage_state=cookies
        )
        self.contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.exceptions.append(str(error)))
        page.on("console", lambda line: self.console_errors.append(line.text) if line.type == "error" else None)
        return page

    def account(self, name: str, path: str, **how: Any) -> Page:
        """A page of `name` at `path`; the first time, she logs in on the way."""
        page = self.page(cookies=self.log_ins.get(name), **how)
        page.goto(path)
        if name not in self.log_ins:
            log_in(page, name)
            page.wait_for_url(path)
            self.log_ins[name] = page.context.storage_state()
        return page


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")


@pytest.fixture
def visitor(chromium, site, log_ins) -> Iterator[Visitor]:
    """No page of ours may end with an exception that nobody caught."""
    visitor = Visitor(chromium, site, log_ins)
    yield visitor
    for context in visitor.contexts:
        context.close()
    assert visitor.exceptions == []


def write_entry(visitor: Visitor, kind: str, *, title: str, similar: str, category: str, answer: str) -> Page:
    """The CMS's form of a new `faq` or `script`, filled in as an editor does; nothing is saved yet."""
    page = visitor.account("editor", f"/cms/snippets/cms/{kind}/add/")
    page.fill("#id_title", title)
    page.select_option("#id_shop", label="山茶小铺")
    page.select_option("#id_category", label=category)
    page.fill("#id_similar", similar)
    page.locator(".public-DraftEditor-content").click()
    page.keyboard.type(answer)
    # Draftail writes what was typed into the form a quarter of a second later.
    expect(page.locator("[name=answers-0-body-0-value]")).to_have_value(re.compile(re.escape(answer)))
    return page


def submit(page: Page, action: str) -> None:
    """Presses a button of the form's footer; returns as soon as the server has answered with the next page."""
    button = page.locator(f"footer {action}")
    if not button.is_visible():
        page.locator("footer .w-dropdown__toggle").click()
    with page.expect_response(lambda response: response.request.method == "POST" and response.status == 302):
        button.click()


PUBLISH = "[name=action-publish]"
SAVE_DRAFT = "button.action-save:not([name])"
