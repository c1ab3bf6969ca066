"""Two verifiers that share no line, one of them written from the specification alone, come to the same findings."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from study.evidence import bundle, verify
from study.protocol import read, shipped
from study.registration import actions
from study.session import actions as session_actions
from tests import factories
from tests.study.evidence import sabotage, second_verifier
from tests.study.people import as_assumed, walk

pytestmark = pytest.mark.django_db


def first(root) -> set[str]:
    return {code for code, _ in verify.verify(root).findings}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_both_find_nothing_in_a_shipped_study(name, tmp_path):
    """Amended while it ran; somebody was erased, somebody left, somebody declined."""
    protocol = factories.changed(read(shipped()[name]), sample={"target": 8})
    study, rng = factories.collecting(protocol, mode="rehearsal"), np.random.default_rng(2)
    choose = as_assumed(protocol, rng)
    walk(study, rng, choose=lambda visit, question: "no" if question.id == "agreed" else None)
    walk(study, rng, choose=choose, pages=4)
    session_actions.withdraw(token=walk(study, rng, choose=choose, pages=9).token, erase=True)
    larger = factories.changed(protocol, sample={"target": 12})
    actions.amend(study=study, protocol=larger, reason="People leave.", by=None)
    walk(study, rng, choose=choose)
    actions.close(study=study, by=None)
    made = bundle.write(study=study, folder=tmp_path / name, execute=False)
    assert (first(made.folder), second_verifier.kinds(made.folder)) == (set(), set())


def apart(folder, where, numbers: range) -> list[str]:
    """Sabotages in which the two come to different kinds of findings."""
    found = []
    for number in numbers:
        chosen = sabotage.ALL[number]
        spoilt = shutil.copytree(folder, where / str(number))
        chosen(spoilt, random.Random(number))
        if number % 2:
            bundle.write_manifest(spoilt)
        one, other = first(spoilt), second_verifier.kinds(spoilt)
        if one != other:
            found.append(
                f"{chosen.__name__}: {sorted(one - other)} only here, {sorted(other - one)} only there"
            )
        shutil.rmtree(spoilt)
    return found


def test_both_find_the_same_kinds_in_every_fifth_sabotage(folder, tmp_path):
    assert (first(folder), second_verifier.kinds(folder)) == (set(), set())
    assert apart(folder, tmp_path, range(3, len(sabotage.ALL), 5)) == []


@pytest.mark.soak
def test_both_find_the_same_kinds_in_every_sabotage(folder, tmp_path):
    assert apart(folder, tmp_path, range(len(sabotage.ALL))) == []
