"""Webhooks in the CMS."""

import json

import pytest

from search.models import Webhook, WebhookDelivery
from search.webhooks import outbox
from tests.builders import make_shop, make_user
from tests.webhook_receivers import hook, hook_at, receiver, release  # noqa: F401

SECRET_URLS = "/cms/webhooks/"


@pytest.fixture
def admin(client, db, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("root", password="x"))
    return client


def said(response):
    return [str(message) for message in response.context["messages"]]


def test_the_secret_is_shown_once_when_a_webhook_is_made(admin, shop, receiver):  # noqa: F811
    response = admin.post(f"{SECRET_URLS}new/", {"shop": shop.pk, "url": receiver.url, "active": "on"}, follow=True)
    secret = Webhook.objects.get().secret
    assert any(secret in text for text in said(response))
    pages = ("", f"edit/{Webhook.objects.get().pk}/", f"inspect/{Webhook.objects.get().pk}/")
    assert all(secret not in admin.get(f"{SECRET_URLS}{page}").content.decode() for page in pages)


def test_a_private_address_is_refused_on_the_form(admin, shop):
    admin.post(f"{SECRET_URLS}new/", {"shop": shop.pk, "url": "https://10.0.0.8/hook", "active": "on"})
    assert not Webhook.objects.exists()


def test_a_test_message_is_sent_at_once_and_never_retried(admin, hook, receiver):  # noqa: F811
    receiver.answers = [500]
    admin.post(f"{SECRET_URLS}test/{hook.pk}/")
    assert json.loads(receiver.got[0][2])["event"] == "test"
    row = WebhookDelivery.objects.get()
    assert (row.last_status, row.next_attempt_at, row.delivered_at) == (500, None, None)


def test_what_was_given_up_or_delivered_can_be_sent_again_under_its_id(admin, shop, hook, receiver):  # noqa: F811
    release(shop)
    outbox.deliver_due()
    row = WebhookDelivery.objects.get()
    page = admin.get(f"{SECRET_URLS}inspect/{hook.pk}/").content.decode()
    assert str(row.release) in page
    assert f"{SECRET_URLS}again/{hook.pk}/{row.pk}/" in page
    admin.post(f"{SECRET_URLS}again/{hook.pk}/{row.pk}/")
    assert len({headers["Zhida-Delivery"] for _path, headers, _body in receiver.got}) == 1
    assert len(receiver.got) == 2


def test_what_is_just_being_sent_is_not_sent_beside_it(admin, shop, hook, receiver):  # noqa: F811
    release(shop)
    row = outbox._claimed(without=())
    admin.post(f"{SECRET_URLS}again/{hook.pk}/{row.pk}/")
    assert receiver.got == []


def test_a_new_secret_takes_the_place_of_the_old_one(admin, shop, hook, receiver):  # noqa: F811
    old = hook.secret
    response = admin.post(f"{SECRET_URLS}secret/{hook.pk}/", follow=True)
    hook.refresh_from_db()
    assert hook.secret != old
    assert any(hook.secret in text for text in said(response))


def test_another_webhooks_message_is_not_found(admin, shop, hook, receiver):  # noqa: F811
    release(shop)
    other = hook_at(make_shop("other"), receiver.url)
    assert admin.post(f"{SECRET_URLS}again/{other.pk}/{WebhookDelivery.objects.get().pk}/").status_code == 404


@pytest.mark.parametrize("group", ["Editor", "Reviewer"])
def test_editors_and_reviewers_see_and_do_nothing_with_webhooks(client, shop, hook, receiver, group):  # noqa: F811
    client.force_login(make_user("anna", group))
    pages = [client.get(f"{SECRET_URLS}{page}") for page in ("", "new/", f"inspect/{hook.pk}/", f"edit/{hook.pk}/")]
    actions = [client.post(f"{SECRET_URLS}{action}/{hook.pk}/") for action in ("test", "secret")]
    assert [response.status_code for response in pages + actions] == [302] * 6
    assert receiver.got == []
    assert "webhooks" not in client.get("/cms/").content.decode()


def test_an_action_needs_a_post(admin, hook):  # noqa: F811
    assert admin.get(f"{SECRET_URLS}test/{hook.pk}/").status_code == 405
