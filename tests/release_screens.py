"""A shop with a release, who looks at it, and what the screens say."""

import html
import re
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from cms.models import Cut, CutState, Policy, Shop
from cms.releases import ledger
from tests.builders import make_user, publish


@pytest.fixture
def reviewer(db, client):
    client.force_login(make_user("lin", "Reviewer"))
    return client


@pytest.fixture
def editor(db, client):
    client.force_login(make_user("mei", "Editor"))
    return client


@pytest.fixture
def released(shop, live):
    """A shop with one live entry, where what is published from now on waits."""
    entry = live(publish, shop, "什么时候发货", "多久发货", answer="付款后48小时内发出。")
    gate(shop)
    return SimpleNamespace(shop=shop, entry=entry, live=live)


def with_permissions(user, *names):
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return user


def gate(shop):
    Shop.objects.filter(pk=shop.pk).update(release_policy=Policy.GATED)


def reword(entry, live, **fields):
    for name, value in fields.items():
        setattr(entry, name, value)
    live(lambda: entry.save_revision().publish())


def put(shop, contents, **about):
    """A release in which these keys have these titles (None: are gone)."""
    made = {key: title and entry_content(key, title) for key, title in contents.items()}
    ledger.store(content for content in made.values() if content)
    hashes = {key: content and ledger.content_hash(content) for key, content in made.items()}
    return ledger.make_release(shop, hashes, ledger.About(**about))


def entry_content(key, title):
    answer = {"channel": "any", "text": f"{title}的答案。", "html": f"<p>{title}的答案。</p>", "blocks": []}
    fields = {"kind": "faq", "group": key, "locale": "zh-hans", "title": title, "similar": [], "negative": []}
    rest = {"category": "general", "intent": "", "mode": "both", "valid_from": None, "valid_to": None}
    return {**fields, **rest, "answers": [answer]}


def screen(client, name, shop, *args, status=200, **query):
    response = client.get(reverse(f"releases:{name}", args=[shop.slug, *args]), query)
    assert response.status_code == status
    return response.content.decode()


def words(page):
    """What is read of a page, with the marks of a comparison left in."""
    return html.unescape(re.sub(r"<(?!/?(ins|del)\b)[^>]*>", "", page))


def blocked_cut(shop, **fields):
    reasons = [{"rule": "losses", "count": 3, "asked": 100, "share": 0.03, "limit": 0.02}]
    pair = {"taker": {"key": "faq:7", "title": "怎么开发票"}, "loser": {"key": "faq:1", "title": "什么时候发货"}}
    figures = {"right": 90, "answered_right": 80, "answered_wrong": 2, "asked_back": 10, "abstained": 8}
    case = {
        "query": "转人工",
        "must": True,
        "passed": False,
        "expected": None,
        "got": pair["taker"],
        "decision": "answer",
    }
    report = {
        "base": "2026-W40",
        "verdict": "blocked",
        "reasons": [*reasons, {"rule": "must_case", "count": 1}],
        "asked": {"held_out": 100, "held_out_of": 100, "cases": 1, "accepted": 0, "must_not": 0},
        "before": figures | {"right": 93},
        "after": figures,
        "wins": [],
        "wins_count": 0,
        "losses": [{"query": "几时发出", "expected": pair["loser"], "before": pair["loser"], "after": pair["taker"]}],
        "losses_count": 3,
        "takers": [{**pair, "count": 3, "examples": ["几时发出"]}],
        "takers_count": 1,
        "cases": [case | {"got": pair["taker"]}],
        "cases_failed": 1,
        "unreached": [pair["loser"]],
        "unreached_count": 1,
        "reliability": {"before": None, "after": [{"promised": 0.9, "right": 0.5, "count": 4}]},
    }
    values = {"state": CutState.BLOCKED, "report": report, "changes": {}, "ended_at": timezone.now(), "by": "lin"}
    return Cut.objects.create(shop=shop, **{**values, **fields})
