import pytest


@pytest.mark.django_db
def test_the_front_door_and_the_health_check_answer(client):
    assert client.get("/").status_code == 200
    assert client.get("/healthz").json() == {"database": True}
