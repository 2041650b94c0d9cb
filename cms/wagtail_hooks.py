"""The editors' menu and home, fitted to a house that has entries and no pages."""

from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.snippets.models import register_snippet

from cms.home import AttentionPanel, LiveEntriesSummary
from cms.rule_viewsets import RulesGroup
from cms.viewsets import KnowledgeGroup, StoreGroup

register_snippet(KnowledgeGroup)
register_snippet(RulesGroup)
_ABOUT_PAGES = {"locked_pages", "recent_edits", "whats_new_in_wagtail_version"}


@hooks.register("register_admin_viewset")
def store_screens() -> StoreGroup:
    return StoreGroup()


@hooks.register("construct_main_menu")
def hide_pages(request: Any, menu_items: list[MenuItem]) -> None:
    # The knowledge has no page tree, and the group menus above stand for the snippet index.
    menu_items[:] = [item for item in menu_items if item.name not in ("explorer", "snippets", "documents")]


@hooks.register("insert_global_admin_css")
def admin_css() -> str:
    return format_html('<link rel="stylesheet" href="{}">', static("cms/admin.css"))


@hooks.register("construct_homepage_panels")
def attention(request: Any, panels: list) -> None:
    panels[:] = [AttentionPanel(), *(panel for panel in panels if panel.name not in _ABOUT_PAGES)]


@hooks.register("construct_homepage_summary_items", order=1000)
def live_entries(request: Any, items: list) -> None:
    items[:] = [LiveEntriesSummary(request, kind) for kind in ("faq", "script")]
