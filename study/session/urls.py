"""Addresses of the participants' pages. A session's address is its unguessable token."""

from django.urls import path

from study.session import views

app_name = "session"
urlpatterns = [
    path("join/<slug:slug>/", views.join, name="join"),
    path("preview/<slug:slug>/<str:arm>/", views.preview, name="preview"),
    path("<str:token>/", views.walk, name="walk"),
    path("<str:token>/trace", views.trace, name="trace"),
    path("<str:token>/withdraw", views.withdraw, name="withdraw"),
    path("<str:token>/data", views.data, name="data"),
    path("<str:token>/source/<str:item>/<int:number>", views.source, name="source"),
]
