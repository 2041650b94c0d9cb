"""What the storefront sees: the widget's one file, and a demo shop that shows it at work."""

import hashlib
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition, require_safe

from cms.models import Fact, Product, Shop

SCRIPT = Path(__file__).resolve().parent.parent / "static" / "search" / "widget.js"
DEMO_SHOP = "demo"
# Shown first, in this order, where the shop has stated them.
PROMISES = ("ship_within", "return_days", "return_shipping_insurance", "free_shipping_over")
DRAWINGS = {
    "P1001": "cream",
    "P1002": "cleanser",
    "P1003": "hand-cream",
    "P1004": "sunscreen",
    "P1005": "coffee",
    "P1006": "tea",
    "P1007": "nuts",
    "P1008": "cake",
    "P1009": "bedding",
    "P1010": "shirt",
    "P1011": "flask",
    "P1012": "blender",
}


def _script_etag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(SCRIPT.read_bytes()).hexdigest()[:32]}"'


@gzip_page
@require_safe
@condition(etag_func=_script_etag)
def script(request: HttpRequest) -> HttpResponse:
    """A short life and an ETag: shops paste the line once, and a mended widget reaches them in minutes."""
    headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    return HttpResponse(SCRIPT.read_bytes(), content_type="text/javascript; charset=utf-8", headers=headers)


@require_safe
def storefront(request: HttpRequest, product_key: str | None = None) -> HttpResponse:
    products = list(Product.objects.filter(shop__slug=DEMO_SHOP).select_related("shop"))
    product = next((one for one in products if product_key in (None, one.key)), None)
    if product is None:
        return render(request, "search/widget/missing.html", {"loaded": bool(products)}, status=404)
    return render(request, "search/widget/storefront.html", _page(product, products))


def _page(product: Product, products: list[Product]) -> dict[str, Any]:
    language = get_language() or ""
    english = language.startswith("en")
    return {
        "shop": product.shop,
        "product": product,
        "summary": (product.summary_en if english else "") or product.summary,
        "facts": [(_label(fact, english), fact.display_in(language)) for fact in product.facts.valid().order_by("pk")],
        "promises": _promises(product.shop, language),
        "drawing": DRAWINGS.get(product.key, "box"),
        "others": [(one, DRAWINGS.get(one.key, "box")) for one in products if one != product],
    }


def _promises(shop: Shop, language: str) -> list[tuple[str, str]]:
    stated = {fact.key: fact for fact in shop.facts.valid().filter(product=None, key__in=PROMISES)}
    english = language.startswith("en")
    return [(_label(stated[key], english), stated[key].display_in(language)) for key in PROMISES if key in stated]


def _label(fact: Fact, english: bool) -> str:
    """Facts are stated in the shop's own language; an English page names them by their keys."""
    return str(fact.key.replace("_", " ").capitalize() if english else fact.label)
