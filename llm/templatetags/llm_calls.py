"""Template names for what a page needs of a call."""

from __future__ import annotations

from django import template

from llm import tokens
from llm.models import Call

register = template.Library()


@register.filter
def call_token(call: Call) -> str:
    """The signed token of a call, for the addresses of its words."""
    return tokens.issue(call.pk)
