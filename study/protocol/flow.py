"""Stages of a flow, each validated by its kind.

The shipped kinds' configurations are known without Django, so that a protocol can be read from a notebook or
by a verifier; other apps' kinds are known once they have registered themselves.
"""

from __future__ import annotations

from pydantic_core import PydanticCustomError

from study.protocol.types import Stage


def configurations() -> dict[str, type[Stage]]:
    """Every known stage kind and what it may say, in alphabetical order."""
    from study.stages import configs, registry

    shipped = (getattr(configs, name) for name in dir(configs))
    known = {
        config.model_fields["kind"].default: config
        for config in shipped
        if isinstance(config, type) and issubclass(config, Stage) and config is not Stage
    }
    known |= {name: kind.Config for name, kind in registry.kinds().items()}
    return dict(sorted(known.items()))


def validated(value: object) -> object:
    """A stage from its mapping, by its kind. Raises ValueErrors that pydantic folds into the document's errors."""
    if not isinstance(value, dict):
        return value
    known = configurations()
    kind = value.get("kind")
    if kind is None:
        raise PydanticCustomError("stage_kind_missing", "A stage needs a kind", {"allowed": list(known)})
    if not isinstance(kind, str) or kind not in known:
        raise PydanticCustomError(
            "stage_kind_unknown", "Unknown stage kind", {"allowed": list(known), "kind": kind}
        )
    return known[kind].model_validate(value, strict=True)
