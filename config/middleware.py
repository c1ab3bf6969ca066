"""The Content-Security-Policy header: no inline script or style, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "Content-Security-Policy"
ADMIN = "/panel/admin/"
# The admin's frame ships Alpine's standard build, which evaluates expressions and sets inline styles.
ADMIN_RELAXED = {"script-src": "'self' 'unsafe-eval' 'unsafe-inline'", "style-src": "'self' 'unsafe-inline'"}

Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


def policy(path: str) -> str:
    rules = dict(settings.CONTENT_SECURITY_POLICY)
    if path.startswith(ADMIN):
        rules |= ADMIN_RELAXED
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


@sync_and_async_middleware
def content_security_policy(get_response: Answer) -> Answer:
    """Every answer carries the policy of its path, unless the view set a stricter one itself."""
    strict, relaxed = policy("/"), policy(ADMIN)

    def stamp(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault(HEADER, relaxed if request.path.startswith(ADMIN) else strict)
        return response

    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return stamp(request, await cast(Awaitable[HttpResponseBase], get_response(request)))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        return stamp(request, cast(HttpResponseBase, get_response(request)))

    return answer
