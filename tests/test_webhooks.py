"""Webhooks: who is told that a release is live, against a real receiver on this machine."""

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.utils import timezone

from cms.models import Release
from cms.releases import ledger
from search.models import Webhook, WebhookDelivery
from search.webhooks import outbox, sending
from search.webhooks.courier import courier
from tests.builders import make_shop
from tests.installation import blank_database, installations  # noqa: F401
from tests.webhook_receivers import hook, hook_at, receiver, release  # noqa: F401


def later(**delta):
    """As if that much time had passed for all that waits."""
    for row in WebhookDelivery.objects.exclude(next_attempt_at=None):
        WebhookDelivery.objects.filter(pk=row.pk).update(next_attempt_at=row.next_attempt_at - timedelta(**delta))


def verify(secret, header, body):
    """As the README tells receivers to."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300


def test_a_receiver_is_told_what_went_live(shop, hook, receiver):  # noqa: F811
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


def test_the_signature_holds_for_the_very_bytes_and_for_no_others(shop, hook, receiver):  # noqa: F811
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


def test_what_a_receiver_fails_to_take_is_sent_again_and_then_once(shop, hook, receiver):  # noqa: F811
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


def test_each_pause_is_longer_and_after_three_days_it_is_given_up(shop, hook, receiver):  # noqa: F811
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


def test_a_receiver_that_fails_does_not_hold_up_the_others(shop, hook, receiver):  # noqa: F811
    dead = hook_at(shop, "http://127.0.0.1:9/")
    for title in ("一", "二", "三"):
        release(shop, title)
    with override_settings(KB_WEBHOOK_HOSTS=[f"127.0.0.1:{receiver.server_port}", "127.0.0.1:9"]):
        assert outbox.deliver_due() == outbox.Round(delivered=3, failed=1)
    assert dead.deliveries.filter(attempts=1).count() == 1


def test_a_release_that_is_rolled_back_tells_nobody(shop, hook):  # noqa: F811
    with transaction.atomic():
        release(shop)
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_a_process_killed_before_it_could_send_loses_nothing(shop, hook, receiver):  # noqa: F811
    release(shop)  # and nothing after the commit
    call_command("deliver_webhooks")
    assert len(receiver.got) == 1


def test_a_process_killed_while_it_sends_loses_nothing(shop, hook, receiver):  # noqa: F811
    release(shop)
    assert outbox._claimed(without=())
    assert outbox.deliver_due() == outbox.Round(0, 0)
    later(minutes=3)
    assert outbox.deliver_due() == outbox.Round(delivered=1, failed=0)
    assert WebhookDelivery.objects.get().attempts == 2


def test_only_the_shops_own_active_receivers_are_told(shop, hook, receiver):  # noqa: F811
    other = make_shop("other")
    hook_at(shop, receiver.url, active=False)
    release(other)
    assert not WebhookDelivery.objects.exists()
    release(shop)
    assert WebhookDelivery.objects.get().webhook == hook


def test_a_receiver_that_is_switched_off_waits(shop, hook, receiver):  # noqa: F811
    release(shop)
    Webhook.objects.update(active=False)
    outbox.deliver_due()
    assert receiver.got == []


def test_nobody_is_told_and_the_release_is_live_where_the_outbox_is_broken(shop, hook, monkeypatch):  # noqa: F811
    def broken(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(outbox, "write", broken)
    assert ledger.live_release(shop) is None
    made = release(shop)
    assert ledger.live_release(shop) == made


@pytest.mark.commits
@pytest.mark.django_db(transaction=True)
def test_a_slow_receiver_delays_no_publishing(receiver):  # noqa: F811
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
def test_processes_that_send_at_once_send_each_message_once(install, receiver):  # noqa: F811
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


def test_of_two_who_have_read_the_same_row_one_may_send_it(shop, hook):  # noqa: F811
    release(shop)
    rows = [WebhookDelivery.objects.get() for _ in range(2)]
    assert [bool(outbox._take(row, timezone.now())) for row in rows] == [True, False]


def test_a_redirect_is_not_followed(shop, hook, receiver):  # noqa: F811
    receiver.answers = [302]
    release(shop)
    outbox.deliver_due()
    assert len(receiver.got) == 1
    assert WebhookDelivery.objects.get().last_status == 302
    assert WebhookDelivery.objects.get().delivered_at is None


def test_a_receiver_that_never_answers_is_left(shop, hook, receiver, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sending, "READ_SECONDS", 0.2)
    receiver.pause = 2
    release(shop)
    started = time.perf_counter()
    outbox.deliver_due()
    assert time.perf_counter() - started < 1.5
    assert WebhookDelivery.objects.get().last_status is None
    assert WebhookDelivery.objects.get().last_error


def test_a_receiver_that_answers_a_byte_at_a_time_is_left(shop, hook, receiver, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.5)
    receiver.drip = True
    release(shop)
    started = time.perf_counter()
    outbox.deliver_due()
    assert time.perf_counter() - started < 3
    assert WebhookDelivery.objects.get().last_error


def test_the_secret_is_neither_stored_nor_in_what_is_sent_or_logged(shop, hook, receiver, caplog):  # noqa: F811
    receiver.answers = [500]
    release(shop)
    outbox.deliver_due()
    kept = [*Webhook.objects.values_list(), *WebhookDelivery.objects.values_list()]
    assert hook.secret not in f"{kept}{receiver.got}{caplog.text}"
    assert "attempt 1" in caplog.text


def test_with_another_secret_key_nothing_is_sent_and_the_log_says_why(shop, hook, receiver):  # noqa: F811
    release(shop)
    with override_settings(SECRET_KEY="another"):
        outbox.deliver_due()
    assert receiver.got == []
    assert "SECRET_KEY" in WebhookDelivery.objects.get().last_error


def test_a_releases_row_is_there_for_each_receiver(shop, hook, receiver):  # noqa: F811
    hook_at(shop, receiver.url)
    release(shop)
    assert list(WebhookDelivery.objects.values_list("release__number", flat=True)) == [Release.objects.get().number] * 2
