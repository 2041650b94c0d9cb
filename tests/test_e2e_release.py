import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser import PUBLISH, submit, suggest, within, write_entry

pytestmark = pytest.mark.e2e

LANTERN = {
    "title": "灯笼挂件会褪色吗？",
    "similar": "灯笼掉不掉颜色",
    "category": "客服与投诉",
    "answer": "灯笼挂件不褪色，放心清洗。",
}
OLD, NEW = LANTERN["answer"], "灯笼挂件会轻微褪色，请勿清洗。"
GATE_SECONDS = 400


def told(site):
    """What the shop says about it, and the release that says so."""
    found = suggest(site, LANTERN["title"])
    first = next((one for one in found["suggestions"] if one["title"] == LANTERN["title"]), None)
    return first and first["answer"]["text"], found["release"]


def rewrite(page, number, answer):
    page.goto(f"/cms/snippets/cms/faq/edit/{number}/")
    page.locator(".public-DraftEditor-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(answer)
    expect(page.locator("[name=answers-0-body-0-value]")).to_have_value(re.compile(re.escape(answer)))
    submit(page, PUBLISH)


def set_policy(visitor, policy):
    page = visitor.account("admin", "/cms/shop/edit/1/")
    page.select_option("[name=release_policy]", policy)
    submit(page, "[type=submit]")


@contextmanager
def a_gated_shop_with_an_entry(visitor, site):
    """The other tests share the server: in the end the shop is as it was, and nothing waits."""
    page = write_entry(visitor, "faq", **LANTERN)
    submit(page, PUBLISH)
    assert within(5, lambda: told(site)[0] == OLD)
    number = suggest(site, LANTERN["title"])["suggestions"][0]["id"].removeprefix("faq:")
    set_policy(visitor, "gated")
    try:
        yield page, number
    finally:
        rewrite(page, number, OLD)
        set_policy(visitor, "continuous")
        page.goto(f"/cms/snippets/cms/faq/unpublish/{number}/")
        page.locator("main form [type=submit]").click()
        assert within(5, lambda: told(site)[0] is None)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_weeks_cut_goes_from_pending_changes_through_the_gate_to_live_and_back(visitor, site):
    with a_gated_shop_with_an_entry(visitor, site) as (editor, number):
        _, before = told(site)
        rewrite(editor, number, NEW)
        assert not within(1, lambda: told(site) != (OLD, before))

        page = visitor.account("reviewer", "/cms/releases/demo/pending/")
        change = page.locator(".rel-change", has_text=LANTERN["title"])
        expect(change.locator("ins").first).to_contain_text("轻微")
        expect(change.locator("del").last).to_contain_text("放心")

        page.goto("/cms/releases/demo/cut/")
        page.fill("[name=notes]", "灯笼挂件的说明更正")
        page.locator("form .button[type=submit]").last.click()
        expect(page.locator(".rel-progress, [href*='/release/']").first).to_be_visible()
        assert told(site) == (OLD, before)
        made = page.locator("#rel-progress [href*='/release/']")
        expect(made).to_be_visible(timeout=1000 * GATE_SECONDS)
        made.click()
        cut = page.locator(".rel-head__number").inner_text()
        assert cut != before
        assert within(2, lambda: told(site) == (NEW, cut))
        expect(page.locator(".rel-report")).to_be_visible()
        expect(page.locator(".rel-notes")).to_contain_text("灯笼挂件的说明更正")

        page.goto(f"/cms/releases/demo/release/{before}/")
        page.locator("header [href$='/back/']").click()
        expect(page.locator(".rel-change", has_text=LANTERN["title"])).to_be_visible()
        page.locator("form .button.serious").click()
        back = page.locator(".rel-head__number").inner_text()
        assert back not in (before, cut)
        assert within(2, lambda: told(site) == (OLD, back))
        page.goto("/cms/releases/demo/pending/")
        expect(page.locator(".rel-change", has_text=LANTERN["title"])).to_be_visible()


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
@pytest.mark.parametrize("width", [400, 1440])
@pytest.mark.parametrize("path", ["", "pending/", "compare/", "trial/?query=多久发货", "cut/"])
def test_the_screens_fit_a_phone_and_a_desk_without_an_error(visitor, path, width, language):
    page = visitor.account("reviewer", f"/cms/releases/demo/{path}", language=language, width=width)
    expect(page.locator("main .rel-page").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.console_errors == []
