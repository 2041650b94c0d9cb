import re

import pytest
from playwright.sync_api import expect

from tests.browser import PUBLISH, log_in, submit, suggest, within, write_entry

pytestmark = pytest.mark.e2e


def desk(visitor, **how):
    page = visitor.account("agent", "/desk/", **how)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return page


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def test_an_agent_copies_a_reply_with_the_keyboard_alone(visitor):
    page = desk(visitor)
    expect(page.locator("#query")).to_be_focused()
    page.keyboard.type("物流一直不动")
    expect(page.locator("#results [role=option]").nth(1)).to_be_visible()
    first = page.locator("#detail .reply").inner_text()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#results [role=option]").nth(1)).to_have_attribute("aria-selected", "true")
    chosen = page.locator("#detail .reply").inner_text()
    assert chosen != first
    with page.expect_response("**/api/v1/feedback") as recorded:
        page.keyboard.press("Enter")
    assert recorded.value.status == 201
    assert re.sub(r"\s", "", clipboard(page)) == re.sub(r"\s", "", chosen)


def test_a_missing_order_number_is_filled_in_before_the_reply_is_copied(visitor, site):
    form = {"title": "催拍照复核", "similar": "拍照复核好了没", "category": "客服话术"}
    editor = write_entry(visitor, "script", answer="订单 {{ order.number }} 已送去复核。", **form)
    submit(editor, PUBLISH)
    suggest(site, "你好")  # the first question after a change builds the new snapshot; others do not wait for it
    page = desk(visitor)
    page.keyboard.type("拍照复核好了没")
    field = page.locator("#detail input")
    expect(field).to_be_visible()
    page.evaluate("navigator.clipboard.writeText('before')")
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    assert clipboard(page) == "before"
    page.keyboard.type("D-2026")
    page.keyboard.press("Enter")
    assert within(3, lambda: clipboard(page) != "before")
    assert clipboard(page) == "订单 D-2026 已送去复核。"


def test_somebody_without_an_account_is_sent_to_log_in(visitor):
    page = visitor.page()
    page.goto("/desk/")
    assert "/login/" in page.url
    log_in(page, "agent", "wrong-password")
    expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize(("language", "heading"), [("zh-CN", "客服"), ("en-US", "desk")])
def test_the_desk_fits_a_narrow_column_and_speaks_the_agents_language(visitor, language, heading):
    page = desk(visitor, language=language, width=360, height=740)
    expect(page.locator("h1")).to_contain_text(heading)
    page.keyboard.type("invoice 发票")
    expect(page.locator("#results [role=option]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_ended_session_is_said_with_the_way_back(visitor):
    page = desk(visitor)
    page.context.clear_cookies()
    page.keyboard.type("发票")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert").get_by_role("link")).to_have_attribute("href", re.compile("/login/"))


def test_an_agent_who_logs_in_lands_at_the_desk(visitor):
    page = visitor.page()
    page.goto("/login/")
    log_in(page, "agent")
    page.wait_for_url("/desk/")
    expect(page.locator("#start button").first).to_be_visible()


def test_an_account_without_the_permission_is_refused_at_the_desk(visitor):
    admin = visitor.account("admin", "/cms/users/new/")
    for field, value in {
        "username": "clerk",
        "first_name": "C",
        "last_name": "K",
        "email": "clerk@example.com",
    }.items():
        admin.fill(f"[name={field}]", value)
    for field in ("password1", "password2"):
        admin.fill(f"[name={field}]", "a-clerk-of-7-shops")
    submit(admin, "[type=submit]")

    clerk = visitor.page()
    clerk.goto("/desk/")
    with clerk.expect_response(re.compile(r"\d/desk/$")) as refused:
        log_in(clerk, "clerk", "a-clerk-of-7-shops")
    assert refused.value.status == 403
    expect(clerk.locator("#query")).to_have_count(0)
