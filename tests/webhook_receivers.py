"""A real receiver of webhooks on this machine, and releases to tell it of."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import override_settings

from cms.releases import ledger
from search.models import Webhook


class Receiver(ThreadingHTTPServer):
    """Answers with the codes of `answers` in turn, then 200; keeps what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Inbox)
        self.answers, self.got, self.pause, self.drip = [], [], 0.0, False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?shop=demo"


class Inbox(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        time.sleep(self.server.pause)
        if self.server.drip:
            return self.dribble()
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", f"{self.server.url}&again=1")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def dribble(self):
        try:
            for _ in range(200):
                self.wfile.write(b"H")
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with override_settings(KB_WEBHOOK_HOSTS=[f"127.0.0.1:{server.server_port}"]):
        yield server
    server.shutdown()
    thread.join()
    server.server_close()


def hook_at(shop, url, **fields):
    hook = Webhook(shop=shop, url=url, **fields)
    hook.renew_secret()
    hook.save()
    return hook


@pytest.fixture
def hook(shop, receiver):
    return hook_at(shop, receiver.url)


def release(shop, title="怎么开发票", **about):
    content = {"kind": "faq", "title": title}
    ledger.store([content])
    return ledger.make_release(shop, {"faq:1": ledger.content_hash(content)}, ledger.About(**about))
