"""The bundle's own words: README, licence and citation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from study.protocol.types import Protocol
from study.registration.models import Registration, Study

STAMPS = {
    "rehearsal": "**Rehearsal.** Every participant here was simulated. Nothing here is evidence about people.",
    "pilot": "**Pilot.** These data are not part of the registered sample.",
}
LICENCES = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
}

README = """# {title}

{stamp}A study registered, run and analysed with Heed. Everything needed to check it is in this folder; no database is
needed, and a network only to install published packages.

    python verify.py .                        # Python alone: hashes, schedule, log, chains, data, exclusions, counts
    pip install -r code/requirements.txt      # the exact versions of what the analysis was computed with
    python code/reproduce.py .                # the registered plan again; every number is held against the report's
    pip install jupyter && jupyter execute notebooks/confirmatory.ipynb     # the same to look at

| | |
|---|---|
| Registered | {registered}, SHA-256 `{sha256}` |
| Seed's commitment | `{commitment}` |
| Last entry of the log | `{head}` |

These three values are what to compare with whatever was published elsewhere. A folder can only prove that it agrees
with itself; that it is the folder of this registration is proven by values that its makers can no longer change:
`python verify.py . --registration HEX --seed-commitment HEX --head HEX`, and `--manifest HEX` for the hash of
`MANIFEST.sha256`. The log's last link vouches for every file that was written before it, the report, the figures and
the notebooks among them. A participant checks with the receipt of their last page: `python verify.py . --receipt HEX`.
Begin to read with `results/report.html`.

## What is where

| path | what it is |
|---|---|
| `registration/` | the registered bytes of each version, what changed and why, the seed, the drawn schedule |
| `log/` | who did what to the study, chained by hash; places that came back |
| `evidence/` | everybody's walk, and every accepted page with its link in the chain |
| `data/` | tidy tables as CSV and Parquet with their codebook |
| `stimuli/` | every text of the AI as it could be shown, with its hash |
| `results/` | the report, its numbers as JSON, the CONSORT counts, the deviations from the plan |
| `figures/` | the report's figures as SVG, and in `figures.json` what each one shows |
| `forms/` | the registration as AsPredicted and OSF forms; a draft of the methods |
| `notebooks/`, `code/` | the analysis to run again, and the code it needs |
| `models/` | the record of model calls, where the study made any |
| `datapackage.json`, `croissant.json`, `ro-crate-metadata.json`, `dataset_description.json` | the same for programs \
that know these standards |
| `verify.py`, `bundle.json` | the verifier; which study this is, and the values above |
| `LICENCE.txt`, `CITATION.cff` | what you may do with it, and how to cite it |
| `MANIFEST.sha256` | the hash of every file |

{small}{texts}Participants are named by a random code. Panel ids, links and contact data are in none of these files.
Answers destroyed at their author's word leave their link in the chain and their place in the counts, nothing else.
"""


def readme(
    study: Study,
    protocol: Protocol,
    first: Registration,
    head: str,
    small: Sequence[str],
    texts: Sequence[str],
) -> str:
    """The bundle's README in Markdown."""
    stamp = STAMPS.get(study.mode, "")
    shown = (
        f"**Small cells.** Fewer than five people gave these answers: {', '.join(small)}.\n\n"
        if small
        else ""
    )
    told = (
        f"**Free text.** People wrote what they liked in {', '.join(texts)}: read it before you publish it.\n\n"
        if texts
        else ""
    )
    return README.format(
        title=protocol.say(protocol.title),
        stamp=stamp + "\n\n" if stamp else "",
        registered=f"{first.registered_at:%Y-%m-%d}",
        sha256=first.sha256,
        commitment=first.seed_commitment,
        head=head,
        small=shown,
        texts=told,
    )


def licence(protocol: Protocol) -> str:
    """Which licence the data are under. The text is the licence's own, by its address."""
    address = LICENCES.get(protocol.licence, "")
    return (
        f"Data, stimuli and texts of this folder: {protocol.licence}{' ' + address if address else ''}\n"
        "The folder code/ and the file verify.py: Apache-2.0 https://www.apache.org/licenses/LICENSE-2.0\n"
    )


def citation(study: Study, protocol: Protocol, first: Registration) -> str:
    """CITATION.cff of the data set."""
    content: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "Please cite these data as below.",
        "type": "dataset",
        "title": protocol.say(protocol.title),
        "version": protocol.version,
        "authors": [_author(name) for name in protocol.authors or [protocol.contact.name]],
        "license": protocol.licence,
        "identifiers": [
            {"type": "other", "value": f"sha256:{first.sha256}", "description": "the registered document"}
        ],
    }
    if study.closed_at:
        content["date-released"] = f"{study.closed_at:%Y-%m-%d}"
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def _author(name: str) -> dict[str, str]:
    given, _, family = name.strip().rpartition(" ")
    return {"given-names": given, "family-names": family} if given else {"name": name.strip()}
