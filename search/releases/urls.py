"""Under `/cms/releases/`: a shop's releases, its pending changes, its cuts."""

from django.urls import path

import search.releases.views as views

app_name = "releases"
urlpatterns = [
    path("", views.choose_shop, name="index"),
    path("<slug:shop>/", views.Timeline.as_view(), name="timeline"),
    path("<slug:shop>/results/", views.Timeline.as_view(results_only=True), name="timeline_results"),
    path("<slug:shop>/release/<str:number>/", views.ReleaseScreen.as_view(), name="release"),
    path("<slug:shop>/release/<str:number>/back/", views.RollBack.as_view(), name="back"),
    path("<slug:shop>/compare/", views.Compare.as_view(), name="compare"),
    path("<slug:shop>/pending/", views.Pending.as_view(), name="pending"),
    path("<slug:shop>/pending/effect/", views.Effect.as_view(), name="effect"),
    path("<slug:shop>/cut/", views.CutNow.as_view(), name="cut"),
    path("<slug:shop>/cuts/<int:pk>/", views.CutScreen.as_view(), name="cut_state"),
    path("<slug:shop>/trial/", views.Trial.as_view(), name="trial"),
]
