"""Another verifier, written from docs/reference/verifier.md and schedule.md alone: a specification is complete when two
programs that share no line come to the same findings.

It says kinds, not sentences, and takes the easy way everywhere: files whole in memory, data frames, scipy, rfc8785.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import rfc8785
from scipy import stats

AFTER_THE_LOG = {"README.md", "bundle.json", "log/audit.jsonl", "datapackage.json", "croissant.json", "MANIFEST.sha256",
                 "ro-crate-metadata.json", "dataset_description.json", ".psychds-ignore"}  # fmt: skip
Truths = Iterable[bool]


def sha(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class Folder:
    """What is read of a bundle."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def json(self, path: str) -> Any:
        return json.loads((self.root / path).read_text(encoding="utf-8"))

    def lines(self, path: str) -> list[Any]:
        text = (self.root / path).read_text(encoding="utf-8")
        assert text == "" or text.endswith("\n")
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def table(self, path: str) -> pd.DataFrame:
        return pd.read_csv(self.root / path, dtype=str, keep_default_na=False, lineterminator="\n")

    @cached_property
    def files(self) -> dict[str, str]:
        paths = [p for p in self.root.rglob("*") if p.is_file()]
        return {p.relative_to(self.root).as_posix(): sha(p.read_bytes()) for p in paths}

    @cached_property
    def log(self) -> list[Any]:
        return self.lines("log/audit.jsonl")

    @cached_property
    def documents(self) -> dict[int, Any]:
        return {v["version"]: self.json(f"registration/v{v['version']}.json") for v in self.versions}

    @cached_property
    def versions(self) -> list[Any]:
        return list(self.json("registration/versions.json"))

    @property
    def last(self) -> Any:
        return self.documents[max(self.documents)]

    @cached_property
    def sessions(self) -> dict[str, Any]:
        return {s["participant"]: s for s in self.lines("evidence/sessions.jsonl")}

    @cached_property
    def pages(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for page in self.lines("evidence/submissions.jsonl"):
            found.setdefault(page["participant"], []).append(page)
        return found

    @cached_property
    def places(self) -> pd.DataFrame:
        return self.table("registration/schedule.csv")

    @cached_property
    def place_of(self) -> dict[tuple[str, int], dict[str, str]]:
        return {(r["stratum"], int(r["number"])): r for r in self.places.to_dict("records")}

    @cached_property
    def people(self) -> pd.DataFrame:
        book = self.table("data/codebook.csv")
        kinds = dict(
            zip(*(book.loc[book["table"] == "participants", c] for c in ("column", "type")), strict=True)
        )
        raw = self.table("data/table-participants_data.csv")
        return raw.apply(lambda column: column.map(lambda cell: typed(cell, kinds.get(column.name, "text"))))

    @cached_property
    def analysed(self) -> tuple[set[str], set[str], dict[str, dict[str, Any]]]:
        return analysed(self)


def typed(cell: str, kind: str) -> Any:
    if cell == "":
        return None
    return {
        "boolean": lambda: cell == "true",
        "integer": lambda: int(cell),
        "number": lambda: float(cell),
    }.get(kind, lambda: cell)()


# ---- hashes and chains


def manifest(f: Folder) -> Truths:
    lines = (f.root / "MANIFEST.sha256").read_text(encoding="utf-8").split("\n")[:-1]
    told = {line[66:]: line[:64] for line in lines}
    yield all(line[64:66] == "  " for line in lines)
    yield told == {path: digest for path, digest in f.files.items() if path != "MANIFEST.sha256"}


def files(f: Folder) -> Truths:
    entries = [e for e in f.log if e["action"] == "bundled"]
    yield bool(entries)
    if entries:
        code = sorted(path for path in f.files if path.startswith("code/"))
        now = {p: d for p, d in f.files.items() if p not in AFTER_THE_LOG and p not in code}
        now["code/"] = sha("".join(f"{f.files[path]}  {path}\n" for path in code))
        yield entries[-1]["data"]["files"] == now


def registration(f: Folder) -> Truths:
    about = f.json("bundle.json")
    yield [v["version"] for v in f.versions] == list(range(1, len(f.versions) + 1))
    for v in f.versions:
        data = (f.root / f"registration/v{v['version']}.json").read_bytes()
        action = "registered" if v["version"] == 1 else "amended"
        entries = [e["data"] for e in f.log if e["action"] == action and e["data"]["version"] == v["version"]]
        yield sha(data) == v["sha256"]
        yield rfc8785.dumps(json.loads(data)) == data
        yield len(entries) == 1
        names = ("sha256", "seed_commitment", *(("reason", "difference") if v["version"] > 1 else ()))
        yield all(entry[name] == v[name] for entry in entries for name in names)
    yield sum(e["action"] in ("registered", "amended") for e in f.log) == len(f.versions)
    yield (about["registration_sha256"], about["seed_commitment"]) == (
        f.versions[0]["sha256"],
        f.versions[0]["seed_commitment"],
    )


def seed(f: Folder) -> Truths:
    revealed = (f.root / "registration/seed.txt").read_text().strip()
    yield {sha(revealed)} == {v["seed_commitment"] for v in f.versions}


def log(f: Folder) -> Truths:
    about, before = f.json("bundle.json"), "0" * 64
    names = ("number", "at", "actor", "action", "data", "previous")
    for number, entry in enumerate(f.log, start=1):
        yield entry["number"] == number
        yield entry["previous"] == before
        yield set(entry) == {*names, "link"}
        yield sha(rfc8785.dumps({"study": about["study"], **{n: entry[n] for n in names}})) == entry["link"]
        before = entry["link"]
    yield about["log_head"] == before
    counts = Counter(e["action"] for e in f.log)
    yield all(counts[action] == 1 for action in ("registered", "opened", "closed", "sealed"))


def seal(f: Folder) -> Truths:
    told = next(e["data"] for e in f.log if e["action"] == "sealed")
    rows = [f.sessions[code] for code in sorted(f.sessions)]
    yield told["sessions"] == len(rows)
    yield told["submissions"] == sum(row["submitted"] for row in rows)
    yield told["heads_sha256"] == sha(
        "".join(f"{r['participant']} {r['head']} {r['submitted']}\n" for r in rows)
    )


def chain(f: Folder) -> Truths:
    yield set(f.pages) <= set(f.sessions)
    for code, session in f.sessions.items():
        before, pages = "", f.pages.get(code, [])
        yield [page["number"] for page in pages] == list(range(1, session["submitted"] + 1))
        for page in pages:
            parts = (
                before,
                *(page[n] for n in ("number", "page", "attempt", "shown_at", "received_at", "commitment")),
            )
            yield sha("\n".join(map(str, parts))) == page["link"]
            yield (page["state"] == "erased") == bool(session["erased_at"])
            yield page["state"] in ("open", "erased", "withheld")
            if page["state"] == "open":
                yield sha(page["salt"].encode() + rfc8785.dumps(page["payload"])) == page["commitment"]
            before = page["link"]
        yield before == session["head"]


# ---- what people met


def schedule(f: Folder) -> Truths:
    places = f.place_of
    drawn = dict(draw(f.last, bytes.fromhex((f.root / "registration/seed.txt").read_text().strip())))
    yield set(places) == set(drawn)
    for key in set(places) & set(drawn):
        yield {name: places[key][name] for name in ("block", "arm", "item_order", "hedged")} == drawn[key]
    holders = Counter(row["participant"] for row in places.values() if row["participant"])
    yield all(count == 1 for count in holders.values())
    for (stratum, number), row in places.items():
        session = f.sessions.get(row["participant"])
        yield row["state"] in (("held", "done") if row["participant"] else ("free",))
        yield not row["participant"] or session is not None
        if session:
            yield (session["stratum"], session["slot"]) == (stratum, number)
            yield row["state"] != "done" or session["outcome"] == "complete"


class Stream:
    """The random words of a label."""

    def __init__(self, key: bytes, *label: object) -> None:
        self.key, self.label, self.block, self.left = key, "\n".join(map(str, label)).encode(), 0, b""

    def below(self, n: int) -> int:
        while True:
            if not self.left:
                message = self.label + b"\0" + self.block.to_bytes(8, "big")
                self.left, self.block = hmac.new(self.key, message, "sha256").digest(), self.block + 1
            word, self.left = int.from_bytes(self.left[:8], "big"), self.left[8:]
            if word < 2**64 - 2**64 % n:
                return word % n

    def shuffle(self, values: list[Any]) -> list[Any]:
        for i in range(len(values) - 1, 0, -1):
            j = self.below(i + 1)
            values[i], values[j] = values[j], values[i]
        return values


def draw(document: dict[str, Any], key: bytes) -> Iterator[tuple[tuple[str, int], dict[str, str]]]:
    """By stratum and number: block, arm, item order, phrased items. (For documents without strata.)"""
    plan = document["randomisation"]
    assert not plan["strata"]
    block = [arm["id"] for arm in document["arms"] for _ in range(arm["weight"] * plan["repeats"])]
    size, count = len(block), document["sample"]["target"]
    arms = [
        arm
        for b in range(math.ceil(count / size))
        for arm in Stream(key, "arms", "", b + 1).shuffle(list(block))
    ]
    served: Counter[str] = Counter()
    for number, name in enumerate(arms[:count], start=1):
        arm = next(a for a in document["arms"] if a["id"] == name)
        trials = [
            s for s in document["flow"] if s["kind"] == "trials" and (not s["arms"] or name in s["arms"])
        ]
        met = [
            i["id"]
            for i in document["items"]
            if not trials or any(s["items"] == "all" or i["id"] in s["items"] for s in trials)
        ]
        order = Stream(key, "order", "", number).shuffle(list(met)) if plan["item_order"] == "random" else met
        hedged = phrased(document, arm, [i for i in document["items"] if i["id"] in met], key, served[name])
        served[name] += 1
        yield (
            ("", number),
            {
                "block": str((number - 1) // size + 1),
                "arm": name,
                "item_order": "|".join(order),
                "hedged": "|".join(hedged),
            },
        )


def phrased(
    document: dict[str, Any], arm: dict[str, Any], met: list[Any], key: bytes, turn: int
) -> list[str]:
    plain = {"plain", *(p["id"] for p in document["phrasings"] if p["direction"] == "plain")}
    if not arm["advice"] or arm["phrasing"] in plain:
        return []
    able = [i for i in met if i["advice"] and i["advice"]["answer"] != "unsure"]
    n, k = len(able), len(able) if arm["hedged"]["count"] == "all" else arm["hedged"]["count"]
    if k in (0, n):
        return [i["id"] for i in able[:k]]
    cells: dict[Any, list[str]] = {}
    for item in able:
        cells.setdefault(tuple(label(item, name) for name in arm["hedged"]["balance"]), []).append(item["id"])
    cycle, q = divmod(turn, n // math.gcd(n, k))
    stream = Stream(key, "hedged", "", arm["id"], cycle + 1)
    listed = stream.shuffle([stream.shuffle(cell) for cell in cells.values()])
    wheel: list[str] = []
    taken = [0] * len(listed)
    for p in range(n):
        ready = [
            c for c, cell in enumerate(listed) if taken[c] < len(cell) and taken[c] * n // len(cell) <= p
        ]
        chosen = min(ready, key=lambda c: math.ceil((taken[c] + 1) * n / len(listed[c])))
        wheel.append(listed[chosen][taken[chosen]])
        taken[chosen] += 1
    carried = {wheel[(q * k + step) % n] for step in range(k)}
    return [i["id"] for i in able if i["id"] in carried]


def label(item: dict[str, Any], name: str) -> Any:
    if name == "truth":
        return item["truth"]
    return right(item) if name == "ai_correct" else item["tags"][name]


def right(item: dict[str, Any]) -> bool | None:
    advice = item["advice"]["answer"] if item["advice"] else None
    if advice in (None, "unsure"):
        return None
    return same_side(advice, item["truth"]) if item["kind"] == "probability" else advice == item["truth"]


def same_side(a: float, b: float) -> bool | None:
    return None if 50 in (a, b) else (a > 50) == (b > 50)


def say(document: dict[str, Any], text: Any, language: str) -> str:
    return text if isinstance(text, str) else text.get(language) or text[document["languages"][0]]


def consent(f: Folder) -> Truths:
    for code, pages in f.pages.items():
        document = f.documents[f.sessions[code]["registration"]]
        texts = {s["id"]: s["text"] for s in document["flow"] if s["kind"] == "consent"}
        for page in pages:
            if page["page"] in texts and page["state"] == "open":
                yield page["payload"]["text_sha256"] == sha(
                    say(document, texts[page["page"]], f.sessions[code]["language"])
                )


def words(document: dict[str, Any], arm: Any, item: Any, hedged: bool, language: str) -> tuple[str, str]:
    """Phrasing and text of the AI's answer."""
    advice, known = item["advice"], {p["id"]: p for p in document["phrasings"]}
    lead, body = say(document, advice["lead"], language), say(document, advice["body"], language)
    chosen = known.get(arm["phrasing"]) if hedged and advice["answer"] != "unsure" else None
    if chosen is None:
        return "plain", " ".join(
            t for t in (lead, body.replace("{phrase} ", "").replace("{phrase}", "")) if t
        )
    if item["id"] in chosen.get("answers", {}):
        return chosen["id"], say(document, chosen["answers"][item["id"]], language)
    steps = [s for s in chosen.get("by_probability", []) if s["least"] <= (advice["probability"] or 0)]
    phrase = max(steps, key=lambda s: s["least"])["text"] if steps else chosen["text"]
    phrase = say(document, chosen["items"].get(item["id"], phrase), language)
    if chosen["placement"] == "inline" and phrase:
        return chosen["id"], " ".join(t for t in (lead, body.replace("{phrase}", phrase)) if t)
    body = body.replace("{phrase} ", "").replace("{phrase}", "")
    if chosen["placement"] == "prefix":
        parts = (phrase or lead, body)
    else:
        if chosen["placement"] == "numeric":
            phrase = phrase.replace("{probability}", f"{advice['probability']:g}")
        parts = (lead, body, phrase)
    return chosen["id"], " ".join(t for t in parts if t)


def stimuli(f: Folder) -> Truths:
    due: dict[tuple[Any, ...], Any] = {}
    for version, d in f.documents.items():
        for arm in (a for a in d["arms"] if a["advice"]):
            for item in (i for i in d["items"] if i["advice"]):
                for hedged in (False,) if item["advice"]["answer"] == "unsure" else (False, True):
                    for language in d["languages"]:
                        phrasing, text = words(d, arm, item, hedged, language)
                        key = (version, arm["id"], item["id"], hedged, language)
                        due[key] = (phrasing, text, say(d, item["question"], language), sha(text))
    names = ("registration", "arm", "item", "hedged", "language")
    rows = f.lines("stimuli/stimuli.jsonl")
    told = {tuple(r[n] for n in names): (r["phrasing"], r["text"], r["question"], r["sha256"]) for r in rows}
    yield told == due


# ---- tables, counts, results


def data(f: Folder) -> Truths:
    people = f.table("data/table-participants_data.csv")
    trials = f.table("data/table-trials_data.csv")
    responses = f.table("data/table-responses_data.csv")
    yield sorted(people["participant"]) == sorted(f.sessions)
    known = f.table("data/codebook.csv")
    for name, table in (("participants", people), ("trials", trials)):
        yield not table.shape[0] or set(table) == set(known.loc[known["table"] == name, "column"])
    for row in people.to_dict("records"):
        session = f.sessions.get(row["participant"])
        if session is not None:
            yield from person(f, row, session)
    yield Counter(zip(*(trials[c] for c in ("participant", "item")), strict=True)) == Counter(
        (code, page["page"].split(".")[1]) for code, page in finals(f)
    )
    at = {(code, page["page"].split(".")[1]): page for code, page in finals(f)}
    for row in trials.to_dict("records"):
        if (row["participant"], row["item"]) in at:
            yield from trial(f, row, at[row["participant"], row["item"]])
    said = Counter(
        (code, page["page"], str(page["attempt"]), question, cell(value))
        for code, pages in f.pages.items() for page in pages for question, value in page.get("payload", {}).items()
    )  # fmt: skip
    names = ("participant", "page", "attempt", "question", "value")
    yield said == Counter(zip(*(responses[c] for c in names), strict=True))


def finals(f: Folder) -> Iterator[tuple[str, Any]]:
    for code, pages in f.pages.items():
        for page in pages:
            if page["page"].endswith(".final") and page["state"] != "erased":
                yield code, page


def cell(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return "|".join(map(str, value))
    return value if isinstance(value, str) else f"{value:.15g}"


def person(f: Folder, row: dict[str, str], session: dict[str, Any]) -> Truths:
    document = f.documents[session["registration"]]
    place = f.place_of.get((session["stratum"], session["slot"]), {})
    yield row["arm"] == place.get("arm", "")
    yield row["outcome"] == (session["outcome"] or "unfinished")
    yield row["slot"] == cell(session["slot"])
    pages = [p for p in f.pages.get(row["participant"], []) if p["state"] == "open"]
    yield (
        session["erased_at"] is not None
        or any("withheld" in p["state"] for p in f.pages.get(row["participant"], []))
        or row["trials"] == str(sum(p["page"].endswith(".final") for p in pages))
    )
    answers = {k: v for p in pages if len(p["page"].split(".")) != 3 for k, v in p["payload"].items()}
    for scale in document["scales"]:
        ratings = [answers.get(item["id"]) for item in scale["items"]]
        if scale["id"] in row and None in ratings:
            yield row[scale["id"]] == ""
        elif scale["id"] in row:
            turned = [
                scale["points"] + 1 - r if i["reverse"] else r
                for i, r in zip(scale["items"], ratings, strict=True)
            ]
            yield row[scale["id"]] != "" and abs(float(row[scale["id"]]) - sum(turned) / len(turned)) < 1e-9


def trial(f: Folder, row: dict[str, str], page: dict[str, Any]) -> Truths:
    session = f.sessions[row["participant"]]
    document = f.documents[session["registration"]]
    place = f.place_of[session["stratum"], session["slot"]]
    arm = next(a for a in document["arms"] if a["id"] == place["arm"])
    item = next(i for i in document["items"] if i["id"] == row["item"])
    final, advice = (
        page["payload"]["answer"],
        item["advice"]["answer"] if item["advice"] and arm["advice"] else None,
    )
    yield (row["arm"], row["final"], row["truth"]) == (arm["id"], cell(final), cell(item["truth"]))
    yield row["position"] == str(place["item_order"].split("|").index(row["item"]) + 1)
    if "advice_text" in page["payload"]:
        return
    hedged = advice is not None and row["item"] in place["hedged"].split("|")
    yield row["advice"] == cell(advice)
    yield row["hedged"] == ("" if advice is None else cell(hedged))
    judge = same_side if item["kind"] == "probability" else lambda a, b: a == b
    yield row["agree"] == ("" if advice in (None, "unsure") else cell(judge(final, advice)))
    yield row["correct"] == cell(judge(final, item["truth"]))
    shown = "" if advice is None else sha(words(document, arm, item, hedged, session["language"])[1])
    yield row["stimulus_sha256"] == shown


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b and isinstance(a, bool) == isinstance(b, bool),
    "!=": lambda a, b: a != b or isinstance(a, bool) != isinstance(b, bool),
    "in": lambda a, b: any(a == c and isinstance(a, bool) == isinstance(c, bool) for c in b),
}  # fmt: skip


def analysed(f: Folder) -> tuple[set[str], set[str], dict[str, dict[str, Any]]]:
    """Codes eligible and analysed, and by rule its counts."""
    rows = {
        row["participant"]: row
        for row in f.people.astype(object).where(f.people.notna(), None).to_dict("records")
    }
    every = f.last["plan"]["population"] != "complete"
    eligible = {
        code
        for code, row in rows.items()
        if (row["arm"] is not None if every else row["outcome"] == "complete")
    }
    left, counts = set(eligible), {}
    for rule in f.last["plan"]["exclusions"]:
        asked = [[(w, rows[code][w["column"]]) for w in rule["when"]] for code in sorted(eligible)]
        held = {
            code for code, cells in zip(sorted(eligible), asked, strict=True)
            if all(value is None if w["op"] == "missing" else value is not None and OPERATORS[w["op"]](value, w["value"])
                   for w, value in cells)
        }  # fmt: skip
        out = held & left if rule["action"] == "exclude" else set()
        undecided = sum(any(w["op"] != "missing" and value is None for w, value in cells) for cells in asked)
        gone = dict(Counter(rows[code]["arm"] for code in held & left if rows[code]["arm"] is not None))
        counts[rule["id"]] = {
            "matched": len(held),
            "removed": len(out),
            "undecided": undecided,
            "by_arm": gone,
        }
        left -= out
    return eligible, left, counts


def exclusions(f: Folder) -> Truths:
    eligible, left, counts = f.analysed
    told = f.json("results/results.json")["sample"]
    yield [r["id"] for r in told["rules"]] == [r["id"] for r in f.last["plan"]["exclusions"]]
    for rule in told["rules"]:
        if rule["id"] in counts and not rule["problem"]:
            gone = {arm: count for arm, count in rule["by_arm"].items() if count}
            numbers = {name: rule[name] for name in ("matched", "removed", "undecided")}
            yield numbers | {"by_arm": gone} == counts[rule["id"]]
    yield (told["people"], told["eligible"], told["analysed"]) == (len(f.people), len(eligible), len(left))
    yield told["excluded"] == len(eligible) - len(left)
    arms = Counter(f.people.loc[f.people["participant"].isin(left), "arm"].dropna())
    yield {arm: count for arm, count in told["analysed_by_arm"].items() if count} == dict(arms)
    yield told["trials"] == int(f.table("data/table-trials_data.csv")["participant"].isin(left).sum())


def consort(f: Folder) -> Truths:
    told, people, (_, left, _) = f.json("results/consort.json"), f.people, f.analysed
    assigned = people[people["arm"].notna()]
    yield (told["arrived"], told["assigned"]) == (len(people), len(assigned))
    for name in ("declined", "screened_out", "failed_check", "withdrawn", "full", "unfinished"):
        yield told[name] == int((people.loc[people["arm"].isna(), "outcome"] == name).sum())
    for arm in told["arms"]:
        own = assigned[assigned["arm"] == arm["arm"]]
        yield arm["assigned"] == len(own)
        yield arm["analysed"] == len(left & set(own["participant"]))
        for name, outcome in (
            ("completed", "complete"),
            ("withdrawn", "withdrawn"),
            ("unfinished", "unfinished"),
        ):
            yield arm[name] == int((own["outcome"] == outcome).sum())


def plan(f: Folder) -> Truths:
    told, due = f.json("results/results.json"), f.last["plan"]
    yield told["plan_sha256"] == sha(rfc8785.dumps(due))
    yield told["seed"] == due["seed"]
    for kind in ("hypotheses", "models", "rank_tests"):
        yield {x["id"] for x in told[kind]} == {x["id"] for x in due[kind]}
    given = {h["id"]: h for h in told["hypotheses"]}
    for h in (h for h in due["hypotheses"] if h["id"] in given):
        names = ("sentence", "model", "family", "alpha")
        yield all(given[h["id"]][name] == h[name] for name in names)
        value = h["criterion"]["value"]
        yield given[h["id"]]["reference"] == value
        ends = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
        if h["criterion"]["op"] in ends:
            yield given[h["id"]]["criterion"] == f"{ends[h['criterion']['op']]} {value:g}"
    labels = {o["id"]: o["label"] for o in due["outcomes"]}
    models = {m["id"]: m for m in told["models"]}
    for m in (m for m in due["models"] if m["id"] in models):
        seen = models[m["id"]]
        yield (seen["outcome"], seen["family"], seen["role"]) == (m["outcome"], m["family"], m["role"])
        yield seen["label"] == labels.get(m["outcome"], m["outcome"])
        yield "".join(seen["formula"].split("~")[-1].split()) == "".join(m["formula"].split())


def verdict(f: Folder) -> Truths:
    due, given = f.last["plan"], {h["id"]: h for h in f.json("results/results.json")["hypotheses"]}
    listed = [h for h in due["hypotheses"] if h["id"] in given and h["criterion"]["op"] in OPERATORS]
    p = {h["id"]: p_of(given[h["id"]]["estimate"], h["criterion"]["value"]) for h in listed}
    for h in listed:
        told, family = (
            given[h["id"]],
            sorted(
                (p[k["id"]], k["id"]) for k in listed if k["family"] == h["family"] and p[k["id"]] is not None
            ),
        )
        value, adjusted = p[h["id"]], p[h["id"]]
        if value is not None and due["multiplicity"].get(h["family"], "holm") == "holm":
            steps = [min(1.0, one * (len(family) - place)) for place, (one, _) in enumerate(family)]
            adjusted = max(steps[: [name for _, name in family].index(h["id"]) + 1])
        yield near(told["p"], value)
        yield near(told["p_adjusted"], adjusted)
        if adjusted is None:
            yield told["verdict"] == "not evaluable"
        elif adjusted >= h["alpha"]:
            yield told["verdict"] == "inconclusive"
        else:
            above = told["estimate"]["value"] > h["criterion"]["value"]
            yield told["verdict"] == (
                "supported" if above == (h["criterion"]["op"] in (">", ">=")) else "contradicted"
            )


def p_of(e: dict[str, Any], value: float) -> float | None:
    if e["value"] is None or not e["se"]:
        return None
    t = abs(e["value"] - value) / e["se"]
    return float(2 * (stats.norm.sf(t) if e["df"] is None else stats.t.sf(t, e["df"])))


def near(a: float | None, b: float | None) -> bool:
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)


def results(f: Folder) -> Truths:
    _, left, _ = f.analysed
    trials = f.table("data/table-trials_data.csv")
    trials = trials[trials["participant"].isin(left)]
    asked = {"agreement": ("agree", "true", None), "accuracy": ("correct", "true", None),
             "overreliance": ("agree", "true", "false"), "underreliance": ("agree", "false", "true")}  # fmt: skip
    for told in f.json("results/results.json")["measures"]:
        if list(told["by"]) == ["arm"] and told["measure"] in asked and told["estimate"]["value"] is not None:
            column, wanted, of = asked[told["measure"]]
            own = trials[(trials["arm"] == told["by"]["arm"]) & (trials[column] != "")]
            own = own if of is None else own[own["ai_correct"] == of]
            yield abs(float((own[column] == wanted).mean()) - told["estimate"]["value"]) < 1e-9


def deviations(f: Folder) -> Truths:
    levels: dict[str, set[str]] = {}
    for row in f.json("results/deviations.json"):
        levels.setdefault(row["point"], set()).add(row["level"])
    actions = [e["action"] for e in f.log]
    before = actions[: actions.index("closed")]
    completed = sum(s["outcome"] == "complete" for s in f.sessions.values())
    target, late = f.last["sample"]["target"], int(f.people["late"].eq(True).sum())
    happened = {"Early looks": bool({"unblinded", "analysed"} & set(before)), "Amendments": len(f.versions) > 1,
                "Sample": completed < target or completed - late > target}  # fmt: skip
    if (f.root / "models/calls.jsonl").exists():
        registered = (f.last["model"] or {}).get("name")
        answered = {
            c["model_answered"]
            for c in f.lines("models/calls.jsonl")
            if c["model_answered"] and c.get("kind") != "embedding"
        }
        happened["Language model"] = any(
            not registered or not (n == registered or n.startswith(f"{registered}-")) for n in answered
        )
    for point, did in happened.items():
        found = levels.get(point, set())
        yield bool(found & {"deviation", "note"}) if did else bool(found) and "deviation" not in found
    run = f.json("results/run.json")
    yield run["confirmatory"] and run["registration"] == max(f.documents)


CHECKS = (manifest, files, registration, seed, schedule, log, seal, chain, consent, stimuli, data, exclusions, consort,
          plan, verdict, results, deviations)  # fmt: skip


def kinds(root: Path) -> set[str]:
    """Which checks a bundle fails; one that cannot be made is one that fails."""
    folder, failed = Folder(root), set()
    for check in CHECKS:
        try:
            if not all(check(folder)):
                failed.add(check.__name__)
        except (
            KeyError,
            ValueError,
            TypeError,
            IndexError,
            StopIteration,
            AssertionError,
            AttributeError,
            OSError,
        ):
            failed.add(check.__name__)
    return failed
