"""The report in a real browser, on a phone and on a desk. Apart from the others: here everything is committed."""

from __future__ import annotations

from study.analyses.actions import analyse
from tests.study.analyses.conftest import larger
from tests.study.closed import walked

WIDTHS = (360, 1280)


def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(page, axe):
    study = walked(larger(sample={"target": 12}))
    analyse(study=study)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"/reports/{study.slug}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe(page) == []
