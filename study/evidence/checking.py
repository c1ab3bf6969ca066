"""A bundle held against the verifier and against the outside validators that are installed here."""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from study.evidence import psychds, verify

SHOWN = 5


@dataclass(frozen=True)
class Checked:
    """What one program says: problems it names (none: passed), or why it could not be asked."""

    program: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: str = ""

    @property
    def passed(self) -> bool:
        return not self.problems and not self.missing


def checks(path: Path) -> Iterator[Checked]:
    """Each program's word on a bundle (folder or zip), one after the other. Raises FileNotFoundError for no bundle."""
    with opened(path) as folder:
        yield verified(folder)
        yield Checked("Psych-DS (own checker)", psychds.errors(folder))
        yield from (_outside(program, module, look, folder) for program, module, look in OUTSIDE)
        yield ro_crate(folder)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The bundle's folder; a zip is unpacked for as long as it is needed."""
    if path.is_file() and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
            yield _bundle_in(path, Path(folder).glob("*/bundle.json"))
    else:
        yield _bundle_in(path, path.glob("bundle.json"))


def _bundle_in(path: Path, found: Iterator[Path]) -> Path:
    for about in found:
        return about.parent
    raise FileNotFoundError(f"{path} is no bundle: there is no bundle.json in it.")


def verified(folder: Path) -> Checked:
    """Our verifier, not the copy in the folder: whoever changed a bundle could have changed that as well."""
    report = verify.verify(folder)  # type: ignore[no-untyped-call]
    notes = [str(note) for note in report.notes]
    shipped = folder / "verify.py"
    if shipped.is_file() and shipped.read_bytes() != Path(verify.__file__).read_bytes():
        notes.append("The verify.py in the bundle is another than the one that ran here.")
    return Checked("verify.py", [f"[{code}] {sentence}" for code, sentence in report.findings], notes)


def _outside(program: str, module: str, look: Callable[[Path], list[str]], folder: Path) -> Checked:
    if importlib.util.find_spec(module) is None:
        return Checked(program, missing=f"not installed here: pip install {module}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)  # both print what they also return
        try:
            return Checked(program, look(folder))
        finally:
            logging.disable(logging.NOTSET)


def frictionless_errors(folder: Path) -> list[str]:
    """Errors of the data package and of every row against its schema."""
    from frictionless import system, validate

    with system.use_context(trusted=True):
        report = validate(str(folder / "datapackage.json"))
    return [" ".join(map(str, row)) for row in report.flatten(["type", "message"])]


def croissant_errors(folder: Path) -> list[str]:
    """Errors of the Croissant description."""
    import mlcroissant  # type: ignore[import-untyped]

    try:
        dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    except Exception as error:  # a description that cannot be read at all is raised, in many ways
        return [str(error)]
    return [str(error) for error in dataset.metadata.ctx.issues.errors]


OUTSIDE = (
    ("frictionless (Data Package)", "frictionless", frictionless_errors),
    ("mlcroissant (Croissant)", "mlcroissant", croissant_errors),
)


def ro_crate(folder: Path) -> Checked:
    """roc-validator, which lives in an environment of its own (`make ro-crate`)."""
    program = "roc-validator (RO-Crate)"
    home = Path(settings.BASE_DIR) / ".cache" / "ro-crate"
    script = Path(settings.BASE_DIR) / "tests" / "ro_crate" / "check.py"
    python = home / "bin" / "python"
    if not (python.exists() and script.exists()):
        return Checked(program, missing="not installed here: `make ro-crate BUNDLE=…` installs and runs it")
    ran = subprocess.run(
        [str(python), str(script), "REQUIRED", str(home / "pages")],
        input=f"{folder.resolve()}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode or not ran.stdout.strip():
        return Checked(program, missing=f"it fell over: {ran.stderr.strip()[-300:]}")
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return Checked(program, found.get("REQUIRED", []))
