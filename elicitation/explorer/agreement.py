"""Who agrees on an edge: how each group and each story of it was answered, with interval and count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.moral_graph.bridging import by_group
from analysis.moral_graph.stories import by_story
from elicitation.explorer.asked import Asked, choices
from elicitation.explorer.criteria import FEWEST
from elicitation.explorer.graphs import selected, version_of
from elicitation.explorer.page import plain
from study.protocol import Protocol
from study.registration.models import Study


def groups(study: Study, protocol: Protocol, asked: Asked, lower: str, upper: str) -> list[dict[str, Any]]:
    """For each question whose answers make groups: its text and `rows` of the direction from lower to upper (label, n,
    wiser, share, low, high), and how many votes are in groups too small to be shown (they would say how single people
    voted). Of the filter's context, case and moment; its own group is one of the groups."""
    version, found = version_of(study), []
    for question in choices(protocol):
        votes = selected(version, replace(asked.alone, group=f"{question.id}:"))
        own = votes[(votes["from_value"] == lower) & (votes["to_value"] == upper)]
        table = by_group(own) if len(own) else pd.DataFrame(columns=["group", "n"])
        shown = table[table["n"] >= FEWEST]
        labels = {answer: protocol.say(label) for answer, label in question.options.items()}
        rows = [{**plain(row), "label": labels.get(row["group"], "–")} for row in shown.to_dict("records")]
        few = int(table["n"].sum() - shown["n"].sum())
        if rows:
            found.append({"text": protocol.say(question.text), "rows": rows, "few": few})
    return found


def stories(votes: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """How each story of a direction was answered, by its name (pair.direction): n, wiser, share, low, high. Empty
    where there is one story only: its answers are the direction's."""
    if votes["story"].nunique() < 2:
        return {}
    return {str(row["story"]): plain(row) for row in by_story(votes).to_dict("records")}
