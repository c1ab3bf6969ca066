"""Where reports are."""

from django.urls import path

from study.analyses import views

app_name = "analyses"
urlpatterns = [path("<slug:slug>/", views.report, name="report")]
