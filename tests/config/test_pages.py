"""The front door and the error pages, as the browser meets them."""

import pytest

PLACES = ["/", "/nowhere", "/s/nobody/"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_overflows(page, axe, place, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(place)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_inline_script_is_not_run(browser, server):
    window = browser.new_page()  # not the `page` fixture, which fails on anything blocked
    window.goto(server)
    window.evaluate(
        """() => { document.body.insertAdjacentHTML('beforeend', '<b id=x>unchanged</b>');
        const script = document.createElement('script');
        script.textContent = "document.getElementById('x').textContent = 'run'"; document.body.append(script); }"""
    )
    assert window.text_content("#x") == "unchanged"
    window.close()


@pytest.mark.django_db
def test_the_front_door_and_the_health_check_answer(client):
    assert client.get("/").status_code == 200
    assert client.get("/healthz").json() == {"database": True}
