"""What receivers are to be told, and who tells them: rows written with the release, sent after its commit.

A process that is killed loses nothing: a row is due until it was taken or given up, whoever looks next sends it. A
message can so arrive twice; its id tells. Two senders never send one at the same moment: they claim it first.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from cms.models import Release
from cms.releases import ledger
from search.models import SecretLost, Webhook, WebhookDelivery, WebhookEvent
from search.webhooks import signing
from search.webhooks.sending import Outcome, post

logger = logging.getLogger(__name__)
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1440, 1440))
"""After the first attempt that failed, the second, …: nearly three days in all. After the last it is given up."""
LEASE = timedelta(minutes=3)
"""A claim lasts longer than any attempt can; after that its sender counts as gone."""
_JITTER = SystemRandom()


@dataclass(frozen=True, slots=True)
class Round:
    delivered: int
    failed: int


def write(release: Release) -> int:
    """A row for each receiver of the shop, in the transaction that makes the release."""
    hooks = list(Webhook.objects.filter(shop=release.shop_id, active=True))
    if not hooks:
        return 0
    payload = json.dumps(_told(release), ensure_ascii=False)
    rows = [_row(hook, str(WebhookEvent.RELEASE_LIVE), payload, release=release) for hook in hooks]
    WebhookDelivery.objects.bulk_create(rows)
    return len(rows)


def write_or_log(release: Release) -> int:
    """The same; what cannot be told does not keep a release from going live."""
    try:
        with transaction.atomic():
            return write(release)
    except DatabaseError:
        logger.exception("Nobody is told that release %s is live", release.number)
        return 0


def write_test(hook: Webhook) -> WebhookDelivery:
    """A message that says nothing, to try a receiver. It is sent once."""
    told = {"event": WebhookEvent.TEST, "shop": hook.shop.slug, "at": timezone.localtime().isoformat()}
    row = _row(hook, str(WebhookEvent.TEST), json.dumps(told, ensure_ascii=False))
    row.save()
    return row


def _row(hook: Webhook, event: str, payload: str, *, release: Release | None = None) -> WebhookDelivery:
    return WebhookDelivery(
        webhook=hook,
        event=event,
        event_id=uuid4(),
        release=release,
        payload=payload,
        next_attempt_at=timezone.now(),
    )


def _told(release: Release) -> dict[str, Any]:
    before = ledger.previous(release)
    moment = timezone.localtime(release.made_at).isoformat()
    about = ("number", "kind", "entries", "added", "changed", "removed", "notes")
    return {
        "event": WebhookEvent.RELEASE_LIVE,
        "shop": release.shop.slug,
        "release": {**{name: getattr(release, name) for name in about}, "made_at": moment},
        "previous": before.number if before else None,
        "at": moment,
    }


def deliver_due() -> Round:
    """All that is due, one after the other. A receiver that fails has to wait for the next round with the rest."""
    delivered = 0
    failing: set[int] = set()
    while row := _claimed(without=failing):
        if _attempt(row).taken:
            delivered += 1
        else:
            failing.add(row.webhook_id)
    return Round(delivered, len(failing))


def send_again(row: WebhookDelivery) -> Outcome | None:
    """Now, whatever became of it before; None where somebody else is just sending it."""
    row.refresh_from_db()
    if row.is_being_sent:
        return None
    now = timezone.now()
    taken = _take(row, now)
    return _attempt(taken) if taken else None


def _claimed(*, without: Iterable[int]) -> WebhookDelivery | None:
    now = timezone.now()
    due = WebhookDelivery.objects.due(now).exclude(webhook__in=list(without))
    return next(filter(None, (_take(row, now) for row in due.order_by("next_attempt_at", "pk")[:20])), None)


def _take(row: WebhookDelivery, now: datetime) -> WebhookDelivery | None:
    """Counts the attempt before it is made, so that a message which kills its sender is given up in the end.

    Compared with what was read and written in one statement on the row's own columns: the database lets one through.
    """
    as_read = WebhookDelivery.objects.filter(
        pk=row.pk, attempts=row.attempts, next_attempt_at=row.next_attempt_at, delivered_at=row.delivered_at
    )
    taken = as_read.update(
        next_attempt_at=now + LEASE, attempts=F("attempts") + 1, sending_since=now, delivered_at=None
    )
    return WebhookDelivery.objects.select_related("webhook").get(pk=row.pk) if taken else None


def _attempt(row: WebhookDelivery) -> Outcome:
    outcome = _sent(row)
    now = timezone.now()
    said = {"last_status": outcome.status, "last_error": outcome.error[:300], "sending_since": None}
    if outcome.taken:
        WebhookDelivery.objects.filter(pk=row.pk).update(delivered_at=now, next_attempt_at=None, **said)
    else:
        logger.warning("Webhook %s, attempt %s: %s", row.webhook_id, row.attempts, outcome.error)
        mine = WebhookDelivery.objects.filter(pk=row.pk, attempts=row.attempts, delivered_at=None)
        pause = _pause(row)
        mine.update(next_attempt_at=now + pause if pause else None, **said)
    return outcome


def _pause(row: WebhookDelivery) -> timedelta | None:
    """A little shorter by chance: what failed together is not tried again together."""
    if row.event == WebhookEvent.TEST or row.attempts > len(PAUSES):
        return None
    return PAUSES[row.attempts - 1] * _JITTER.uniform(0.85, 1.0)


def _sent(row: WebhookDelivery) -> Outcome:
    try:
        secret = row.webhook.secret
    except SecretLost as exc:
        return Outcome(None, str(exc))
    body = row.payload.encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Zhida-Webhook",
        "Zhida-Event": row.event,
        "Zhida-Delivery": str(row.event_id),
        "Zhida-Signature": signing.signature(secret, body, at=int(timezone.now().timestamp())),
    }
    return post(row.webhook.url, body, headers, inner=inner_hosts())


def inner_hosts() -> frozenset[str]:
    return frozenset(host.lower() for host in settings.KB_WEBHOOK_HOSTS)
