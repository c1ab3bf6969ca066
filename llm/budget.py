"""Budgets stop a call before it is made: tokens and money are held before the request and settled after it.

Every change is one UPDATE; rows are touched in one order (the call, then participant, study, day), so that workers
never wait for each other in a circle. Holding and settling belong in the transactions that begin a request and
that end the call, which also write the call's own `reserved_tokens` and `reserved_cost`. What money a call may need is
known where its model has a price; without one only tokens are held.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import cast

from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from llm import conf, pricing
from llm.errors import OverBudget
from llm.models import Budget, Call, Try
from llm.prompts import Usage, estimate_tokens

Scope = Budget.Scope
UNREAD = ("refused", "dns", "rate_limited", "server_error", "breaker_open", "busy", "limits")


def tokens_at_most(call: Call) -> int:
    """How many tokens `call` could use: the words of its prompt and the longest allowed answer."""
    return _prompt_tokens(call) + _longest(call)


def cost_at_most(call: Call) -> int:
    """What `call` could cost, in millionths; 0 where its model has no price."""
    return _cost(call, Usage(_prompt_tokens(call), _longest(call)))


def _longest(call: Call) -> int:
    return 0 if call.kind == Call.Kind.EMBEDDING else call.ask().sampling.max_tokens


def _cost(call: Call, usage: Usage) -> int:
    return pricing.cost_micro(call.model_asked, usage, conf.current().prices) or 0


def _prompt_tokens(call: Call) -> int:
    if call.kind == Call.Kind.EMBEDDING:
        return estimate_tokens(call.prompt["input"])
    said = [message.content for message in call.ask().messages]
    return estimate_tokens([*said, str(call.prompt["schema"] or ""), str(call.prompt["tools"] or "")])


def hold(call: Call, tokens: int, cost: int = 0) -> None:
    """Take `tokens` and `cost` (millionths) from each budget of the call. Raises OverBudget where one is spent.

    Belongs in the transaction that records the same numbers on the call and that an OverBudget undoes.
    """
    for scope, ref in scopes(call):
        if not _take(scope, ref, tokens, cost):
            raise OverBudget(scope, f"the budget of this {scope} is spent")
    call.reserved_tokens, call.reserved_cost = tokens, cost


def settle(call: Call, usage: Usage, cost: int | None) -> None:
    """Replace what was held by what was used; where the service did not count, all that was held was used. `cost`:
    millionths, None where it is not known. Requests that broke off before the last one are counted as in `broken`."""
    known = usage.tokens_in is not None and usage.tokens_out is not None
    used = (usage.tokens_in or 0) + (usage.tokens_out or 0) if known else call.reserved_tokens
    spent = call.reserved_cost if cost is None else cost
    _give_back(call, broken(call, before=call.tries), used=used, cost=spent, calls=1)


def release(call: Call) -> None:
    """Give back what was held: no request was answered. What the model may have read and said is counted."""
    _give_back(call, broken(call, before=call.tries + 1), used=0, cost=0, calls=0)


def broken(call: Call, *, before: int) -> Usage:
    """Tokens of the requests below number `before` that were sent and never answered, as the service may bill them: the
    prompt, and the words that came. Requests that it refused or that never reached it cost nothing."""
    if before <= 1:
        return Usage(0, 0)
    lost = Try.objects.filter(call=call, number__lt=before).exclude(outcome=Try.Outcome.ANSWERED)
    lost = lost.exclude(error="rejected")
    said = list(lost.exclude(error_kind__in=UNREAD).values_list("shown", flat=True))
    if not said:
        return Usage(0, 0)
    words = [one for one in said if one]
    return Usage(len(said) * _prompt_tokens(call), estimate_tokens(words) if words else 0)


def set_limits(scope: str, ref: str, *, tokens: int | None = None, cost: int | None = None) -> None:
    """Override the configured limits of one participant, study or day; None leaves a limit as it is."""
    _ensure(scope, ref)
    changes = {
        name: value for name, value in (("tokens_limit", tokens), ("cost_limit", cost)) if value is not None
    }
    Budget.objects.filter(scope=scope, ref=ref).update(**changes)


def limit_study(study: uuid.UUID, cost: int) -> None:
    """Hold a study's calls to `cost` (millionths; 0: no limit of its own), or to the server's limit where that is
    lower."""
    everywhere = conf.current().study_cost
    limit = min(cost, everywhere) if cost and everywhere else cost or everywhere
    if limit:
        set_limits(Scope.STUDY, study_ref(study), cost=limit)
    else:
        Budget.objects.filter(scope=Scope.STUDY, ref=study_ref(study)).update(cost_limit=0)


def study_ref(study: uuid.UUID | None) -> str:
    return str(study) if study else ""


def participant_ref(study: uuid.UUID | None, participant: str) -> str:
    return f"{study_ref(study)}:{participant}"


def scopes(call: Call) -> Iterator[tuple[str, str]]:
    """The budgets that `call` draws on, in the order in which they are locked."""
    if call.participant:
        yield Scope.PARTICIPANT, participant_ref(call.study, call.participant)
    if call.study:
        yield Scope.STUDY, study_ref(call.study)
    yield Scope.DAY, call.created_at.date().isoformat()


def _take(scope: str, ref: str, tokens: int, cost: int) -> bool:
    room = Q(tokens_limit=0) | Q(tokens_limit__gte=F("tokens_used") + F("tokens_held") + tokens)
    bound = F("cost_used") + F("cost_held")
    unspent = Q(cost_limit=0) | Q(cost_limit__gt=bound, cost_limit__gte=bound + cost)
    row = Budget.objects.filter(scope=scope, ref=ref)
    for _ in range(
        2
    ):  # the second look decides: between an UPDATE and a question another may have made the row
        if row.filter(room, unspent).update(
            tokens_held=F("tokens_held") + tokens, cost_held=F("cost_held") + cost
        ):
            return True
        _ensure(scope, ref)
    return False


def _ensure(scope: str, ref: str) -> None:
    limits = conf.current()
    row = Budget(
        scope=scope,
        ref=ref,
        tokens_limit=cast(int, getattr(limits, f"{scope}_tokens")),
        cost_limit=cast(int, getattr(limits, f"{scope}_cost")),
    )
    Budget.objects.bulk_create([row], ignore_conflicts=True)


def _give_back(call: Call, lost: Usage, *, used: int, cost: int, calls: int) -> None:
    """Count `used` tokens and `cost` of the answer, and what was lost on broken requests, instead of what was held."""
    tokens, money = call.reserved_tokens, call.reserved_cost
    call.reserved_tokens = call.reserved_cost = 0
    used += (lost.tokens_in or 0) + (lost.tokens_out or 0)
    cost += _cost(call, lost) if lost.tokens_in else 0
    for scope, ref in scopes(call):
        Budget.objects.filter(scope=scope, ref=ref).update(
            tokens_held=Greatest(F("tokens_held") - tokens, 0),
            cost_held=Greatest(F("cost_held") - money, 0),
            tokens_used=F("tokens_used") + used,
            cost_used=F("cost_used") + cost,
            calls=F("calls") + calls,
        )


def spent_today() -> int:
    """Tokens used today (UTC) by everything together."""
    row = Budget.objects.filter(scope=Scope.DAY, ref=timezone.now().date().isoformat()).first()
    return row.tokens_used if row else 0
