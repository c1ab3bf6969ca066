"""The six criteria of a study: what they are measured from, and the table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.estimate import Estimate
from analysis.moral_graph.criteria import NO_SURVEY, criteria
from analysis.moral_graph.rules import Rule
from elicitation.followup.actions import asks_again
from elicitation.followup.shares import QUESTIONS, survey
from elicitation.models import Proposal
from elicitation.stages.configs import CompareValuesStage
from elicitation.votes.table import answers_to, cards_by_author, votes_of
from study.protocol import Protocol
from study.registration.models import Study
from study.session.models import Session
from study.stages.configs import SurveyStage

NOT_ASKED, NOBODY = "not asked", "nobody answered"
LAST = "legitimate"
SEED = 0


@dataclass(frozen=True)
class Statement:
    """A statement that people were asked about after their votes: its column, its words, and the answer above which
    somebody agrees."""

    column: str
    text: str
    above: float


@dataclass(frozen=True)
class Evidence:
    """votes: as `votes_of`, with comment (what its author wrote, or '') and call (ids of the model calls behind the
    story). cards: participant, value, policies. said: participant, question, agrees (bool, missing). titles: of
    values."""

    votes: pd.DataFrame
    cards: pd.DataFrame
    said: pd.DataFrame
    titles: Mapping[Hashable, str]


def statements(protocol: Protocol) -> list[Statement]:
    """The statements of the scales that are asked after the stories."""
    kinds = [isinstance(stage, CompareValuesStage) for stage in protocol.flow]
    after = protocol.flow[len(kinds) - kinds[::-1].index(True) :] if any(kinds) else []
    scales = [scale for stage in after if isinstance(stage, SurveyStage) for scale in stage.scales]
    return [
        Statement(item.id, protocol.say(item.text), (one.points + 1) / 2)
        for one in (protocol.scales_by_id[scale] for scale in dict.fromkeys(scales))
        if one.kind == "likert"
        for item in one.items
    ]


def evidence_of(study: Study, protocol: Protocol) -> Evidence:
    """Everything of a study that its criteria are measured from."""
    found = votes_of(study)
    behind = {
        f"~{number}": " ".join(calls)
        for number, calls in Proposal.objects.filter(study=study).values_list("number", "calls")
    }
    pairs = [story.rpartition(".")[0] for story in found.votes["story"]]
    calls = [behind.get(pair, "") for pair in pairs]
    votes = found.votes.assign(comment=found.votes["why"], call=calls)
    said = pd.concat([_ending(study, protocol), survey(study)], ignore_index=True)
    titles = dict(zip(found.cards["value"], found.cards["title"], strict=True))
    return Evidence(votes, cards_by_author(study), said, titles)


def _ending(study: Study, protocol: Protocol) -> pd.DataFrame:
    """What people said of the statements at the end, as `survey` has it."""
    asked = statements(protocol)
    sessions = Session.objects.filter(study=study, preview_arm="", erased_at=None)
    people = dict(sessions.values_list("pk", "participant__code")) if asked else {}
    rows = [
        (people[session], one.text, float(answer) > one.above)
        for one in asked
        for session, answer in answers_to(study, one.column).items()
        if session in people and answer.replace(".", "", 1).isdecimal()
    ]
    return pd.DataFrame(rows, columns=["participant", "question", "agrees"])


def table_of(
    found: Evidence,
    *,
    follow_up: bool,
    rule: str | Rule = "corrected",
    level: float = 0.95,
    seed: int = SEED,
) -> pd.DataFrame:
    """A row a measure, as `analysis.moral_graph.criteria` gives them, and one for each question of the follow-up that
    nobody answered, or that was never asked (`follow_up` false). Raises ValueError without votes."""
    said, cards = (one if len(one) else None for one in (found.said, found.cards))
    table = criteria(
        found.votes, rule, cards=cards, survey=said, titles=found.titles, level=level, seed=seed,
        duplicates="first",
    )  # fmt: skip
    known = set(table["measure"])
    nothing = Estimate.unavailable(NOBODY if follow_up else NOT_ASKED)
    columns = ("value", "low", "high", "n", "clusters", "note")
    rows = [
        {"criterion": LAST, "measure": f"agree: {text}", **{name: getattr(nothing, name) for name in columns}}
        for text in QUESTIONS.values()
        if f"agree: {text}" not in known
    ]
    table = table[table["note"] != NO_SURVEY]
    place = int((table["criterion"] == "auditable").to_numpy().argmax())
    return pd.concat(
        [table[:place], pd.DataFrame(rows, columns=table.columns), table[place:]], ignore_index=True
    )


def told(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table as JSON: what is missing is None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def criteria_of(study: Study, protocol: Protocol) -> pd.DataFrame:
    """The six criteria of all of a study's votes. Raises ValueError without votes."""
    return table_of(evidence_of(study, protocol), follow_up=asks_again(study))
