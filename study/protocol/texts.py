"""Texts that people read, in one language or in several."""

from typing import Annotated

from pydantic import Discriminator, StringConstraints, Tag

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$")]
Words = Annotated[str, StringConstraints(max_length=20_000)]


def _form_of_text(value: object) -> str | None:
    return "text" if isinstance(value, str) else "languages" if isinstance(value, dict) else None


Text = Annotated[
    Annotated[Words, Tag("text")] | Annotated[dict[Language, Words], Tag("languages")],
    Discriminator(
        _form_of_text,
        custom_error_type="text_type",
        custom_error_message="Input should be a text, or one text per language",
    ),
]
"""A text in the protocol's first language, or one text per language."""
