"""RO-Crate: roc-validator finds nothing in the bundles of the shipped studies, and names what is damaged."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.evidence import bundle, standards
from study.protocol import read, shipped
from study.registration import actions
from study.registration.frozen import current, protocol_of
from tests import factories
from tests.ro_crate import Uninstallable, Validator, install
from tests.study.people import walk

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("ro-crate")]
METADATA = "ro-crate-metadata.json"
Entity = dict[str, Any]
Damage = Callable[[Path, random.Random], str]


@pytest.fixture(scope="module")
def validator() -> Iterator[Validator]:
    """One process for all tests of this module; its environment is made once and kept."""
    try:
        install()
    except Uninstallable as problem:
        pytest.skip(f"NO RO-CRATE IS CHECKED HERE: roc-validator could not be installed: {problem}")
    with Validator() as running:
        yield running


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_bundle_of_a_shipped_study_is_a_crate(validator, name, tmp_path):
    protocol = factories.changed(read(shipped()[name]), sample={"target": 8})
    study = factories.collecting(protocol, mode="rehearsal")
    rng = np.random.default_rng(2)
    for _ in range(3):
        walk(study, rng, pages=40)
    actions.close(study=study, by=None)
    made = bundle.write(study=study, folder=tmp_path / name, execute=False)
    assert validator.errors(made.folder) == []


def test_a_licence_without_an_address_and_a_path_with_a_space_make_a_crate_too(
    validator, study, folder, tmp_path
):
    protocol = protocol_of(current(study).pk)
    protocol = factories.changed(
        protocol, licence="All rights reserved (ask us)", authors=["A. Body", "B. Body"]
    )
    other = shutil.copytree(folder, tmp_path / "s")
    (other / "data" / "one more.txt").write_text("more")
    (other / METADATA).write_text(json.dumps(standards.crate(study, protocol, other)))
    assert validator.errors(other) == []


def changed(folder: Path, change: Callable[[list[Entity]], Any]) -> None:
    """Another graph in the description."""
    path = folder / METADATA
    content = json.loads(path.read_text())
    change(content["@graph"])
    path.write_text(json.dumps(content))


def one(graph: list[Entity], name: str) -> Entity:
    return next(entity for entity in graph if entity["@id"] == name)


def some_file(graph: list[Entity], rng: random.Random) -> Entity:
    return rng.choice([entity for entity in graph if entity["@type"] == "File"])


def no_description(folder, rng):
    (folder / METADATA).unlink()
    return "is not present"


def empty_description(folder, rng):
    (folder / METADATA).write_text("")
    return "is empty"


def broken_json(folder, rng):
    text = (folder / METADATA).read_text()
    (folder / METADATA).write_text(text[: rng.randrange(1, len(text) - 2)])
    return "is not valid JSON"


def no_context(folder, rng):
    content = json.loads((folder / METADATA).read_text())
    del content["@context"]
    (folder / METADATA).write_text(json.dumps(content))
    return "does not contain a context"


def nameless_entity(folder, rng):
    changed(folder, lambda graph: rng.choice(graph).pop("@id"))
    return "does not contain the @id attribute"


def typeless_entity(folder, rng):
    changed(folder, lambda graph: some_file(graph, rng).pop("@type"))
    return "does not contain the @type attribute"


def nested_entity(folder, rng):
    person = {"@type": "Person", "name": f"Somebody {rng.random()}"}
    changed(folder, lambda graph: some_file(graph, rng).update({"author": person}))
    return "is not fully flattened"


def unknown_term(folder, rng):
    term = f"colour{rng.randrange(1000)}"
    changed(folder, lambda graph: some_file(graph, rng).update({term: "red"}))
    return f'"{term}" is not allowed'


def no_descriptor(folder, rng):
    changed(folder, lambda graph: graph.remove(one(graph, METADATA)))
    return "MUST have an entity with @id `ro-crate-metadata.json`"


def descriptor_of_another_type(folder, rng):
    kind = rng.choice(["File", "Dataset", "Person", "Thing"])
    changed(folder, lambda graph: one(graph, METADATA).update({"@type": kind}))
    return "typed as `schema:CreativeWork`"


def about_nothing(folder, rng):
    where = rng.choice([None, "./elsewhere/", "#author-1"])
    changed(folder, lambda graph: one(graph, METADATA).update({"about": where and {"@id": where}}))
    return "with an `about` property referencing the Root Data Entity"


def another_version(folder, rng):
    version = rng.choice(["0.2", "1.0", "2.0", ""])
    target = {"@id": f"https://w3id.org/ro/crate/{version}"}
    changed(folder, lambda graph: one(graph, METADATA).update({"conformsTo": target}))
    return "MUST have a `conformsTo` property"


def without_required(folder, rng):
    key = rng.choice(["name", "description", "license", "datePublished"])
    changed(folder, lambda graph: one(graph, "./").pop(key))
    return f"MUST have a `{key}` property"


def impossible_date(folder, rng):
    date = rng.choice(["soon", "2026-13-01", "01.02.2026", "2026-02-40", "last year", ""])
    changed(folder, lambda graph: one(graph, "./").update({"datePublished": date}))
    return "valid ISO 8601 date"


def root_of_another_type(folder, rng):
    kind = rng.choice(["CreativeWork", "Collection", "Thing", "Person"])
    changed(folder, lambda graph: one(graph, "./").update({"@type": kind}))
    return "MUST be a `Dataset`"


def unlinked_file(folder, rng):
    def change(graph):
        parts = one(graph, "./")["hasPart"]
        parts.remove(rng.choice(parts))

    changed(folder, change)
    return "profiles/ro-crate/RootDataEntity>"  # the shape without words: reachable from the root


def missing_file(folder, rng):
    def change(graph):
        (folder / some_file(graph, rng)["@id"]).unlink()

    changed(folder, change)
    return "does not include the Data Entity"


def renamed_file(folder, rng):
    def change(graph):
        name = some_file(graph, rng)["@id"]
        (folder / name).rename(folder / f"{name}.moved")

    changed(folder, change)
    return "does not include the Data Entity"


def nobody_publishes(folder, rng):
    publisher = {"@id": rng.choice(["#nobody", "./", "README.md"])}
    changed(folder, lambda graph: one(graph, "./").update({"publisher": publisher}))
    return "`publisher` property of type `Organization` or `Person`"


DAMAGES: list[Damage] = [
    missing_file, without_required, unlinked_file, unknown_term, broken_json, nameless_entity, no_description,
    empty_description, no_context, no_descriptor, nested_entity, another_version, impossible_date, typeless_entity,
    descriptor_of_another_type, about_nothing, root_of_another_type, renamed_file, nobody_publishes,
]  # fmt: skip
"""The first ten are what every run of the tests tries: the checks of JSON are quick, those of shapes take a second."""


def unnamed(validator: Validator, folder: Path, where: Path, tries: list[tuple[Damage, int]]) -> list[Any]:
    """The damages for which no error of the standard says what was done."""
    found = []
    for number, (damage, seed) in enumerate(tries):
        spoilt = shutil.copytree(folder, where / str(number))
        said = damage(spoilt, random.Random(seed))
        errors = validator.errors(spoilt)
        if not any(said in error for error in errors):
            found.append((damage.__name__, seed, said, errors))
        shutil.rmtree(spoilt)
    return found


def test_damaged_bundles_are_rejected_for_what_was_done(validator, folder, tmp_path):
    assert unnamed(validator, folder, tmp_path, [(damage, 1) for damage in DAMAGES[:10]]) == []


@pytest.mark.soak
def test_five_damages_of_every_kind_are_rejected_for_what_was_done(validator, folder, tmp_path):
    tries = [(damage, seed) for damage in DAMAGES for seed in range(5)]
    print(f"\ndamages: {len(tries)} of {len(DAMAGES)} kinds")
    assert unnamed(validator, folder, tmp_path, tries) == []
