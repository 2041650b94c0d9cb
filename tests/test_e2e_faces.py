import re

import pytest
from playwright.sync_api import expect

from tests.browser import suggest

pytestmark = pytest.mark.e2e

PAGES = {"/": ("知答", "Zhida"), "/demo/": ("山茶小铺", "Camellia"), "/login/": ("登录", "Log in")}


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
@pytest.mark.parametrize("path", PAGES)
def test_every_public_face_fits_a_phone_and_speaks_the_readers_language(visitor, path, language):
    page = visitor.page(language=language, width=390, height=844)
    page.goto(path)
    chinese = language == "zh-CN"
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans" if chinese else "en")
    expect(page.locator("body")).to_contain_text(PAGES[path][0 if chinese else 1])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.console_errors == []


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
@pytest.mark.parametrize(("path", "account", "width"), [("/desk/", "agent", 360), ("/cms/", "editor", 1280)])
def test_desk_and_cms_open_in_the_readers_language_without_an_error(visitor, path, account, width, language):
    page = visitor.account(account, path, language=language, width=width)
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans" if language == "zh-CN" else "en")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.console_errors == []


def test_no_sentence_of_the_chinese_landing_page_is_left_in_english(visitor):
    page = visitor.page()
    page.goto("/")
    expect(page.locator("h1")).to_contain_text("一个知识库")
    expect(page.locator(".doors strong")).to_have_text(["内容管理", "客服台", "演示店铺", "接口文档"])
    assert re.findall(r"[A-Za-z]+(?: [A-Za-z]+)+", page.locator("main").inner_text()) == []


def test_the_language_can_be_switched_and_stays(visitor):
    page = visitor.page()
    page.goto("/")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto("/demo/")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_example_of_the_readme_gives_the_logistics_entry_first(site):
    found = suggest(site, "我的包裹咋还没动静")
    assert found["suggestions"][0]["title"] == "发货后物流为什么一直不更新？"
    assert found["intent"]["name"].startswith("logistics.")
