"""Webhooks: who is told that a release is live, against a real receiver on this machine."""

import hashlib
import hmac
import json
import shutil
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.utils import timezone

from cms.models import Release
from cms.releases import ledger
from search.models import Webhook, WebhookDelivery
from search.webhooks import addresses, outbox, sending
from search.webhooks.courier import courier
from tests.builders import make_shop, make_user
from tests.installation import blank_database, installations  # noqa: F401

SECRET_URLS = "/cms/webhooks/"


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


def later(**delta):
    """As if that much time had passed for all that waits."""
    for row in WebhookDelivery.objects.exclude(next_attempt_at=None):
        WebhookDelivery.objects.filter(pk=row.pk).update(next_attempt_at=row.next_attempt_at - timedelta(**delta))


def verify(secret, header, body):
    """As the README tells receivers to."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300


def test_a_receiver_is_told_what_went_live(shop, hook, receiver):
    first = release(shop)
    second = release(shop, "几天发货", notes="第二版")
    assert outbox.deliver_due() == outbox.Round(delivered=2, failed=0)
    told = [json.loads(body) for _path, _headers, body in receiver.got]
    assert [one["previous"] for one in told] == [None, first.number]
    made_at = timezone.localtime(second.made_at).isoformat()
    assert told[1] == {
        "event": "release.live",
        "shop": "demo",
        "release": {
            "number": second.number,
            "kind": "patch",
            "entries": 1,
            "added": 0,
            "changed": 1,
            "removed": 0,
            "notes": "第二版",
            "made_at": made_at,
        },
        "previous": first.number,
        "at": made_at,
    }


def test_the_signature_holds_for_the_very_bytes_and_for_no_others(shop, hook, receiver):
    release(shop)
    outbox.deliver_due()
    path, headers, body = receiver.got[0]
    assert path == "/hook?shop=demo"
    assert headers["Zhida-Event"] == "release.live"
    row = WebhookDelivery.objects.get()
    assert headers["Zhida-Delivery"] == str(row.event_id)
    assert body == row.payload.encode()
    assert verify(hook.secret, headers["Zhida-Signature"], body)
    assert not verify(hook.secret, headers["Zhida-Signature"], body + b" ")
    assert not verify(hook.secret + "x", headers["Zhida-Signature"], body)


def test_what_a_receiver_fails_to_take_is_sent_again_and_then_once(shop, hook, receiver):
    receiver.answers = [500, 503]
    release(shop)
    assert outbox.deliver_due() == outbox.Round(delivered=0, failed=1)
    row = WebhookDelivery.objects.get()
    assert (row.attempts, row.last_status, row.delivered_at) == (1, 500, None)
    assert outbox.deliver_due() == outbox.Round(0, 0)
    later(minutes=1)
    assert outbox.deliver_due() == outbox.Round(delivered=0, failed=1)
    later(minutes=5)
    assert outbox.deliver_due() == outbox.Round(delivered=1, failed=0)
    later(days=9)
    outbox.deliver_due()
    assert len(receiver.got) == 3
    assert len({headers["Zhida-Delivery"] for _path, headers, _body in receiver.got}) == 1
    assert len({body for _path, _headers, body in receiver.got}) == 1


def test_each_pause_is_longer_and_after_three_days_it_is_given_up(shop, hook, receiver):
    receiver.answers = [500] * 20
    release(shop)
    pauses = []
    while WebhookDelivery.objects.exclude(next_attempt_at=None).exists():
        outbox.deliver_due()
        due = WebhookDelivery.objects.get().next_attempt_at
        pauses += [due - timezone.now()] if due else []
        later(days=2)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert timedelta(days=2) < sum(pauses, timedelta()) <= timedelta(days=3)
    row = WebhookDelivery.objects.get()
    assert (row.attempts, row.delivered_at) == (9, None)
    assert len(receiver.got) == 9


def test_a_receiver_that_fails_does_not_hold_up_the_others(shop, hook, receiver):
    dead = hook_at(shop, "http://127.0.0.1:9/")
    for title in ("一", "二", "三"):
        release(shop, title)
    with override_settings(KB_WEBHOOK_HOSTS=[f"127.0.0.1:{receiver.server_port}", "127.0.0.1:9"]):
        assert outbox.deliver_due() == outbox.Round(delivered=3, failed=1)
    assert dead.deliveries.filter(attempts=1).count() == 1


def test_a_release_that_is_rolled_back_tells_nobody(shop, hook):
    with transaction.atomic():
        release(shop)
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_a_process_killed_before_it_could_send_loses_nothing(shop, hook, receiver):
    release(shop)  # and nothing after the commit
    call_command("deliver_webhooks")
    assert len(receiver.got) == 1


def test_a_process_killed_while_it_sends_loses_nothing(shop, hook, receiver):
    release(shop)
    assert outbox._claimed(without=())
    assert outbox.deliver_due() == outbox.Round(0, 0)
    later(minutes=3)
    assert outbox.deliver_due() == outbox.Round(delivered=1, failed=0)
    assert WebhookDelivery.objects.get().attempts == 2


def test_only_the_shops_own_active_receivers_are_told(shop, hook, receiver):
    other = make_shop("other")
    hook_at(shop, receiver.url, active=False)
    release(other)
    assert not WebhookDelivery.objects.exists()
    release(shop)
    assert WebhookDelivery.objects.get().webhook == hook


def test_a_receiver_that_is_switched_off_waits(shop, hook, receiver):
    release(shop)
    Webhook.objects.update(active=False)
    outbox.deliver_due()
    assert receiver.got == []


def test_nobody_is_told_and_the_release_is_live_where_the_outbox_is_broken(shop, hook, monkeypatch):
    def broken(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(outbox, "write", broken)
    assert ledger.live_release(shop) is None
    made = release(shop)
    assert ledger.live_release(shop) == made


@pytest.mark.commits
@pytest.mark.django_db(transaction=True)
def test_a_slow_receiver_delays_no_publishing(receiver):
    shop = make_shop("demo")
    hook_at(shop, receiver.url)
    receiver.pause = 1.5
    release(shop)
    while not receiver.got:
        time.sleep(0.01)
    started = time.perf_counter()
    release(shop, "几天发货")
    assert time.perf_counter() - started < 1
    courier.wait(20)
    assert len(receiver.got) == 2
    assert WebhookDelivery.objects.filter(delivered_at=None).count() == 0


def write_messages(url, count):
    """In another process: a shop, a receiver, and that many messages that are due."""
    shop = make_shop("demo")
    made = release(shop)
    hook_at(shop, url)
    return sum(outbox.write(made) for _ in range(count))


def send_due(host):
    """In another process."""
    settings.KB_WEBHOOK_HOSTS = [host]
    return outbox.deliver_due().delivered


@pytest.mark.django_db
def test_processes_that_send_at_once_send_each_message_once(install, receiver):
    place = install()
    receiver.pause = 0.02
    assert place.call(write_messages, receiver.url, 30) == 30
    with ExitStack() as stack:
        processes = [stack.enter_context(place.talk(send_due)) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            sent = list(pool.map(lambda say: say(f"127.0.0.1:{receiver.server_port}"), processes))
    assert sum(sent) == 30
    assert sum(count > 0 for count in sent) > 1
    assert len({headers["Zhida-Delivery"] for _path, headers, _body in receiver.got}) == len(receiver.got) == 30


def test_of_two_who_have_read_the_same_row_one_may_send_it(shop, hook):
    release(shop)
    rows = [WebhookDelivery.objects.get() for _ in range(2)]
    assert [bool(outbox._take(row, timezone.now())) for row in rows] == [True, False]


def test_a_redirect_is_not_followed(shop, hook, receiver):
    receiver.answers = [302]
    release(shop)
    outbox.deliver_due()
    assert len(receiver.got) == 1
    assert WebhookDelivery.objects.get().last_status == 302
    assert WebhookDelivery.objects.get().delivered_at is None


def test_a_receiver_that_never_answers_is_left(shop, hook, receiver, monkeypatch):
    monkeypatch.setattr(sending, "READ_SECONDS", 0.2)
    receiver.pause = 2
    release(shop)
    started = time.perf_counter()
    outbox.deliver_due()
    assert time.perf_counter() - started < 1.5
    assert WebhookDelivery.objects.get().last_status is None
    assert WebhookDelivery.objects.get().last_error


def test_a_receiver_that_answers_a_byte_at_a_time_is_left(shop, hook, receiver, monkeypatch):
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.5)
    receiver.drip = True
    release(shop)
    started = time.perf_counter()
    outbox.deliver_due()
    assert time.perf_counter() - started < 3
    assert WebhookDelivery.objects.get().last_error


@override_settings(KB_WEBHOOK_HOSTS=[])
def refused(shop):
    release(shop)
    outbox.deliver_due()
    return [bool(row.last_error) for row in WebhookDelivery.objects.all()]


def test_a_private_address_is_refused_unless_the_operator_names_it(shop, receiver):
    hook_at(shop, receiver.url)
    hook_at(shop, receiver.url.replace("http:", "https:"))
    assert refused(shop) == [True, True]
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0/",
        "https://10.0.0.8/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "http://8.8.8.8/",
        "ftp://8.8.8.8/",
        "https://user:word@8.8.8.8/",
        "https://8.8.8.8/#part",
        "https://8.8.8.8:99999/",
        "https://8.8.8.8/a b",
        "https://8.8.8.8/\r\nX: y",
        "https:///path",
        "https://[8.8.8.8/",
        "nonsense",
        "",
    ],
)
def test_an_address_that_is_not_on_the_internet_by_https_is_refused(url):
    with pytest.raises(addresses.Refused):
        addresses.resolve(url, inner=())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_an_address_on_the_internet_is_public(address):
    assert addresses.is_public(address)


def test_the_address_that_was_checked_is_the_one_that_is_called(receiver, monkeypatch):
    looked_up = []

    def changing(host, port, **kwargs):
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", changing)
    host = f"bot.internal:{receiver.server_port}"
    target = addresses.resolve(f"http://{host}/x", inner=[host])
    assert target.addresses == ("127.0.0.1",)
    monkeypatch.undo()
    assert sending._status(target, b"{}", {}) == 200
    assert receiver.got[0][1]["Host"] == host


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_receiver_whose_certificate_nobody_vouches_for_is_sent_nothing(receiver, tmp_path):
    files = [str(tmp_path / name) for name in ("key.pem", "cert.pem")]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", files[0], "-out", files[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True, do_handshake_on_connect=False)
    inner = [f"127.0.0.1:{receiver.server_port}"]
    outcome = sending.post(f"https://{inner[0]}/", b"{}", {}, inner=inner)
    assert (outcome.taken, outcome.status, receiver.got) == (False, None, [])
    assert "certificate" in outcome.error.lower()


def test_the_secret_is_neither_stored_nor_in_what_is_sent_or_logged(shop, hook, receiver, caplog):
    receiver.answers = [500]
    release(shop)
    outbox.deliver_due()
    kept = [*Webhook.objects.values_list(), *WebhookDelivery.objects.values_list()]
    assert hook.secret not in f"{kept}{receiver.got}{caplog.text}"
    assert "attempt 1" in caplog.text


def test_with_another_secret_key_nothing_is_sent_and_the_log_says_why(shop, hook, receiver):
    release(shop)
    with override_settings(SECRET_KEY="another"):
        outbox.deliver_due()
    assert receiver.got == []
    assert "SECRET_KEY" in WebhookDelivery.objects.get().last_error


@pytest.fixture
def admin(client, db, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="x"))
    return client


def said(response):
    return [str(message) for message in response.context["messages"]]


def test_the_secret_is_shown_once_when_a_webhook_is_made(admin, shop, receiver):
    response = admin.post(f"{SECRET_URLS}new/", {"shop": shop.pk, "url": receiver.url, "active": "on"}, follow=True)
    secret = Webhook.objects.get().secret
    assert any(secret in text for text in said(response))
    pages = ("", f"edit/{Webhook.objects.get().pk}/", f"inspect/{Webhook.objects.get().pk}/")
    assert all(secret not in admin.get(f"{SECRET_URLS}{page}").content.decode() for page in pages)


def test_a_private_address_is_refused_on_the_form(admin, shop):
    admin.post(f"{SECRET_URLS}new/", {"shop": shop.pk, "url": "https://10.0.0.8/hook", "active": "on"})
    assert not Webhook.objects.exists()


def test_a_test_message_is_sent_at_once_and_never_retried(admin, hook, receiver):
    receiver.answers = [500]
    admin.post(f"{SECRET_URLS}test/{hook.pk}/")
    assert json.loads(receiver.got[0][2])["event"] == "test"
    row = WebhookDelivery.objects.get()
    assert (row.last_status, row.next_attempt_at, row.delivered_at) == (500, None, None)


def test_what_was_given_up_or_delivered_can_be_sent_again_under_its_id(admin, shop, hook, receiver):
    release(shop)
    outbox.deliver_due()
    row = WebhookDelivery.objects.get()
    page = admin.get(f"{SECRET_URLS}inspect/{hook.pk}/").content.decode()
    assert str(row.release) in page
    assert f"{SECRET_URLS}again/{hook.pk}/{row.pk}/" in page
    admin.post(f"{SECRET_URLS}again/{hook.pk}/{row.pk}/")
    assert len({headers["Zhida-Delivery"] for _path, headers, _body in receiver.got}) == 1
    assert len(receiver.got) == 2


def test_what_is_just_being_sent_is_not_sent_beside_it(admin, shop, hook, receiver):
    release(shop)
    row = outbox._claimed(without=())
    admin.post(f"{SECRET_URLS}again/{hook.pk}/{row.pk}/")
    assert receiver.got == []


def test_a_new_secret_takes_the_place_of_the_old_one(admin, shop, hook, receiver):
    old = hook.secret
    response = admin.post(f"{SECRET_URLS}secret/{hook.pk}/", follow=True)
    hook.refresh_from_db()
    assert hook.secret != old
    assert any(hook.secret in text for text in said(response))


def test_another_webhooks_message_is_not_found(admin, shop, hook, receiver):
    release(shop)
    other = hook_at(make_shop("other"), receiver.url)
    assert admin.post(f"{SECRET_URLS}again/{other.pk}/{WebhookDelivery.objects.get().pk}/").status_code == 404


@pytest.mark.parametrize("group", ["Editor", "Reviewer"])
def test_editors_and_reviewers_see_and_do_nothing_with_webhooks(client, shop, hook, receiver, group):
    client.force_login(make_user("anna", group))
    pages = [client.get(f"{SECRET_URLS}{page}") for page in ("", "new/", f"inspect/{hook.pk}/", f"edit/{hook.pk}/")]
    actions = [client.post(f"{SECRET_URLS}{action}/{hook.pk}/") for action in ("test", "secret")]
    assert [response.status_code for response in pages + actions] == [302] * 6
    assert receiver.got == []
    assert "webhooks" not in client.get("/cms/").content.decode()


def test_an_action_needs_a_post(admin, hook):
    assert admin.get(f"{SECRET_URLS}test/{hook.pk}/").status_code == 405


def test_a_releases_row_is_there_for_each_receiver(shop, hook, receiver):
    hook_at(shop, receiver.url)
    release(shop)
    assert list(WebhookDelivery.objects.values_list("release__number", flat=True)) == [Release.objects.get().number] * 2
