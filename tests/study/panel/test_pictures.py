"""Every page of the panel stands in the guide, as it looks on a desk and on a small laptop."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from elicitation.review.urls import urlpatterns as review
from study.panel.urls import urlpatterns as panel
from tests import factories
from tests.screenshots import KEPT, NO_PAGE, PAGES

NAMES = {f"panel:{pattern.name}" for pattern in panel} | {f"review:{pattern.name}" for pattern in review}


def test_every_address_is_a_page_with_pictures_or_known_to_be_none() -> None:
    shown = {page.address for page in PAGES}
    assert shown | NO_PAGE == NAMES
    assert not shown & NO_PAGE
    missing = [
        page.file(width) for page in PAGES for width in (1440, 1024) if not (KEPT / page.file(width)).exists()
    ]
    assert missing == [], "run `make screenshots`"


@pytest.mark.django_db
def test_what_is_called_no_page_shows_none() -> None:
    client = Client()
    client.force_login(factories.user("boss", is_superuser=True))
    factories.draft()
    values = {
        "slug": "tiny",
        "arm": "control",
        "part": "items",
        "number": 1,
        "name": "revoke",
        "code": "x",
        "pk": 1,
    }
    for name in sorted(NO_PAGE):
        pattern = next(one for one in [*panel, *review] if one.name == name.split(":")[1])
        needed = {key: values[key] for key in pattern.pattern.converters}
        answer = client.get(reverse(name, kwargs=needed))
        assert answer.status_code in (302, 404, 405) or b"<html" not in answer.content, name
