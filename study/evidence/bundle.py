"""`write(study, folder)`: a closed study as one folder and one zip that a stranger can check."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.conf import settings

from analysis.memory import freed
from study.analyses.blinding import OVER
from study.analyses.models import AnalysisRun
from study.evidence import (
    chapters,
    data,
    declared,
    figures,
    forms,
    modelcalls,
    notebooks,
    pages,
    records,
    standards,
    stimuli,
)
from study.phrasing import provenance
from study.protocol.types import Protocol
from study.registration.actions import Person, name_of
from study.registration.audit import audit
from study.registration.errors import WrongState
from study.registration.frozen import current, protocol_of
from study.registration.models import AuditEntry, Registration, Study
from study.session.sealing import check_seal, seal
from study.tables.progress import Progress, quiet

MANIFEST, ABOUT, CODE = "MANIFEST.sha256", "bundle.json", "code/"
BUNDLED = "bundled"
SQUEEZE = 2
"""Of zlib's nine levels: most of a large bundle are hashes and salts, which no level makes smaller."""
VERIFIER = Path(__file__).with_name("verify.py")
Step = Callable[[str], None]


@dataclass(frozen=True)
class Bundle:
    """What was written. small_cells and free_texts are to be read before publishing."""

    folder: Path
    archive: Path
    files: int
    manifest_sha256: str
    head: str
    small_cells: list[str]
    free_texts: list[str]


def write(
    *,
    study: Study,
    folder: Path,
    by: Person = None,
    progress: Progress = quiet,
    step: Step = lambda text: None,
    execute: bool = True,
) -> Bundle:
    """Write the bundle of a closed study to `folder` (made anew) and beside it as `folder.zip`.

    execute: run the notebooks (their numbers must be the report's), which takes as long as the analysis.

    Raises WrongState before the study is closed (a recorded unblinding does not help: the seed would be out), Refused
    for a field or an answer that nobody declared and for answers that are not those that the log was sealed with,
    FileExistsError for a folder that holds something else.
    """
    if study.state not in OVER:
        raise WrongState(
            f"'{study.slug}' is {study.state}: a bundle reveals seed and outcomes, so it needs a closed study."
        )
    declared.refuse_undeclared()
    _make_room(folder)
    run = _run(study, by, step, progress)
    seal(study, by=name_of(by))  # does nothing but for a study that was closed before closing sealed
    check_seal(study)
    registered = list(study.registrations.order_by("version").select_related("registered_by", "approved_by"))
    protocols = {r.version: protocol_of(r.pk) for r in registered}
    _evidence(study, registered, protocols, folder)
    step("answers and tables")
    written = data.write(study, folder, progress=progress)
    step("results and forms")
    _results(run, folder / "results")
    chapters.write(study, folder)
    figures.write(run.html, folder / "figures")
    _models(study, protocols, folder / "models")
    protocol = protocols[max(protocols)]
    forms.write(study, registered, protocol, folder / "forms", run)
    _fixed(study, protocol, registered[0], folder)
    (folder / ABOUT).touch()  # by it a notebook finds its bundle; filled when the log's last link is known
    if execute:
        step("notebooks")
        freed()  # their kernel needs the memory now
    notebooks.write(study, protocol, folder, execute=execute)
    step("hashes and zip")
    hashes = {path: digest for path, digest in hashes_of(folder).items() if path != ABOUT}
    head = _log(study, hashes, by, folder)
    texts, small = declared.free_texts(protocol), written.small_cells()
    _about(study, protocol, registered[0], head, folder)
    readme = pages.readme(study, protocol, registered[0], head, small, texts)
    (folder / "README.md").write_text(readme, encoding="utf-8", newline="\n")
    standards.write(study, protocol, folder)
    manifest = write_manifest(folder, hashes)
    archive = zipped(folder)
    return Bundle(folder, archive, len(manifest), _sha256(folder / MANIFEST), head, small, texts)


def _make_room(folder: Path) -> None:
    """An empty folder; an earlier bundle there is replaced, anything else is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MANIFEST).exists():
            raise FileExistsError(f"{folder} holds other files: name an empty folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _run(study: Study, by: Person, step: Step, progress: Progress) -> AnalysisRun:
    """The latest confirmatory run; a new one if there is none or somebody withdrew or was erased since."""
    latest = (
        AnalysisRun.objects.filter(
            study=study, state=AnalysisRun.State.DONE, confirmatory=True, registration=current(study)
        )
        .order_by("-started_at", "-id")
        .first()
    )
    changed = records.sessions_of(study).last_change()
    if latest is not None and (changed is None or changed < latest.started_at):
        return latest
    from study.analyses.actions import analyse  # brings statistics

    step("analysis")
    made = analyse(study=study, by=by, step=step, progress=progress).run
    made.refresh_from_db()  # as the database gives it back, so that a second bundle has the same bytes
    return made


def _evidence(
    study: Study,
    registered: list[Registration],
    protocols: dict[int, Protocol],
    folder: Path,
) -> None:
    codes = records.codes_of(study)
    records.registrations(registered, folder / "registration")
    (folder / "registration" / "seed.txt").write_text(
        registered[0].revealed_seed() + "\n", encoding="ascii", newline="\n"
    )
    records.schedule(study, codes, folder / "registration" / "schedule.csv")
    records.returns(study, codes, folder / "log" / "returns.jsonl")
    records.sessions(study, folder / "evidence" / "sessions.jsonl")
    records.write_lines(folder / "stimuli" / "stimuli.jsonl", stimuli.rows(protocols))
    if drafted := list(provenance.rows(study)):
        records.write_lines(folder / "stimuli" / "provenance.jsonl", drafted)


def _results(run: AnalysisRun, folder: Path) -> None:
    records.write_json(folder / "results.json", run.results)
    records.write_json(folder / "consort.json", run.flow)
    records.write_json(folder / "deviations.json", run.deviations)
    about = {
        "registration": run.registration.version,
        "confirmatory": run.confirmatory,
        "started_at": records.when(run.started_at),
        "finished_at": records.when(run.finished_at),
    }
    records.write_json(folder / "run.json", about)
    (folder / "report.html").write_text(run.html, encoding="utf-8", newline="\n")


def _models(study: Study, protocols: dict[int, Protocol], folder: Path) -> None:
    calls = list(modelcalls.rows(study))
    if not calls:
        return
    if rounds := list(modelcalls.probe_rounds(study)):
        records.write_lines(folder / "probes.jsonl", rounds)
    records.write_lines(folder / "calls.jsonl", calls)
    points = modelcalls.sheet(protocols[max(protocols)], calls)
    records.write_json(folder / "guide-llm.json", points)
    (folder / "guide-llm.md").write_text(modelcalls.as_markdown(points), encoding="utf-8", newline="\n")


def _fixed(study: Study, protocol: Protocol, first: Registration, folder: Path) -> None:
    """Licence, citation, and the verifier."""
    text = {"LICENCE.txt": pages.licence(protocol), "CITATION.cff": pages.citation(study, protocol, first)}
    for name, content in text.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    shutil.copyfile(VERIFIER, folder / "verify.py")


def _log(study: Study, hashes: dict[str, str], by: Person, folder: Path) -> str:
    """The log, which takes in the hashes of all that was written before it, so that its last link vouches for them;
    returns that link. A bundle of the same files adds no second entry."""
    told = vouched(hashes)
    last = AuditEntry.objects.filter(study=study, action=BUNDLED).order_by("-number").first()
    if last is None or last.data["files"] != told:
        audit(study, name_of(by), BUNDLED, {"files": told})
    path = folder / "log" / "audit.jsonl"
    records.log(study, path)
    end = path.read_text(encoding="utf-8").rstrip("\n").rpartition("\n")[2]
    return str(json.loads(end)["link"])


def vouched(hashes: dict[str, str]) -> dict[str, str]:
    """Hash by path as the log keeps it: of `code/` one over its lines as they stand in the manifest."""
    code = {path: digest for path, digest in hashes.items() if path.startswith(CODE)}
    others = {path: digest for path, digest in hashes.items() if path not in code}
    return others | {CODE: hashlib.sha256(_listed(code).encode()).hexdigest()}


def _about(study: Study, protocol: Protocol, first: Registration, head: str, folder: Path) -> None:
    about: dict[str, Any] = {
        "heed_bundle": 1,
        "study": str(study.pk),
        "slug": study.slug,
        "title": protocol.say(protocol.title),
        "mode": study.mode,
        "licence": protocol.licence,
        "places": study.places,
        "opened_at": records.when(study.opened_at),
        "closed_at": records.when(study.closed_at),
        "registration_sha256": first.sha256,
        "seed_commitment": first.seed_commitment,
        "log_head": head,
    }
    records.write_json(folder / ABOUT, about)


def files_of(folder: Path) -> Iterator[Path]:
    """Every file of a bundle but the manifest, in the order of their paths."""
    found = (path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    yield from sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def write_manifest(folder: Path, known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """`MANIFEST.sha256`, in the form that `sha256sum --check` reads; returns hash by path. known: hashes at hand."""
    hashes = hashes_of(folder, known)
    (folder / MANIFEST).write_text(_listed(hashes), encoding="utf-8", newline="\n")
    return hashes


def hashes_of(folder: Path, known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Hash by path of every file but the manifest."""
    paths = {path.relative_to(folder).as_posix(): path for path in files_of(folder)}
    return {name: known.get(name) or _sha256(path) for name, path in paths.items()}


def _listed(hashes: Mapping[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in hashes.items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def zipped(folder: Path) -> Path:
    """The folder as a zip beside it; the same files give the same bytes."""
    archive = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=SQUEEZE) as out:
        for path in [*files_of(folder), folder / MANIFEST]:
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            with path.open("rb") as source, out.open(name, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            out.getinfo(name).external_attr = 0o644 << 16
    return archive


def default_folder(study: Study) -> Path:
    """Where a bundle goes when nobody says: `bundles/<slug>` beside manage.py."""
    return Path(settings.BASE_DIR) / "bundles" / study.slug
