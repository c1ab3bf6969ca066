"""Prolific's API (v1): the list of submissions, approval, requests to return, bonuses.

Reading and approving are repeated when the service is slow or away (the service ignores a second approval); paying is
not idempotent there and is asked for once. The token comes from the environment alone (`PROLIFIC_API_TOKEN`).
Shapes: https://docs.prolific.com/api-reference
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from django.conf import settings

TRIES = 3
LONGEST_WAIT = 5.0  # seconds between two tries, also when the service asks for more
MOST_PAGES = 600
PAGE_SIZE = 100
PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
MEANINGS = {
    401: "Prolific does not accept the token (PROLIFIC_API_TOKEN).",
    403: "The token may not do this: the study belongs to another workspace.",
    404: "Prolific knows no such study or submission.",
    429: "Prolific asks to wait: too many requests. Try again in a few minutes.",
}


class PanelError(Exception):
    """The panel did not do it; the message is for the researcher."""


class Unknown(PanelError):
    """Nobody knows whether the panel did it: its answer was lost."""


@dataclass(frozen=True)
class Prepared:
    """A bulk payment that waits to be paid. total: in the study's currency, with fees."""

    remote: str
    total: Decimal


def is_configured() -> bool:
    """Is there a token?"""
    return bool(settings.PROLIFIC_API_TOKEN)


def submissions(study: str) -> list[dict[str, str]]:
    """All submissions of a study of the panel, with the column names of its CSV export. Raises PanelError."""
    found: list[dict[str, str]] = []
    with _client() as client:
        for number in range(1, MOST_PAGES + 1):
            query = {"study": _plain(study), "page_size": str(PAGE_SIZE), "page": str(number)}
            page = _asked(client, "GET", "submissions/", params=query)
            rows = page.get("results")
            if not isinstance(rows, list):
                raise PanelError(
                    "Prolific's list of submissions has another shape than its documentation says."
                )
            found += [_row(row) for row in rows if isinstance(row, dict)]
            if not ((page.get("_links") or {}).get("next") or {}).get("href"):
                return found
    raise PanelError(f"Prolific's list has more than {MOST_PAGES * PAGE_SIZE:,} submissions.")


def _row(told: dict[str, Any]) -> dict[str, str]:
    person = told.get("participant_id") or told.get("participant") or ""
    code = told.get("study_code") or told.get("entered_code") or ""
    names = {"Submission id": told.get("id"), "Participant id": person, "Status": told.get("status")}
    return {name: str(value or "") for name, value in (names | {"Completion code": code}).items()}


def approve(submission: str) -> None:
    """Approve one submission; a second time changes nothing. Raises PanelError."""
    with _client() as client:
        _asked(client, "POST", f"submissions/{_plain(submission)}/transition/", json={"action": "APPROVE"})


def ask_to_return(submission: str, reasons: list[str]) -> None:
    """Ask the person to return one submission. Raises PanelError."""
    body = {"request_return_reasons": reasons}
    with _client() as client:
        _asked(client, "POST", f"submissions/{_plain(submission)}/request-return/", json=body)


def prepare_bonuses(study: str, amounts: Iterable[tuple[str, Decimal]]) -> Prepared:
    """Tell the panel who would get what, by submission id; nothing is paid yet. Raises PanelError."""
    lines = "\n".join(f"{_plain(submission)},{amount:.2f}" for submission, amount in amounts)
    with _client() as client:
        body = {"study_id": _plain(study), "csv_bonuses": lines}
        told = _asked(client, "POST", "submissions/bonus-payments/", json=body)
    try:
        return Prepared(str(told["id"]), Decimal(str(told["total_amount"])) / 100)
    except (KeyError, ArithmeticError):
        raise PanelError("Prolific's answer names no payment.") from None


def pay_bonuses(remote: str) -> None:
    """Pay what was prepared: asked once, because the panel would pay twice. Raises Unknown if the answer was lost."""
    with _client() as client:
        _asked(client, "POST", f"bulk-bonus-payments/{_plain(remote)}/pay/", tries=1)


def _plain(name: str) -> str:
    if not PLAIN_ID.fullmatch(name):
        raise PanelError(f"{name[:40]!r} is no id of Prolific's.")
    return name


def _client() -> httpx.Client:
    if not is_configured():
        raise PanelError("There is no token: set PROLIFIC_API_TOKEN in the server's environment.")
    return httpx.Client(
        base_url=settings.PROLIFIC_API_URL,
        headers={"Authorization": f"Token {settings.PROLIFIC_API_TOKEN}"},
        timeout=httpx.Timeout(20.0, connect=5.0),
        follow_redirects=False,
    )


def _asked(
    client: httpx.Client, method: str, path: str, *, tries: int = TRIES, **content: Any
) -> dict[str, Any]:
    """The answer's JSON object. Raises PanelError for a refusal, Unknown where no answer came."""
    for number in range(1, tries + 1):
        wait = 0.5 * 2 ** (number - 1)
        try:
            answer = client.request(method, path, **content)
        except httpx.ConnectError as error:
            problem: PanelError = PanelError(f"Prolific cannot be reached ({error}).")
        except httpx.HTTPError as error:
            problem = Unknown(f"Prolific did not answer ({type(error).__name__}).")
        else:
            if answer.is_success:
                return _object(answer)
            problem = _refusal(answer)
            if answer.status_code != 429 and answer.status_code < 500:
                raise problem
            wait = _wanted_wait(answer, wait)
        if number < tries:
            time.sleep(min(wait, LONGEST_WAIT))
    raise problem


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json() if answer.content else {}
    except ValueError:
        raise Unknown("Prolific's answer is no JSON.") from None
    return told if isinstance(told, dict) else {}


def _refusal(answer: httpx.Response) -> PanelError:
    """What a status means, with the service's own words where it says some."""
    status = answer.status_code
    if status >= 500:
        return Unknown(f"Prolific has trouble of its own (status {status}).")
    said = ""
    try:
        error = answer.json().get("error") or {}
        said = str(error.get("detail") or error.get("title") or "")[:200] if isinstance(error, dict) else ""
    except (ValueError, AttributeError):
        said = ""
    return PanelError(
        MEANINGS.get(status, f"Prolific refused it (status {status}).") + (f" {said}" if said else "")
    )


def _wanted_wait(answer: httpx.Response, otherwise: float) -> float:
    word = answer.headers.get("Retry-After", "")
    return float(word) if word.isdigit() else otherwise
