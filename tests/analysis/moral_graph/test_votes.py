"""Votes from outside are hostile until checked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import moral_graph
from analysis.moral_graph import VoteError
from tests.analysis.moral_graph.voters import scattered, votes

HEADER = "participant,from_value,to_value,context,verdict\n"


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "votes.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_is_read_with_published_spellings_and_other_columns_kept(tmp_path: Path) -> None:
    text = "created_at,verdict,participant,from_value,to_value,context\n"
    text += (
        "t1,upgrade,p1,1,2,When\nt2, No-Upgrade ,p2,1,2,When\nt3,not_sure,p3,1,2,When\nt4,WISER,NA,1,2,None\n"
    )
    frame = moral_graph.read_csv(write(tmp_path, "\ufeff" + text))
    assert frame["verdict"].tolist() == ["wiser", "not_wiser", "unsure", "wiser"]
    assert frame["created_at"].tolist() == ["t1", "t2", "t3", "t4"]
    assert frame["participant"].tolist()[-1] == "NA"
    assert frame["context"].tolist()[-1] == "None"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        (HEADER, "no votes"),
        ("a,b\n1,2\n", "column 'participant' is missing"),
        (HEADER.replace("verdict", "answer") + "p,1,2,c,wiser\n", "column 'verdict' is missing"),
        (
            HEADER.replace("\n", ",verdict\n") + "p,1,2,c,wiser,wiser\n",
            "column 'verdict' occurs more than once",
        ),
        (HEADER + "p,1,2,c,wiser\np,1,2,c\n", "line 3: 4 fields where the header has 5"),
        (HEADER + "p,1,2,c,wiser\np,1,2,c,wiser,6\n", "line 3: 6 fields"),
        (HEADER + "p,1,2,c,wiser\nq,1,2,c,perhaps\n", "line 3: column 'verdict' is 'perhaps'"),
        (HEADER + "p,1,2,c,\n", "line 2: column 'verdict' is ''"),
        (HEADER + "p,1,2,c,wiser\n ,1,2,c,wiser\n", "line 3: column 'participant' is empty"),
        (HEADER + "p,1,2,c,wiser\nq,1,,c,wiser\n", "line 3: column 'to_value' is empty"),
        (
            HEADER + "p,1,2,c,wiser\nq,7,7,c,wiser\n",
            "line 3: columns 'from_value' and 'to_value' are both '7'",
        ),
        (
            HEADER + "p,1,2,c,wiser\np,1,2,c,unsure\n",
            "line 3: participant 'p' has already voted on '1' to '2'",
        ),
        (HEADER + f"p,1,{'x' * 1001},c,wiser\n", "longer than 1000 characters"),
        (HEADER + '"p\n1",1,2,c,wiser\nq,1,2,c,bad\n', "line 4: column 'verdict' is 'bad'"),
        (HEADER + 'p,1,2,c,"wiser\n', "line 2"),
        (HEADER + f"p,1,2,c,{'w' * 200_000}\n", "field larger than"),
        (HEADER.encode() + b"p,1,2,c,\xff\n", "not UTF-8"),
    ],
)
def test_a_bad_file_is_refused_naming_line_and_column(tmp_path: Path, text: str | bytes, named: str) -> None:
    with pytest.raises(VoteError) as refused:
        moral_graph.read_csv(write(tmp_path, text))
    assert named in str(refused.value)


def test_a_long_list_of_problems_is_counted_not_printed(tmp_path: Path) -> None:
    rows = "".join(f"p{i},1,2,c,perhaps\n" for i in range(500))
    with pytest.raises(VoteError) as refused:
        moral_graph.read_csv(write(tmp_path, HEADER + rows))
    assert len(refused.value.problems) == 500
    assert str(refused.value).endswith("... and 490 more")
    assert len(str(refused.value)) < 2000


def test_a_frame_names_its_rows_by_index() -> None:
    frame = votes(("p", "a", "b", "wiser"), ("q", "a", "b", None)).set_index(pd.Index([10, 11]))
    with pytest.raises(VoteError, match="row 11: column 'verdict' is"):
        moral_graph.check(frame)


def test_what_is_no_table_or_holds_no_labels_is_refused() -> None:
    with pytest.raises(TypeError, match="not list"):
        moral_graph.check([1])
    frame = votes(("p", "a", "b", "wiser"))
    frame["from_value"] = [["a"]]
    with pytest.raises(VoteError, match="column 'from_value' holds something that is no label"):
        moral_graph.check(frame)


def test_a_second_vote_counts_only_as_asked_and_only_within_pair_direction_and_context() -> None:
    frame = votes(
        ("p", "a", "b", "wiser"),
        ("p", "b", "a", "wiser"),
        ("p", "a", "b", "wiser", "other"),
        ("p", "a", "b", "unsure"),
    )
    with pytest.raises(VoteError, match="row 3: participant 'p' has already voted"):
        moral_graph.check(frame)
    first = moral_graph.check(frame, duplicates="first")["verdict"].tolist()
    last = moral_graph.check(frame, duplicates="last")["verdict"].tolist()
    assert first == ["wiser", "wiser", "wiser"]
    assert last == ["wiser", "wiser", "unsure"]
    with pytest.raises(ValueError, match="duplicates is 'all'"):
        moral_graph.check(frame, duplicates="all")


def test_identifiers_stay_numbers_where_they_are_numbers() -> None:
    frame = votes((1, 7, 8, "wiser"), (2, 7, 8, "wiser"))
    graph = moral_graph.build(frame)
    assert graph.values["value"].tolist() == [8, 7]


def test_codes_point_back_to_the_votes() -> None:
    frame = scattered(np.random.default_rng(4))
    ballots = moral_graph.encode(frame)
    assert ballots.participants[ballots.participant].tolist() == frame["participant"].tolist()
    assert ballots.values[ballots.source[ballots.pair]].tolist() == frame["from_value"].tolist()
    assert ballots.values[ballots.target[ballots.pair]].tolist() == frame["to_value"].tolist()
    assert ballots.contexts[ballots.context].tolist() == frame["context"].tolist()
    for pair, reverse in enumerate(ballots.reverse):
        if reverse >= 0:
            assert ballots.source[reverse] == ballots.target[pair]
            assert ballots.target[reverse] == ballots.source[pair]
    turned = set(zip(ballots.target[ballots.reverse < 0], ballots.source[ballots.reverse < 0], strict=True))
    assert not turned & set(zip(ballots.source, ballots.target, strict=True))


def test_a_misspelt_filter_is_never_an_empty_graph() -> None:
    frame = scattered(np.random.default_rng(5))
    assert set(moral_graph.select(frame, context="When late")["context"]) == {"When late"}
    assert set(moral_graph.select(frame, context=["When late", "When alone"])["context"]) == {
        "When late",
        "When alone",
    }
    with pytest.raises(VoteError, match="no vote has context 'when late'"):
        moral_graph.select(frame, context="when late")
    with pytest.raises(VoteError, match="column 'group' is missing"):
        moral_graph.select(frame, group="x")
    with pytest.raises(VoteError, match="no context was named"):
        moral_graph.select(frame, context=[])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: (HEADER + text).encode()))
def test_no_file_does_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.csv"
    path.write_bytes(content)
    try:
        frame = moral_graph.read_csv(path)
    except VoteError:
        return
    assert set(frame["verdict"]) <= set(moral_graph.VERDICTS)
