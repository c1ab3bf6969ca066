"""Items from a CSV beside the YAML: the same items, and problems that name the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.protocol import Problem, Protocol, ProtocolError, lint, read, read_document, sha256
from tests.study.protocol.small import TEXT, small

HEADER = "id,question,truth,advice,lead,body,correction,source_1_title,source_1_url"
ROWS = """\
one,Is the first thing so?,yes,yes,"Yes,",the first thing is so. [1],It is so.,Encyclopedia,https://encyclopedia.test/one
two,Is the second thing so?,yes,no,"No,",the second thing is not so.,It is so.,,
three,Is the third thing so?,no,yes,"Yes,",the third thing is so.,It is not so.,,
four,Is the fourth thing so?,no,no,"No,",the fourth thing is not so.,It is not so.,,
"""


def _write(folder: Path, table: str, settings: str = "{file: items.csv}", languages: str = "") -> Path:
    start, end = TEXT.index("items:\n"), TEXT.index("scales:\n")
    path = folder / "small.yaml"
    path.write_text(TEXT[:start] + f"items: {settings}\n{languages}" + TEXT[end:], encoding="utf-8")
    (folder / "items.csv").write_text(table, encoding="utf-8")
    return path


def _read(folder: Path, table: str, settings: str = "{file: items.csv}", languages: str = "") -> Protocol:
    return read(_write(folder, table, settings, languages))


def _problems(folder: Path, table: str, settings: str = "{file: items.csv}") -> list[Problem]:
    with pytest.raises(ProtocolError) as caught:
        _read(folder, table, settings)
    return caught.value.problems


def test_items_from_a_table_are_the_items_of_the_yaml(tmp_path: Path) -> None:
    assert sha256(_read(tmp_path, f"{HEADER}\n{ROWS}")) == sha256(small())


def test_a_byte_order_mark_empty_lines_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    table = "\ufeff" + f"{HEADER}\n\n{ROWS}\n".replace("\n", "\r\n")
    assert sha256(_read(tmp_path, table)) == sha256(small())


@pytest.mark.parametrize(
    ("old", "new", "line", "where", "message"),
    [
        (
            "two,Is the second thing so?,yes",
            "two,Is the second thing so?,maybe",
            3,
            "items[two].truth",
            "'maybe' is none",
        ),
        ("three,Is", ",Is", 4, "items[3].id", "'id' is missing"),
        ("four,Is", "Four!,Is", 5, "items[Four!].id", "the text 'Four!'"),
        ("two,Is", "one,Is", 3, "items[one].id", "'one' is used twice"),
        (
            "https://encyclopedia.test/one",
            "file:///etc/passwd",
            2,
            "items[one].sources[1].url",
            "no web address",
        ),
        (",Encyclopedia,", ",,", 2, "items[one].sources[1].title", "'title' is missing"),
        ("It is not so.,,\nfour", "It is not so.\nfour", 4, "", "7 cells, but the header names 9 columns"),
        ("correction,source", "corection,source", 1, "corection", "Did you mean 'correction'?"),
        ("lead,body", "body,body", 1, "body", "is there twice"),
        ('"No,",the second', '"No,"x,the second', 3, "", "not valid CSV"),
        ("the second thing is", "the second\x07 thing is", 3, "body", "U+0007"),
    ],
)
def test_a_problem_of_the_table_names_its_line(
    tmp_path: Path, old: str, new: str, line: int, where: str, message: str
) -> None:
    table = f"{HEADER}\n{ROWS}"
    assert table.count(old) == 1
    found = _problems(tmp_path, table.replace(old, new))
    fitting = [p for p in found if p.where == where and message in p.message]
    assert fitting, "\n".join(map(str, found))
    assert (fitting[0].file, fitting[0].line) == ("items.csv", line)
    assert str(fitting[0]).startswith(f"items.csv line {line}")


def test_a_cell_of_several_lines_does_not_shift_the_lines_that_follow(tmp_path: Path) -> None:
    table = f"{HEADER}\n{ROWS}".replace("the first thing is so. [1]", '"the first\nthing\nis so."').replace(
        "two,Is", "one,Is"
    )
    assert [p.line for p in _problems(tmp_path, table)] == [5]


def test_a_finding_of_the_linter_names_the_line_of_the_table(tmp_path: Path) -> None:
    table = f"{HEADER}\n{ROWS}".replace(
        "the second thing is not so.,It is so.", "the second thing is not so.,"
    )
    document = read_document(_write(tmp_path, table))
    (finding,) = lint(document.protocol, places=document.places)
    assert (finding.code, finding.file, finding.line) == ("wrong-answer-without-correction", "items.csv", 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{file: ../items.csv}", "Found the text '../items.csv'"),
        ("{file: /etc/passwd}", "Found the text '/etc/passwd'"),
        ("{file: others.csv}", "others.csv is not in the protocol's folder"),
        ("{flie: items.csv}", "Did you mean 'file'?"),
        ("{file: items.csv, defaults: {colour: red}}", "no column 'colour' of ours"),
        ("{file: items.csv, columns: {question: text}}", "no column 'text', which `columns` names"),
        ("{file: items.csv, only: {kind: political}}", "no column 'kind', which `only` names"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_words(tmp_path: Path, settings: str, message: str) -> None:
    found = _problems(tmp_path, f"{HEADER}\n{ROWS}", settings)
    assert any(message in p.message for p in found), "\n".join(map(str, found))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "items.csv").write_text(f"{HEADER}\n{ROWS}", encoding="utf-8")
    path = _write(tmp_path, "", "{file: link.csv}")
    (tmp_path / "link.csv").symlink_to(tmp_path / "secret" / "items.csv")
    with pytest.raises(ProtocolError, match="not in the protocol's folder"):
        read(path)


def test_a_text_has_no_folder_to_read_from(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="only be read when the protocol is a file"):
        read(_write(tmp_path, f"{HEADER}\n{ROWS}").read_text(encoding="utf-8"))


def test_numbers_tags_options_and_languages_come_out_of_cells(tmp_path: Path) -> None:
    table = (
        "id,question,question.de,kind,options,truth,advice,body,probability,tag_topic,tag_year,tag_hard\n"
        "one,So?,Ist es so?,choice,a=Aye|b=Bee|c,b,a,aye. So,,history,1999,true\n"
        "two,How likely?,Wie sicher?,probability,,100,20,unlikely,20,,,\n"
        "three,Or?,Oder?,probability,,0,unsure,it is open,,,,\n"
        "four,Hm?,,binary,,yes,no,no. So,,,,\n"
    )
    protocol = _read(tmp_path, table, languages="languages: [en, de]\n")
    one, two, three, four = protocol.items
    assert one.question == {"en": "So?", "de": "Ist es so?"}
    assert list(one.options.items()) == [("a", "Aye"), ("b", "Bee"), ("c", "c")]
    assert one.tags == {"topic": "history", "year": 1999, "hard": True}
    assert (two.truth, two.advice.answer, two.advice.probability) == (100, 20, 20)
    assert [protocol.ai_correct(item) for item in (one, two, three)] == [False, False, None]
    assert four.question == "Hm?"
