"""Where graphs are seen: a stable address for each study."""

from django.urls import path

from elicitation.explorer import views

app_name = "graphs"
urlpatterns = [
    path("<slug:slug>/", views.explorer, name="explorer"),
    path("<slug:slug>/tables/", views.tables, name="tables"),
    path("<slug:slug>/criteria/", views.criteria, name="criteria"),
    path("<slug:slug>/value/<str:code>/", views.value, name="value"),
    path("<slug:slug>/pair/<str:lower>/<str:upper>/", views.pair, name="pair"),
    path("<slug:slug>/<str:name>", views.download, name="download"),
]
