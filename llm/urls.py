from django.urls import path

from llm import views

app_name = "llm"
urlpatterns = [
    path("<str:token>/events", views.events, name="events"),
    path("<str:token>/", views.text, name="text"),
]
