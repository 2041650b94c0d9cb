from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny

from search.api import (
    release_views,
    schema,  # noqa: F401
    views,
)

PUBLIC = {"authentication_classes": [], "permission_classes": [AllowAny]}

urlpatterns = [
    path("suggest", views.SuggestView.as_view(), name="suggest"),
    path("complete", views.CompleteView.as_view(), name="complete"),
    path("popular", views.PopularView.as_view(), name="popular"),
    path("feedback", views.FeedbackView.as_view(), name="feedback"),
    path("releases", release_views.ReleasesView.as_view(), name="releases"),
    path("releases/<str:number>", release_views.ReleaseView.as_view(), name="release"),
    path("releases/<str:before>/diff/<str:after>", release_views.DiffView.as_view(), name="release_diff"),
    path("health", views.HealthView.as_view(), name="health"),
    path("schema", SpectacularAPIView.as_view(**PUBLIC), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema", **PUBLIC), name="docs"),
]
