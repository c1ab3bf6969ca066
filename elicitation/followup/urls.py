"""Where participants come back to."""

from django.urls import path

from elicitation.followup import views

app_name = "follow-up"
urlpatterns = [path("<str:link>/", views.come_back, name="come-back")]
