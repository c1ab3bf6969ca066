"""The panel's addresses. Every page but the sign-in asks who is there first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache

from study.panel import (
    account,
    analysing,
    bonuses,
    bundles,
    confidence,
    editor,
    editor_versions,
    explore,
    instrument,
    inviting,
    payment,
    people,
    phrasings,
    preview,
    protocols,
    sharing,
    studies,
    watching,
)
from study.panel.signing_in import Login, code

app_name = "panel"


def inside(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    """A page for people who signed in; nothing of it is kept by the browser."""
    return path(route, never_cache(login_required(view)), name=name)


ONE = "studies/<slug:slug>/"

urlpatterns = [
    path("login/", never_cache(Login.as_view()), name="login"),
    path("login/code/", never_cache(code), name="code"),
    path("logout/", LogoutView.as_view(next_page="panel:login"), name="logout"),
    inside("", studies.studies, "studies"),
    path("invitation/<str:token>/", never_cache(inviting.invitation), name="invitation"),
    inside("account/", account.account, "account"),
    inside("account/two-factor/", account.two_factor, "two-factor"),
    inside("account/two-factor/off/", account.turn_off, "turn-off"),
    inside("account/recovery/", account.recovery, "recovery"),
    inside("account/password/", account.password, "password"),
    inside("account/sign-out-everywhere/", account.sign_out_everywhere, "sign-out-everywhere"),
    inside("new/", studies.new, "new"),
    inside(ONE, studies.study, "study"),
    inside(ONE + "move/<str:name>/", studies.move, "move"),
    inside(ONE + "protocol/", protocols.protocol, "protocol"),
    inside(ONE + "preview/<slug:arm>/", preview.preview, "preview"),
    inside(ONE + "instrument/", instrument.instrument, "instrument"),
    inside(ONE + "confidence/", confidence.confidence, "confidence"),
    inside(ONE + "confidence/<int:number>.svg", confidence.figure, "confidence-figure"),
    inside(ONE + "edit/", protocols.edit, "edit"),
    inside(ONE + "edit/check/", protocols.check_text, "check"),
    inside(ONE + "form/<slug:part>/", editor.form, "form"),
    inside(ONE + "form/<slug:part>/check/", editor.check_form, "check-form"),
    inside(ONE + "versions/", editor_versions.versions, "versions"),
    inside(ONE + "versions/<int:number>/restore/", editor_versions.restore, "restore"),
    inside(ONE + "register/", protocols.register, "register"),
    inside(ONE + "power/", protocols.power, "power"),
    inside(ONE + "power/cancel/", protocols.cancel_power, "cancel-power"),
    inside(ONE + "power/curve.svg", protocols.power_figure, "power-figure"),
    inside(ONE + "rehearse/", studies.rehearse, "rehearse"),
    inside(ONE + "texts/", phrasings.phrasings, "phrasings"),
    inside(ONE + "texts/progress/", phrasings.progress, "phrasings-progress"),
    inside(ONE + "texts/ask/", phrasings.ask, "phrasings-ask"),
    inside(ONE + "texts/put/", phrasings.put, "phrasings-put"),
    inside(ONE + "texts/<int:pk>/", phrasings.wording, "wording"),
    inside(ONE + "texts/calls/<uuid:pk>/", phrasings.call, "call"),
    inside(ONE + "monitor/", watching.watch, "monitor"),
    inside(ONE + "participants/", people.participants, "participants"),
    inside(ONE + "participants/<str:code>/", people.participant, "participant"),
    inside(ONE + "participants/<str:code>/withdraw/", people.withdraw, "withdraw"),
    inside(ONE + "participants/<str:code>/copy/", people.copy, "copy"),
    inside(ONE + "payment/", payment.payment, "payment"),
    inside(ONE + "payment/tell/", payment.tell, "tell"),
    inside(ONE + "payment/bonuses/", bonuses.bonuses, "bonuses"),
    inside(ONE + "payment/bonuses/list/", bonuses.bonus_list, "bonus-list"),
    inside(ONE + "payment/bonuses/<int:number>/", bonuses.batch, "bonus-batch"),
    inside(ONE + "analysis/", analysing.analysis, "analysis"),
    inside(ONE + "analysis/run/", analysing.run, "run"),
    inside(ONE + "analysis/unblind/", analysing.unblind, "unblind"),
    inside(ONE + "analysis/explore/", explore.explore, "explore"),
    inside(ONE + "analysis/explore/<int:number>/figure.svg", explore.figure, "explore-figure"),
    inside(ONE + "analysis/tables/", analysing.tables, "tables"),
    inside(ONE + "analysis/bundle/", bundles.bundles, "bundles"),
    inside(ONE + "analysis/bundle/make/", bundles.make, "make-bundle"),
    inside(ONE + "analysis/bundle/<int:number>/download/", bundles.download, "download-bundle"),
    inside(ONE + "roles/", sharing.roles, "people"),
    inside(ONE + "invitations/", inviting.invitations_of, "invitations"),
    inside(ONE + "invitations/<int:number>/<str:name>/", inviting.change_invitation, "change-invitation"),
    inside(ONE + "log/", sharing.log, "log"),
]
