"""The way of a request from the ASGI server to a page and back."""

import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.bridge import environ, wants_stream

THREADS = set()


@csrf_exempt
def echo(request, name):
    THREADS.add(threading.current_thread().name)
    return JsonResponse(
        {
            "path": request.path,
            "query": request.GET.dict(),
            "body": request.body.decode(),
            "cookies": request.COOKIES,
            "header": request.headers.get("X-Two", ""),
        }
    )


def pieces(request):
    return StreamingHttpResponse((f"{number}\n" * 1000 for number in range(50)), content_type="text/plain")


async def stream(request):
    async def words():
        yield b"data: one\n\n"
        yield b"data: two\n\n"

    return StreamingHttpResponse(words(), content_type="text/event-stream")


def two_cookies(request):
    answer = HttpResponse("ok")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


urlpatterns = [
    path("echo/<str:name>", echo),
    path("pieces", pieces),
    path("stream", stream),
    path("cookies", two_cookies),
]


@pytest.fixture
def ask(settings, server):
    """Send one request to the test's server; returns (status, headers, body)."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []

    def send(method, place, body=None, headers=()):
        connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=10)
        connection.request(method, place, body, dict(headers))
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    return send


def test_path_query_body_and_cookies_arrive_as_they_were_sent(ask):
    status, _, body = ask(
        "POST", "/echo/%C3%A9%20x?a=%E2%9C%93&b=1", "grüß".encode(), {"Cookie": "x=1; y=2", "X-Two": "one"}
    )
    assert status == 200
    assert json.loads(body) == {
        "path": "/echo/é x",
        "query": {"a": "✓", "b": "1"},
        "body": "grüß",
        "cookies": {"x": "1", "y": "2"},
        "header": "one",
    }


def test_pages_run_in_a_few_threads_that_stay(ask):
    THREADS.clear()
    for _ in range(20):
        ask("GET", "/echo/x")
    assert 1 <= len(THREADS) <= 3
    assert all(name.startswith("page") for name in THREADS)


def test_a_long_download_arrives_whole_and_in_order(ask):
    status, _, body = ask("GET", "/pieces")
    assert status == 200
    assert body == b"".join(f"{number}\n".encode() * 1000 for number in range(50))


def test_an_event_stream_goes_past_the_threads(ask):
    status, headers, body = ask("GET", "/stream", headers={"Accept": "text/event-stream"})
    assert status == 200
    assert ("content-type", "text/event-stream") in headers
    assert body == b"data: one\n\ndata: two\n\n"


def test_every_cookie_of_an_answer_arrives(ask):
    _, headers, _ = ask("GET", "/cookies")
    assert len([value for name, value in headers if name == "set-cookie"]) == 2


def test_a_body_beyond_the_limit_is_refused_with_413_and_the_server_goes_on(ask, settings):
    status, _, body = ask("POST", "/echo/x", b"x" * (settings.MAX_BODY + 1))
    assert status == 413
    assert b"Nothing was stored" in body
    assert ask("GET", "/echo/x")[0] == 200


def test_a_client_that_leaves_in_the_middle_of_its_request_harms_nobody(ask, server):
    where = urlsplit(server)
    for _ in range(5):
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(
                b"POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nonly this"
            )
    assert ask("GET", "/echo/x")[0] == 200


def scope(headers):
    return {
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("h", 1),
        "client": ("1.2.3.4", 5),
        "headers": headers,
    }


def test_a_header_with_an_underscore_cannot_pose_as_another():
    values = environ(scope([(b"x-forwarded-proto", b"http"), (b"x_forwarded_proto", b"https")]), b"")
    assert values["HTTP_X_FORWARDED_PROTO"] == "http"
    assert values["REMOTE_ADDR"] == "1.2.3.4"


def test_a_header_sent_twice_is_joined_as_http_says():
    values = environ(
        scope([(b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"x=1"), (b"cookie", b"y=2")]), b""
    )
    assert values["HTTP_ACCEPT"] == "a,b"
    assert values["HTTP_COOKIE"] == "x=1; y=2"


def test_only_an_event_source_asks_for_a_stream():
    assert wants_stream(scope([(b"accept", b"text/event-stream")]))
    assert not wants_stream(scope([(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")]))
