"""A small server with the shapes of Prolific's public API, over real HTTP, that can be told to misbehave."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

TOKEN = "token-for-tests"
START = Callable[..., Any]


@dataclass
class Prolific:
    """Submissions by id, what was asked, and faults still to come: (path part, status or 'cut', how often)."""

    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    bulk: dict[str, dict[str, Any]] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, str]] = field(default_factory=list)
    faults: list[list[Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, person: str, status: str = "AWAITING REVIEW", code: str = "") -> None:
        self.submissions[name] = {
            "id": name,
            "participant_id": person,
            "status": status,
            "study_code": code,
            "started_at": "2026-01-01T10:00:00Z",
        }

    def fail(self, part: str, how: Any, times: int = 1) -> None:
        self.faults.append([part, how, times])

    def __call__(self, environ: dict[str, Any], start: START) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with self.lock:
            self.asked.append((method, path))
            status, told = self._fault(path) or self._answer(
                environ, method, path, json.loads(body) if body else {}
            )
            if status == "late":  # done, but the answer is lost
                self._answer(environ, method, path, json.loads(body) if body else {})
                status, told = 502, {}
        headers = [("Content-Type", "application/json")] + ([("Retry-After", "0")] if status == 429 else [])
        start(f"{status} X", headers)
        return [json.dumps(told).encode()]

    def _fault(self, path: str) -> tuple[Any, dict[str, Any]] | None:
        for fault in self.faults:
            if fault[0] in path and fault[2] > 0:
                fault[2] -= 1
                return fault[1], {"error": {"status": fault[1], "title": "Told to fail"}}
        return None

    def _answer(
        self, environ: dict[str, Any], method: str, path: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if environ.get("HTTP_AUTHORIZATION") != f"Token {TOKEN}":
            return 401, {"error": {"detail": "Authentication credentials were not provided."}}
        parts = path.removeprefix("/api/v1/").strip("/").split("/")
        match (method, *parts):
            case ("GET", "submissions"):
                return self._listed(parse_qs(environ["QUERY_STRING"]))
            case ("POST", "submissions", "bonus-payments"):
                return self._set_up(body)
            case ("POST", "submissions", name, "transition") if name in self.submissions:
                self.submissions[name]["status"] = "APPROVED"
                return 200, self.submissions[name]
            case ("POST", "submissions", name, "request-return") if name in self.submissions:
                self.submissions[name]["return_requested"] = "2026-01-01T10:00:00Z"
                return 200, self.submissions[name] | {"reasons": body["request_return_reasons"]}
            case ("POST", "bulk-bonus-payments", name, "pay") if name in self.bulk:
                self.paid.update(self.bulk[name]["people"])
                return 202, {"message": "Bonus is being paid"}
        return 404, {"error": {"detail": "Not found."}}

    def _listed(self, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        size, number = int(query["page_size"][0]), int(query["page"][0])
        rows = list(self.submissions.values()) if query["study"] == ["study1"] else []
        page = rows[(number - 1) * size : number * size]
        more = "http://ignored/next" if number * size < len(rows) else None
        return 200, {"results": page, "_links": {"next": {"href": more}}, "meta": {"count": len(rows)}}

    def _set_up(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        lines = dict(line.split(",") for line in body["csv_bonuses"].splitlines())
        unknown = [name for name in lines if name not in self.submissions]
        if unknown or len(lines) > 200:
            return 400, {"error": {"detail": f"Unknown: {unknown}"}}
        cents = round(100 * sum(float(amount) for amount in lines.values()))
        name = f"bulk{len(self.bulk) + 1}"
        self.bulk[name] = {"people": list(lines), "lines": lines}
        return 201, {
            "id": name,
            "study": body["study_id"],
            "amount": cents,
            "total_amount": round(cents * 1.4),
        }


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class Running:
    """The server on a free port of this machine, until the block ends."""

    def __enter__(self) -> tuple[Prolific, str]:
        self.panel = Prolific()
        self.server = make_server("127.0.0.1", 0, self.panel, handler_class=_Quiet)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self.panel, f"http://127.0.0.1:{self.server.server_port}/api/v1/"

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
