from django.conf import settings
from django.contrib.auth.views import LoginView
from django.urls import include, path, re_path
from django.views.generic import TemplateView
from django.views.i18n import set_language
from django.views.static import serve
from wagtail.admin import urls as wagtailadmin_urls

from search.desk import views as desk
from search.widget import views as widget

urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("cms/", include(wagtailadmin_urls)),
    path("api/v1/", include("search.api.urls")),
    path("desk/", desk.desk, name="desk"),
    path("widget.js", widget.script, name="widget"),
    path("demo/", widget.storefront, name="demo"),
    path("demo/<str:product_key>/", widget.storefront, name="demo_product"),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("language/", set_language, name="set_language"),
    # Editors' pictures. A store with much traffic lets its web server serve KB_VAR_DIR/media instead.
    re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
]
