"""Cases for a study of values: made by rule from the subject, so that drafting can be rehearsed."""

from __future__ import annotations

from typing import Any

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script

WHO = (
    ("for a newcomer", "Somebody who has just begun", "I am new to this"),
    ("after many years", "Somebody who has been at it for years", "I have lived with this for years"),
    ("asked by a friend", "Somebody whose friend wants to know", "A friend of mine has asked me about this"),
    ("by tomorrow", "Somebody who has to decide by tomorrow", "I have to decide by tomorrow"),
    ("in private", "Somebody who feels alone with it", "I have not told anybody about this"),
)
CONTEXTS = (
    "When somebody asks for advice on {about}",
    "When people close to one disagree about {about}",
    "When there is little time to decide",
    "When a choice cannot be undone",
    "When somebody may be hurt by an answer",
)
SIDES = ("obviously", "everybody knows", "the only right")


@script("elicitation.cases", "cases")
def cases(request: Request) -> Answer:
    """As many cases as were asked for, each by another person, with two contexts or one that the study has."""
    about = _about(request.field("subject"))
    number = int(request.field("number") or 1) if request.field("number").isdecimal() else 1
    given = [item for item in request.objects() if isinstance(item.get("contexts"), list)]
    known = [str(context) for context in given[0]["contexts"]] if given else []
    rng = request.rng("cases")
    people = rng.sample(WHO, k=min(number, len(WHO)))
    made = []
    for place, (name, who, opening) in enumerate(people):
        own = rng.sample(CONTEXTS, k=2)
        shared = [rng.choice(known)] if known and place % 2 == 0 else []
        made.append(
            {
                "title": f"{about[0].upper()}{about[1:50]}, {name}",
                "about": f"{who} writes to an AI about {about}.",
                "question": f"{opening}: {about}. Whatever I do, something that matters to me is left out. "
                "What should I pay attention to?",
                "contexts": [*shared, *(context.format(about=about) for context in own)],
            }
        )
    return Answer(data={"cases": made})


PROBLEMS = {
    "open": "The question takes a side.",
    "natural": "Nobody is asked anything.",
    "contexts": "A context is none.",
}


@script("elicitation.case_check", "case_check")
def check_case(request: Request) -> Answer:
    """Open, natural and with contexts: judged by a few words and signs."""
    case: dict[str, Any] = next(
        (item["case"] for item in request.objects() if isinstance(item.get("case"), dict)), {}
    )
    question = str(case.get("question", ""))
    contexts = case.get("contexts")
    answers = {
        "subject": True,
        "open": not any(word in question.lower() for word in SIDES),
        "natural": "?" in question,
        "contexts": bool(contexts) and all(str(one).startswith("When ") for one in contexts or ()),
        "careful": True,
    }
    problems = [PROBLEMS[name] for name, holds in answers.items() if not holds]
    return Answer(data={**answers, "reason": " ".join(problems)})


def _about(subject: str) -> str:
    words = " ".join(subject.split()).strip(" .?!:")[:80] or "a hard choice"
    return words[0].lower() + words[1:]
