from django.contrib import admin
from django.urls import include, path

from config import docs, views
from study.panel.signing_in import records_door

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("docs/", docs.page, {"name": ""}, name="docs"),
    path("docs/<path:name>", docs.page, name="doc"),
    path("calls/", include("llm.urls")),
    path("s/", include("study.session.urls")),
    path("reports/", include("study.analyses.urls")),
    path("again/", include("elicitation.followup.urls")),
    path("graphs/", include("elicitation.explorer.urls")),
    path("panel/admin/login/", records_door),
    path("panel/admin/", admin.site.urls),
    path("panel/", include("elicitation.review.urls")),
    path("panel/", include("study.panel.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
