"""Stories of upgrades, one a page, never the same pair twice: wiser, not wiser, or not sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from elicitation import library
from elicitation.models import Card, Draw, Upgrade, Vote
from elicitation.stages import draws
from elicitation.stages.card import chosen_case
from elicitation.stages.choose import case_told, key_of, words
from elicitation.stages.configs import ChooseValuesStage, CompareValuesStage
from elicitation.stages.earlier import said
from elicitation.upgrades.deciding import approved
from study.protocol.types import Question
from study.stages.base import Answers, Page, StageKind, Walk, ask, own_or_ours

if TYPE_CHECKING:
    from study.session.models import Session
    from study.session.visit import Visit


class CompareValues(StageKind):
    kind = "compare-values"
    Config = CompareValuesStage
    template = "elicitation/stages/compare.html"

    def pages(self, stage: CompareValuesStage, walk: Walk) -> list[Page]:
        return [Page(f"{stage.id}.{n}", stage.id, self.kind, part=str(n)) for n in range(1, stage.count + 1)]

    def opened(self, stage: CompareValuesStage, page: Page, walk: Walk, session: Session) -> None:
        """Draw the next story: any pair of the case that was in neither direction drawn before."""
        pool = unseen(stage, session, chosen_case(walk))
        pairs = [draws.Pair(name, ends) for name, ends in pool.items()]
        chance = draws.uniforms(key_of(session), page.key)
        pair, back, propensity = draws.pick(pairs, chosen_values(walk), stage.own, chance)
        direction = Upgrade.Direction.BACK if back else Upgrade.Direction.THERE
        Draw.objects.create(
            session=session,
            page=page.key,
            number=1,
            upgrade=row_of(pair.id, direction, stage, walk, session),
            propensity=propensity,
            pool=len(pairs),
        )

    def questions(self, stage: CompareValuesStage, page: Page, walk: Walk) -> list[Question]:
        options = {
            Vote.Verdict.WISER.value: str(_("Yes, wiser")),
            Vote.Verdict.NOT_WISER.value: str(_("No, not wiser")),
            Vote.Verdict.UNSURE.value: str(_("I am not sure")),
        }
        return [
            ask("verdict", "choice", own_or_ours(stage, "prompt"), options=options),
            ask("why", "text", str(_("Why?")), required=False, max_length=2000),
        ]

    def context(self, stage: CompareValuesStage, page: Page, walk: Walk, visit: Visit) -> dict[str, Any]:
        drawn = drawn_on(page, walk)
        context: dict[str, Any] = {
            "intro": walk.protocol.say(stage.intro, walk.language) if page.part == "1" else "",
            "number": int(page.part),
            "total": stage.count,
            "case": case_told(walk),
        }
        if drawn is not None:
            context |= {"context": drawn.context, "story": story(stage, drawn, walk), **ends(drawn, walk)}
        return context

    def accepted(
        self, stage: CompareValuesStage, page: Page, walk: Walk, answers: Answers, session: Session
    ) -> None:
        upgrade = drawn_on(page, walk)
        if upgrade is not None:
            Vote.objects.create(
                session=session,
                upgrade=upgrade,
                case=chosen_case(walk),
                verdict=answers["verdict"],
                why=answers.get("why", ""),
            )

    def erased(self, session: Session) -> None:
        Vote.objects.filter(session=session).update(verdict="", why="")


def unseen(stage: CompareValuesStage, session: Session, case: str) -> dict[str, frozenset[str]]:
    """The pairs of a case that this session has met in neither direction, with their values: the approved ones where
    the stage says so and one is left, else the protocol's."""
    shown = Draw.objects.filter(session=session, upgrade__isnull=False)
    seen = set(shown.values_list("upgrade__pair", flat=True))
    if stage.stories == "approved":
        found = {
            one.pair: frozenset((one.from_value, one.to_value))
            for one in approved(session.study_id, case)
            if one.pair not in seen
        }
        if found:
            return found
    return {
        one.id: frozenset((one.from_value, one.to_value))
        for one in stage.upgrades
        if one.id not in seen and (not one.cases or case in one.cases)
    }


def row_of(pair: str, direction: str, stage: CompareValuesStage, walk: Walk, session: Session) -> Upgrade:
    """The drawn story's row."""
    if pair.startswith("~"):
        return Upgrade.objects.get(study_id=session.study_id, pair=pair, direction=direction)
    return library.upgrades(study=session.study_id, stage=stage, protocol=walk.protocol)[pair, direction]


def drawn_on(page: Page, walk: Walk) -> Upgrade | None:
    """The story that was drawn for this page."""
    if walk.session is None:
        return None
    draw = Draw.objects.filter(session_id=walk.session, page=page.key).select_related("upgrade").first()
    return draw.upgrade if draw is not None else None


def chosen_values(walk: Walk) -> frozenset[str]:
    """The codes that the participant chose on the page of values."""
    stages = [stage for stage in walk.protocol.flow if isinstance(stage, ChooseValuesStage)]
    return frozenset(code for stage in stages for code in said(walk.session, stage.id).get("chosen", []))


def story(stage: CompareValuesStage, drawn: Upgrade, walk: Walk) -> str:
    """The story in the participant's language; where it was erased since it was drawn, that it was."""
    one = next((one for one in stage.upgrades if one.id == drawn.pair), None)
    if one is None:
        return drawn.story or str(_("This story was taken back. Please answer that you are not sure."))
    return walk.protocol.say(
        one.story if drawn.direction == Upgrade.Direction.THERE else one.back, walk.language
    )


def ends(drawn: Upgrade, walk: Walk) -> dict[str, Any]:
    """The value left behind and the value found: their titles, and `ends` with what they attend to."""
    codes = (drawn.from_value, drawn.to_value)
    stages = [stage for stage in walk.protocol.flow if isinstance(stage, ChooseValuesStage)]
    known = {value.id: value for stage in stages for value in stage.values}
    rows = Card.objects.filter(study_id=drawn.study_id, code__in=codes, title__gt="").order_by("pk")
    told = {card.code: words(card, known, walk) for card in rows}
    titles = [told[code]["title"] if code in told else "" for code in codes]
    return {
        "from_title": titles[0],
        "to_title": titles[1],
        "ends": [told[code] for code in codes if code in told],
    }
