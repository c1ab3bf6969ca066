"""Somebody with access to the folder who changes one thing and writes the manifest anew.

Each sabotage takes a copy of a bundle and a generator, changes it, and returns the words that a good verifier must use.
The careful ones (`…_carefully`) also repair hashes and links as far as one folder allows, so that only another record
contradicts them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import rfc8785

from study.evidence import verify
from study.evidence.bundle import hashes_of, vouched, write_manifest

Sabotage = Callable[[Path, random.Random], str]
ALL: list[Sabotage] = []


def sabotage(f: Sabotage) -> Sabotage:
    ALL.append(f)
    return f


def load(folder: Path, path: str) -> Any:
    return json.loads((folder / path).read_text(encoding="utf-8"))


def store(folder: Path, path: str, content: Any) -> None:
    (folder / path).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def lines(folder: Path, path: str) -> list[Any]:
    return [json.loads(row) for row in (folder / path).read_text(encoding="utf-8").splitlines()]


def store_lines(folder: Path, path: str, rows: list[Any]) -> None:
    text = "".join(
        json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n" for row in rows
    )
    (folder / path).write_text(text, encoding="utf-8")


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def store_table(folder: Path, name: str, rows: list[dict[str, str]], like: Path | None = None) -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def edit_document(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the registered document and repair its hash in the list of versions and in bundle.json."""
    document = load(folder, "registration/v1.json")
    change(document)
    data = rfc8785.dumps(document)
    (folder / "registration/v1.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    versions, about = load(folder, "registration/versions.json"), load(folder, "bundle.json")
    versions[0]["sha256"] = about["registration_sha256"] = digest
    store(folder, "registration/versions.json", versions)
    store(folder, "bundle.json", about)


def edit_results(folder: Path, change: Callable[[Any], None]) -> None:
    results = load(folder, "results/results.json")
    change(results)
    store(folder, "results/results.json", results)


def relog(folder: Path, rows: list[Any]) -> None:
    """Write the log with numbers and links that fit again, as its administrator could."""
    about, previous = load(folder, "bundle.json"), "0" * 64
    for number, row in enumerate(rows, start=1):
        row |= {"number": number, "previous": previous}
        content = {k: v for k, v in row.items() if k != "link"} | {"study": about["study"]}
        previous = row["link"] = hashlib.sha256(rfc8785.dumps(content)).hexdigest()
    about["log_head"] = previous
    store(folder, "bundle.json", about)
    store_lines(folder, "log/audit.jsonl", rows)


# ---- the plan


@sabotage
def moved_threshold(folder: Path, rng: random.Random) -> str:
    value = rng.choice([-2.0, -0.5, 0.3, 1.5])
    edit_document(folder, lambda d: d["plan"]["hypotheses"][0]["criterion"].update(value=value))
    return "Hypothesis 'h1': criterion"


@sabotage
def moved_threshold_in_the_results(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["hypotheses"][0].update(criterion=f"below {rng.choice([1, 2, 3])}"))
    return "Hypothesis 'h1': criterion"


@sabotage
def another_alpha(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["hypotheses"][0].update(alpha=rng.choice([0.1, 0.2, 0.3])))
    return "Hypothesis 'h1': alpha"


@sabotage
def dropped_hypothesis(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["hypotheses"].clear())
    return "hypothesis 'h1' is not in the results: dropped"


@sabotage
def dropped_hypothesis_from_the_plan(folder: Path, rng: random.Random) -> str:
    edit_document(folder, lambda d: d["plan"]["hypotheses"].clear())
    return "hypothesis 'h1' is in the results and not registered"


@sabotage
def added_hypothesis(folder: Path, rng: random.Random) -> str:
    edit_results(
        folder, lambda r: r["hypotheses"].append(r["hypotheses"][0] | {"id": f"h{rng.randint(2, 9)}"})
    )
    return "in the results and not registered: added"


@sabotage
def turned_sentence(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["hypotheses"][0].update(sentence="A hedge raises agreement."))
    return "Hypothesis 'h1': sentence"


@sabotage
def another_verdict(folder: Path, rng: random.Random) -> str:
    def change(r: Any) -> None:
        h = r["hypotheses"][0]
        others = {"supported", "contradicted", "inconclusive"} - {h["verdict"]}
        h["verdict"] = rng.choice(sorted(others))

    edit_results(folder, change)
    return "is reported as"


@sabotage
def another_p(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["hypotheses"][0].update(p=rng.random() / 1000))
    return "'h1': p is"


@sabotage
def added_exclusion(folder: Path, rng: random.Random) -> str:
    rule = {"id": "outliers", "sentence": "Outliers are left out.", "action": "exclude", "measured": "after",
            "matched": 3, "removed": 3, "undecided": 0, "by_arm": {}, "problem": ""}  # fmt: skip
    edit_results(folder, lambda r: r["sample"]["rules"].append(rule))
    return "an exclusion was added"


@sabotage
def added_exclusion_to_the_plan(folder: Path, rng: random.Random) -> str:
    column, value = rng.choice([("trust", 2), ("seconds", 0.5), ("fast_trials", 1)])
    rule = {"id": "extra", "sentence": "Those are left out.", "measured": "after", "action": "exclude", "reason": "",
            "when": [{"column": column, "op": ">", "value": value}]}  # fmt: skip
    edit_document(folder, lambda d: d["plan"]["exclusions"].append(rule))
    return "rule 'extra' was not applied"


@sabotage
def dropped_exclusion(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["sample"].update(rules=r["sample"]["rules"][1:]))
    return "rule 'declined' was not applied"


@sabotage
def swapped_outcome(folder: Path, rng: random.Random) -> str:
    edit_results(folder, lambda r: r["models"][0].update(outcome="trust", label="Trust"))
    return "Model 'agreement': outcome"


@sabotage
def swapped_outcome_in_the_plan(folder: Path, rng: random.Random) -> str:
    edit_document(folder, lambda d: d["plan"]["outcomes"][0].update(column="correct", label="Accuracy"))
    return "Model 'agreement': label"


@sabotage
def another_model_formula(folder: Path, rng: random.Random) -> str:
    formula = rng.choice(
        ["agree ~ arm + (1 | participant)", "agree ~ arm * truth + (1 | participant) + (1 | item)"]
    )
    edit_results(folder, lambda r: r["models"][0].update(formula=formula))
    return "Model 'agreement': the formula"


@sabotage
def edited_plan_without_repair(folder: Path, rng: random.Random) -> str:
    path = folder / "registration/v1.json"
    path.write_bytes(path.read_bytes().replace(b'"target":36', b'"target":35'))
    return "the document's hash is"


@sabotage
def edited_sample_size(folder: Path, rng: random.Random) -> str:
    edit_document(folder, lambda d: d["sample"].update(target=rng.randint(20, 35)))
    return "the log's entry"


@sabotage
def edited_document_and_log_entry(folder: Path, rng: random.Random) -> str:
    edit_document(folder, lambda d: d["sample"].update(rationale="Chosen with care."))
    rows = lines(folder, "log/audit.jsonl")
    rows[1]["data"]["sha256"] = load(folder, "bundle.json")["registration_sha256"]
    store_lines(folder, "log/audit.jsonl", rows)
    return r"Entry 2 \(registered\) was changed"


# ---- data


def any_row(
    folder: Path, rng: random.Random, name: str, column: str
) -> tuple[list[dict[str, str]], dict[str, str]]:
    rows = table(folder, name)
    return rows, rng.choice([row for row in rows if row[column]])


@sabotage
def edited_trial(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-trials_data.csv", "final")
    row["final"] = "no" if row["final"] == "yes" else "yes"
    store_table(folder, "data/table-trials_data.csv", rows)
    return f"table-trials_data.csv, {row['participant']} on {row['item']}: final"


@sabotage
def edited_agreement(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-trials_data.csv", "agree")
    row["agree"] = "false" if row["agree"] == "true" else "true"
    store_table(folder, "data/table-trials_data.csv", rows)
    return f"table-trials_data.csv, {row['participant']} on {row['item']}: agree"


@sabotage
def edited_scale(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-participants_data.csv", "trust")
    row["trust"] = "5.0" if float(row["trust"]) < 4 else "1.0"
    store_table(folder, "data/table-participants_data.csv", rows)
    return f"table-participants_data.csv, {row['participant']}: trust"


@sabotage
def edited_arm(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-participants_data.csv", "arm")
    row["arm"] = "hedged" if row["arm"] == "control" else "control"
    store_table(folder, "data/table-participants_data.csv", rows)
    return f"table-participants_data.csv, {row['participant']}: arm"


@sabotage
def edited_outcome_of_a_session(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-participants_data.csv", "arm")
    row["outcome"] = "withdrawn" if row["outcome"] == "complete" else "complete"
    store_table(folder, "data/table-participants_data.csv", rows)
    return f"table-participants_data.csv, {row['participant']}: outcome"


@sabotage
def edited_response(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-responses_data.csv", "value")
    row["value"] += "x"
    store_table(folder, "data/table-responses_data.csv", rows)
    return f"table-responses_data.csv, {row['participant']}, {row['page']}"


@sabotage
def doubled_trials(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-trials_data.csv", "final")
    store_table(folder, "data/table-trials_data.csv", [*rows, row])
    return "stands 2 times"


@sabotage
def dropped_trial(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-trials_data.csv", "final")
    rows.remove(row)
    store_table(folder, "data/table-trials_data.csv", rows)
    return f"table-trials_data.csv: {row['participant']} on {row['item']} is missing"


@sabotage
def added_column(folder: Path, rng: random.Random) -> str:
    rows = table(folder, "data/table-participants_data.csv")
    store_table(
        folder, "data/table-participants_data.csv", [row | {"email": "a@example.org"} for row in rows]
    )
    return "nobody declared the column email"


@sabotage
def edited_submission(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "evidence/submissions.jsonl")
    row = rng.choice([r for r in rows if r["state"] == "open" and r["page"].startswith("tasks")])
    row["payload"]["answer"] = "no" if row["payload"]["answer"] == "yes" else "yes"
    store_lines(folder, "evidence/submissions.jsonl", rows)
    return f"{row['participant']}, page {row['number']} .*: the answers are not those"


def edit_carefully(folder: Path, rng: random.Random) -> None:
    """Another answer, with commitment, links and the session's last link repaired."""
    rows = lines(folder, "evidence/submissions.jsonl")
    chosen = rng.choice([r for r in rows if r["state"] == "open" and r["page"].startswith("tasks")])
    chosen["payload"]["answer"] = "no" if chosen["payload"]["answer"] == "yes" else "yes"
    chosen["commitment"] = hashlib.sha256(
        chosen["salt"].encode() + rfc8785.dumps(chosen["payload"])
    ).hexdigest()
    previous = ""
    for row in rows:
        if row["participant"] == chosen["participant"]:
            names = ("number", "page", "attempt", "shown_at", "received_at", "commitment")
            previous = row["link"] = hashlib.sha256(
                "\n".join([previous, *(str(row[n]) for n in names)]).encode()
            ).hexdigest()
    sessions = lines(folder, "evidence/sessions.jsonl")
    next(s for s in sessions if s["participant"] == chosen["participant"])["head"] = previous
    store_lines(folder, "evidence/submissions.jsonl", rows)
    store_lines(folder, "evidence/sessions.jsonl", sessions)


@sabotage
def edited_submission_carefully(folder: Path, rng: random.Random) -> str:
    edit_carefully(folder, rng)
    return "not those that the log was sealed with"


@sabotage
def reordered_submissions(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "evidence/submissions.jsonl")
    place = rng.choice(
        [i for i in range(1, len(rows)) if rows[i]["participant"] == rows[i - 1]["participant"]]
    )
    rows[place], rows[place - 1] = rows[place - 1], rows[place]
    store_lines(folder, "evidence/submissions.jsonl", rows)
    return "is missing or out of order"


@sabotage
def dropped_last_page(folder: Path, rng: random.Random) -> str:
    rows, sessions = lines(folder, "evidence/submissions.jsonl"), lines(folder, "evidence/sessions.jsonl")
    code = rng.choice([s["participant"] for s in sessions if s["submitted"] > 2])
    last = max((r for r in rows if r["participant"] == code), key=lambda r: r["number"])
    store_lines(folder, "evidence/submissions.jsonl", [r for r in rows if r is not last])
    return f"{code}: .* pages, .* were accepted"


@sabotage
def blanked_answers(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "evidence/submissions.jsonl")
    row = rng.choice([r for r in rows if r["state"] == "open"])
    for name in ("payload", "salt"):
        del row[name]
    row["state"] = "erased"
    store_lines(folder, "evidence/submissions.jsonl", rows)
    return "the answers are gone, and nobody had them erased"


@sabotage
def removed_participant(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-participants_data.csv", "arm")
    store_table(folder, "data/table-participants_data.csv", [r for r in rows if r is not row])
    return f"table-participants_data.csv: {row['participant']} is missing"


@sabotage
def removed_participant_carefully(folder: Path, rng: random.Random) -> str:
    code = any_row(folder, rng, "data/table-participants_data.csv", "arm")[1]["participant"]
    for name in ("participants", "trials", "responses", "events"):
        rows = table(folder, f"data/table-{name}_data.csv")
        store_table(folder, f"data/table-{name}_data.csv", [r for r in rows if r["participant"] != code])
    for name in ("sessions", "submissions"):
        rows = lines(folder, f"evidence/{name}.jsonl")
        store_lines(folder, f"evidence/{name}.jsonl", [r for r in rows if r["participant"] != code])
    places = table(folder, "registration/schedule.csv")
    for place in places:
        if place["participant"] == code:
            place |= {"participant": "", "state": "free"}
    store_table(folder, "registration/schedule.csv", places)
    return "people in the folder, .* when the log was sealed"


@sabotage
def added_participant(folder: Path, rng: random.Random) -> str:
    rows = table(folder, "data/table-participants_data.csv")
    store_table(
        folder, "data/table-participants_data.csv", [*rows, rng.choice(rows) | {"participant": "pinvented99"}]
    )
    return "pinvented99 has no session"


# ---- seed, schedule, log


@sabotage
def changed_seed(folder: Path, rng: random.Random) -> str:
    (folder / "registration/seed.txt").write_text(f"{rng.getrandbits(256):064x}\n")
    return "does not match its commitment"


@sabotage
def changed_seed_and_commitment(folder: Path, rng: random.Random) -> str:
    seed = f"{rng.getrandbits(256):064x}"
    (folder / "registration/seed.txt").write_text(seed + "\n")
    versions, about = load(folder, "registration/versions.json"), load(folder, "bundle.json")
    about["seed_commitment"] = versions[0]["seed_commitment"] = hashlib.sha256(seed.encode()).hexdigest()
    store(folder, "registration/versions.json", versions)
    store(folder, "bundle.json", about)
    return "the log's entry 2 says another seed_commitment"


@sabotage
def moved_assignment(folder: Path, rng: random.Random) -> str:
    rows = table(folder, "registration/schedule.csv")
    row = rng.choice(rows)
    row["arm"] = "hedged" if row["arm"] != "hedged" else "control"
    store_table(folder, "registration/schedule.csv", rows)
    return f"Place {row['number']}: arm is"


@sabotage
def reordered_items(folder: Path, rng: random.Random) -> str:
    rows = table(folder, "registration/schedule.csv")
    row = rng.choice(rows)
    row["item_order"] = "|".join(reversed(row["item_order"].split("|")))
    store_table(folder, "registration/schedule.csv", rows)
    return f"Place {row['number']}: item_order is"


@sabotage
def reordered_log(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "log/audit.jsonl")
    place = rng.randrange(1, len(rows))
    rows[place], rows[place - 1] = rows[place - 1], rows[place]
    store_lines(folder, "log/audit.jsonl", rows)
    return "missing or out of order"


@sabotage
def cut_log(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "log/audit.jsonl")
    store_lines(folder, "log/audit.jsonl", rows[:-1])
    return "cut or added to"


@sabotage
def edited_log(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "log/audit.jsonl")
    row = rng.choice(rows)
    field = rng.choice(["actor", "at"])
    row[field] = "nobody" if field == "actor" else row["at"].replace("+00:00", "+01:00")
    store_lines(folder, "log/audit.jsonl", rows)
    return rf"Entry {row['number']} \({row['action']}\) was changed"


def peek(folder: Path, rng: random.Random) -> None:
    rows = lines(folder, "log/audit.jsonl")
    place = next(i for i, row in enumerate(rows) if row["action"] == "closed")
    look = rows[place] | {
        "action": "unblinded",
        "data": {"reason": "We were curious.", "approved_by": "", "state": "collecting"},
    }
    relog(folder, [*rows[:place], look, *rows[place:]])


@sabotage
def peeked_and_did_not_say(folder: Path, rng: random.Random) -> str:
    peek(folder, rng)
    return "Early looks: the records show a deviation that the report does not tell"


@sabotage
def analysed_before_the_end(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "log/audit.jsonl")
    place = next(i for i, row in enumerate(rows) if row["action"] == "closed")
    done = next(i for i, row in enumerate(rows) if row["action"] == "analysed")
    rows.insert(place, rows.pop(done))
    relog(folder, rows)
    return "Early looks: the records show a deviation that the report does not tell"


@sabotage
def deviation_left_out(folder: Path, rng: random.Random) -> str:
    point = rng.choice(["Early looks", "Amendments", "Sample"])
    store(
        folder,
        "results/deviations.json",
        [d for d in load(folder, "results/deviations.json") if d["point"] != point],
    )
    return f"leaves out the point '{point}'"


# ---- stimuli, consent, counts, models


@sabotage
def altered_stimulus(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "stimuli/stimuli.jsonl")
    row = rng.choice(rows)
    row["text"] = row["text"].replace(" ", "  ", 1)
    row["sha256"] = hashlib.sha256(row["text"].encode()).hexdigest()
    store_lines(folder, "stimuli/stimuli.jsonl", rows)
    return f"Stimulus {row['item']} in {row['arm']}.* is not the registered text"


@sabotage
def altered_stimulus_in_the_document(folder: Path, rng: random.Random) -> str:
    item = rng.randrange(4)
    edit_document(folder, lambda d: d["items"][item]["advice"].update(body="something else entirely."))
    return "is not the registered text"


@sabotage
def another_stimulus_was_shown(folder: Path, rng: random.Random) -> str:
    rows, row = any_row(folder, rng, "data/table-trials_data.csv", "stimulus_sha256")
    row["stimulus_sha256"] = hashlib.sha256(str(rng.random()).encode()).hexdigest()
    store_table(folder, "data/table-trials_data.csv", rows)
    return f"{row['participant']} on {row['item']}: stimulus_sha256"


@sabotage
def altered_consent(folder: Path, rng: random.Random) -> str:
    edit_document(folder, lambda d: d["flow"][0].update(text="You agree to everything."))
    return "agreed to another text"


@sabotage
def counts_edited(folder: Path, rng: random.Random) -> str:
    flow = load(folder, "results/consort.json")
    name = rng.choice(["arrived", "declined", "assigned"])
    flow[name] += 1
    store(folder, "results/consort.json", flow)
    return f"consort.json: {name} is"


@sabotage
def counts_of_an_arm_edited(folder: Path, rng: random.Random) -> str:
    flow = load(folder, "results/consort.json")
    arm, name = rng.choice(flow["arms"]), rng.choice(["completed", "withdrawn", "analysed"])
    arm[name] += 1
    store(folder, "results/consort.json", flow)
    return f"consort.json, {arm['arm']}: {name} is"


@sabotage
def edited_share(folder: Path, rng: random.Random) -> str:
    def change(r: Any) -> None:
        row = rng.choice(
            [m for m in r["measures"] if m["measure"] == "agreement" and m["estimate"]["value"] is not None]
        )
        row["estimate"]["value"] += 0.01

    edit_results(folder, change)
    return "agreement in .* is .*, the trials give"


@sabotage
def another_language_model(folder: Path, rng: random.Random) -> str:
    (folder / "models").mkdir()
    store_lines(folder, "models/calls.jsonl", [{"model_answered": f"other-{rng.randint(1, 9)}"}])
    return "Language model: the records show a deviation"


# ---- files that no other file tells: only the log vouches for them


def edit_text(folder: Path, path: str, old: str, new: str) -> str:
    """Change the first place where it stands; returns the words that name the file."""
    text = (folder / path).read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    (folder / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    return f"{path} is not what the log's entry .* recorded"


@sabotage
def changed_report_number(folder: Path, rng: random.Random) -> str:
    value = load(folder, "results/results.json")["sample"]["analysed"]
    return edit_text(folder, "results/report.html", f">{value}<", f">{value + rng.randint(1, 9)}<")


@sabotage
def changed_verdict_of_the_report(folder: Path, rng: random.Random) -> str:
    verdict = load(folder, "results/results.json")["hypotheses"][0]["verdict"]
    return edit_text(folder, "results/report.html", verdict.capitalize(), "Very clearly so")


@sabotage
def changed_figure(folder: Path, rng: random.Random) -> str:
    chosen = rng.choice(sorted((folder / "figures").glob("*.svg"))).relative_to(folder).as_posix()
    return edit_text(folder, chosen, "</svg>", '<rect width="9" height="9"/></svg>')


@sabotage
def changed_notebook_output(folder: Path, rng: random.Random) -> str:
    notebook = load(folder, "notebooks/confirmatory.ipynb")
    cell = rng.choice([c for c in notebook["cells"] if c["cell_type"] == "code"])
    cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["All numbers found again."]}]
    store(folder, "notebooks/confirmatory.ipynb", notebook)
    return "notebooks/confirmatory.ipynb is not what the log's entry .* recorded"


@sabotage
def parquet_unlike_csv(folder: Path, rng: random.Random) -> str:
    name = rng.choice(["trials", "participants"])
    table_ = pq.read_table(folder / f"data/{name}.parquet")
    place = table_.column_names.index("seconds")
    values = pa.array([1.0] * len(table_), table_.schema.field(place).type)
    pq.write_table(
        table_.set_column(place, table_.schema.field(place), values), folder / f"data/{name}.parquet"
    )
    return f"data/{name}.parquet is not what the log's entry .* recorded"


@sabotage
def changed_analysis_source(folder: Path, rng: random.Random) -> str:
    source = rng.choice(sorted((folder / "code").rglob("*.py")))
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    return "code/ is not what the log's entry .* recorded"


@sabotage
def changed_versions_of_the_code(folder: Path, rng: random.Random) -> str:
    edit_text(folder, "code/requirements.txt", "numpy==", "numpy>=")
    return "code/ is not what the log's entry .* recorded"


@sabotage
def changed_question_text(folder: Path, rng: random.Random) -> str:
    rows = table(folder, "data/codebook.csv")
    rng.choice(rows)["label"] = "What we asked."
    store_table(folder, "data/codebook.csv", rows)
    return "data/codebook.csv is not what the log's entry .* recorded"


@sabotage
def swapped_levels(folder: Path, rng: random.Random) -> str:
    rows = table(folder, "data/codebook.csv")
    row = rng.choice([row for row in rows if "|" in row["levels"]])
    row["levels"] = "|".join(reversed(row["levels"].split("|")))
    store_table(folder, "data/codebook.csv", rows)
    return "data/codebook.csv is not what the log's entry .* recorded"


@sabotage
def changed_form(folder: Path, rng: random.Random) -> str:
    path = rng.choice(["forms/aspredicted.md", "forms/osf.md", "forms/methods.md"])
    return edit_text(folder, path, "analysed" if "methods" in path else "participants", "volunteers")


@sabotage
def changed_deviation(folder: Path, rng: random.Random) -> str:
    told = load(folder, "results/deviations.json")
    rng.choice(told)["finding"] = "Nothing worth a word."
    store(folder, "results/deviations.json", told)
    return "results/deviations.json is not what the log's entry .* recorded"


@sabotage
def changed_place_that_came_back(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "log/returns.jsonl")
    store_lines(folder, "log/returns.jsonl", rows[1:] if rows else [{"number": 1}])
    return "log/returns.jsonl is not what the log's entry .* recorded"


@sabotage
def changed_verifier(folder: Path, rng: random.Random) -> str:
    edit_text(folder, "verify.py", "return 1 if report.findings else 0", "return 0")
    return "verify.py is not what the log's entry .* recorded"


@sabotage
def cut_log_and_its_head(folder: Path, rng: random.Random) -> str:
    rows = lines(folder, "log/audit.jsonl")
    sealed = next(place for place, row in enumerate(rows) if row["action"] == "sealed")
    relog(folder, rows[: rng.randint(sealed + 1, len(rows) - 1)])
    return "no entry 'bundled': its end was cut"


@sabotage
def dropped_term_of_a_model(folder: Path, rng: random.Random) -> str:
    chosen = load(folder, "registration/v1.json")["plan"]["models"][0]["formula"]
    wrong = chosen.replace(" * ", " + ") if " * " in chosen else chosen.replace("(1 |", "(0 + arm |", 1)
    edit_results(folder, lambda r: r["models"][0].update(formula=f"agree ~ {wrong}"))
    return "Model 'agreement': the formula"


@sabotage
def swapped_labels_of_the_arms(folder: Path, rng: random.Random) -> str:
    rows, names = (
        table(folder, "data/table-participants_data.csv"),
        {"control": "hedged", "hedged": "control"},
    )
    store_table(
        folder, "data/table-participants_data.csv", [r | {"arm": names.get(r["arm"], r["arm"])} for r in rows]
    )
    return r"table-participants_data.csv, \w+: arm is"


def revouch(folder: Path) -> None:
    """Put the hashes of the files as they are now into the log and chain it anew, as its administrator could."""
    rows = lines(folder, "log/audit.jsonl")
    entry = [row for row in rows if row["action"] == "bundled"][-1]
    known = hashes_of(folder)
    now = vouched({name: digest for name, digest in known.items() if name not in verify.UNVOUCHED})
    entry["data"]["files"] = now
    relog(folder, rows)


def strike(folder: Path, number: int) -> tuple[str, str]:
    """The `number`-th sabotage of a folder; returns its name and the words that name it."""
    rng = random.Random(number)
    chosen = ALL[number % len(ALL)]
    words = chosen(folder, rng)
    write_manifest(folder)
    return chosen.__name__, words
