"""Where webhooks may lead: to no inner address, and to nobody without a certificate."""

import shutil
import ssl
import subprocess

import pytest
from django.test import override_settings

from search.models import WebhookDelivery
from search.webhooks import addresses, outbox, sending
from tests.webhook_receivers import hook_at, receiver, release  # noqa: F401


@override_settings(KB_WEBHOOK_HOSTS=[])
def refused(shop):
    release(shop)
    outbox.deliver_due()
    return [bool(row.last_error) for row in WebhookDelivery.objects.all()]


def test_a_private_address_is_refused_unless_the_operator_names_it(shop, receiver):  # noqa: F811
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


def test_the_address_that_was_checked_is_the_one_that_is_called(receiver, monkeypatch):  # noqa: F811
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
def test_a_receiver_whose_certificate_nobody_vouches_for_is_sent_nothing(receiver, tmp_path):  # noqa: F811
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
