"""Runs inside the environment of requirements.txt: folder names come on standard input, findings leave as JSON.

`python check.py SEVERITY CACHE`: what is found from SEVERITY (REQUIRED or RECOMMENDED) upwards. CACHE is the validator's
own cache of web pages, into which the context of RO-Crate 1.1 is laid as the package `rocrate` brings it, so that the
validator can be told to stay offline.
"""

from __future__ import annotations

import io
import json
import sys
from importlib import resources
from pathlib import Path

from requests import Request, Response
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from rocrate_validator.utils.http import HttpRequester
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def lay_context(cache: Path) -> None:
    """The context's page as its address would answer."""
    content = resources.files("rocrate").joinpath("data", "ro-crate.jsonld").read_bytes()
    if json.loads(content)["@id"] != CONTEXT:
        raise SystemExit("The installed rocrate brings the context of another version of RO-Crate.")
    requester = HttpRequester.initialize_cache(cache_path=str(cache), cache_max_age=-1)
    if requester.has_cached(CONTEXT):
        return
    page = Response()
    page.status_code, page.url = 200, CONTEXT
    page.headers["Content-Type"] = "application/ld+json"
    page.request = Request("GET", CONTEXT).prepare()
    page.raw = HTTPResponse(
        io.BytesIO(content), headers=page.headers, status=200, preload_content=False, request_url=CONTEXT
    )
    requester.session.cache.save_response(page)


def findings(folder: str, severity: Severity, cache: Path) -> dict[str, list[str]]:
    """Per severity what the validator says against RO-Crate 1.1."""
    settings = ValidationSettings(
        rocrate_uri=folder,
        profile_identifier="ro-crate-1.1",
        requirement_severity=severity,
        offline=True,
        cache_path=cache,
    )
    found: dict[str, list[str]] = {}
    for issue in validate(settings).get_issues():
        said = " ".join(str(issue.message).split())
        where = issue.violatingEntity or "crate"
        found.setdefault(issue.severity.name, []).append(f"{issue.check.identifier} {where}: {said}")
    return found


if __name__ == "__main__":
    least, pages = Severity[sys.argv[1]], Path(sys.argv[2])
    lay_context(pages)
    for line in sys.stdin:
        print(json.dumps(findings(line.rstrip("\n"), least, pages)), flush=True)
