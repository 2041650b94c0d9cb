"""The agents' desk: one page; everything after it goes through the API."""

from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from cms.models import Emotion, Scene, Shop


@never_cache
@login_required
@permission_required("search.use_desk", raise_exception=True)
def desk(request: HttpRequest) -> HttpResponse:
    """A POST logs out: Wagtail's own log-out is only for accounts that may enter the CMS, and agents may not."""
    if request.method == "POST":
        logout(request)
        return redirect("desk")
    data = {
        "shops": [_shop(shop) for shop in Shop.objects.prefetch_related("products", "categories", "facts")],
        "scenes": {value: str(label) for value, label in Scene.choices},
        "emotions": {value: str(label) for value, label in Emotion.choices},
        "login": f"{reverse('login')}?next={reverse('desk')}",
    }
    return render(request, "search/desk/desk.html", {"desk": data})


def _shop(shop: Shop) -> dict[str, Any]:
    """What the page needs of a shop, in the agent's language."""
    return {
        "slug": shop.slug,
        "name": str(shop),
        "products": [{"key": product.key, "name": str(product)} for product in shop.products.all()],
        "facts": {fact.key: fact.label for fact in shop.facts.all()},
        "categories": {category.slug: str(category) for category in shop.categories.all()},
    }
