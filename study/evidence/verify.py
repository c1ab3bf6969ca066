#!/usr/bin/env python3
"""Check a Heed bundle: `python verify.py BUNDLE`. One file, standard library only, Python 3.10 or later.

BUNDLE is the folder or the zip. Whatever can be worked out again is worked out again from the lowest level there is:
hashes from bytes, links from submissions, the schedule from the seed, tables from submissions, exclusions and counts
from the registered rules, verdicts from estimates. What differs is named. Exit status: 0 nothing found, 1 something
found, 2 no bundle. docs/reference/verifier.md describes every check, so that anybody can write another verifier.

What it cannot see: a folder rewritten as a whole. Against that compare with values that were published when the study
was registered and closed: --registration, --seed-commitment, --head, --manifest; and with participants' receipts: --receipt.
"""

# Read by strangers on any machine, so it is one file, and its few types are said in words.
# mypy: ignore-errors
# ruff: noqa: B905, E501, T201
import argparse
import csv
import hashlib
import hmac
import itertools
import json
import math
import re
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

GENESIS = "0" * 64
TOLERANCE = 1e-9
MOST_SHOWN = 5
LONGEST_CELL = 1 << 30
TABLES = ("participants", "trials", "responses", "events")
PARTICIPANTS = ("participant", "source", "arm", "slot", "block", "stratum", "language", "outcome", "registration",
                "started_at", "consented_at", "ended_at", "seconds", "comprehension_errors", "recognition_hits",
                "recognition_false_alarms", "honeypots", "pastes", "hidden_seconds", "links_opened", "fast_trials", "trials",
                "late")  # fmt: skip
TRIALS = ("participant", "arm", "item", "position", "truth", "advice", "ai_correct", "hedged", "phrasing", "initial",
          "final", "agree", "correct", "initial_agree", "initial_correct", "seconds", "visible_seconds", "links_opened",
          "pastes", "left_page", "stimulus_sha256")  # fmt: skip
"""Columns that these tables have in every study."""


@dataclass
class Few:
    """The first few of many sentences, and how many there are."""

    first: list = field(default_factory=list)
    count: int = 0

    def take(self, sentences):
        for sentence in sentences:
            self.count += 1
            if self.count <= MOST_SHOWN:
                self.first.append(sentence)


@dataclass
class Report:
    """What was found (each a code and a sentence), what was noted, and what was checked."""

    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    checked: list = field(default_factory=list)

    def wrong(self, code, sentence):
        self.findings.append((code, sentence))

    def many(self, code, sentences):
        """The first few of many sentences of one kind, and how many more there are."""
        few = Few()
        few.take(sentences)
        self.told(code, few)

    def told(self, code, few):
        for sentence in few.first:
            self.wrong(code, sentence)
        if few.count > MOST_SHOWN:
            self.wrong(code, f"… and {few.count - MOST_SHOWN} more of this kind.")


# ---- canonical JSON (RFC 8785)

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
SPECIAL = re.compile(r'["\\\x00-\x1f]')


def canonical(value):
    """UTF-8 bytes of a JSON value in RFC 8785's form."""
    return _canonical(value).encode("utf-8")


def _canonical(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        if not SPECIAL.search(value):
            return f'"{value}"'
        return '"' + "".join(ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{_canonical(key)}:{_canonical(value[key])}" for key in keys) + "}"


def number_text(value):
    """A number as ECMAScript writes it: the shortest digits that read back as the same double."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError("JSON has no such number")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len((whole + part).lstrip("0")))
    digits = digits.rstrip("0") or "0"
    sign, k = "-" if value < 0 else "", len(digits)
    if k <= point <= 21:
        return sign + digits + "0" * (point - k)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    return (
        sign
        + digits[0]
        + ("." + digits[1:] if k > 1 else "")
        + "e"
        + ("+" if power > 0 else "-")
        + str(abs(power))
    )


def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


# ---- reading the folder


def no_doubles(pairs):
    """A JSON object; a name that stands twice in it is refused."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


OF_CALLS = ("purpose", "state", "of", "verdict")


def file_of(name):
    """The file of a tidy table."""
    return f"data/table-{name}_data.csv"


class Bundle:
    """The files of a bundle: small ones are read once and kept, tables and submissions are streamed."""

    def __init__(self, root):
        self.root = Path(root)
        self.stimuli, self.names = {}, {}

    def text(self, path):
        return (self.root / path).read_bytes().decode("utf-8")

    def json(self, path):
        return json.loads(self.text(path), object_pairs_hook=no_doubles)

    def lines(self, path):
        """Objects of a file of JSON lines, one after the other."""
        with (self.root / path).open(encoding="utf-8", newline="\n") as file:
            for line in file:
                if not line.endswith("\n"):
                    raise ValueError(f"{path} does not end with a newline")
                yield json.loads(line, object_pairs_hook=no_doubles)

    def rows(self, path):
        """Rows of a CSV file as dictionaries of text, one after the other."""
        with (self.root / path).open(encoding="utf-8", newline="") as file:
            found = csv.reader(file, strict=True)
            head = next(found)
            if len(set(head)) != len(head):
                raise ValueError(f"{path}: a column stands twice")
            for row in found:
                if len(row) != len(head):
                    raise ValueError(f"{path}: columns are not the same in all rows")
                yield dict(zip(head, row))

    def head(self, path):
        """Names of a CSV file's columns."""
        with (self.root / path).open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file, strict=True))

    @cached_property
    def about(self):
        return self.json("bundle.json")

    @cached_property
    def versions(self):
        return self.json("registration/versions.json")

    @cached_property
    def documents(self):
        """The registered documents by version."""
        return {v["version"]: self.json(f"registration/v{v['version']}.json") for v in self.versions}

    @cached_property
    def document(self):
        """The document that was in force at the end."""
        return self.documents[max(self.documents)]

    @cached_property
    def log(self):
        return list(self.lines("log/audit.jsonl"))

    @cached_property
    def sessions(self):
        return {row["participant"]: row for row in self.lines("evidence/sessions.jsonl")}

    @cached_property
    def calls(self):
        """Of the model calls by id what is asked below; none where the study made none."""
        path = "models/calls.jsonl"
        rows = self.lines(path) if (self.root / path).exists() else ()
        return {row.get("id"): {k: row[k] for k in OF_CALLS if k in row} for row in rows}

    @cached_property
    def verdicts(self):
        """What a model said that a live answer says, by the answer's call."""
        return {row["of"]: row["verdict"] for row in self.calls.values() if "verdict" in row}

    @cached_property
    def schedule(self):
        rows = self.rows("registration/schedule.csv")
        return {(row["stratum"], int(row["number"])): row for row in rows}

    @cached_property
    def types(self):
        rows = self.rows("data/codebook.csv")
        return {(row["table"], row["column"]): row for row in rows}

    @cached_property
    def people(self):
        """By participant what rules and counts ask of them, typed by the codebook."""
        asked = {rule["column"] for e in self.document["plan"]["exclusions"] for rule in e["when"]}
        asked |= {"participant", "outcome", "arm", "late", "trials"}
        columns = [c for c in self.head(file_of("participants")) if c in asked]
        types = {c: self.types["participants", c] for c in columns}
        rows = self.rows(file_of("participants"))
        return {row["participant"]: {c: typed(row[c], types[c]) for c in columns} for row in rows}

    @cached_property
    def analysed(self):
        return analysed(self)

    @cached_property
    def walk(self):
        return walk(self)

    @cached_property
    def tallies(self):
        return tallies(self)

    @cached_property
    def results(self):
        return self.json("results/results.json")

    @cached_property
    def deviations(self):
        return self.json("results/deviations.json")


# ---- 1. the manifest


def check_manifest(bundle, report):
    """Every file is there, unchanged, and nothing else is."""
    listed, told = {}, (bundle.root / "MANIFEST.sha256").read_bytes().decode("utf-8")
    for line in told.splitlines(keepends=True):
        found = re.fullmatch(r"([0-9a-f]{64})  (\S[^\n\r]*)\n", line)
        if not found:
            report.wrong("manifest", f"MANIFEST.sha256 holds a line that is none: {line[:40]!r}.")
            continue
        listed[found[2]] = found[1]
    there = dict(files(bundle))
    there.pop("MANIFEST.sha256", None)
    report.many("manifest", (f"{name} is missing." for name in sorted(set(listed) - set(there))))
    report.many("manifest", (f"{name} is not in the manifest." for name in sorted(set(there) - set(listed))))
    report.many(
        "manifest",
        (
            f"{name} was changed."
            for name in sorted(set(there) & set(listed))
            if _file_sha256(there[name]) != listed[name]
        ),
    )


def files(bundle):
    """Path and place of every file; what a notebook leaves behind when it runs aside."""
    for path in bundle.root.rglob("*"):
        name = path.relative_to(bundle.root).as_posix()
        if path.is_file() and "__pycache__/" not in name and ".ipynb_checkpoints" not in name:
            yield name, path


def _file_sha256(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


# ---- 2. registration and seed


def check_registration(bundle, report):
    """The documents are the registered ones: bytes, hash, and what the log says about both."""
    numbers = [v["version"] for v in bundle.versions]
    if numbers != list(range(1, len(numbers) + 1)):
        report.wrong("registration", f"Versions are {numbers}: one is missing or out of order.")
    entries = {e["data"].get("version"): e for e in bundle.log if e["action"] in ("registered", "amended")}
    if set(entries) != set(numbers):
        report.wrong(
            "registration", f"The log tells of versions {sorted(entries)}, the folder holds {numbers}."
        )
    for known in bundle.versions:
        _check_version(bundle, known, entries.get(known["version"]), report)


def _check_version(bundle, known, entry, report):
    n, path = known["version"], f"registration/v{known['version']}.json"
    data = (bundle.root / path).read_bytes()
    found = sha256(data)
    if found != known["sha256"]:
        report.wrong(
            "registration", f"Version {n}: the document's hash is {found}, registered was {known['sha256']}."
        )
    if canonical(json.loads(data)) != data:
        report.wrong("registration", f"Version {n} is not in canonical form.")
    if known["seed_commitment"] != bundle.versions[0]["seed_commitment"]:
        report.wrong("seed", f"Version {n} names another commitment to the seed.")
    if entry is None:
        return
    for name in ("sha256", "seed_commitment"):
        if entry["data"].get(name) != known[name]:
            report.wrong(
                "registration", f"Version {n}: the log's entry {entry['number']} says another {name}."
            )
    if found != entry["data"].get("sha256"):
        report.wrong(
            "registration", f"Version {n}: the document is not the one that the log recorded ({found})."
        )
    for name in ("reason", "difference"):
        if n > 1 and entry["data"].get(name) != known[name]:
            report.wrong("registration", f"Version {n}: the log tells another {name} of the amendment.")
    if n > 1:
        report.notes.append(f"Amended: version {n}, {known['reason']} ({len(known['difference'])} changes).")


def check_seed(bundle, report):
    """The revealed seed is the one that was committed to."""
    seed = bundle.text("registration/seed.txt").strip()
    promised = bundle.versions[0]["seed_commitment"]
    if sha256(seed) != promised:
        report.wrong("seed", f"The seed does not match its commitment {promised}.")
    if (
        bundle.about["seed_commitment"] != promised
        or bundle.about["registration_sha256"] != bundle.versions[0]["sha256"]
    ):
        report.wrong(
            "registration", "bundle.json names another registration or commitment than registration/."
        )


# ---- 3. the schedule (docs/reference/schedule.md)


def words(seed, *label):
    """64-bit words of HMAC-SHA256(seed, label, 0x00, counter)."""
    start = "\n".join(map(str, label)).encode() + b"\x00"
    for counter in itertools.count():
        block = hmac.digest(seed, start + counter.to_bytes(8, "big"), "sha256")
        yield from (int.from_bytes(block[i : i + 8], "big") for i in (0, 8, 16, 24))


def shuffled(stream, values):
    values = list(values)
    for last in range(len(values) - 1, 0, -1):
        n = last + 1
        limit = 2**64 - 2**64 % n
        other = next(word for word in stream if word < limit) % n
        values[last], values[other] = values[other], values[last]
    return values


def places(document, seed):
    """Every place: stratum, number, block, arm, item order, items that carry the phrasing."""
    key, draw = bytes.fromhex(seed), document["randomisation"]
    for stratum in strata(document):
        wheels = {arm["id"]: phrased(document, arm, key, stratum) for arm in document["arms"]}
        drawn = drawn_arms(document, key, stratum)
        for number, (block, arm) in enumerate(itertools.islice(drawn, document["sample"]["target"]), start=1):
            order = [item["id"] for item in items_met(document, arm)]
            if draw["item_order"] == "random":
                order = shuffled(words(key, "order", stratum, number), order)
            yield stratum, number, block, arm, order, next(wheels[arm])


def drawn_arms(document, key, stratum):
    one = [
        a["id"] for a in document["arms"] for _ in range(a["weight"] * document["randomisation"]["repeats"])
    ]
    for block in itertools.count(1):
        for arm in shuffled(words(key, "arms", stratum, block), one):
            yield block, arm


def strata(document):
    names = document["randomisation"]["strata"]
    asked = {q["id"]: q for stage in document["flow"] for q in reversed(stage.get("questions") or [])}
    return [
        "|".join(parts)
        for parts in itertools.product(*([o["id"] for o in asked[n]["options"]] for n in names))
    ]


def items_met(document, arm):
    stages = [s for s in document["flow"] if s["kind"] == "trials"]
    if not stages:
        return document["items"]
    named = [s["items"] for s in stages if not s["arms"] or arm in s["arms"]]
    return [item for item in document["items"] if any(n == "all" or item["id"] in n for n in named)]


def phrased(document, arm, key, stratum):
    """Items that carry the phrasing, place by place of one arm and stratum."""
    plain = {"plain"} | {p["id"] for p in document["phrasings"] if p["direction"] == "plain"}
    able = []
    if arm["advice"] and arm["phrasing"] not in plain:
        able = [
            i for i in items_met(document, arm["id"]) if i["advice"] and i["advice"]["answer"] != "unsure"
        ]
    n = len(able)
    count = n if arm["hedged"]["count"] == "all" else arm["hedged"]["count"]
    if n == 0 or count in (0, n):
        yield from itertools.repeat([i["id"] for i in able[:count]])
    cells = {}
    for item in able:
        cells.setdefault(tuple(balance_label(item, name) for name in arm["hedged"]["balance"]), []).append(
            item["id"]
        )
    for cycle in itertools.count(1):
        wheel = spread(list(cells.values()), words(key, "hedged", stratum, arm["id"], cycle))
        for q in range(n // math.gcd(n, count)):
            taken = {wheel[(q * count + step) % n] for step in range(count)}
            yield [i["id"] for i in able if i["id"] in taken]


def balance_label(item, name):
    if name == "truth":
        return str(item["truth"])
    return str(ai_correct(item) if name == "ai_correct" else item["tags"][name])


def spread(cells, stream):
    queues = shuffled(stream, [shuffled(stream, cell) for cell in cells])
    n, used, wheel = sum(map(len, queues)), [0] * len(queues), []
    for p in range(n):
        ready = [
            c for c, queue in enumerate(queues) if used[c] < len(queue) and used[c] * n // len(queue) <= p
        ]
        c = min(ready, key=lambda c: -(-(used[c] + 1) * n // len(queues[c])))
        wheel.append(queues[c][used[c]])
        used[c] += 1
    return wheel


def check_schedule(bundle, report):
    """The schedule is what the seed gives under the registered document; places are held by people who exist."""
    left = dict(bundle.schedule)
    problems = []
    for stratum, number, block, arm, order, hedged in places(
        bundle.document, bundle.text("registration/seed.txt").strip()
    ):
        row, name = left.pop((stratum, number), None), f"Place {number}{f' of {stratum}' if stratum else ''}"
        if row is None:
            problems.append(f"{name} is missing.")
            continue
        due = {"block": str(block), "arm": arm, "item_order": "|".join(order), "hedged": "|".join(hedged)}
        problems += [
            f"{name}: {k} is {row[k]!r}, the seed gives {v!r}." for k, v in due.items() if row[k] != v
        ]
    problems += [f"Place {number} of '{stratum}' is not in the schedule." for stratum, number in left]
    report.many("schedule", problems)
    report.many("schedule", _holders(bundle))


def _holders(bundle):
    holders = Counter(row["participant"] for row in bundle.schedule.values() if row["participant"])
    yield from (f"{code} holds {n} places." for code, n in holders.items() if n > 1)
    for (stratum, number), row in bundle.schedule.items():
        code, name = row["participant"], f"Place {number}{f' of {stratum}' if stratum else ''}"
        session = bundle.sessions.get(code)
        if bool(code) == (row["state"] == "free") or row["state"] not in ("free", "held", "done"):
            yield f"{name} is {row['state']}, and its holder is {code or 'nobody'}."
        elif code and session is None:
            yield f"{name} is held by {code}, of whom there is no session: a participant was removed."
        elif code and (session["stratum"], session["slot"]) != (stratum, number):
            yield f"{name} is held by {code}, whose session says another place."
        elif row["state"] == "done" and session["outcome"] != "complete":
            yield f"{name} is done, but {code} ended as '{session['outcome'] or 'unfinished'}'."


# ---- 4. the log


def check_log(bundle, report):
    """Entries are numbered without gaps and each is chained to the one before."""
    previous = GENESIS
    for number, entry in enumerate(bundle.log, start=1):
        if entry["number"] != number:
            report.wrong("log", f"Entry {number} is missing or out of order (found {entry['number']}).")
            break
        content = {k: entry[k] for k in ("number", "at", "actor", "action", "data", "previous")}
        if entry["previous"] != previous:
            report.wrong("log", f"Entry {number} does not follow the entry before it.")
        if (
            set(entry) != {*content, "link"}
            or sha256(canonical(content | {"study": bundle.about["study"]})) != entry["link"]
        ):
            report.wrong("log", f"Entry {number} ({entry['action']}) was changed.")
        previous = entry["link"]
    if bundle.about["log_head"] != previous:
        report.wrong(
            "log",
            f"The log ends with {previous}, bundle.json says {bundle.about['log_head']}: cut or added to.",
        )
    actions = [e["action"] for e in bundle.log]
    for needed in ("registered", "opened", "closed", "sealed"):
        if actions.count(needed) != 1:
            report.wrong("log", f"The log has {actions.count(needed)} entries '{needed}'; there must be one.")


UNVOUCHED = ("MANIFEST.sha256", "bundle.json", "README.md", "log/audit.jsonl", "datapackage.json", "croissant.json",
             "ro-crate-metadata.json", "dataset_description.json", ".psychds-ignore")  # fmt: skip
"""Files that name the log's last link, or are written after it."""


def check_files(bundle, report):
    """The log's last entry `bundled` vouches for every file that was written before it."""
    entries = [e for e in bundle.log if e["action"] == "bundled"]
    if not entries:
        report.wrong("files", "The log has no entry 'bundled': its end was cut, or no file is vouched for.")
        return
    entry = entries[-1]
    told, where = entry["data"]["files"], f"the log's entry {entry['number']} (bundled)"
    there = {name: path for name, path in files(bundle) if name not in UNVOUCHED}
    code = "".join(
        f"{_file_sha256(there[name])}  {name}\n" for name in sorted(there) if name.startswith("code/")
    )
    found = {name: _file_sha256(path) for name, path in there.items() if not name.startswith("code/")}
    found["code/"] = sha256(code)
    report.many(
        "files",
        (f"{n} is not what {where} recorded." for n in sorted(set(found) & set(told)) if found[n] != told[n]),
    )
    report.many("files", (f"{n} is gone: {where} recorded it." for n in sorted(set(told) - set(found))))
    report.many(
        "files", (f"{n} was added: {where} does not know it." for n in sorted(set(found) - set(told)))
    )


def check_seal(bundle, report):
    """The log vouches for everybody's last link, and for how many people and submissions there were."""
    actions = [e["action"] for e in bundle.log]
    sealed, between = (
        bundle.log[actions.index("sealed")],
        actions.index("sealed") - actions.index("closed") - 1,
    )
    if between:
        report.notes.append(
            f"Sealed on {sealed['at'][:10]}, {between} entries of the log after the study was closed."
        )
    sealed = sealed["data"]
    rows = sorted(bundle.sessions.values(), key=lambda row: row["participant"])
    told = "".join(f"{row['participant']} {row['head']} {row['submitted']}\n" for row in rows)
    if len(rows) != sealed["sessions"]:
        report.wrong(
            "seal", f"{len(rows)} people in the folder, {sealed['sessions']} when the log was sealed."
        )
    if sum(row["submitted"] for row in rows) != sealed["submissions"]:
        report.wrong(
            "seal",
            f"The log was sealed over {sealed['submissions']} submissions; the sessions name another number.",
        )
    if sha256(told) != sealed["heads_sha256"]:
        report.wrong(
            "seal",
            "The last links are not those that the log was sealed with: answers or people were changed.",
        )


# ---- 5. submissions


def check_chains(bundle, report):
    """Each person's pages are chained, complete, and hold what was committed to."""
    bundle.walk.tell(report, "chain", "chain")


def _chain(code, session, rows):
    previous = ""
    for number, row in enumerate(rows, start=1):
        name = f"{code}, page {row['number']} ({row['page']})"
        if row["number"] != number:
            yield f"{code}: submission {number} is missing or out of order."
            return
        fields = [
            previous,
            number,
            row["page"],
            row["attempt"],
            row["shown_at"],
            row["received_at"],
            row["commitment"],
        ]
        if sha256("\n".join(map(str, fields))) != row["link"]:
            yield f"{name}: page, times or order were changed."
        if row["state"] == "open":
            if sha256(row["salt"].encode() + canonical(row["payload"])) != row["commitment"]:
                yield f"{name}: the answers are not those that were committed to."
        elif row["state"] == "erased" and not session["erased_at"]:
            yield f"{name}: the answers are gone, and nobody had them erased."
        elif row["state"] not in ("erased", "withheld") or "payload" in row:
            yield f"{name}: state '{row['state']}' does not fit what is there."
        if row["state"] != "erased" and session["erased_at"]:
            yield f"{name}: erased, but the answers are here."
        previous = row["link"]
    if previous != session["head"] or len(rows) != session["submitted"]:
        yield f"{code}: {len(rows)} pages, {session['submitted']} were accepted; the last link is another."


def check_consent(bundle, report):
    """Everybody agreed to the registered text, word for word."""
    bundle.walk.tell(report, "consent", "consent")


def _consent(bundle, code, session, rows):
    document = bundle.documents[session["registration"]]
    stages = {s["id"]: s for s in document["flow"] if s["kind"] == "consent"}
    for row in rows:
        if row["page"] in stages and row["state"] == "open":
            text = say(document, stages[row["page"]]["text"], session["language"])
            if row["payload"]["text_sha256"] != sha256(text):
                yield f"{code} agreed to another text than the registered one."


# ---- 5b. one walk over everybody


class Disorder(Exception):
    """A file does not have its people in the order of the sessions."""


class Groups:
    """A file's rows person by person. Streamed where people come in the order of the sessions, which keeps one person
    in memory; sorted before, in memory, where they do not."""

    def __init__(self, rows, places, streamed):
        self.places, self.kept = places, None
        self.groups = itertools.groupby(rows, key=lambda row: row["participant"])
        self.next = None
        if streamed:
            self._step(-1)
        else:
            self.kept = {}
            for code, group in self.groups:
                self.kept.setdefault(code, []).extend(group)

    def _step(self, place):
        code, rows = next(self.groups, (None, ()))
        if code is not None and self.places.get(code, -1) <= place:
            raise Disorder
        self.next = (code, rows)

    def of(self, code):
        """Rows of the person whose turn it is."""
        if self.kept is not None:
            return self.kept.pop(code, [])
        if self.next[0] != code:
            return []
        rows = list(self.next[1])
        self._step(self.places[code])
        return rows

    def others(self):
        """People of whom there is no session."""
        return list(self.kept or ())


class Walk:
    """What was found by going once through everybody's sessions, pages and rows."""

    def __init__(self):
        self.few, self.broken = {}, {}

    def tell(self, report, code, name):
        """Say what was found; raises what stopped this check on the way."""
        report.told(code, self.few.get(name, Few()))
        if name in self.broken:
            raise self.broken[name]

    def take(self, name, sentences):
        if name in self.broken:
            return
        try:
            self.few.setdefault(name, Few()).take(sentences)
        except BROKEN as error:
            self.broken[name] = error


def walk(bundle):
    """Everybody's pages and rows, person by person."""
    try:
        return _walked(bundle, streamed=True)
    except Disorder:
        return _walked(bundle, streamed=False)


def _walked(bundle, streamed):
    places = {code: place for place, code in enumerate(bundle.sessions)}
    files = {name: Groups(bundle.rows(file_of(name)), places, streamed) for name in TABLES}
    files["pages"] = Groups(bundle.lines("evidence/submissions.jsonl"), places, streamed)
    seen = Walk()
    for code, session in bundle.sessions.items():
        own = {name: groups.of(code) for name, groups in files.items()}
        pages = own["pages"]
        seen.take("chain", _chain(code, session, pages))
        seen.take("consent", _consent(bundle, code, session, pages))
        seen.take("varied", _varied(bundle, code, session, pages))
        if "tables" in seen.broken:
            continue
        try:
            person = Person(bundle, code, pages, own["events"])
        except BROKEN as error:
            seen.broken["tables"] = error
            continue
        for name, check in (("participants", _participant), ("trials", _trials), ("responses", _responses)):
            seen.take(name, check(bundle, person, own[name]))
    seen.take("chain", (f"{code} has pages but no session." for code in files["pages"].others()))
    for name in TABLES[:-1]:
        seen.take(name, (f"table-{name}_data.csv: {code} has no session." for code in files[name].others()))
    return seen


# ---- 6. stimuli


def say(document, text, language):
    if isinstance(text, str):
        return text
    for wanted in (language, document["languages"][0]):
        if wanted in text:
            return text[wanted]
    return next(iter(text.values()), "")


def stimulus(document, item, arm, hedged, language):
    """(phrasing, text) of the AI's words."""
    phrasings = {"plain": {"id": "plain", "placement": "prefix", "text": "", "items": {}}}
    phrasings |= {p["id"]: p for p in document["phrasings"]}
    advice = item["advice"]
    chosen = phrasings[arm["phrasing"] if hedged and advice["answer"] != "unsure" else "plain"]
    if item["id"] in chosen.get("answers", {}):
        return chosen["id"], say(document, chosen["answers"][item["id"]], language)
    reached = [s for s in chosen.get("by_probability", []) if s["least"] <= (advice["probability"] or 0)]
    words = max(reached, key=lambda s: s["least"])["text"] if reached else chosen["text"]
    phrase = say(document, chosen["items"].get(item["id"], words), language)
    placement, lead = chosen["placement"], say(document, advice["lead"], language)
    if placement == "numeric":
        phrase = phrase.replace("{probability}", f"{advice['probability']:g}")
    body = say(document, advice["body"], language)
    if placement == "inline" and phrase:
        body = body.replace("{phrase}", phrase)
    else:
        body = body.replace("{phrase} ", "").replace("{phrase}", "")
    before = phrase if placement == "prefix" else ""
    after = phrase if placement in ("suffix", "numeric") else ""
    parts = (before, "" if before else lead, body, after)
    return chosen["id"], " ".join(part for part in parts if part)


def check_stimuli(bundle, report):
    """Every text is what the registered document makes of item, arm and phrasing."""
    given = {}
    for row in bundle.lines("stimuli/stimuli.jsonl"):
        given[row["registration"], row["arm"], row["item"], row["hedged"], row["language"]] = row
    problems = []
    for key, (phrasing, text, question) in stimuli(bundle):
        row, name = (
            given.pop(key, None),
            f"Stimulus {key[2]} in {key[1]}{' with its phrase' if key[3] else ''} ({key[4]})",
        )
        if row is None:
            problems.append(f"{name} is missing.")
        elif (row["phrasing"], row["text"], row["question"]) != (phrasing, text, question):
            problems.append(f"{name} is not the registered text.")
        elif row["sha256"] != sha256(row["text"]):
            problems.append(f"{name}: its hash is wrong.")
    problems += [f"Stimulus {key[2]} in {key[1]} is not registered." for key in given]
    report.many("stimuli", problems)
    bundle.walk.tell(report, "stimuli", "varied")
    report.many("stimuli", _drafted(bundle))


def _drafted(bundle):
    """Texts of phrasings that take drafts are approved versions, by enough people, whose calls are in the record."""
    path = "stimuli/provenance.jsonl"
    rows = bundle.lines(path) if (bundle.root / path).exists() else []
    approved = {}
    for row in rows:
        people = {said["by"] for said in row["decisions"] if said["verdict"] == "approve"}
        calls = [row["call"], *(check["call"] for check in row["checks"])]
        if lost := [call for call in calls if call and call not in bundle.calls]:
            yield f"Draft {row['id']} leads to a call that is not in the record: {lost[0]}."
        if row["state"] == "approved":
            words = row["text"] if row["kind"] == "strengthened" else row["phrase"]
            approved.setdefault((row["item"], row["kind"], words), set()).update(people)
    for version, document in bundle.documents.items():
        needed, items = document.get("approvals", 1), {i["id"]: i["advice"] for i in document["items"]}
        for phrasing in document["phrasings"]:
            for item, text in {**phrasing["items"], **phrasing.get("answers", {})}.items():
                if "drafted" not in phrasing or not items.get(item) or items[item]["answer"] == "unsure":
                    continue
                words = say(document, text, document["languages"][0])
                if len(approved.get((item, phrasing["drafted"], words), ())) < needed:
                    yield f"Version {version}: the phrasing {phrasing['id']} of {item} is no approved draft."


def _varied(bundle, code, session, rows):
    """Answers that were live or replayed: recorded ones are the registered ones, fallbacks the registered fallback, live
    ones stand in their arm's phrase and belong to an answered call."""
    document = bundle.documents[session["registration"]]
    slot = bundle.schedule.get((session["stratum"], session["slot"]))
    for row in rows:
        payload = row.get("payload") or {}
        if "advice_text" not in payload:
            continue
        arm = next(a for a in document["arms"] if slot and a["id"] == slot["arm"])
        item, name = row["page"].split(".")[1], f"{code}, {row['page']}"
        if payload["advice_phrasing"] != arm["phrasing"]:
            yield f"{name}: the phrasing is not that of the arm."
        if payload["advice_source"] == "replay":
            due = recorded(document, item, arm["phrasing"], session)
            if (payload["advice_text"], payload["advice_verdict"]) != (due["text"], due["verdict"]):
                yield f"{name}: the words are not the recorded answer that this place shows."
        elif payload["advice_source"] == "fallback":
            if payload["advice_text"] != say(document, document["live"]["fallback"], session["language"]):
                yield f"{name}: the words are not the registered fallback."
        else:
            yield from _live(bundle, document, arm, item, session, payload, name)


def _live(bundle, document, arm, item, session, payload, name):
    call = bundle.calls.get(payload["advice_call"])
    if call is None or (call["purpose"], call["state"]) != ("study.advice", "done"):
        yield f"{name}: the words belong to no answered call."
    before = after = ""
    if arm["phrasing"] not in document["live"]["instructions"]:
        chosen = {p["id"]: p for p in document["phrasings"]}.get(
            arm["phrasing"], {"placement": "prefix", "text": ""}
        )
        phrase = say(document, chosen.get("items", {}).get(item, chosen["text"]), session["language"])
        before, after = (phrase, "") if chosen["placement"] == "prefix" else ("", phrase)
    text = payload["advice_text"]
    if not (text.startswith(before) and text.endswith(after)):
        yield f"{name}: the words do not stand in the phrase of the arm."


def recorded(document, item, phrasing, session):
    """The recorded answer that a place of the schedule shows."""
    mine = [a for a in document["replay"]["answers"] if (a["item"], a["phrasing"]) == (item, phrasing)]
    mine = [a for a in mine if a["language"] == session["language"]] or mine
    return mine[max((session["slot"] or 0) - 1, 0) % len(mine)]


def stimuli(bundle):
    for version, document in bundle.documents.items():
        shown = [(a, i) for a in document["arms"] for i in document["items"] if a["advice"] and i["advice"]]
        for arm, item in shown:
            for hedged in (False, True) if item["advice"]["answer"] != "unsure" else (False,):
                for language in document["languages"]:
                    key = (version, arm["id"], item["id"], hedged, language)
                    yield (
                        key,
                        (
                            *stimulus(document, item, arm, hedged, language),
                            say(document, item["question"], language),
                        ),
                    )


# ---- 7. tables from submissions


def ai_correct(item):
    """Is the AI's answer right? None without a definite one."""
    advice = item["advice"]
    if advice is None or advice["answer"] == "unsure":
        return None
    return agrees(item, advice["answer"], item["truth"])


def agrees(item, answer, other):
    """Do two answers to an item say the same? Probabilities by the side of 50; None where one says nothing."""
    if answer is None or other is None or other == "unsure":
        return None
    if item["kind"] != "probability":
        return answer == other
    return None if 50 in (answer, other) else (answer > 50) == (other > 50)


def as_text(value):
    """An answer as the tables write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "|".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.15g}"
    return value if isinstance(value, str) else json.dumps(value)


def moment(text):
    return datetime.fromisoformat(text)


def csv_time(text):
    """A chain's time as the tables write it."""
    return text.replace("+00:00", "Z") if text else ""


def seconds(start, end):
    return (moment(end) - moment(start)).total_seconds()


def answer_to(name, answers):
    """The value of a question's column, or of `question__option`."""
    if name in answers:
        return None if answers[name] == "" else answers[name]
    question, separator, option = name.rpartition("__")
    if separator and isinstance(answers.get(question), list):
        return option in answers[question]
    return None


def same_cell(cell, value, column):
    """Does a CSV cell say this value, given the column's type?"""
    kind = column["type"]
    if kind == "boolean":
        return cell == (as_text(value) if isinstance(value, bool) else "")
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return cell == ""
        return cell != "" and abs(float(cell) - (int(value) if kind == "integer" else value)) <= TOLERANCE
    text = as_text(value)
    if kind == "category" and text not in column["levels"].split("|"):
        text = ""
    return cell == text


@dataclass
class Noticed:
    """What the browser noticed on one page."""

    hidden: float = 0.0
    left: int = 0
    pastes: int = 0
    since: dict = field(default_factory=dict)

    def add(self, load, kind, ms):
        if kind == "hidden":
            self.left += 1
            self.since[load] = ms
        elif kind in ("visible", "submit") and load in self.since:
            self.hidden += max(0.0, ms - self.since.pop(load))
        elif kind == "paste":
            self.pastes += 1


def noticed(events):
    """Of one person's events: by page what was noticed, and by item how many links were opened."""
    pages, links = {}, Counter()
    for row in events:
        if row["kind"] != "link":
            pages.setdefault(row["page"], Noticed()).add(row["load"], row["kind"], float(row["client_ms"]))
        elif "item" in (data := json.loads(row["data"] or "{}")):
            links[str(data["item"])] += 1
    return pages, links


def is_trial(page):
    parts = page.split(".")
    return len(parts) == 3 and parts[2] in ("final", "initial")


class Person:
    """What can be said of one participant from session, schedule, pages and events."""

    def __init__(self, bundle, code, pages, events):
        self.bundle, self.code, self.session = bundle, code, bundle.sessions[code]
        self.document = bundle.documents[self.session["registration"]]
        self.rows = [{"payload": {}, **row} for row in pages if row["state"] != "erased"]
        place = (self.session["stratum"], self.session["slot"])
        self.slot = bundle.schedule.get(place) if self.session["slot"] is not None else None
        self.order = self.slot["item_order"].split("|") if self.slot and self.slot["item_order"] else []
        self.hedged = self.slot["hedged"].split("|") if self.slot else []
        self.arm = {a["id"]: a for a in self.document["arms"]}[self.slot["arm"]] if self.slot else None
        self.pages, self.links = noticed(events)
        self.verdicts = bundle.verdicts

    def participant(self):
        """The row of `participants`, without the questions."""
        s, slot = self.session, self.slot
        late = bool(s["outcome"] == "complete" and slot and slot["participant"] != self.code)
        row = {
            "participant": self.code,
            "source": s["source"],
            "arm": slot["arm"] if slot else None,
            "slot": s["slot"],
            "block": int(slot["block"]) if slot else None,
            "stratum": slot["stratum"] if slot else "",
            "language": s["language"],
            "outcome": s["outcome"] or "unfinished",
            "registration": s["registration"],
            "started_at": csv_time(s["started_at"]),
            "ended_at": csv_time(s["ended_at"]),
            "seconds": seconds(s["started_at"], s["ended_at"]) if s["ended_at"] else None,
            "late": late,
        }
        return row | self.checks() | self.behaviour()

    def checks(self):
        stages = {s["id"]: s for s in self.document["flow"]}
        row = dict.fromkeys(("comprehension_errors", "recognition_hits", "recognition_false_alarms"))
        row["consented_at"] = ""
        for page in self.rows:
            stage, payload = stages.get(page["page"].split(".")[0], {"kind": ""}), page["payload"]
            if stage["kind"] == "consent" and payload.get("agreed"):
                row["consented_at"] = csv_time(page["received_at"])
            elif stage["kind"] == "comprehension":
                asked = [s for s in stage["statements"] if s["id"] in payload]
                wrong = sum(payload[s["id"]] is not s["truth"] for s in asked)
                row["comprehension_errors"] = (row["comprehension_errors"] or 0) + wrong
            elif stage["kind"] == "recognition":
                chosen = {key for key, value in payload.items() if value is True}
                row["recognition_hits"] = len(chosen & set(self.order))
                row["recognition_false_alarms"] = len(chosen & {foil["id"] for foil in stage["foils"]})
        return row

    def behaviour(self):
        seen = [self.pages[r["page"]] for r in self.rows if r["page"] in self.pages]
        finals = [r for r in self.rows if is_trial(r["page"]) and r["page"].endswith(".final")]
        least = self.document["integrity"]["min_seconds_per_trial"]
        traps = [q["id"] for q in questions(self.document) if q["kind"] == "honeypot"]
        return {
            "honeypots": sum(bool(r["payload"].get(name)) for r in self.rows for name in traps),
            "pastes": sum(n.pastes for n in seen) if seen else None,
            "hidden_seconds": sum(n.hidden for n in seen) / 1000 if seen else None,
            "links_opened": sum(self.links[item] for item in self.order),
            "fast_trials": sum(seconds(r["shown_at"], r["received_at"]) < least for r in finals),
            "trials": len(finals),
        }

    def answers(self):
        return {k: v for row in self.rows if not is_trial(row["page"]) for k, v in row["payload"].items()}

    def scores(self, asked):
        """Scale scores; missing unless every item was answered."""
        found = {}
        for scale in self.document["scales"]:
            ratings = [asked.get(item["id"]) for item in scale["items"]]
            found[scale["id"]] = None
            if all(rating is not None for rating in ratings):
                pairs = zip(scale["items"], ratings)
                turned = [scale["points"] + 1 - r if item["reverse"] else r for item, r in pairs]
                found[scale["id"]] = sum(turned) / len(turned)
        return found

    def trials(self):
        """Rows of `trials` with the answers that their question columns are read from."""
        items = {item["id"]: item for item in self.document["items"]}
        first = {
            r["page"].split(".")[1]: r
            for r in self.rows
            if is_trial(r["page"]) and r["page"].endswith(".initial")
        }
        for row in self.rows:
            if (
                is_trial(row["page"])
                and row["page"].endswith(".final")
                and row["page"].split(".")[1] in items
            ):
                item = items[row["page"].split(".")[1]]
                before = first.get(item["id"], {"payload": {}})["payload"]
                yield (
                    self.trial(item, row, before),
                    {f"initial_{k}": v for k, v in before.items()} | row["payload"],
                )

    def stimulus(self, item, hedged):
        """(phrasing, hash of the words), worked out once for everybody who met the same ones."""
        key = (self.session["registration"], self.arm["id"], item["id"], hedged, self.session["language"])
        if key not in self.bundle.stimuli:
            phrasing, text = stimulus(self.document, item, self.arm, hedged, self.session["language"])
            self.bundle.stimuli[key] = phrasing, sha256(text)
        return self.bundle.stimuli[key]

    def trial(self, item, row, before):
        final, initial = row["payload"].get("answer"), before.get("answer")
        shown = self.arm is not None and self.arm["advice"] and item["advice"] is not None
        advice = item["advice"]["answer"] if shown else None
        hedged = item["id"] in self.hedged if shown else None
        phrasing, digest = self.stimulus(item, hedged) if shown else (None, None)
        right = ai_correct(item)
        varied = row["payload"] if "advice_text" in row["payload"] else None
        if varied is not None:
            advice = varied["advice_verdict"]
            advice = self.verdicts.get(varied["advice_call"]) if advice is None else advice
            right, phrasing, digest = (
                agrees(item, advice, item["truth"]),
                varied["advice_phrasing"],
                sha256(varied["advice_text"]),
            )
            hedged = phrasing != "plain" and varied["advice_source"] != "fallback"
        page, took = self.pages.get(row["page"]), seconds(row["shown_at"], row["received_at"])
        return {
            "participant": self.code,
            "arm": self.arm["id"] if self.arm else None,
            "item": item["id"],
            "position": self.order.index(item["id"]) + 1 if item["id"] in self.order else None,
            "truth": item["truth"],
            "advice": advice,
            "ai_correct": right,
            "hedged": hedged,
            "phrasing": phrasing,
            "initial": initial,
            "final": final,
            "agree": agrees(item, final, advice),
            "correct": agrees(item, final, item["truth"]),
            "initial_agree": agrees(item, initial, advice),
            "initial_correct": agrees(item, initial, item["truth"]),
            "seconds": took,
            "visible_seconds": max(0.0, took - page.hidden / 1000) if page else None,
            "links_opened": self.links[item["id"]],
            "pastes": page.pastes if page else None,
            "left_page": page.left if page else None,
            "stimulus_sha256": digest,
        } | item["tags"]


def questions(document):
    return [
        q for s in document["flow"] for q in (s.get("questions") or []) + (s.get("initial_questions") or [])
    ]


OWN = (
    "consent",
    "instructions",
    "comprehension",
    "trials",
    "survey",
    "recognition",
    "debrief",
    "feedback",
    "completion",
)


def declared(bundle, table):
    """Question columns that the documents declare; None where a stage of another kind may add its own."""
    if table not in bundle.names:
        bundle.names[table] = _declared(bundle, table)
    return bundle.names[table]


def _declared(bundle, table):
    names = set()
    for document in bundle.documents.values():
        if any(stage["kind"] not in OWN for stage in document["flow"]):
            return None
        scales = {s["id"]: s for s in document["scales"]}
        for stage in document["flow"]:
            if (stage["kind"] == "trials") != (table == "trials"):
                continue
            for q, before in [*((q, "") for q in stage.get("questions") or []),
                              *((q, "initial_") for q in stage.get("initial_questions") or [])]:  # fmt: skip
                parts = (
                    [f"{q['id']}__{o['id']}" for o in q["options"]] if q["kind"] == "select" else [q["id"]]
                )
                names |= {before + part for part in parts} if q["kind"] != "honeypot" else set()
            for scale in stage.get("scales") or []:
                names |= {scale} | {item["id"] for item in scales[scale]["items"]}
        if table == "trials":
            names |= {name for item in document["items"] for name in item["tags"]}
        if table == "trials" and (document.get("live") or document.get("replay")):
            names |= {"advice_text", "advice_source", "advice_call", "advice_ms"}
    return names


def check_data(bundle, report):
    """The tidy tables are what submissions, schedule and registered documents give."""
    report.many("data", _columns(bundle))
    for name in (*TABLES[:-1], "tables"):
        bundle.walk.tell(report, "data", name)


def _columns(bundle):
    """Columns that nobody declared, and such as are missing, where anybody is in the table."""
    tags = {t for d in bundle.documents.values() for i in d["items"] for t in i["tags"]}
    if bundle.sessions:
        yield from _undeclared(bundle, "participants", bundle.head(file_of("participants")), PARTICIPANTS)
    if next(bundle.rows(file_of("trials")), None):
        yield from _undeclared(bundle, "trials", bundle.head(file_of("trials")), set(TRIALS) - tags)


def _undeclared(bundle, table, head, known):
    names = declared(bundle, table)
    if names is not None:
        yield from (
            f"table-{table}_data.csv: nobody declared the column {c}."
            for c in head
            if c not in names and c not in known
        )
        yield from (
            f"table-{table}_data.csv: the column {c} is missing." for c in {*names, *known} - set(head)
        )
    yield from (f"The codebook does not know {table}.{c}." for c in head if (table, c) not in bundle.types)


def _different(bundle, table, name, row, due, columns):
    for column in columns:
        if not same_cell(row[column], due[column], bundle.types[table, column]):
            yield f"table-{table}_data.csv, {name}: {column} is {row[column]!r}, the submissions say {as_text(due[column])!r}."


def _doubled(table, keys):
    yield from (
        f"table-{table}_data.csv: {key} stands {n} times." for key, n in Counter(keys).items() if n > 1
    )


def _participant(bundle, person, rows):
    if not rows:
        yield f"table-participants_data.csv: {person.code} is missing."
        return
    yield from _doubled("participants", (row["participant"] for row in rows))
    names, row, asked = declared(bundle, "participants"), rows[-1], person.answers()
    due = {c: answer_to(c, asked) for c in names or ()} | person.participant()
    due |= {c: v for c, v in person.scores(due).items() if c in row} if names is not None else {}
    yield from _different(bundle, "participants", person.code, row, due, [c for c in row if c in due])


def _trials(bundle, person, rows):
    found = {row["item"]: row for row in rows}
    yield from _doubled("trials", ((person.code, row["item"]) for row in rows))
    names, seen = declared(bundle, "trials"), set()
    for due, answers in person.trials():
        item = due["item"]
        seen.add(item)
        if item not in found:
            yield f"table-trials_data.csv: {person.code} on {item} is missing."
            continue
        due = {c: answer_to(c, answers) for c in names or ()} | due
        row = found[item]
        yield from _different(
            bundle, "trials", f"{person.code} on {item}", row, due, [c for c in row if c in due]
        )
    yield from (
        f"table-trials_data.csv: {person.code} on {item} was never answered." for item in set(found) - seen
    )


def _responses(bundle, person, rows):
    found, keys = {}, []
    for row in rows:
        key = (row["page"], row["attempt"], row["question"])
        keys.append(key)
        found[key] = (row["stage"], row["value"], row["shown_at"], row["received_at"])
    yield from _doubled("responses", ((person.code, *key) for key in keys))
    for row in person.rows:
        stage, shown, received = (
            row["page"].split(".")[0],
            csv_time(row["shown_at"]),
            csv_time(row["received_at"]),
        )
        for question, value in row["payload"].items():
            if found.pop((row["page"], str(row["attempt"]), question), None) != (
                stage,
                as_text(value),
                shown,
                received,
            ):
                yield f"table-responses_data.csv, {person.code}, {row['page']}, {question}: missing, or not what was submitted."
    yield from (
        f"table-responses_data.csv: {person.code}, {key[0]}, {key[2]} was never submitted." for key in found
    )


# ---- 8. exclusions and counts


def typed(cell, column):
    """A CSV cell as a rule sees it; None where it is missing."""
    kind = column["type"]
    if cell == "":
        return None
    if kind == "boolean":
        return cell == "true"
    return int(cell) if kind == "integer" else float(cell) if kind == "number" else cell


def same(value, wanted):
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": same,
    "!=": lambda a, b: not same(a, b),
    "in": lambda a, b: any(same(a, choice) for choice in b),
}


def holds(rules, row):
    """Whether all rules hold for a row, and whether a missing value leaves that open."""
    every, unknown = True, False
    for rule in rules:
        value = row[rule["column"]]
        if rule["op"] == "missing":
            every &= value is None
            continue
        unknown |= value is None
        every &= value is not None and COMPARE[rule["op"]](value, rule["value"])
    return every, unknown


def analysed(bundle):
    """(people by code as typed rows, codes analysed, codes flagged, counts by rule) by the registered rules."""
    people = bundle.people
    plan = bundle.document["plan"]
    if plan["population"] == "complete":
        eligible = [c for c, row in people.items() if row["outcome"] == "complete"]
    else:
        eligible = [c for c, row in people.items() if row["arm"] is not None]
    left, flagged, counts = set(eligible), set(), {}
    for rule in plan["exclusions"]:
        verdicts = {code: holds(rule["when"], people[code]) for code in eligible}
        matched = {code for code, (every, _) in verdicts.items() if every}
        gone = matched & left
        counts[rule["id"]] = {
            "matched": len(matched),
            "removed": len(gone) if rule["action"] == "exclude" else 0,
            "undecided": sum(unknown for _, unknown in verdicts.values()),
            "by_arm": by_arm(people, gone),
        }
        left, flagged = (
            (left - matched, flagged) if rule["action"] == "exclude" else (left, flagged | matched)
        )
    return people, eligible, left, flagged & left, counts


def by_arm(people, codes):
    return dict(Counter(people[code]["arm"] for code in codes if people[code]["arm"] is not None))


def check_exclusions(bundle, report):
    """Who was left out, rule by rule, is what the registered rules give."""
    people, eligible, left, flagged, counts = bundle.analysed
    sample, plan = bundle.results["sample"], bundle.document["plan"]
    given = {rule["id"]: rule for rule in sample["rules"]}
    for rule in plan["exclusions"]:
        if rule["id"] not in given:
            report.wrong("exclusions", f"The registered rule '{rule['id']}' was not applied.")
        elif any(given[rule["id"]][k] != rule[k] for k in ("sentence", "action", "measured")):
            report.wrong("exclusions", f"The rule '{rule['id']}' is reported in other words than registered.")
    for name in given.keys() - {rule["id"] for rule in plan["exclusions"]}:
        report.wrong(
            "exclusions", f"The rule '{name}' was applied and is not registered: an exclusion was added."
        )
    for name, count in counts.items():
        told = given.get(name, {}) | {
            "by_arm": {k: v for k, v in given.get(name, {}).get("by_arm", {}).items() if v}
        }
        wrong = [
            k for k, v in count.items() if name in given and not told.get("problem") and told.get(k) != v
        ]
        report.many(
            "exclusions", (f"Rule '{name}': {k} is {told[k]}, the data give {count[k]}." for k in wrong)
        )
    due = {"people": len(people), "eligible": len(eligible), "excluded": len(eligible) - len(left), "flagged": len(flagged),
           "analysed": len(left), "trials": bundle.tallies[0]}  # fmt: skip
    report.many(
        "exclusions",
        (f"results.json: {k} is {sample[k]}, the data give {v}." for k, v in due.items() if sample[k] != v),
    )
    if {k: v for k, v in sample["analysed_by_arm"].items() if v} != by_arm(people, left):
        report.wrong("exclusions", "results.json: the people analysed by arm are not those of the data.")


def check_consort(bundle, report):
    """The CONSORT flow is counted again from the participants."""
    people, _, left, _, counts = bundle.analysed
    told, plan = bundle.json("results/consort.json"), bundle.document["plan"]
    before = Counter(row["outcome"] for row in people.values() if row["arm"] is None)
    names = ("declined", "screened_out", "failed_check", "withdrawn", "full", "unfinished")
    due = {"arrived": len(people), "assigned": len(people) - sum(before.values())} | {
        n: before[n] for n in names
    }
    report.many(
        "consort",
        (f"consort.json: {k} is {told[k]}, the data give {v}." for k, v in due.items() if told[k] != v),
    )
    arms = {arm["arm"]: arm for arm in told["arms"]}
    if set(arms) != {a["id"] for a in bundle.document["arms"]}:
        report.wrong("consort", "consort.json has other arms than the registered document.")
    rules = [rule["id"] for rule in plan["exclusions"] if rule["action"] == "exclude"]
    if list(told["rules"]) != rules and sorted(told["rules"]) != sorted(rules):
        report.wrong("consort", "consort.json names other rules than the registered ones.")
    for name, arm in arms.items():
        own = {code: row for code, row in people.items() if row["arm"] == name}
        ended = Counter(row["outcome"] for row in own.values())
        due = {"assigned": len(own), "started": sum((row["trials"] or 0) > 0 for row in own.values()), "completed": ended["complete"],
               "late": sum(row["late"] is True for row in own.values()), "analysed": len(left & set(own)),
               "excluded": {rule: counts[rule]["by_arm"].get(name, 0) for rule in rules}}  # fmt: skip
        due |= {n: ended[n] for n in ("withdrawn", "failed_check", "screened_out", "unfinished")}
        report.many(
            "consort",
            (
                f"consort.json, {name}: {k} is {arm[k]}, the data give {v}."
                for k, v in due.items()
                if arm[k] != v
            ),
        )


# ---- 9. results against plan


def check_results(bundle, report):
    """Results are those of the registered plan: nothing dropped, added or moved; verdicts follow from estimates."""
    plan, results = bundle.document["plan"], bundle.results
    if sha256(canonical(plan)) != results["plan_sha256"]:
        report.wrong("plan", "The results are of another plan than the registered one (plan_sha256).")
    if results["seed"] != plan["seed"]:
        report.wrong("plan", "The results were computed with another seed than the plan's.")
    report.many("plan", _lists(plan, results))
    given = {h["id"]: h for h in results["hypotheses"]}
    for h in plan["hypotheses"]:
        if h["id"] in given:
            report.many("plan", _moved(h, given[h["id"]]))
    for model in plan["models"]:
        report.many("plan", _model(plan, model, results))
    report.many("verdict", _verdicts(plan, given))
    report.many("results", _measures(bundle))


def _lists(plan, results):
    for kind, what in (("hypotheses", "hypothesis"), ("models", "model"), ("rank_tests", "rank test")):
        planned, told = [x["id"] for x in plan[kind]], [x["id"] for x in results[kind]]
        yield from (
            f"The registered {what} '{name}' is not in the results: dropped."
            for name in planned
            if name not in told
        )
        yield from (
            f"The {what} '{name}' is in the results and not registered: added."
            for name in told
            if name not in planned
        )


WORDS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}


def _moved(h, told):
    criterion = h["criterion"]
    low, high = bounds(criterion)
    text = (
        f"between {low:g} and {high:g}"
        if low is not None
        else f"{WORDS[criterion['op']]} {criterion['value']:g}"
    )
    due = {"sentence": h["sentence"], "model": h["model"], "family": h["family"], "alpha": h["alpha"],
           "criterion": text, "reference": criterion["value"], "scale": h["contrast"]["scale"],
           "bounds": [low, high] if low is not None else None, "contrast": contrast_text(h["contrast"])}  # fmt: skip
    for name, value in due.items():
        if told[name] != value:
            yield f"Hypothesis '{h['id']}': {name} is {told[name]!r} in the results, registered was {value!r}."


def contrast_text(contrast):
    def word(value):
        return str(value).lower() if isinstance(value, bool) else str(value)

    text = f"{contrast['factor']}: {word(contrast['level'])} − {word(contrast['reference'])}"
    if within := contrast["within"]:
        text = f"({text}) at {within['factor']} {word(within['level'])} less the same at {within['factor']} {word(within['reference'])}"
    fixed = " and ".join(f"{name} is {word(value)}" for name, value in contrast["at"].items())
    return f"{text}, where {fixed}" if fixed else text


def bounds(criterion):
    if criterion["op"] == "equivalent":
        return criterion["low"], criterion["high"]
    if criterion["op"] == "==":
        return criterion["value"] - criterion["tolerance"], criterion["value"] + criterion["tolerance"]
    return None, None


def terms(formula):
    """The right side of a formula without blanks."""
    return "".join(formula.split("~")[-1].split())


def _model(plan, model, results):
    told = {m["id"]: m for m in results["models"]}.get(model["id"])
    if told is None:
        return
    label = {o["id"]: o["label"] for o in plan["outcomes"]}.get(model["outcome"], model["outcome"])
    due = {"outcome": model["outcome"], "family": model["family"], "role": model["role"], "label": label}
    yield from (
        f"Model '{model['id']}': {k} is {told[k]!r}, registered was {v!r}."
        for k, v in due.items()
        if told[k] != v
    )
    if terms(told["formula"]) != terms(model["formula"]):
        yield f"Model '{model['id']}': the formula is {told['formula']!r}, registered was {model['formula']!r}."


def _verdicts(plan, given):
    p = {
        h["id"]: p_value(given[h["id"]]["estimate"], h["criterion"])
        for h in plan["hypotheses"]
        if h["id"] in given
    }
    for h in plan["hypotheses"]:
        if h["id"] not in given:
            continue
        told = given[h["id"]]
        family = [k["id"] for k in plan["hypotheses"] if k["family"] == h["family"] and k["id"] in given]
        adjusted, size = p[h["id"]], 1
        if plan["multiplicity"].get(h["family"], "holm") == "holm":
            adjusted, size = holm({name: p[name] for name in family})[h["id"]], len(family)
        for name, value in (("p", p[h["id"]]), ("p_adjusted", adjusted)):
            if not close(told[name], value):
                yield f"Hypothesis '{h['id']}': {name} is {told[name]}, its estimate gives {value}."
        verdict = judge(told["estimate"], h["criterion"], h["alpha"], adjusted, size)
        if told["verdict"] != verdict:
            yield f"Hypothesis '{h['id']}' is reported as {told['verdict']}; its estimate says {verdict}."


def close(a, b):
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b)) + 1e-12


def testable(e):
    return e["value"] is not None and e["se"] is not None and e["se"] > 0


def p_value(e, criterion):
    if not testable(e):
        return None
    low, high = bounds(criterion)
    if low is None:
        return 2 * tail(abs(e["value"] - criterion["value"]) / e["se"], e["df"])
    return max(tail((e["value"] - low) / e["se"], e["df"]), tail((high - e["value"]) / e["se"], e["df"]))


def holm(p):
    ordered = sorted((value, name) for name, value in p.items() if value is not None)
    found, most = dict.fromkeys(p), 0.0
    for place, (value, name) in enumerate(ordered):
        most = max(most, min(1.0, value * (len(ordered) - place)))
        found[name] = most
    return found


def judge(e, criterion, alpha, p, size):
    if not testable(e) or p is None:
        return "not evaluable"
    low, high = bounds(criterion)
    if low is not None:
        if p < alpha:
            return "supported"
        half = alpha / max(size, 1) / 2
        outside = (
            tail((e["value"] - high) / e["se"], e["df"]) < half
            or tail((low - e["value"]) / e["se"], e["df"]) < half
        )
        return "contradicted" if outside else "inconclusive"
    if p >= alpha:
        return "inconclusive"
    return (
        "supported"
        if (e["value"] > criterion["value"]) == (criterion["op"] in (">", ">="))
        else "contradicted"
    )


def tail(t, df):
    """Upper tail of Student's t (of the normal distribution without df)."""
    if df is None or not math.isfinite(df):
        return math.erfc(t / math.sqrt(2)) / 2
    half = beta(df / 2, 0.5, df / (df + t * t)) / 2
    return half if t >= 0 else 1 - half


def beta(a, b, x):
    """Regularised incomplete beta function by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta(b, a, 1 - x)
    front = (
        math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
        / a
    )
    tiny, f, c, d = 1e-300, 1.0, 1.0, 0.0
    for i in range(2000):
        m = i // 2
        if i == 0:
            step = 1.0
        elif i % 2 == 0:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + step * d or tiny)
        c = 1 + step / c or tiny
        f *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return front * (f - 1)


MEASURES = {
    "agreement": (lambda row: True, "agree", True),
    "accuracy": (lambda row: True, "correct", True),
    "overreliance": (lambda row: row["ai_correct"] == "false", "agree", True),
    "underreliance": (lambda row: row["ai_correct"] == "true", "agree", False),
}


def tallies(bundle):
    """How many trials those analysed made; and by arm and measure how often what is counted held, and among how many."""
    left, count, found = bundle.analysed[2], 0, {}
    for row in bundle.rows(file_of("trials")):
        if row["participant"] not in left:
            continue
        count += 1
        for name, (chosen, column, wanted) in MEASURES.items():
            if row[column] and chosen(row):
                hits, n = found.get((row["arm"], name), (0, 0))
                found[row["arm"], name] = hits + (row[column] == ("true" if wanted else "false")), n + 1
    return count, found


def _measures(bundle):
    """Shares by arm, counted again from the trials."""
    if any(item["kind"] == "probability" for item in bundle.document["items"]):
        return
    for told in bundle.results["measures"]:
        if (
            list(told["by"]) != ["arm"]
            or told["measure"] not in MEASURES
            or told["estimate"]["value"] is None
        ):
            continue
        hits, n = bundle.tallies[1].get((told["by"]["arm"], told["measure"]), (0, 0))
        share = hits / n if n else None
        if share is None or abs(share - told["estimate"]["value"]) > TOLERANCE:
            yield f"{told['measure']} in {told['by']['arm']} is {told['estimate']['value']}, the trials give {share}."


# ---- 10. what deviates must be said


def check_deviations(bundle, report):
    """The deviation report says what the records show."""
    said = {}
    for row in bundle.deviations:
        said.setdefault(row["point"], []).append(row)
    actions = [e["action"] for e in bundle.log]
    closed = actions.index("closed") if "closed" in actions else len(actions)
    looks = [e for e in bundle.log[:closed] if e["action"] in ("unblinded", "analysed")]
    for entry in looks:
        report.notes.append(
            f"Early look: {entry['action']} on {entry['at'][:10]} by {entry['actor']}, before the study was closed."
        )
    target = bundle.document["sample"]["target"]
    completed = sum(row["outcome"] == "complete" for row in bundle.sessions.values())
    late = sum(row["late"] is True for row in bundle.people.values())
    if completed < target:
        report.notes.append(f"{completed} people completed; {target} were planned.")
    models = _other_models(bundle)
    report.notes.extend(models)
    for point, wanted in (("Early looks", looks), ("Amendments", bundle.versions[1:]),
                          ("Sample", completed < target or completed - late > target), ("Language model", models)):  # fmt: skip
        levels = {row["level"] for row in said.get(point, [])}
        if point not in said and point != "Language model":
            report.wrong("deviations", f"The deviation report leaves out the point '{point}'.")
        elif wanted and not levels & {"deviation", "note"}:
            report.wrong(
                "deviations", f"{point}: the records show a deviation that the report does not tell."
            )
        elif not wanted and "deviation" in levels:
            report.wrong("deviations", f"{point}: the report tells a deviation that the records do not show.")
    run = bundle.json("results/run.json")
    if not run["confirmatory"] or run["registration"] != max(bundle.documents):
        report.wrong("deviations", "The results are not of the confirmatory run of the plan in force.")


def _other_models(bundle):
    """Models that answered and were not registered."""
    if not (bundle.root / "models/calls.jsonl").exists():
        return []
    registered = (bundle.document["model"] or {}).get("name", "")
    answered = Counter(
        call["model_answered"]
        for call in bundle.lines("models/calls.jsonl")
        if call["model_answered"] and call.get("kind") != "embedding"
    )
    return [
        f"Another model answered: '{name}' {count} times, registered was '{registered or 'none'}'."
        for name, count in sorted(answered.items())
        if not registered or not (name == registered or name.startswith(registered + "-"))
    ]


# ---- all together

CHECKS = [
    ("manifest", check_manifest, "every file's hash"),
    ("registration", check_registration, "the registered documents"),
    ("seed", check_seed, "the seed against its commitment"),
    ("schedule", check_schedule, "the schedule from the seed"),
    ("log", check_log, "the audit log's chain"),
    ("files", check_files, "every file's hash as the log recorded it"),
    ("seal", check_seal, "the seal over everybody's last link"),
    ("chain", check_chains, "chains and commitments of all submissions"),
    ("consent", check_consent, "the text that was agreed to"),
    ("stimuli", check_stimuli, "the stimuli from the registered document"),
    ("data", check_data, "the tidy tables from the submissions"),
    ("exclusions", check_exclusions, "exclusions from the registered rules"),
    ("consort", check_consort, "the CONSORT counts"),
    ("results", check_results, "results against the plan, verdicts from estimates"),
    ("deviations", check_deviations, "the deviation report against the records"),
]
BROKEN = (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, StopIteration, ZeroDivisionError, OverflowError,
          RuntimeError, csv.Error)  # fmt: skip


def verify(root, *, anchors=None, only=None):
    """Run the checks on a folder; returns a Report. anchors: published values by name of bundle.json's field."""
    bundle, report = Bundle(root), Report()
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        _all_checks(bundle, report, only)
    finally:
        csv.field_size_limit(before)
    for name, value in (anchors or {}).items():
        found = (
            _file_sha256(bundle.root / "MANIFEST.sha256")
            if name == "manifest_sha256"
            else bundle.about.get(name)
        )
        if value and found != value.strip().lower():
            report.wrong("anchor", f"Published was {name} {value}; this folder has {found}.")
    return report


def _all_checks(bundle, report, only):
    for code, check, what in CHECKS:
        if only and code not in only:
            continue
        before = len(report.findings)
        try:
            check(bundle, report)
        except BROKEN as error:
            report.wrong(code, f"Could not be checked, {what}: {type(error).__name__}: {error}")
        report.checked.append((what, len(report.findings) - before))


SHORT = 16
"""So many of a receipt's 64 digits stand on a participant's last page."""


def find_receipt(root, receipt):
    """The sentence about a participant's receipt or its beginning, or None if no page of the bundle has it."""
    bundle, wanted = Bundle(root), "".join(receipt.split()).lower()
    path = "evidence/submissions.jsonl"
    if len(wanted) < SHORT:
        return None
    row = next((row for row in bundle.lines(path) if row["link"].startswith(wanted)), None)
    if row is None:
        return None
    code = row["participant"]
    after = sum(
        other["participant"] == code and other["number"] > row["number"] for other in bundle.lines(path)
    )
    state = {"open": "its answers are here", "erased": "its answers were erased"}.get(
        row["state"], "withheld"
    )
    last = f"and {after} pages came after it" if after else "and it is the last page"
    return f"The receipt belongs to page {row['number']} of {code}, accepted {row['received_at']}; {state}, {last}."


def check_copy(root, path):
    """Sentences about a participant's own copy (`My data`, as JSON): a finding each where a page of it is not here."""
    rows = {row["link"]: row for row in Bundle(root).lines("evidence/submissions.jsonl")}
    here = 0
    for page in json.loads(Path(path).read_text(encoding="utf-8"))["answers"]:
        row, name = rows.get(page["receipt"]), f"{page['page']}, received {page['received_at']}"
        if row is None:
            yield f"FAIL  [copy] {name}: no page in this bundle has its receipt."
        elif page["answers"] is None:
            here += 1
        elif sha256(page["salt"].encode() + canonical(page["answers"])) != row["commitment"]:
            yield f"FAIL  [copy] {name}: the bundle holds a commitment to other answers."
        else:
            here += 1
    yield f"{here} pages of the copy are in this bundle, as they were given."


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Check a Heed bundle.")
    parser.add_argument("bundle", help="folder or zip")
    parser.add_argument("--registration", default="", help="the published SHA-256 of the registered document")
    parser.add_argument("--seed-commitment", default="", help="the published SHA-256 of the seed")
    parser.add_argument("--head", default="", help="the published last link of the log")
    parser.add_argument("--manifest", default="", help="the published SHA-256 of MANIFEST.sha256")
    parser.add_argument(
        "--receipt",
        default="",
        help="a participant's receipt, or its first 16 digits: is that page in the bundle?",
    )
    parser.add_argument(
        "--copy", default="", help="a participant's own copy as JSON: are all its pages here, unchanged?"
    )
    options = parser.parse_args(arguments)
    path = Path(options.bundle)
    if path.is_file() and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            inner = [p.parent for p in Path(folder).glob("**/bundle.json")]
            return told(inner[0], options) if inner else no_bundle(path)
    return told(path, options) if (path / "bundle.json").exists() else no_bundle(path)


def no_bundle(path):
    print(f"{path} is no bundle: there is no bundle.json in it.")
    return 2


def told(root, options):
    """Print what was found; returns the exit status."""
    anchors = {
        "registration_sha256": options.registration,
        "seed_commitment": options.seed_commitment,
        "log_head": options.head,
        "manifest_sha256": options.manifest,
    }
    report = verify(root, anchors=anchors)
    for what, count in report.checked:
        print(f"{'ok  ' if not count else 'FAIL'}  {what}")
    for note in report.notes:
        print(f"note  {note}")
    for code, sentence in report.findings:
        print(f"FAIL  [{code}] {sentence}")
    if options.receipt:
        found = find_receipt(root, options.receipt)
        print(
            found
            or f"FAIL  [receipt] No page in this bundle has this receipt ({SHORT} to 64 digits, 0-9 and a-f)."
        )
        if found is None:
            return 1
    if options.copy:
        lines = list(check_copy(root, options.copy))
        print("\n".join(lines))
        if len(lines) > 1:
            return 1
    print("Nothing found." if not report.findings else f"{len(report.findings)} findings.")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
