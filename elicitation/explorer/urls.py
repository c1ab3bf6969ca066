"""Where graphs are seen: a stable address for each study."""

from django.urls import path

from elicitation.explorer import views

app_name = "graphs"
urlpatterns = [
    path("<slug:slug>/", views.explorer, name="explorer"),
    path("<slug:slug>/<str:name>", views.download, name="download"),
]
