import re
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser import PUBLISH, SAVE_DRAFT, call, submit, suggest, within, write_entry

pytestmark = pytest.mark.e2e

NUTS = {
    "title": "坚果可以拿来做菜吗？",
    "similar": "如何料理\n有没有食谱",
    "category": "食品茶饮",
    "answer": "可以，炒菜、拌沙拉都合适。",
}
PARAPHRASE = "怎样烹饪"
PETS = {"similar": "能牵柯基进门不", "category": "客服与投诉", "answer": "门店欢迎牵绳的小狗。"}


def offered(site, query):
    found = suggest(site, query)
    typed = call(site, f"complete?shop=demo&q={quote(query)}")
    return [one["title"] for one in (*found["suggestions"], *typed["completions"])]


def test_a_published_faq_answers_other_words_within_two_seconds_until_it_is_unpublished(visitor, site):
    assert not set(PARAPHRASE) & set(NUTS["title"] + NUTS["similar"])
    page = write_entry(visitor, "faq", **NUTS)
    submit(page, PUBLISH)
    found = within(
        2, lambda: [one for one in suggest(site, PARAPHRASE)["suggestions"] if one["title"] == NUTS["title"]]
    )
    answered = suggest(site, PARAPHRASE)
    assert found
    assert answered["decision"] in ("answer", "choose")
    assert answered["suggestions"][0]["title"] == NUTS["title"]
    assert answered["suggestions"][0]["answer"]["text"] == NUTS["answer"]

    number = found[0]["id"].removeprefix("faq:")
    page.goto(f"/cms/snippets/cms/faq/unpublish/{number}/")
    with page.expect_response(lambda response: response.request.method == "POST" and response.status == 302):
        page.locator("main form [type=submit]").click()
    assert within(2, lambda: NUTS["title"] not in offered(site, NUTS["title"]))
    assert NUTS["title"] not in offered(site, PARAPHRASE)


def test_a_draft_is_never_seen_by_the_api(visitor, site):
    title = "体验店可以带狗进去吗？"
    page = write_entry(visitor, "faq", title=title, **PETS)
    submit(page, SAVE_DRAFT)
    assert not within(1, lambda: title in offered(site, title))
    page.goto("/cms/snippets/cms/faq/?state=draft")
    expect(page.get_by_role("link", name=title)).to_be_visible()


def test_an_entry_that_is_scheduled_for_tomorrow_is_never_seen_by_the_api(visitor, site):
    title = "旗舰店能带猫进去吗？"
    page = write_entry(visitor, "faq", title=title, **PETS)
    page.locator("[data-side-panel-toggle=status]").click()
    page.locator("[data-a11y-dialog-show=schedule-publishing-dialog]").first.click()
    page.fill("#id_go_live_at", f"{datetime.now() + timedelta(days=1):%Y-%m-%d %H:%M}")
    with page.expect_navigation():
        page.locator("#schedule-publishing-dialog .action-save").press("Enter")  # the calendar lies over it
    submit(page, PUBLISH)
    assert not within(1, lambda: title in offered(site, title))
    page.goto("/cms/snippets/cms/faq/?state=scheduled")
    expect(page.get_by_role("link", name=title)).to_be_visible()


@pytest.mark.parametrize(
    ("language", "lang", "log_in", "menu"),
    [("zh-CN", "zh-hans", "登录", "知识库"), ("en-US", "en", "Log in", "Knowledge")],
)
def test_the_cms_speaks_the_language_of_the_browser(visitor, language, lang, log_in, menu):
    visitor.page(language=language).goto("/cms/")
    login = visitor.contexts[0].pages[0]
    expect(login.locator("html")).to_have_attribute("lang", re.compile(lang, re.IGNORECASE))
    expect(login.get_by_role("heading", level=1)).to_contain_text(log_in)
    home = visitor.account("editor", "/cms/", language=language)
    expect(home.locator("html")).to_have_attribute("lang", re.compile(lang, re.IGNORECASE))
    expect(home.get_by_role("navigation").get_by_role("button", name=menu)).to_be_visible()
